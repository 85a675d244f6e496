package io.pentrough.benchmarks;

import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;

/** How long a consumer's calls took. */
final class Latencies {

  /** Whatever consumers return, so that no compiler leaves their reading out. */
  static volatile float consumed;

  private long[] nanos = new long[1 << 16];
  private int count;

  /** Consumes a batch, and returns the time at the end. */
  long consume(Loader loader, boolean read) throws Exception {
    long asked = System.nanoTime();
    consumed = loader.consume(read);
    long now = System.nanoTime();
    add(now - asked);
    return now;
  }

  void add(long elapsedNanos) {
    if (count == nanos.length) {
      nanos = Arrays.copyOf(nanos, 2 * count);
    }
    nanos[count++] = elapsedNanos;
  }

  int count() {
    return count;
  }

  /** What this share did not exceed, in nanoseconds. */
  double quantile(double share) {
    long[] sorted = Arrays.copyOf(nanos, count);
    Arrays.sort(sorted);
    return Estimate.quantile(sorted, share);
  }

  /** Parks until then, and returns the time. */
  static long sleepUntil(long endNanos) {
    long now = System.nanoTime();
    while (now < endNanos) {
      LockSupport.parkNanos(endNanos - now);
      now = System.nanoTime();
    }
    return now;
  }
}
