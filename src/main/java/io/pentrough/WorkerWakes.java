package io.pentrough;

import java.util.List;

/**
 * Which worker is woken, and for how much. Guarded by the engine's monitor.
 *
 * <p>A wake costs the caller some microseconds, and the worker comes ten to twenty later. Where a
 * fill takes longer than that, a worker is woken for each slot that gets free. Where it does not,
 * one is woken for several slots at once, while other batches are still in store.
 */
final class WorkerWakes {

  /** About what it takes to wake a thread, and for it to run. */
  static final long WAKE_NANOS = 20_000;

  private final List<Worker> workers;
  private final SlotLedger ledger;
  private final int hostSlots;
  private final StatsRecorder stats;
  private final boolean smallSlots;

  /**
   * Wakes nobody yet.
   *
   * @param smallSlots whether a copy, too, takes less time than a wake
   */
  WorkerWakes(
      List<Worker> workers,
      SlotLedger ledger,
      int hostSlots,
      StatsRecorder stats,
      boolean smallSlots) {
    this.workers = workers;
    this.ledger = ledger;
    this.hostSlots = hostSlots;
    this.stats = stats;
    this.smallSlots = smallSlots;
  }

  /** Wakes a worker if there are host slots for it, and enough of them. */
  void forSlots() {
    boolean eachIsWorthIt = !smallSlots || stats.recentFillNanos() > WAKE_NANOS;
    int free = ledger.freeHostSlots();
    if (areEnough(free, hostSlots, eachIsWorthIt) || (free > 0 && !ledger.hasBatchInStore())) {
      one();
    }
  }

  /** Whether so many slots of all are worth a wake while other batches are in store. */
  static boolean areEnough(int free, int all, boolean eachIsWorthIt) {
    return free > 0 && (eachIsWorthIt || free * 2 >= all);
  }

  /** Wakes a worker, if one rests. */
  boolean one() {
    for (int i = 0; i < workers.size(); i++) {
      if (wake(workers.get(i))) {
        return true;
      }
    }
    return false;
  }

  /** Wakes all that rest. */
  void every() {
    for (int i = 0; i < workers.size(); i++) {
      wake(workers.get(i));
    }
  }

  private static boolean wake(Worker worker) {
    boolean parked = worker.parked;
    if (parked) {
      worker.parked = false;
      worker.wake();
    }
    return parked;
  }
}
