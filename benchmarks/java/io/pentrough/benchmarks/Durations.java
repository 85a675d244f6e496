package io.pentrough.benchmarks;

import java.util.Arrays;

/**
 * How long each batch takes at each station, in nanoseconds.
 *
 * @param fill its target
 * @param copy its copy
 * @param compute what its consumer does with it
 */
@SuppressWarnings("ArrayRecordComponent") // looked at, and not compared
record Durations(long[] fill, long[] copy, long[] compute) {

  /** Targets' times are drawn; a copy and a consumer always take the same. */
  static Durations drawn(
      int batches, Draws draws, double fillNanos, long copyNanos, long computeNanos, long seed) {
    return new Durations(
        draws.nanos(batches, fillNanos, seed),
        constant(batches, copyNanos),
        constant(batches, computeNanos));
  }

  private static long[] constant(int batches, long nanos) {
    long[] all = new long[batches];
    Arrays.fill(all, nanos);
    return all;
  }

  int batches() {
    return fill.length;
  }
}
