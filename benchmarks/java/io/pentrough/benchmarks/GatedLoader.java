package io.pentrough.benchmarks;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchContext;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.HostBatch;
import io.pentrough.device.Device;
import io.pentrough.device.host.HostDevice;
import java.time.Duration;

/**
 * A loader of small batches on the host device, with one worker, whose target does nothing but wait
 * before every so many batches until it is told to go on. Allocates nothing while it does.
 */
final class GatedLoader implements AutoCloseable {

  static final Duration PATIENCE = Duration.ofSeconds(10);

  /** Two arrays of 64 bytes. */
  static final BatchSpec SPEC =
      BatchSpec.builder().array("data", DType.FLOAT32, 16).array("label", DType.INT32, 16).build();

  private final int burst;
  private final Device device = HostDevice.open();
  final BackgroundLoader loader;

  /** How many bursts may be filled, and how many have begun to wait to be. */
  private volatile long allowed;

  private volatile long waiting;

  /** Whether close() has been called. */
  private volatile boolean ended;

  /**
   * Starts it.
   *
   * @param burst how many batches are filled each time
   */
  GatedLoader(int burst, int hostSlots, int deviceSlots, boolean zeroCopy) {
    this(burst, hostSlots, deviceSlots, zeroCopy, 256);
  }

  /** Starts it with a trace of so many batches. */
  GatedLoader(int burst, int hostSlots, int deviceSlots, boolean zeroCopy, int trace) {
    this.burst = burst;
    BackgroundLoader.Builder builder =
        BackgroundLoader.builder(device, SPEC, this::fill)
            .trace(trace)
            .hostSlots(hostSlots)
            .deviceSlots(deviceSlots);
    loader = (zeroCopy ? builder.zeroCopy(true) : builder).start();
  }

  private void fill(HostBatch out, BatchContext context) throws InterruptedException {
    if (context.index() % burst != 0) {
      return;
    }
    long number = context.index() / burst;
    synchronized (this) {
      waiting = number + 1;
      notifyAll();
    }
    synchronized (this) {
      while (allowed <= number && !ended) {
        wait();
      }
    }
  }

  /** Lets the target fill one more burst. */
  void go() {
    synchronized (this) {
      allowed = allowed + 1;
      notifyAll();
    }
  }

  /** Waits until the target has filled all it was allowed to. */
  void awaitFilled() throws InterruptedException {
    long bursts = allowed;
    synchronized (this) {
      while (waiting <= bursts) {
        wait();
      }
    }
  }

  /** Gets a burst, and gives it back; the sum of the indexes. */
  long consume() throws Exception {
    long sum = 0;
    for (int i = 0; i < burst; i++) {
      try (DeviceBatch batch = loader.get(PATIENCE)) {
        sum += batch.index();
      }
    }
    return sum;
  }

  @Override
  public void close() {
    ended = true;
    go();
    loader.close();
    device.close();
  }
}
