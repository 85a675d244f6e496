package io.pentrough.benchmarks;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.BatchStage;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.LoaderStats;
import io.pentrough.StageArrays;
import io.pentrough.StageSlot;
import io.pentrough.StageWork;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.host.HostDevice;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.locks.ReentrantLock;

/** A program with a bottleneck. Its copies and stages only let time pass, as on a device. */
@SuppressWarnings("ImmutableEnumChecker") // they are immutable
enum AdviceCase {
  FILLS_WAIT(usual(1), park(20), 1, 0, park(8)),
  FILLS_WAIT_MORE_THAN_CORES(usual(3), park(40), 1, 0, park(5)),
  FILLS_WAIT_IN_ONE_SLOT(new Ring(1, 1, 1), park(20), 2, 0, park(8)),
  FILLS_COMPUTE(usual(1), burn(15), 1, 0, park(6)),
  FILLS_AND_LOOP_COMPUTE(usual(1), burn(20), 1, 0, burn(5)),
  FILLS_COMPUTE_ON_ALL_CORES(usual(4), burn(10), 1, 0, park(1)),
  FILLS_COMPUTE_AND_WAIT(usual(1), both(park(15), burn(5)), 1, 0, park(6)),
  COPIES(usual(2), park(4), 20, 0, park(8)),
  STAGES(usual(2), park(8), 1, 20, park(8)),
  COPIES_AND_FILLS(usual(1), park(20), 20, 0, park(8)),
  LOOP(usual(2), park(8), 1, 0, park(12)),
  LOOP_ON_THE_DEVICE(usual(2), park(8), 1, 0, queue(12)),
  FEW_HOST_SLOTS(new Ring(1, 1, 3), park(10), 1, 0, pause(4, 100)),
  FEW_DEVICE_SLOTS(new Ring(1, 3, 2), park(2), 8, 0, pause(2, 80)),
  ONE_DEVICE_SLOT(new Ring(1, 3, 1), park(4), 10, 0, park(10)),
  ONE_HOST_SLOT(new Ring(3, 1, 3), park(12), 4, 0, park(6)),
  MONITOR(usual(2), monitor(park(10)), 1, 0, park(4)),
  LOCK(usual(3), lock(park(10)), 1, 0, park(4)),
  LOCK_OF_ONE_WORKER(usual(1), lock(park(10)), 1, 0, park(4));

  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final BatchSpec SPEC = BatchSpec.builder().array("number", DType.INT64, 1).build();

  final Ring ring;
  private final Work fill;
  private final long copyNanos;
  private final long stageNanos;
  private final Work step;

  /** Times in milliseconds. */
  AdviceCase(Ring ring, Work fill, int copyMillis, int stageMillis, Work step) {
    this.ring = ring;
    this.fill = fill;
    copyNanos = copyMillis * 1_000_000L;
    stageNanos = stageMillis * 1_000_000L;
    this.step = step;
  }

  /** Whether the condition of the advice to add workers is not true of this program. */
  boolean breaksCondition() {
    return this == LOCK_OF_ONE_WORKER;
  }

  /** What a target or the loop does with a batch. */
  private interface Work {

    /**
     * Takes its time.
     *
     * @param number of the batch
     * @param stream that work can be queued on
     */
    void run(long number, DeviceStream stream);
  }

  private static Ring usual(int workers) {
    return new Ring(workers, Setup.usualHostSlots(workers), Setup.USUAL_DEVICE_SLOTS);
  }

  private static Work park(int millis) {
    return (number, stream) -> Latencies.sleepUntil(System.nanoTime() + millis * 1_000_000L);
  }

  /** Computes as long as it takes alone, whatever else runs. */
  private static Work burn(int millis) {
    return (number, stream) -> {
      long sum = number;
      for (long i = millis * Burning.STEPS_A_MILLI; i > 0; i--) {
        sum = sum * 6364136223846793005L + i;
      }
      Latencies.consumed = sum;
    };
  }

  private static Work both(Work one, Work other) {
    return (number, stream) -> {
      one.run(number, stream);
      other.run(number, stream);
    };
  }

  private static Work queue(int millis) {
    Work work = park(millis);
    return (number, stream) -> EmulatedDevice.launch(stream, () -> work.run(number, stream));
  }

  private static Work pause(int millis, int everyTenth) {
    Work usual = park(millis);
    Work pause = park(everyTenth);
    return (number, stream) -> (number % 10 == 9 ? both(usual, pause) : usual).run(number, stream);
  }

  private static Work monitor(Work work) {
    Object monitor = new Object();
    return (number, stream) -> {
      synchronized (monitor) {
        work.run(number, stream);
      }
    };
  }

  private static Work lock(Work work) {
    ReentrantLock lock = new ReentrantLock();
    return (number, stream) -> {
      lock.lock();
      try {
        work.run(number, stream);
      } finally {
        lock.unlock();
      }
    };
  }

  /** How fast this machine computes. */
  private static final class Burning {

    static final long STEPS_A_MILLI = measured();

    private static long measured() {
      long best = 1;
      for (int round = 0; round < 20; round++) {
        long began = System.nanoTime();
        long sum = round;
        for (long i = 2_000_000; i > 0; i--) {
          sum = sum * 6364136223846793005L + i;
        }
        Latencies.consumed = sum;
        best = Math.max(best, 2_000_000_000_000L / Math.max(1, System.nanoTime() - began));
      }
      return best;
    }
  }

  /** Runs it, and returns the statistics after the first tenth of the batches. */
  LoaderStats run(Ring with, int batches) throws Exception {
    long[] copies = new long[batches];
    Arrays.fill(copies, copyNanos);
    try (Device device = new EmulatedDevice(HostDevice.open(), copies, new Timeline(batches));
        DeviceStream stream = device.newStream()) {
      BackgroundLoader.Builder builder =
          BackgroundLoader.builder(
                  device,
                  SPEC,
                  (out, context) -> {
                    out.array(0).setLong(0, context.index());
                    fill.run(context.index(), stream);
                  })
              .workers(with.workers())
              .hostSlots(with.hostSlots())
              .deviceSlots(with.deviceSlots())
              .consumerStream(stream)
              .batchesPerEpoch(batches)
              .epochs(1);
      if (stageNanos > 0) {
        builder.stage(new Stage(stageNanos));
      }
      try (BackgroundLoader loader = builder.start()) {
        LoaderStats first = loader.stats();
        int end = batches - with.hostSlots() - with.deviceSlots(); // workers still work there
        for (int number = 0; number < end; number++) {
          if (number == batches / 10) {
            first = loader.stats();
          }
          try (DeviceBatch batch = loader.get(PATIENCE)) {
            step.run(batch.index(), stream);
          }
        }
        return loader.stats().minus(first);
      }
    }
  }

  /** Only takes time. */
  private record Stage(long nanos) implements BatchStage {

    @Override
    public void declare(StageArrays arrays) {
      arrays.reads("number");
    }

    @Override
    public StageWork prepare(StageSlot slot) {
      return run ->
          EmulatedDevice.launch(
              run.stream(), () -> Latencies.sleepUntil(System.nanoTime() + nanos));
    }
  }
}
