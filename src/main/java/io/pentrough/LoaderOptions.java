package io.pentrough;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import java.time.Duration;
import java.util.concurrent.ThreadFactory;
import org.jspecify.annotations.Nullable;

/** The settings of a {@link LoaderBuilder} at the moment of {@code start()}, checked. */
record LoaderOptions(
    String name,
    int firstWorker,
    int workers,
    ThreadFactory threads,
    long seed,
    FailurePolicy failurePolicy,
    boolean ordered,
    boolean zeroCopy,
    DeviceStream consumerStream,
    @Nullable StagePlan stages,
    long warnAfterNanos,
    long leaseWarnAfterNanos,
    long closeTimeoutNanos,
    boolean interruptTargets,
    boolean poison,
    boolean leakDetection,
    long statusLogNanos,
    int trace,
    Runnable whenStopped,
    Time time) {

  static void requireSameDevice(DeviceStream stream, Device device) {
    if (stream.device() != device) {
      throw new IllegalArgumentException(
          "the stream belongs to another device ("
              + stream.device().name()
              + ") than the loader ("
              + device.name()
              + "): use a stream of the loader's device");
    }
  }

  /** The duration in nanoseconds: 0 if it is negative, and at most 292 years, the largest long. */
  static long nanos(Duration duration) {
    if (duration.isNegative()) {
      return 0; // not the negative number, from which no time could be subtracted
    }
    try {
      return duration.toNanos();
    } catch (ArithmeticException e) {
      return Long.MAX_VALUE;
    }
  }
}
