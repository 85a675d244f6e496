package io.pentrough;

/**
 * What a loader has done up to a moment, or between two moments.
 *
 * @param beforeFirst the part of {@code times} before the first batch was ready
 * @param fills like the other histograms, never changed again
 */
record LoaderTotals(
    PipelineTimes times,
    PipelineTimes beforeFirst,
    long batches,
    long bytes,
    long failures,
    long skips,
    long badSamples,
    Histogram fills,
    Histogram slotWaits,
    Histogram copies,
    Histogram stages,
    Histogram consumerWaits,
    ThreadUsage threads) {

  LoaderTotals minus(LoaderTotals earlier) {
    return new LoaderTotals(
        times.minus(earlier.times),
        beforeFirst.minus(earlier.beforeFirst),
        batches - earlier.batches,
        bytes - earlier.bytes,
        failures - earlier.failures,
        skips - earlier.skips,
        badSamples - earlier.badSamples,
        fills.minus(earlier.fills),
        slotWaits.minus(earlier.slotWaits),
        copies.minus(earlier.copies),
        stages.minus(earlier.stages),
        consumerWaits.minus(earlier.consumerWaits),
        threads.minus(earlier.threads));
  }
}
