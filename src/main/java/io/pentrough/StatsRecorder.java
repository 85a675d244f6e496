package io.pentrough;

import org.jspecify.annotations.Nullable;

/**
 * Records a loader's statistics while it runs.
 *
 * <p>The engine calls every method under its lock, with times from {@link System#nanoTime()}. Only
 * {@link #snapshot} and the first {@link #firstReady} allocate. No method reads a clock.
 *
 * <p>A wait is reported twice. Its begin and its end give the shares, and an open wait counts up to
 * the snapshot. Its length, reported when it is over, gives the timings. A thread that need not
 * wait reports only a length of 0.
 */
final class StatsRecorder {

  private final int workers;
  private final int cores;
  private final int hostSlots;
  private final int deviceSlots;
  private final Object loader = new Object();

  /** Who is held up by whom. */
  final Stalls stalls = new Stalls();

  private long snapshots;

  /** How many bytes of the host memory are not pinned. */
  private long pageableBytes;

  /** The thread that took the last batch. */
  private long consumer = ThreadUsage.NO_THREAD;

  private boolean severalConsumers;
  private boolean started;
  private long startedAt;
  private long firstReadyNanos = LoaderStats.NEVER;
  private @Nullable PipelineTimes beforeFirst;

  private long batches;
  private long bytes;
  private long failures;
  private long skips;
  private long badSamples;
  private final Histogram fills = new Histogram();
  private final Histogram slotWaits = new Histogram();
  private final Histogram copies = new Histogram();
  private final Histogram stages = new Histogram();
  private final Histogram consumerWaits = new Histogram();
  private final Gauge copiesUnderWay = new Gauge();
  private final Gauge stagesAtWork = new Gauge();
  private final Gauge consumersStarving = new Gauge();

  /** All times up to the end of the data; null as long as there is more to come. */
  private @Nullable PipelineTimes atEnd;

  /**
   * Nothing has happened yet.
   *
   * @param cores the processors that the JVM may use
   */
  StatsRecorder(int workers, int cores, int hostSlots, int deviceSlots) {
    this.workers = workers;
    this.cores = cores;
    this.hostSlots = hostSlots;
    this.deviceSlots = deviceSlots;
  }

  /** This many bytes of the host memory are not pinned. */
  void pageable(long ofHostMemory) {
    pageableBytes = ofHostMemory;
  }

  /** The loader starts. All shares count from here. Called before any other report. */
  void started(long now) {
    started = true;
    startedAt = now;
  }

  /** A batch is ready for a consumer; only the first call counts. */
  void firstReady(long now) {
    if (firstReadyNanos == LoaderStats.NEVER) {
      firstReadyNanos = now - startedAt;
      beforeFirst = times(now);
    }
  }

  /** A target has returned normally. */
  void filled(long nanos) {
    fills.record(nanos);
  }

  /** A worker has its slot, after this wait. */
  void slotWaited(long nanos) {
    slotWaits.record(nanos);
  }

  /** A copy was seen complete, this long after it could begin. */
  void copied(long nanos) {
    copies.record(nanos);
  }

  /** The stages' work on a batch was seen complete, this long after its copy. */
  void staged(long nanos) {
    stages.record(nanos);
  }

  /** A consumer has got its batch, or given up, after this wait. */
  void consumerWaited(long nanos) {
    consumerWaits.record(nanos);
  }

  /** A consumer takes a batch of this size. */
  void delivered(long batchBytes) {
    batches++;
    bytes += batchBytes;
  }

  boolean anyDelivered() {
    return batches > 0;
  }

  /** The thread with this identifier takes a batch. */
  void takenBy(long thread) {
    severalConsumers |= consumer != ThreadUsage.NO_THREAD && consumer != thread;
    consumer = thread;
  }

  /** The one thread that takes batches; {@link ThreadUsage#NO_THREAD} if it is not one. */
  long consumer() {
    return severalConsumers ? ThreadUsage.NO_THREAD : consumer;
  }

  /** A target has thrown. */
  void failed() {
    failures++;
  }

  /** A batch is left out. */
  void skipped() {
    skips++;
  }

  long skips() {
    return skips;
  }

  /** A batch that is delivered or left out lacks this number of samples. */
  void badSamples(int samples) {
    badSamples += samples;
  }

  long badSamples() {
    return badSamples;
  }

  /** Stages have a batch to work on. */
  void stagesStarted(long now) {
    stagesAtWork.begin(now);
  }

  void stagesEnded(long now) {
    stagesAtWork.end(now);
  }

  /** A copy has nothing left to wait for. */
  void copyStarted(long now) {
    copiesUnderWay.begin(now);
  }

  /** A copy is seen to be complete, or has failed. */
  void copyEnded(long now) {
    copiesUnderWay.end(now);
  }

  /** A consumer begins to wait, because no batch is ready. */
  void consumerStarving(long now) {
    consumersStarving.begin(now);
  }

  /** A consumer ends its wait, with a batch or without. */
  void consumerFed(long now) {
    consumersStarving.end(now);
  }

  /** Everything up to now, except the threads. */
  LoaderStats snapshot(long now) {
    return snapshot(now, ThreadUsage.NOT_ASKED);
  }

  /** Everything up to now. */
  LoaderStats snapshot(long now, ThreadUsage threads) {
    PipelineTimes times = times(now);
    return new LoaderStats(
        loader,
        0,
        ++snapshots,
        new PipelineSetup(workers, cores, hostSlots, deviceSlots, pageableBytes),
        firstReadyNanos,
        new LoaderTotals(
            times,
            beforeFirst == null ? times : beforeFirst,
            batches,
            bytes,
            failures,
            skips,
            badSamples,
            fills.copy(),
            slotWaits.copy(),
            copies.copy(),
            stages.copy(),
            consumerWaits.copy(),
            threads));
  }

  /**
   * The last batch has been delivered and given back. What the threads do from now on is not the
   * loader's business, so the shares stay as they are.
   */
  void over(long now) {
    if (atEnd == null) {
      atEnd = allTimes(now);
    }
  }

  private PipelineTimes times(long now) {
    return atEnd == null ? allTimes(now) : atEnd;
  }

  private PipelineTimes allTimes(long now) {
    stalls.advance(now);
    copiesUnderWay.advance(now);
    stagesAtWork.advance(now);
    consumersStarving.advance(now);
    return new PipelineTimes(
        started ? now - startedAt : 0,
        stalls.idleNanos(),
        stalls.workersStarvedNanos(),
        copiesUnderWay.busyNanos(),
        stalls.heldUpNanos(),
        stagesAtWork.busyNanos(),
        consumersStarving.busyNanos());
  }
}
