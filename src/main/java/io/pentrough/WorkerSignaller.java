package io.pentrough;

import java.util.List;

/** Wakes workers that rest, one for each host slot that gets free. Guarded by the {@link Core}. */
final class WorkerSignaller {

  private final List<WorkerState> workers;

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
