package io.pentrough;

import java.time.Duration;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;

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

  /** Below this share of waiting, a loop counts as fed and a worker as busy. */
  static final double WAITS = 0.05;

  /** From this share on, the copies hold up a starved loop with idle workers. */
  static final double SATURATED = 0.75;

  /** From this share on, workers without a job are why a loop starves. */
  static final double NO_JOBS = 0.25;

  /** The time to the first batch as long as there is none. */
  static final long NEVER = -1;

  /** Who holds up the pipeline. */
  public enum Verdict {
    /** The loop waits for data while the workers are at work: the target is too slow. */
    PRODUCER,
    /** The loop waits for data, workers wait for slots, and a copy is nearly always under way. */
    COPY,
    /** The loop waits for data, workers wait for slots, and stages are nearly always at work. */
    STAGE,
    /**
     * The loop waits for data while the workers of a {@link BatchQueue} wait for jobs: nobody
     * submits far enough ahead.
     */
    SUBMITTER,
    /**
     * The workers wait, the loop does not, or only for its own work on the device: the loader keeps
     * up with room to spare.
     */
    CONSUMER,
    /** Nobody in particular, or nothing was delivered to judge by. */
    BALANCED
  }

  /**
   * How often something happened and how long it took. Percentiles are exact or at most 1/16 too
   * high.
   *
   * @param count how often
   * @param sumNanos all together, in nanoseconds
   * @param maxNanos the longest, in nanoseconds; 0 if there was none
   * @param p50Nanos the median, in nanoseconds; 0 if there was none
   * @param p99Nanos what 99 % did not exceed, in nanoseconds; 0 if there was none
   */
  public record Timing(long count, long sumNanos, long maxNanos, long p50Nanos, long p99Nanos) {

    /**
     * The mean.
     *
     * @return nanoseconds, rounded down; 0 if there was none
     */
    public long meanNanos() {
      return count == 0 ? 0 : sumNanos / count;
    }
  }

  private final Object loader;
  private final long from;
  private final long to;
  private final int workers;
  private final long pageableBytes;
  private final long elapsedNanos;
  private final long firstReadyNanos;
  private final long batches;
  private final long bytes;
  private final long failures;
  private final long skips;
  private final Histogram fills;
  private final Histogram slotWaits;
  private final Histogram copies;
  private final Histogram stages;
  private final Histogram consumerWaits;
  private final long workersIdleNanos;
  private final long workersWithoutJobNanos;
  private final long copyBusyNanos;
  private final long copyHeldUpNanos;
  private final long stageBusyNanos;
  private final long starvedNanos;

  /**
   * The statistics between two snapshots.
   *
   * @param loader identity only
   * @param from number of the snapshot at the begin, 0 for the loader's start
   * @param to number of the snapshot at the end
   * @param fills this and the other histograms are kept and not changed any more
   */
  LoaderStats(
      Object loader,
      long from,
      long to,
      int workers,
      long pageableBytes,
      long elapsedNanos,
      long firstReadyNanos,
      long batches,
      long bytes,
      long failures,
      long skips,
      Histogram fills,
      Histogram slotWaits,
      Histogram copies,
      Histogram stages,
      Histogram consumerWaits,
      long workersIdleNanos,
      long workersWithoutJobNanos,
      long copyBusyNanos,
      long copyHeldUpNanos,
      long stageBusyNanos,
      long starvedNanos) {
    this.loader = loader;
    this.from = from;
    this.to = to;
    this.workers = workers;
    this.pageableBytes = pageableBytes;
    this.elapsedNanos = elapsedNanos;
    this.firstReadyNanos = firstReadyNanos;
    this.batches = batches;
    this.bytes = bytes;
    this.failures = failures;
    this.skips = skips;
    this.fills = fills;
    this.slotWaits = slotWaits;
    this.copies = copies;
    this.stages = stages;
    this.consumerWaits = consumerWaits;
    this.workersIdleNanos = workersIdleNanos;
    this.workersWithoutJobNanos = workersWithoutJobNanos;
    this.copyBusyNanos = copyBusyNanos;
    this.copyHeldUpNanos = copyHeldUpNanos;
    this.stageBusyNanos = stageBusyNanos;
    this.starvedNanos = starvedNanos;
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
        loader,
        earlier.to,
        to,
        workers,
        pageableBytes,
        elapsedNanos - earlier.elapsedNanos,
        firstReadyNanos,
        batches - earlier.batches,
        bytes - earlier.bytes,
        failures - earlier.failures,
        skips - earlier.skips,
        fills.minus(earlier.fills),
        slotWaits.minus(earlier.slotWaits),
        copies.minus(earlier.copies),
        stages.minus(earlier.stages),
        consumerWaits.minus(earlier.consumerWaits),
        workersIdleNanos - earlier.workersIdleNanos,
        workersWithoutJobNanos - earlier.workersWithoutJobNanos,
        copyBusyNanos - earlier.copyBusyNanos,
        copyHeldUpNanos - earlier.copyHeldUpNanos,
        stageBusyNanos - earlier.stageBusyNanos,
        starvedNanos - earlier.starvedNanos);
  }

  /**
   * Batches handed to consumers.
   *
   * @return the number
   */
  public long batches() {
    return batches;
  }

  /**
   * The size of the batches handed to consumers, as copied to the device.
   *
   * @return the number of bytes
   */
  public long bytes() {
    return bytes;
  }

  /**
   * How much of the loader's host memory the device could not pin, where the application allowed
   * that: copies from it hold up the thread that queues them.
   *
   * @return the number of bytes; 0 as it should be
   */
  public long pageableBytes() {
    return pageableBytes;
  }

  /**
   * Calls of the target that threw, each attempt counted.
   *
   * @return the number
   */
  public long failures() {
    return failures;
  }

  /**
   * Batches left out because their target failed, see {@link FailurePolicy#skip}.
   *
   * @return the number
   */
  public long skips() {
    return skips;
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
    return Duration.ofNanos(elapsedNanos);
  }

  /**
   * How long the target took to fill a batch.
   *
   * @return calls that returned normally
   */
  public Timing fillTime() {
    return fills.timing();
  }

  /**
   * How long workers waited for a free host slot, not counting the time without a job.
   *
   * @return one wait for each slot claimed, those of length 0 too
   */
  public Timing slotWait() {
    return slotWaits.timing();
  }

  /**
   * How long copies took, from having nothing left to wait for to being seen complete: an upper
   * bound.
   *
   * @return one for each batch copied
   */
  public Timing copyTime() {
    return copies.timing();
  }

  /**
   * How long the stages took for a batch, from its copy being seen complete to theirs.
   *
   * @return one for each batch copied; none without stages
   */
  public Timing stageTime() {
    return stages.timing();
  }

  /**
   * How long consumers waited for a batch.
   *
   * @return one wait for each {@code get}, those of length 0 and those that timed out too
   */
  public Timing consumerWait() {
    return consumerWaits.timing();
  }

  /**
   * The share of time in which at least one consumer waited with nothing ready.
   *
   * @return 0 to 1
   */
  public double starvedShare() {
    return share(starvedNanos, 1);
  }

  /**
   * The share of time in which a copy was under way, those aside that are {@linkplain
   * #copyHeldUpShare() held up}.
   *
   * @return 0 to 1
   */
  public double copyBusyShare() {
    return share(copyBusyNanos, 1);
  }

  /**
   * The share of time in which the next copy had to wait for a slot that a consumer had given back,
   * but whose work on the device was still queued or running.
   *
   * @return 0 to 1
   */
  public double copyHeldUpShare() {
    return share(copyHeldUpNanos, 1);
  }

  /**
   * The share of time in which stages had a batch to work on.
   *
   * @return 0 to 1; 0 without stages
   */
  public double stageBusyShare() {
    return share(stageBusyNanos, 1);
  }

  /**
   * The share of the workers' time, all together, in which they waited for a host slot. Where there
   * is no job either, they wait for that: see {@link #workerJoblessShare()}.
   *
   * @return 0 to 1
   */
  public double workerIdleShare() {
    return share(workersIdleNanos, workers);
  }

  /**
   * The share of the workers' time, all together, in which there was no job for them: only a {@link
   * BatchQueue} runs out of jobs.
   *
   * @return 0 to 1
   */
  public double workerJoblessShare() {
    return share(workersWithoutJobNanos, workers);
  }

  /** The share of the elapsed time of so many threads. */
  private double share(long nanos, int threads) {
    return elapsedNanos <= 0 ? 0 : Math.min(1, nanos / ((double) elapsedNanos * threads));
  }

  /**
   * Who holds up the pipeline.
   *
   * <p>A loop that waits for less than 5 % of the time is fed: {@code CONSUMER} if workers wait for
   * at least 5 % of theirs, for a slot or a job, else {@code BALANCED}. Else, the loop starves. If
   * workers wait for a slot for at least 5 %: {@code STAGE} if stages are at work for at least 75 %
   * of the time; and if a copy is under way or held up for as much, {@code COPY} if it is under way
   * for longer than held up, and {@code CONSUMER} if not: then the loop waits for its own work on
   * the device. Else {@code SUBMITTER} if they are without a job for at least 25 %, and for longer
   * than they wait for a slot; {@code PRODUCER} if the loop waits more than the workers wait for a
   * slot; else {@code BALANCED}. Where nothing was delivered, there is nothing to judge by: {@code
   * BALANCED}. {@link #toString()} gives the evidence and what to change.
   *
   * @return the verdict
   */
  public Verdict verdict() {
    if (batches == 0) {
      return Verdict.BALANCED;
    }
    boolean workersWait = workerIdleShare() >= WAITS;
    if (starvedShare() < WAITS) {
      boolean toSpare = workerIdleShare() + workerJoblessShare() >= WAITS;
      return toSpare ? Verdict.CONSUMER : Verdict.BALANCED;
    }
    if (workersWait && stageBusyShare() >= SATURATED) {
      return Verdict.STAGE;
    }
    if (workersWait && copyBusyShare() + copyHeldUpShare() >= SATURATED) {
      return copyBusyShare() > copyHeldUpShare() ? Verdict.COPY : Verdict.CONSUMER;
    }
    if (workerJoblessShare() >= NO_JOBS && workerJoblessShare() > workerIdleShare()) {
      return Verdict.SUBMITTER;
    }
    return starvedShare() > workerIdleShare() ? Verdict.PRODUCER : Verdict.BALANCED;
  }

  private String evidence() {
    String starved = "the loop waited " + percent(starvedShare()) + " of the time for data";
    if (batches == 0) {
      return "no batch was delivered, so there is nothing to judge by; " + starved;
    }
    String idle = "workers waited " + percent(workerIdleShare()) + " for a slot";
    if (workersWithoutJobNanos > 0) {
      idle += " and " + percent(workerJoblessShare()) + " for a job";
    }
    return switch (verdict()) {
      case PRODUCER -> starved + " while " + idle + ": add workers or make the target faster";
      case COPY ->
          starved
              + " with a copy under way "
              + percent(copyBusyShare())
              + " of the time, and "
              + idle
              + ": copy fewer bytes, for example a narrower type that the device expands";
      case STAGE ->
          starved
              + " with the stages at work "
              + percent(stageBusyShare())
              + " of the time, and "
              + idle
              + ": let the stages do less, or fuse them";
      case SUBMITTER -> starved + " while " + idle + ": submit further ahead";
      case CONSUMER ->
          starvedShare() < WAITS
              ? starved + " while " + idle + ": the loader keeps up, only a faster loop would gain"
              : starved
                  + ", but copies were held up "
                  + percent(copyHeldUpShare())
                  + " of it by the loop's own work on the device: the loader keeps up, only a faster"
                  + " loop would gain";
      case BALANCED ->
          starvedShare() < WAITS
              ? starved + " and " + idle + ": nothing to change"
              : starved
                  + " while "
                  + idle
                  + ": both wait in turns, more host and device slots even that out";
    };
  }

  /**
   * Several lines for people: the figures with their units, the verdict, its evidence and advice.
   */
  @Override
  public String toString() {
    double seconds = elapsedNanos / 1e9;
    StringBuilder text = new StringBuilder();
    text.append(
        format("%d batches, %s in %s", batches, Units.bytes(bytes), Units.duration(elapsedNanos)));
    if (batches > 0 && seconds > 0) {
      text.append(
          format(
              " (%.1f batches/s, %s/s)", batches / seconds, Units.bytes((long) (bytes / seconds))));
    }
    text.append(
        format(
            "; %s; failures: %d, skipped: %d%n",
            firstReadyNanos == NEVER
                ? "no batch ready yet"
                : "first batch ready after " + Units.duration(firstReadyNanos),
            failures,
            skips));
    text.append(
        format("%-14s%10s%10s%10s%10s%10s%10s%n", "", "count", "sum", "mean", "p50", "p99", "max"));
    appendTiming(text, "fill", fillTime());
    appendTiming(text, "slot wait", slotWait());
    appendTiming(text, "copy (at most)", copyTime());
    if (stageTime().count() > 0) {
      appendTiming(text, "stages", stageTime());
    }
    appendTiming(text, "consumer wait", consumerWait());
    text.append(
        format(
            "loop starved %s, copy under way %s%s%s, workers (%d) waiting for a slot %s%s%n",
            percent(starvedShare()),
            percent(copyBusyShare()),
            copyHeldUpNanos == 0 ? "" : ", held up " + percent(copyHeldUpShare()),
            stageTime().count() == 0 ? "" : ", stages at work " + percent(stageBusyShare()),
            workers,
            percent(workerIdleShare()),
            workersWithoutJobNanos > 0 ? ", without a job " + percent(workerJoblessShare()) : ""));
    if (pageableBytes > 0) {
      text.append(
          format(
              "host memory not pinned: %s; copies from it hold up the copy thread%n",
              Units.bytes(pageableBytes)));
    }
    return text.append(verdict()).append(": ").append(evidence()).toString();
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

  /** Rounded down, so that a figure stands on the same side of a threshold as its share does. */
  private static String percent(double share) {
    return format("%d %%", (int) (share * 100));
  }

  private static String format(String pattern, Object... values) {
    return String.format(Locale.ROOT, pattern, values);
  }
}
