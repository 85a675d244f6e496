package io.pentrough.example;

import io.pentrough.DeviceBatch;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.host.HostDevice;

/** Learns in Java, in the memory of the batch itself. */
final class HostLearner implements Learner {

  private final DeviceStream stream;
  private final VoxelClassifier classifier;
  private final LossSink losses;

  HostLearner(HostDevice device, VoxelClassifier classifier, LossSink losses) {
    stream = device.defaultStream();
    this.classifier = classifier;
    this.losses = losses;
  }

  @Override
  public DeviceStream stream() {
    return stream;
  }

  @Override
  public void learn(DeviceBatch batch, float learningRate) {
    losses.loss(
        classifier.train(
            HostDevice.bytes(batch.array("image").buffer()),
            HostDevice.bytes(batch.array("label").buffer()),
            learningRate));
  }

  @Override
  public void settle() {}

  @Override
  public void close() {}
}
