package io.pentrough;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Statistics of a loader: what it has done since its start, and who waited for whom. {@link #minus}
 * gives the statistics between two snapshots.
 *
 * <pre>{@code
 * LoaderStats before = loader.stats();
 * trainEpoch(loader);
 * LoaderStats epoch = loader.stats().minus(before);
 * System.out.println(epoch); // ends with the bottleneck, and with advice if a change would help
 * log(epoch.bottleneck() + ": the loop waited " + 100 * epoch.starvedShare() + " % of the time");
 * }</pre>
 *
 * <p>A share is a fraction of {@link #elapsed()}, from 0 to 1. Shares include waits and copies that
 * have not ended, up to the moment of the snapshot. Timings include only those that have ended.
 *
 * <p><b>Threads.</b> Immutable; may be used from any thread. No method blocks.
 */
public final class LoaderStats {

  /** The time to the first batch before the first batch is ready. */
  static final long NEVER = -1;

  /** The part that limits the pipeline. To make another part faster gains nothing. */
  public enum Bottleneck {
    /** The loop waits for data while the workers are busy: the target is too slow. */
    PRODUCER,
    /** The loop waits for data, and a copy is nearly always running. */
    COPY,
    /** The loop waits for data, and stages are nearly always busy. */
    STAGE,
    /**
     * The loop waits for data while workers of a {@link BatchQueue} wait for jobs: jobs are not
     * submitted far enough ahead.
     */
    SUBMITTER,
    /**
     * The loader keeps up. The loop waits for little or nothing, or only for its own work on the
     * device.
     */
    CONSUMER,
    /**
     * Much of the time goes into handing batches from thread to thread, because batches come very
     * fast, or because the loop waits for data while no part has much to do. Usually batches are
     * small and the target does almost nothing.
     */
    OVERHEAD,
    /** No single part: they wait for each other in turns. Or too little has happened to judge. */
    BALANCED
  }

  /**
   * How often something happened, and how long it took. A percentile is exact or up to 1/16 too
   * high. All figures are 0 if nothing happened. Immutable; equal if all figures are equal.
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
     * The sum of all times.
     *
     * @return nanoseconds
     */
    public long sumNanos() {
      return sumNanos;
    }

    /**
     * The longest time.
     *
     * @return nanoseconds; 0 if nothing happened
     */
    public long maxNanos() {
      return maxNanos;
    }

    /**
     * The median.
     *
     * @return nanoseconds; 0 if nothing happened
     */
    public long p50Nanos() {
      return p50Nanos;
    }

    /**
     * The 99th percentile.
     *
     * @return nanoseconds; 0 if nothing happened
     */
    public long p99Nanos() {
      return p99Nanos;
    }

    /**
     * The mean.
     *
     * @return nanoseconds, rounded down; 0 if nothing happened
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
   * @param loader identifies the loader
   * @param from the number of the first snapshot, 0 for the loader's start
   * @param to the number of the second snapshot
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
   * The statistics of the interval between an earlier snapshot and this one.
   *
   * <p>Percentiles cover only the interval. Each {@link Timing#maxNanos()} may be up to 1/16 too
   * high. {@link #timeToFirstBatch()} remains that of the loader.
   *
   * @param earlier a snapshot of the same loader, taken before this one; both must begin at the
   *     same moment
   * @return the interval's statistics
   * @throws IllegalArgumentException if {@code earlier} belongs to another loader, is later than
   *     this, or begins at another moment
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
   * How many batches were delivered to consumers.
   *
   * @return the number of batches
   */
  public long batches() {
    return totals.batches();
  }

  /**
   * The size of the delivered batches, as copied to the device.
   *
   * @return the number of bytes
   */
  public long bytes() {
    return totals.bytes();
  }

  /**
   * How much of the loader's host memory is not pinned, because the device could not pin it and the
   * application allowed that. A copy from such memory blocks the thread that queues it.
   *
   * @return the number of bytes; 0 if all memory is pinned
   */
  public long pageableBytes() {
    return setup.pageableBytes();
  }

  /**
   * How many calls of the target threw. Each attempt counts.
   *
   * @return the number of calls
   */
  public long failures() {
    return totals.failures();
  }

  /**
   * How many batches were left out because their target failed, see {@link FailurePolicy#skip}, or
   * because all of their samples were bad.
   *
   * @return the number of batches
   */
  public long skips() {
    return totals.skips();
  }

  /**
   * How many samples were left out because they could not be made, see {@link HostBatch#badSample}.
   * A sample counts when its batch is delivered or left out.
   *
   * @return the number of samples
   */
  public long badSamples() {
    return totals.badSamples();
  }

  /**
   * The time from the loader's start until its first batch was ready on the device.
   *
   * @return empty if no batch is ready yet
   */
  public Optional<Duration> timeToFirstBatch() {
    return firstReadyNanos == NEVER
        ? Optional.empty()
        : Optional.of(Duration.ofNanos(firstReadyNanos));
  }

  /**
   * The time that these statistics cover. It ends when the last batch has been delivered and no
   * consumer holds a batch any more. Time after that does not count.
   *
   * @return the time from the loader's start, or from the earlier snapshot, to this snapshot; zero
   *     if both snapshots were taken after that end
   */
  public Duration elapsed() {
    return Duration.ofNanos(totals.times().elapsed());
  }

  /** The batches that were delivered in a second, on average. */
  double batchesPerSecond() {
    long elapsed = totals.times().elapsed();
    return elapsed <= 0 ? 0 : batches() / (elapsed / 1e9);
  }

  /**
   * How long the target took to fill a batch.
   *
   * @return one time for each call that returned normally
   */
  public Timing fillTime() {
    return totals.fills().timing();
  }

  /**
   * How long workers waited for a free host slot. Time without a job does not count.
   *
   * @return one time for each claimed slot, including times of 0
   */
  public Timing slotWait() {
    return totals.slotWaits().timing();
  }

  /**
   * How long copies took. A time begins when the copy has nothing left to wait for, and ends when
   * the loader sees the copy complete. So it is an upper bound.
   *
   * @return one time for each copied batch
   */
  public Timing copyTime() {
    return totals.copies().timing();
  }

  /**
   * How long the stages took for a batch. A time begins when the loader sees the copy complete, and
   * ends when it sees the stages complete.
   *
   * @return one time for each copied batch; none without stages
   */
  public Timing stageTime() {
    return totals.stages().timing();
  }

  /**
   * How long consumers waited for a batch.
   *
   * @return one time for each {@code get}, including times of 0 and calls that timed out
   */
  public Timing consumerWait() {
    return totals.consumerWaits().timing();
  }

  /**
   * The share of the time in which the loop starved: at least one consumer waited because no batch
   * was ready. For workers that lack jobs see {@link #workerStarvedShare()}.
   *
   * @return 0 to 1
   */
  public double starvedShare() {
    return totals.times().starvedShare();
  }

  /**
   * The share of the time in which a copy was running. Copies that are {@linkplain
   * #copyHeldUpShare() held up} do not count.
   *
   * @return 0 to 1
   */
  public double copyBusyShare() {
    return totals.times().copyingShare();
  }

  /**
   * The share of the time in which the next copy was held up: a consumer had closed the slot's
   * batch, but its work on the device was still queued or running.
   *
   * <p>With {@code zeroCopy(true)} the loader copies nothing. Then this is the share of the time in
   * which a worker waited while a slot was in that state.
   *
   * @return 0 to 1
   */
  public double copyHeldUpShare() {
    return totals.times().heldUpShare();
  }

  /**
   * The share of the time in which stages had a batch to work on.
   *
   * @return 0 to 1; 0 without stages
   */
  public double stageBusyShare() {
    return totals.times().stagingShare();
  }

  /**
   * The share of all workers' time in which they waited for a host slot. If they also lack a job,
   * the time counts in {@link #workerStarvedShare()} instead.
   *
   * @return 0 to 1
   */
  public double workerIdleShare() {
    return totals.times().idleShare(setup.workers());
  }

  /**
   * The share of all workers' time in which they starved: there was no job for them. Only a {@link
   * BatchQueue} runs out of jobs. For a loop that lacks batches see {@link #starvedShare()}.
   *
   * @return 0 to 1
   */
  public double workerStarvedShare() {
    return totals.times().workerStarvedShare(setup.workers());
  }

  /**
   * The part that limits the pipeline. {@link #toString()} gives the figures behind the answer, and
   * {@link #advice()} says what to change.
   *
   * <p>Only the time after the loader's first batch was ready counts, because before that every
   * loop waits. The first rule that applies decides:
   *
   * <ol>
   *   <li>Fewer than 10 batches in less than a second, or fewer than 500 in less than 25 ms, are
   *       too little to judge: {@code BALANCED}.
   *   <li>Batches come faster than one each 25 us: {@code OVERHEAD}.
   *   <li>The loop waits for less than 10 % of the time: {@code CONSUMER}. No change to the loader
   *       would gain more than that.
   *   <li>The busiest part is the stages, the copies, or the loop's own work on the device, and is
   *       busy enough: {@code STAGE}, {@code COPY} or {@code CONSUMER}.
   *   <li>Workers have no job for at least 10 % of their time, and for longer than they wait for a
   *       slot: {@code SUBMITTER}.
   *   <li>The busiest part is the target, it is busy enough, and the workers wait for a slot no
   *       longer than the loop waits: {@code PRODUCER}.
   *   <li>For half the time that the loop waited, no part was busy at all; or batches come faster
   *       than one each millisecond: {@code OVERHEAD}.
   *   <li>Everything else is {@code BALANCED}.
   * </ol>
   *
   * <p>A part is busy enough if it was busy for at least 75 % of the time. 50 % are enough if a
   * change to it can gain twice what more slots can. If batches come faster than one each
   * millisecond, then for stages, copies and the loop half the time that the loop waited is enough,
   * and a part whose work takes no longer than to wake a thread limits nothing.
   *
   * <p>The time in which copies are held up counts as the loop's work. If that is at least 10 % of
   * the time, and the loader has several device slots, the time of the copies counts as the loop's
   * work too.
   *
   * @return the bottleneck
   */
  public Bottleneck bottleneck() {
    return analysis().bottleneck();
  }

  ThreadUsage threads() {
    return totals.threads();
  }

  BottleneckAnalysis analysis() {
    return new BottleneckAnalysis(
        setup, sinceFirst(), totals.batches(), totals.bytes(), fillTime(), copyTime(), stageTime());
  }

  /**
   * What to change, in numbers, and what rate to expect. The elements are alternatives: following
   * one of them is enough, and the first one is the easiest to follow. {@link #toString()} ends
   * with these sentences.
   *
   * <p>The list is empty if there are too few batches, if less than a quarter of a second has
   * passed, or if the loop itself takes the time. If the time goes into handing over batches, it
   * usually is empty, too. A change that could save less than 10 % of the time is left out.
   *
   * <p>The numbers are arithmetic on what was measured after the first batch. They assume that
   * after a change each part takes its time for a batch as before, and that nobody waits for
   * anything else. So the predicted rate is an upper bound. What they cannot know:
   *
   * <ul>
   *   <li>Whether more fills at a time are as fast as those now. A disk, a network or the memory
   *       may be used up. Four times as many workers are the most that is advised at once.
   *   <li>Whether fills of several workers would wait for each other, where there is one worker.
   *       {@link Advice#condition()} says so. Where there are several, no more are advised if they
   *       block each other in the JVM: often on a monitor, or at this moment on a lock.
   *   <li>What other programs, and threads that the target starts, need of the cores. More workers
   *       are advised only while the CPU time of the workers and of the thread that takes the
   *       batches leaves cores free. If several threads take them, or only a virtual thread or one
   *       that has ended, they count as computing whenever they do not wait for a batch.
   *   <li>How long the next pause of the loop will be. Slots are counted for the waits so far.
   * </ul>
   *
   * <p>The CPU time is read when the statistics are made. The JVM may not report it: the module
   * {@code java.management} is not there, its measurement is turned off, or the loader is closed.
   * Then the sentences say so, and no more workers are advised than there are cores. If there are
   * two more host slots than workers, which is the default, the advice assumes that this stays so
   * when you change the number of workers.
   *
   * @return unmodifiable; empty if there is nothing to say
   */
  public List<Advice> advice() {
    return advice(analysis());
  }

  List<Advice> advice(BottleneckAnalysis analysis) {
    return List.copyOf(new Advisor(analysis, setup, totals).advice());
  }

  /** All of the time, if no batch was delivered. */
  private PipelineTimes sinceFirst() {
    return batches() == 0 ? totals.times() : totals.times().minus(totals.beforeFirst());
  }

  /**
   * Several lines for people: the figures with their units, the bottleneck, its evidence, and
   * advice.
   */
  @Override
  public String toString() {
    return report().toString();
  }

  LoaderStatsReport report() {
    return new LoaderStatsReport(this, setup, totals.times(), sinceFirst());
  }
}
