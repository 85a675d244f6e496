package io.pentrough;

import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a loader has done from its start to a moment, or, by {@link #minus}, between two moments,
 * and who waited for whom. Immutable.
 *
 * <p>Shares are fractions of {@link #elapsed()}, 0 to 1, and count waits and copies up to the
 * moment even if they go on. Timings count what is over.
 *
 * <p><b>Threads.</b> Any.
 */
public final class LoaderStats {

  /** The time to the first batch as long as there is none. */
  static final long NEVER = -1;

  /** Which part limits the pipeline: to make another part faster gains nothing. */
  public enum Verdict {
    /** The loop waits for data while the workers are at work: the target is too slow. */
    PRODUCER,
    /** The loop waits for data, and a copy is nearly always under way. */
    COPY,
    /** The loop waits for data, and stages are nearly always at work. */
    STAGE,
    /**
     * The loop waits for data while workers of a {@link BatchQueue} wait for jobs: nobody submits
     * far enough ahead.
     */
    SUBMITTER,
    /**
     * The loop waits for little or nothing, or only for its own work on the device: the loader
     * keeps up.
     */
    CONSUMER,
    /**
     * The loop waits for data, but no part has much to do: the time goes into handing batches from
     * thread to thread, as where batches are small and a target does next to nothing.
     */
    OVERHEAD,
    /** No part alone: they wait for each other in turns. Or there is too little to judge by. */
    BALANCED
  }

  /**
   * How often something happened and how long it took. Percentiles are exact or at most 1/16 too
   * high. Immutable; equal if all numbers are equal.
   */
  public static final class Timing {

    private final long count;
    private final long sumNanos;
    private final long maxNanos;
    private final long p50Nanos;
    private final long p99Nanos;

    Timing(long count, long sumNanos, long maxNanos, long p50Nanos, long p99Nanos) {
      this.count = count;
      this.sumNanos = sumNanos;
      this.maxNanos = maxNanos;
      this.p50Nanos = p50Nanos;
      this.p99Nanos = p99Nanos;
    }

    /**
     * How often it happened.
     *
     * @return at least 0
     */
    public long count() {
      return count;
    }

    /**
     * All times together.
     *
     * @return nanoseconds
     */
    public long sumNanos() {
      return sumNanos;
    }

    /**
     * The longest time.
     *
     * @return nanoseconds; 0 if there was none
     */
    public long maxNanos() {
      return maxNanos;
    }

    /**
     * The median.
     *
     * @return nanoseconds; 0 if there was none
     */
    public long p50Nanos() {
      return p50Nanos;
    }

    /**
     * The 99th percentile.
     *
     * @return nanoseconds; 0 if there was none
     */
    public long p99Nanos() {
      return p99Nanos;
    }

    /**
     * The mean.
     *
     * @return nanoseconds, rounded down; 0 if there was none
     */
    public long meanNanos() {
      return count == 0 ? 0 : sumNanos / count;
    }

    private long[] numbers() {
      return new long[] {count, sumNanos, maxNanos, p50Nanos, p99Nanos};
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Timing that && Arrays.equals(numbers(), that.numbers());
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(numbers());
    }

    /** The numbers, for messages. */
    @Override
    public String toString() {
      return "%d times, %d ns together: median %d ns, 99th percentile %d ns, longest %d ns"
          .formatted(count, sumNanos, p50Nanos, p99Nanos, maxNanos);
    }
  }

  private final Object loader;
  private final long from;
  private final long to;
  private final PipelineSetup setup;
  private final long firstReadyNanos;
  private final LoaderTotals totals;

  /**
   * The statistics between two snapshots.
   *
   * @param loader identity only
   * @param from number of the snapshot at the begin, 0 for the loader's start
   * @param to number of the snapshot at the end
   */
  LoaderStats(
      Object loader,
      long from,
      long to,
      PipelineSetup setup,
      long firstReadyNanos,
      LoaderTotals totals) {
    this.loader = loader;
    this.from = from;
    this.to = to;
    this.setup = setup;
    this.firstReadyNanos = firstReadyNanos;
    this.totals = totals;
  }

  /**
   * What happened between an earlier snapshot and this one.
   *
   * <p>Percentiles are those of the interval. Its longest times are known to 1/16 only: each {@link
   * Timing#maxNanos()} is the upper edge of the highest bucket that anything fell into. {@link
   * #timeToFirstBatch()} stays the loader's.
   *
   * @param earlier of the same loader and with the same begin as this, taken before it
   * @return the interval's statistics
   * @throws IllegalArgumentException if {@code earlier} is of another loader, later, or begins at
   *     another moment
   */
  public LoaderStats minus(LoaderStats earlier) {
    if (Objects.requireNonNull(earlier, "earlier").loader != loader) {
      throw new IllegalArgumentException(
          "the statistics of another loader cannot be subtracted from these");
    }
    if (earlier.from != from) {
      throw new IllegalArgumentException(
          "the two statistics begin at different moments: subtract whole snapshots");
    }
    if (earlier.to > to) {
      throw new IllegalArgumentException(
          "a later snapshot cannot be subtracted from an earlier one: exchange the two");
    }
    return new LoaderStats(
        loader, earlier.to, to, setup, firstReadyNanos, totals.minus(earlier.totals));
  }

  /**
   * Batches handed to consumers.
   *
   * @return the number
   */
  public long batches() {
    return totals.batches();
  }

  /**
   * The size of the batches handed to consumers, as copied to the device.
   *
   * @return the number of bytes
   */
  public long bytes() {
    return totals.bytes();
  }

  /**
   * How much of the loader's host memory the device could not pin, where the application allowed
   * that: copies from it hold up the thread that queues them.
   *
   * @return the number of bytes; 0 as it should be
   */
  public long pageableBytes() {
    return setup.pageableBytes();
  }

  /**
   * Calls of the target that threw, each attempt counted.
   *
   * @return the number
   */
  public long failures() {
    return totals.failures();
  }

  /**
   * Batches left out because their target failed, see {@link FailurePolicy#skip}, or because all of
   * their samples are bad.
   *
   * @return the number
   */
  public long skips() {
    return totals.skips();
  }

  /**
   * Samples left out because they could not be made, see {@link HostBatch#badSample}. Counted when
   * their batch is delivered or left out.
   *
   * @return the number
   */
  public long badSamples() {
    return totals.badSamples();
  }

  /**
   * From the loader's start to its first batch being ready on the device.
   *
   * @return empty before that
   */
  public Optional<Duration> timeToFirstBatch() {
    return firstReadyNanos == NEVER
        ? Optional.empty()
        : Optional.of(Duration.ofNanos(firstReadyNanos));
  }

  /**
   * The time these statistics cover.
   *
   * @return from the loader's start, or the earlier snapshot, to the snapshot
   */
  public Duration elapsed() {
    return Duration.ofNanos(totals.times().elapsed());
  }

  /**
   * How long the target took to fill a batch.
   *
   * @return calls that returned normally
   */
  public Timing fillTime() {
    return totals.fills().timing();
  }

  /**
   * How long workers waited for a free host slot, not counting the time without a job.
   *
   * @return one wait for each slot claimed, those of length 0 too
   */
  public Timing slotWait() {
    return totals.slotWaits().timing();
  }

  /**
   * How long copies took, from having nothing left to wait for to being seen complete: an upper
   * bound.
   *
   * @return one for each batch copied
   */
  public Timing copyTime() {
    return totals.copies().timing();
  }

  /**
   * How long the stages took for a batch, from its copy being seen complete to theirs.
   *
   * @return one for each batch copied; none without stages
   */
  public Timing stageTime() {
    return totals.stages().timing();
  }

  /**
   * How long consumers waited for a batch.
   *
   * @return one wait for each {@code get}, those of length 0 and those that timed out too
   */
  public Timing consumerWait() {
    return totals.consumerWaits().timing();
  }

  /**
   * The share of time in which at least one consumer waited with nothing ready.
   *
   * @return 0 to 1
   */
  public double starvedShare() {
    return totals.times().starvedShare();
  }

  /**
   * The share of time in which a copy was under way, those aside that are {@linkplain
   * #copyHeldUpShare() held up}.
   *
   * @return 0 to 1
   */
  public double copyBusyShare() {
    return totals.times().copyingShare();
  }

  /**
   * The share of time in which the next copy had to wait for a slot that a consumer had given back,
   * but whose work on the device was still queued or running. With {@code zeroCopy(true)} there are
   * no copies: then it is the share in which a worker waited while there was such a slot.
   *
   * @return 0 to 1
   */
  public double copyHeldUpShare() {
    return totals.times().heldUpShare();
  }

  /**
   * The share of time in which stages had a batch to work on.
   *
   * @return 0 to 1; 0 without stages
   */
  public double stageBusyShare() {
    return totals.times().stagingShare();
  }

  /**
   * The share of the workers' time, all together, in which they waited for a host slot. Where there
   * is no job either, they wait for that: see {@link #workerJoblessShare()}.
   *
   * @return 0 to 1
   */
  public double workerIdleShare() {
    return totals.times().idleShare(setup.workers());
  }

  /**
   * The share of the workers' time, all together, in which there was no job for them: only a {@link
   * BatchQueue} runs out of jobs.
   *
   * @return 0 to 1
   */
  public double workerJoblessShare() {
    return totals.times().joblessShare(setup.workers());
  }

  /**
   * Which part limits the pipeline.
   *
   * <p>It is judged by the time after the loader's first batch was ready, since before that every
   * loop waits. Where there is too little to judge by, it is {@code BALANCED}: with fewer than 10
   * batches in less than a second, or fewer than 500 in less than 25 ms.
   *
   * <p>A loop that waits for less than 10 % of that time is fed: {@code CONSUMER}. No change to the
   * loader would gain more than that. If it waits for longer, the part that was at work for longest
   * limits the pipeline: {@code STAGE}, {@code COPY} or {@code PRODUCER}. It must have been at work
   * for at least 75 % of the time, or for 50 % if to change it can gain twice what more slots can.
   * {@code PRODUCER} also needs workers that wait for a slot no longer than the loop waits. Copies
   * that are held up for at least 10 % of the time, where there are several device slots, are the
   * loop's own work on the device: {@code CONSUMER}. If none of {@code STAGE}, {@code COPY} and
   * {@code CONSUMER} applies, and workers are without a job for at least 10 % of their time and for
   * longer than they wait for a slot, it is {@code SUBMITTER}.
   *
   * <p>Otherwise it is {@code BALANCED}; or {@code OVERHEAD}, if no part was at work for half the
   * time that the loop waited, or if batches come faster than one each millisecond. Of such rapid
   * batches, a copy or stage limits the pipeline already if it is at work for half the time that
   * the loop waits, and a part whose work takes no longer than to wake a thread limits nothing.
   * Batches that come faster than one each 25 us always get {@code OVERHEAD}.
   *
   * <p>{@link #toString()} gives the figures that the verdict comes from, and what to change.
   *
   * @return the verdict
   */
  public Verdict verdict() {
    return analysis().verdict();
  }

  private BottleneckAnalysis analysis() {
    return new BottleneckAnalysis(
        setup, sinceFirst(), totals.batches(), totals.bytes(), fillTime(), copyTime(), stageTime());
  }

  /** All of the time, if there is no first batch yet. */
  private PipelineTimes sinceFirst() {
    return batches() == 0 ? totals.times() : totals.times().minus(totals.beforeFirst());
  }

  /**
   * Several lines for people: the figures with their units, the verdict, its evidence and advice.
   */
  @Override
  public String toString() {
    long batches = batches();
    long nanos = totals.times().elapsed();
    double seconds = nanos / 1e9;
    StringBuilder text = new StringBuilder();
    text.append(
        format("%d batches, %s in %s", batches, Units.bytes(bytes()), Units.duration(nanos)));
    if (batches > 0 && seconds > 0) {
      text.append(
          format(
              " (%.1f batches/s, %s/s)",
              batches / seconds, Units.bytes((long) (bytes() / seconds))));
    }
    text.append(
        format(
            "; %s; failures: %d, skipped: %d%s%n",
            firstReadyNanos == NEVER
                ? "no batch ready yet"
                : "first batch ready after " + Units.duration(firstReadyNanos),
            failures(),
            skips(),
            badSamples() == 0 ? "" : format(", bad samples: %d", badSamples())));
    text.append(
        format("%-14s%10s%10s%10s%10s%10s%10s%n", "", "count", "sum", "mean", "p50", "p99", "max"));
    appendTiming(text, "fill", fillTime());
    appendTiming(text, "slot wait", slotWait());
    appendTiming(text, "copy (at most)", copyTime());
    if (stageTime().count() > 0) {
      appendTiming(text, "stages", stageTime());
    }
    appendTiming(text, "consumer wait", consumerWait());
    String shares = shares(totals.times());
    String sharesSinceFirst = shares(sinceFirst());
    boolean differ = !shares.equals(sharesSinceFirst);
    text.append(format("%s%n", shares));
    if (differ) {
      text.append(format("after the first batch: %s%n", sharesSinceFirst));
    }
    if (setup.pageableBytes() > 0) {
      text.append(
          format(
              "host memory not pinned: %s; copies from it hold up the copy thread%n",
              Units.bytes(setup.pageableBytes())));
    }
    BottleneckAnalysis analysis = analysis();
    return text.append(analysis.verdict()).append(": ").append(analysis.explain(differ)).toString();
  }

  private String shares(PipelineTimes times) {
    return format(
        "loop starved %s, copy under way %s%s%s, workers (%d on %d cores) waiting for a slot %s%s",
        percent(times.starvedShare()),
        percent(times.copyingShare()),
        times.heldUp() <= 0 ? "" : ", held up " + percent(times.heldUpShare()),
        times.staging() <= 0 && stageTime().count() == 0
            ? ""
            : ", stages at work " + percent(times.stagingShare()),
        setup.workers(),
        setup.cores(),
        percent(times.idleShare(setup.workers())),
        times.workersJobless() <= 0
            ? ""
            : ", without a job " + percent(times.joblessShare(setup.workers())));
  }

  private static void appendTiming(StringBuilder text, String name, Timing timing) {
    text.append(
        format(
            "%-14s%10d%10s%10s%10s%10s%10s%n",
            name,
            timing.count(),
            Units.duration(timing.sumNanos()),
            Units.duration(timing.meanNanos()),
            Units.duration(timing.p50Nanos()),
            Units.duration(timing.p99Nanos()),
            Units.duration(timing.maxNanos())));
  }

  private static String percent(double share) {
    return BottleneckAnalysis.percent(share);
  }

  private static String format(String pattern, Object... values) {
    return String.format(Locale.ROOT, pattern, values);
  }
}
