package io.pentrough;

import io.pentrough.device.DeviceStream;
import java.time.Duration;

/** What a builder has been told, checked. */
record LoaderSettings(
    String name,
    int workers,
    int hostSlots,
    int deviceSlots,
    long seed,
    boolean ordered,
    boolean handOver,
    DeviceStream consumerStream,
    long warnAfterNanos,
    long closeTimeoutNanos,
    boolean interruptTargets,
    boolean poison) {

  /** The duration in nanoseconds: 0 if it is negative, and at most what they reach, 292 years. */
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
