package io.pentrough;

import java.util.List;

/**
 * What a loader says of itself: statistics, snapshots, timelines, diagnoses, events of the Flight
 * Recorder. From any thread. Takes the core's lock to read one moment, and puts it into words
 * without.
 */
final class Reports {

  private final Core core;
  private final Trace.Setup setup;
  private final Jfr.Watch flightRecorder;

  Reports(Core core) {
    this.core = core;
    LoaderOptions settings = core.settings;
    setup =
        new Trace.Setup(
            settings.name(),
            core.device.name(),
            !core.device.copiesInCaller(),
            core.source instanceof JobQueue,
            settings.zeroCopy(),
            settings.stages() != null,
            settings.firstWorker(),
            settings.workers(),
            core.ledger.host.slots.size(),
            core.ledger.device.slots.size());
    flightRecorder = new Jfr.Watch(setup, this::statistics);
  }

  LoaderStats statistics() {
    ThreadUsage threads = threadUsage();
    synchronized (core) {
      return core.stats.snapshot(core.time.now(), threads);
    }
  }

  /** Without the lock: the JVM takes its time. */
  private ThreadUsage threadUsage() {
    long consumer;
    synchronized (core) {
      consumer = core.stats.consumer();
    }
    return ThreadUsage.read(
        core.workers.stream().mapToLong(worker -> worker.thread().getId()).toArray(), consumer);
  }

  LoaderSnapshot snapshot() {
    synchronized (core) {
      return new LoaderSnapshot(
          core.settings.name(), core.ledger, core.source, core.workers, core.time.now());
    }
  }

  /** Of this moment; to be written out without the lock. */
  Diagnosis diagnosis() {
    synchronized (core) {
      return new Diagnosis(snapshot(), core.stats.skips(), core.stats.badSamples());
    }
  }

  Trace trace() {
    Trace.Clock clock = Trace.Clock.read(core.time);
    ThreadUsage threads = threadUsage();
    TraceRecorder.Picture picture;
    LoaderStats stats;
    synchronized (core) {
      long now = core.time.now();
      picture = core.trace.picture(core.ledger.host.slots, core.ledger.device.slots, now);
      stats = core.stats.snapshot(now, threads);
    }
    return new Trace(setup, clock, picture, stats);
  }

  /** Reports the batches that are over to the Flight Recorder, if it asks. Without the lock. */
  void reportToFlightRecorder() {
    assert !Thread.holdsLock(core);
    flightRecorder.look();
    if (!core.trace.hasUnreported()) {
      return;
    }
    List<TraceEntry> over;
    long startedAt;
    synchronized (core) {
      over = core.trace.takeUnreported();
      startedAt = core.trace.startedAt();
    }
    for (TraceEntry entry : over) {
      Jfr.batch(core.settings.name(), startedAt, entry);
    }
  }

  /** No more statistics are reported to the Flight Recorder. */
  void endStatistics() {
    flightRecorder.end();
  }
}
