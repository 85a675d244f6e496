package io.pentrough;

import java.util.List;

/** Wakes workers that rest, one for each host slot that gets free. Guarded by the {@link Core}. */
final class WorkerSignaller {

  private final List<WorkerState> workers;

  /** Wakes that somebody has put off, see {@link #wakeLater}. */
  private volatile int owed;

  WorkerSignaller(List<WorkerState> workers) {
    this.workers = workers;
  }

  /** Wakes a worker, if one rests. */
  void wakeOne() {
    for (int i = 0; i < workers.size(); i++) {
      if (wake(workers.get(i))) {
        return;
      }
    }
  }

  /**
   * A host slot has got free, but the caller has no time to wake a worker: a wake takes some ten
   * microseconds, and its batch is waited for. Whoever comes next does it, a consumer that closes
   * or finds nothing, or the copy thread.
   */
  @SuppressWarnings("NonAtomicVolatileUpdate") // under the lock; others only look whether it is 0
  void wakeLater() {
    owed++;
  }

  /** Whether {@link #wakeOwed} has anything to do. From any thread. */
  boolean areWakesOwed() {
    return owed > 0;
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // under the lock
  void wakeOwed() {
    for (; owed > 0; owed--) {
      wakeOne();
    }
  }

  /** Wakes all that rest. */
  void wakeAll() {
    for (int i = 0; i < workers.size(); i++) {
      wake(workers.get(i));
    }
  }

  private static boolean wake(WorkerState worker) {
    boolean parked = worker.parked;
    if (parked) {
      worker.parked = false;
      worker.wake();
    }
    return parked;
  }
}
