package io.pentrough;

import io.pentrough.device.DeviceStream;
import java.time.Duration;

/** What a builder has been told, checked. */
record LoaderSettings(
    String name,
    int workers,
    long seed,
    FailurePolicy failurePolicy,
    boolean ordered,
    boolean handOver,
    DeviceStream consumerStream,
    long warnAfterNanos,
    long leaseWarnAfterNanos,
    long closeTimeoutNanos,
    boolean interruptTargets,
    boolean poison,
    boolean leakDetection) {

  /** The duration in nanoseconds, or as near as they reach: 292 years. */
  static long nanos(Duration duration) {
    try {
      return duration.toNanos();
    } catch (ArithmeticException e) {
      return duration.isNegative() ? Long.MIN_VALUE : Long.MAX_VALUE;
    }
  }
}
