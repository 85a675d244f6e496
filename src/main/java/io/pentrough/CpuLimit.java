package io.pentrough;

import org.jspecify.annotations.Nullable;

/**
 * How often the cores allow a batch. A batch takes the CPU time of its fill and that of the loop,
 * whatever the number of workers is.
 */
final class CpuLimit {

  /** If other threads want so large a share of the cores, a worker may wait for one. */
  private static final double BUSY_CORES = 0.5;

  /** Why the CPU time of the workers does not say how many there should be; null if it does. */
  final @Nullable String unknown;

  /** What the cores allow, in nanoseconds for each batch; 0 if that is not known. */
  final double period;

  /**
   * The limit.
   *
   * @param totals from the start of the loader on
   * @param measured the time for each delivered batch
   * @param fillNanos what workers need for each delivered batch
   */
  CpuLimit(BottleneckAnalysis of, LoaderTotals totals, double measured, double fillNanos) {
    unknown = unknown(of, totals.threads());
    period = unknown == null ? period(of, totals, measured, fillNanos) : 0;
  }

  /**
   * A worker that waits for a core looks like one that waits for a disk. So on a machine that other
   * threads keep busy, nobody knows which of the two it is.
   */
  private static @Nullable String unknown(BottleneckAnalysis of, ThreadUsage threads) {
    if (threads.unknown() != null) {
      return "the CPU time of workers is not known, as " + threads.unknown();
    }
    double others = threads.load() - of.workers - 1; // ours may all run, or wait for a disk
    return others < BUSY_CORES * of.cores
        ? null
        : "the CPU time of workers says little, as other programs or threads need the %d cores: the load is %.1f"
            .formatted(of.cores, threads.load());
  }

  private static double period(
      BottleneckAnalysis of, LoaderTotals totals, double measured, double fillNanos) {
    ThreadUsage threads = totals.threads();
    PipelineTimes times = totals.times(); // as the threads' are: from the start on
    double atWork = (double) times.elapsed() * of.workers;
    atWork -= times.workersIdle() + times.workersStarved();
    double share = atWork <= 0 ? 0 : Math.max(0, Math.min(1, threads.workersNanos() / atWork));
    double loop = measured * (1 - of.starved); // as if it computed all the time
    if (threads.consumerNanos() != ThreadUsage.UNKNOWN_NANOS) {
      loop = Math.min(loop, (double) threads.consumerNanos() / totals.batches());
    }
    return (share * fillNanos + loop) / of.cores;
  }
}
