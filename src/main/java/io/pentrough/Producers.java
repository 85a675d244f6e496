package io.pentrough;

import org.jspecify.annotations.Nullable;

/**
 * What workers ask of the loader: a host slot to fill, and what becomes of it.
 *
 * <p>A worker publishes its slot and claims the next one in the same step. Only if it finds none
 * does it rest, until somebody frees a slot.
 */
final class Producers {

  private final Core core;
  private final CopyStrategy copies;

  Producers(Core core, CopyStrategy copies) {
    this.core = core;
    this.copies = copies;
  }

  /** Waits for a host slot and an index; null when the worker shall end. */
  @Nullable HostSlot claim(WorkerState worker) {
    long asked;
    long starvedBefore;
    synchronized (core) {
      asked = core.time.now();
      worker.sinceNanos = asked;
      HostSlot slot = tryClaim(worker, asked);
      if (slot != null) {
        core.stats.slotWaited(0);
        return slot;
      }
      core.stats.stalls.workerIdle(asked);
      starvedBefore = core.stats.stalls.starvedNanos(asked);
    }
    return awaitSlot(worker, asked, starvedBefore);
  }

  /**
   * The target has returned, with a batch or with the end of its epoch, or has thrown. Waits for
   * the next slot.
   *
   * @return as {@link #claim}
   */
  @Nullable HostSlot publishAndClaim(
      WorkerState worker, HostSlot filled, @Nullable Throwable thrown, boolean endOfEpoch) {
    HostSlot next;
    long now;
    long starvedBefore = 0;
    boolean canCopy;
    synchronized (core) {
      now = core.time.now();
      publish(worker, filled, thrown, endOfEpoch, now);
      next = tryClaim(worker, now);
      canCopy = core.ledger.canCopy();
      if (next == null) {
        core.stats.stalls.workerIdle(now);
        starvedBefore = core.stats.stalls.starvedNanos(now);
      } else {
        core.stats.slotWaited(0);
      }
    }
    boolean copied = copies.published(next != null, canCopy);
    if (core.isStopped()) {
      core.copySignal.wakeCopyThread(); // to free the slot
    }
    if (next == null) {
      return awaitSlot(worker, now, starvedBefore);
    }
    if (core.isStopped()) {
      return null; // nobody wants what the target would make; ended() frees the slot
    }
    if (copied) {
      synchronized (core) {
        worker.fills(next, core.time.now()); // the copies are not the target's time
      }
    }
    return next;
  }

  private @Nullable HostSlot awaitSlot(WorkerState worker, long asked, long starvedBefore) {
    StatsRecorder stats = core.stats;
    while (true) {
      synchronized (core) {
        worker.parked = false;
        long now = core.time.now();
        HostSlot slot = tryClaim(worker, now);
        if (slot != null || core.isStopped()) {
          stats.stalls.workerBusy(now);
          if (slot != null) {
            stats.slotWaited(
                Math.max(0, now - asked - (stats.stalls.starvedNanos(now) - starvedBefore)));
          }
          return slot;
        }
        worker.parked = true;
      }
      core.park(worker, Long.MAX_VALUE);
    }
  }

  private @Nullable HostSlot tryClaim(WorkerState worker, long now) {
    HostSlot slot = core.ledger.host.claim(worker.number, now);
    core.windowMayHaveMoved(); // numbers that stand for nothing are delivered on the way
    if (slot != null) {
      core.lookForJobs(now); // this may have been the last
      slot.entry.reach(Trace.Step.REQUESTED, worker.sinceNanos);
      worker.fills(slot, now);
    }
    return slot;
  }

  /** Publishes the worker's slot, or marks it failed or empty. */
  private void publish(
      WorkerState worker, HostSlot slot, @Nullable Throwable thrown, boolean endOfEpoch, long now) {
    SlotLedger ledger = core.ledger;
    if (thrown == null) {
      core.stats.filled(now - worker.sinceNanos);
    }
    worker.filling = null;
    worker.sinceNanos = now;
    core.copySignal.mayCopy();
    if (!ledger.host.isWanted(slot)) {
      ledger.host.publish(slot, now);
      return;
    }
    Throwable failure = thrown == null ? contradiction(slot, endOfEpoch) : thrown;
    if (failure == null && !endOfEpoch) {
      HostBatch batch = core.memory(slot).filled();
      if (batch.size() == 0) { // and nothing to copy
        ledger.host.fail(slot, BadBatch.ofAll(batch.badSamples()), now);
        core.consumers.signal();
      } else {
        ledger.host.publish(slot, now);
      }
      return;
    }
    core.consumers.signal();
    boolean behindTheEnd = thrown != null && !core.source.exists(slot.sequence);
    if (failure == null || behindTheEnd) {
      ledger.host.markEmpty(slot, now);
      core.workerSignaller.wakeAll(); // another epoch may begin
    } else if (thrown == null) {
      ledger.host.contradict(slot, failure, now);
    } else {
      ledger.host.fail(slot, failure, now);
    }
  }

  private @Nullable Throwable contradiction(HostSlot slot, boolean endOfEpoch) {
    String wrong = core.source.returned(slot, endOfEpoch);
    if (wrong == null) {
      return null;
    }
    Throwable failure = new IllegalStateException(wrong);
    core.failed(failure);
    return failure;
  }

  /** The target has thrown: whether it shall be called again for the slot. */
  boolean mayRetry(HostSlot slot, int attempt, Throwable failure) {
    synchronized (core) {
      core.failed(failure);
      boolean retries =
          attempt < core.settings.failurePolicy().retries() && core.ledger.host.isWanted(slot);
      if (retries) {
        core.trace.retried(slot, failure, core.time.now());
      }
      return retries;
    }
  }

  /** The worker's thread is about to end. */
  void ended(WorkerState worker) {
    synchronized (core) {
      HostSlot abandoned = worker.filling;
      if (abandoned != null) { // the library failed, and has stopped: the slot is free
        worker.filling = null;
        core.ledger.host.publish(abandoned, core.time.now());
      }
      worker.ended = true;
      core.notifyAll();
    }
    core.copySignal.wakeCopyThread();
  }
}
