package io.pentrough.benchmarks;

import java.util.Arrays;

/** When what happened to each batch of a loader, in nanoseconds; seen, or computed by a model. */
final class Timeline {

  /** Which worker filled it. */
  final int[] worker;

  final long[] claimed;
  final long[] filled;
  final long[] copyBegan;
  final long[] copied;

  /** The consumer has it, and begins to compute. */
  final long[] got;

  /** The consumer has computed, and gives it back. */
  final long[] closed;

  Timeline(int batches) {
    worker = new int[batches];
    claimed = new long[batches];
    filled = new long[batches];
    copyBegan = new long[batches];
    copied = new long[batches];
    got = new long[batches];
    closed = new long[batches];
  }

  int batches() {
    return got.length;
  }

  /** How long everything took that a loader has no influence on. */
  Durations durations() {
    return new Durations(
        differences(filled, claimed), differences(copied, copyBegan), differences(closed, got));
  }

  /**
   * The share of its time that the consumer computed, from batch {@code first} on; the time before
   * it is counted from the end of the one before.
   */
  double utilisation(int first) {
    return (double) sum(durations().compute(), first) / elapsed(first);
  }

  /**
   * How much of what can be saved by doing things at once is saved, from batch {@code first} on:
   * (serial - T) / (serial - the busiest station's time).
   */
  double overlap(int first, int workers) {
    Durations spent = durations();
    double fill = sum(spent.fill(), first);
    double copy = sum(spent.copy(), first);
    double compute = sum(spent.compute(), first);
    double serial = fill + copy + compute;
    double busiest = Math.max(fill / workers, Math.max(copy, compute));
    return (serial - elapsed(first)) / (serial - busiest);
  }

  /** How much later everything began than it could. */
  LoaderModel.Costs costs(Ring ring) {
    int n = batches();
    long[] atWorker = new long[n];
    long[] atCopy = new long[n];
    long[] atConsumer = new long[n];
    long[] idleSince = new long[ring.workers()];
    Arrays.fill(idleSince, Long.MIN_VALUE);
    for (int i = 0; i < n; i++) {
      long possible = Math.max(idleSince[worker[i]], at(copied, i - ring.hostSlots()));
      atWorker[i] = possible == Long.MIN_VALUE ? 0 : claimed[i] - possible;
      idleSince[worker[i]] = filled[i];
      atCopy[i] = copyBegan[i] - copyPossible(i, ring);
      atConsumer[i] = got[i] - getPossible(i);
    }
    return new LoaderModel.Costs(atWorker, atCopy, atConsumer);
  }

  /** From when on a batch that is filled could be copied. */
  long copyPossible(int batch, Ring ring) {
    return Math.max(
        filled[batch], Math.max(at(copied, batch - 1), at(closed, batch - ring.deviceSlots())));
  }

  /** From when on the consumer could have a batch that is copied. */
  long getPossible(int batch) {
    return Math.max(copied[batch], at(closed, batch - 1));
  }

  /** As early as can be if there is no such batch. */
  static long at(long[] times, int batch) {
    return batch < 0 ? Long.MIN_VALUE : times[batch];
  }

  private long elapsed(int first) {
    return closed[batches() - 1] - closed[first - 1];
  }

  private static long sum(long[] values, int first) {
    return Arrays.stream(values, first, values.length).sum();
  }

  private static long[] differences(long[] later, long[] earlier) {
    long[] differences = new long[later.length];
    for (int i = 0; i < differences.length; i++) {
      differences[i] = later[i] - earlier[i];
    }
    return differences;
  }
}
