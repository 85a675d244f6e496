package io.pentrough.example;

import static jcuda.driver.JCudaDriver.cuStreamCreate;
import static jcuda.driver.JCudaDriver.cuStreamDestroy;

import io.pentrough.DeviceBatch;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.device.cuda.CudaDevice;
import java.nio.FloatBuffer;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;

/**
 * Learns on the GPU, on a stream of the application's own. Nothing comes back to the host in the
 * loop but the losses, each with a mark behind it, and nobody waits for them: they are looked at
 * again with each step.
 */
final class DeviceLearner implements Learner {

  /**
   * How many losses may be on their way. The loader has three device slots, so when a batch is got,
   * all but the last three steps are over: nobody waits for a loss in the loop.
   */
  private static final int RING = 8;

  private final Closing open = new Closing();
  private final LossSink losses;
  private final DeviceStream stream;
  private final DeviceMlp network;
  private final DeviceBuffer ring;
  private final Loss[] underWay = new Loss[RING];
  private int learned;
  private int reported;

  /** Where a loss arrives: pinned memory that no other copy uses. */
  private final class Loss {
    private final PinnedBuffer pinned;
    private final FloatBuffer value;
    private final DeviceEvent arrived;

    Loss(CudaDevice device) {
      pinned = open.later(device.allocatePinned(Float.BYTES));
      value = pinned.unsafeBuffer().asFloatBuffer();
      arrived = open.later(device.newEvent());
    }
  }

  /**
   * Takes over the classifier as it is.
   *
   * @param device opened on this thread, whose current context is therefore the device's
   * @throws DeviceException if the device refuses, or there is no cuBLAS; nothing is left
   */
  DeviceLearner(CudaDevice device, VoxelClassifier classifier, LossSink losses) {
    this.losses = losses;
    try {
      CUstream own = new CUstream();
      check("cuStreamCreate", cuStreamCreate(own, CUstream_flags.CU_STREAM_NON_BLOCKING));
      open.later(() -> check("cuStreamDestroy", cuStreamDestroy(own)));
      stream = open.later(device.wrap(own));
      open.later(stream::synchronize); // before anything it uses is freed
      ring = open.later(device.allocate(RING * Float.BYTES));
      for (int i = 0; i < RING; i++) {
        underWay[i] = new Loss(device);
      }
      network =
          open.later(
              new DeviceMlp(device, stream, own, classifier.network(), classifier.maxBatch()));
    } catch (Throwable t) {
      open.closeAfter(t);
      throw t;
    }
  }

  private static void check(String call, int code) {
    if (code != CUresult.CUDA_SUCCESS) {
      throw new DeviceException(
          "%s failed with %d (%s)".formatted(call, code, CUresult.stringFor(code)));
    }
  }

  @Override
  public DeviceStream stream() {
    return stream;
  }

  @Override
  public void learn(DeviceBatch batch, float learningRate) {
    if (learned - reported == RING) { // only if the loader had more device slots
      report();
    }
    int slot = learned % RING;
    network.train(
        batch.array("image").buffer(),
        batch.array("label").buffer(),
        batch.array("label").elements(),
        learningRate,
        ring,
        slot);
    Loss loss = underWay[slot];
    stream.copyToHost(ring, (long) slot * Float.BYTES, loss.pinned, 0, Float.BYTES);
    stream.record(loss.arrived);
    learned++;
    while (reported < learned && underWay[reported % RING].arrived.isComplete()) {
      report();
    }
  }

  /** The oldest loss under way; waits for it. */
  private void report() {
    Loss loss = underWay[reported % RING];
    loss.arrived.synchronize();
    losses.loss(loss.value.get(0));
    reported++;
  }

  @Override
  public void settle() {
    while (reported < learned) {
      report();
    }
    network.download();
  }

  @Override
  public void close() {
    open.close();
  }
}
