package io.pentrough;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Wakes workers that rest, one for each host slot that gets free. Guarded by the {@link Core}.
 *
 * <p>A worker that is woken under the lock rests again, at the lock, and has to be woken once more.
 * So a caller that is in a hurry takes the worker under the lock, and wakes it afterwards. On two
 * cores that made a get + close with a pause in between 5 us long instead of 12 (without a copy,
 * one worker), and halved the 99th percentile of those without a pause (two workers).
 */
final class WorkerSignaller {

  private final List<WorkerState> workers;

  /** Wakes that somebody has put off, see {@link #wakeLater}. */
  private volatile int owed;

  WorkerSignaller(List<WorkerState> workers) {
    this.workers = workers;
  }

  /** Wakes a worker, if one rests. */
  void wakeOne() {
    wake(takeOne());
  }

  /** A worker that rests, for the caller to {@link #wake} without the lock; null if none rests. */
  @Nullable WorkerState takeOne() {
    for (int i = 0; i < workers.size(); i++) {
      WorkerState worker = workers.get(i);
      if (worker.parked) {
        worker.parked = false;
        return worker;
      }
    }
    return null;
  }

  /** Needs no lock. */
  static void wake(@Nullable WorkerState worker) {
    if (worker != null) {
      worker.wake();
    }
  }

  /**
   * A host slot has got free, but the caller has no time to wake a worker: a wake takes some ten
   * microseconds, and its batch is waited for. The next thread that has time does it: a consumer
   * that closes a batch or finds none, or the copy thread.
   */
  @SuppressWarnings("NonAtomicVolatileUpdate") // under the lock; others only look whether it is 0
  void wakeLater() {
    owed++;
  }

  /** Whether {@link #wakeOwed} has anything to do. From any thread. */
  boolean areWakesOwed() {
    return owed > 0;
  }

  void wakeOwed() {
    wake(takeOwed());
  }

  /** Wakes who has been put off, but leaves one to the caller, as {@link #takeOne} does. */
  @SuppressWarnings("NonAtomicVolatileUpdate") // under the lock
  @Nullable WorkerState takeOwed() {
    WorkerState last = null;
    for (; owed > 0; owed--) {
      wake(last);
      last = takeOne();
    }
    return last;
  }

  /** Wakes all that rest, also one that somebody has taken and may have failed to wake. */
  void wakeAll() {
    for (int i = 0; i < workers.size(); i++) {
      WorkerState worker = workers.get(i);
      worker.parked = false;
      worker.wake();
    }
  }
}
