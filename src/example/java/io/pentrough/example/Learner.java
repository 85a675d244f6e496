package io.pentrough.example;

import io.pentrough.DeviceBatch;
import io.pentrough.device.DeviceStream;

/** Learns from batches where they lie. For one thread, that of the training loop. */
interface Learner extends AutoCloseable {

  /** Takes the losses of the steps, in their order. */
  @FunctionalInterface
  interface LossSink {
    void loss(float loss);
  }

  /** The stream to get batches for. */
  DeviceStream stream();

  /**
   * Learns from a batch, which may be closed right afterwards. Does not wait; the losses of this
   * and earlier steps that are known by now go to the sink.
   */
  void learn(DeviceBatch batch, float learningRate);

  /** Waits until all losses are with the sink, and the classifier has all that was learned. */
  void settle();

  /** Gives everything back, learned or not. */
  @Override
  void close();
}
