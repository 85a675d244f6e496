package io.pentrough;

import org.jspecify.annotations.Nullable;

/**
 * What the {@link Copier} asks of the loader, and reports to it: which batch comes next, and how
 * far its copy is. Each method enters the lock once.
 *
 * <pre>
 *     next --> queued --> (begins) --> copied --> ready
 *              `------ completed is the last three ----'
 *     next --> ran: a copy that its caller has run, so nothing was queued
 * </pre>
 */
final class CopyProgress {

  private final Core core;
  private final boolean hasStages;

  /** When the stages were last seen to end. Guarded by the core. */
  private long stagedUntil = Long.MIN_VALUE;

  CopyProgress(Core core) {
    this.core = core;
    hasStages = core.memory.stages != null;
  }

  /** The next batch to copy, its slots reserved; null if there is none now. */
  @Nullable DeviceSlot next() {
    if (!core.copySignal.isCopyPossible()) {
      return null;
    }
    synchronized (core) {
      return reserve(core.time.now());
    }
  }

  private @Nullable DeviceSlot reserve(long now) {
    DeviceSlot next = core.isStopped() ? null : core.ledger.startCopy(now);
    if (next == null) {
      core.copySignal.nothingToCopy();
    }
    return next;
  }

  /** The next copy waits for work of a consumer. */
  void heldUp() {
    synchronized (core) {
      core.stats.stalls.copyHeldUp(core.time.now());
    }
  }

  /**
   * The copy has nothing left to wait for.
   *
   * @param wasHeldUp whether {@link #heldUp()} was called before
   */
  void begins(DeviceSlot slot, boolean wasHeldUp) {
    synchronized (core) {
      long now = core.time.now();
      begins(slot, now);
      if (wasHeldUp) {
        core.stats.stalls.copyLetGo(now);
      }
    }
  }

  private void begins(DeviceSlot slot, long now) {
    slot.copyBegins(now);
    core.stats.copyStarted(now);
    core.consumers.signalRunningCopy(); // being woken takes no longer than the copy
  }

  /**
   * A copy has been queued: consumers whose stream is to wait for it need not.
   *
   * @param begins whether it has nothing to wait for
   */
  void queued(DeviceSlot slot, boolean begins) {
    synchronized (core) {
      core.ledger.device.queued(slot);
      if (!core.ledger.canCopy()) {
        core.copySignal.nothingToCopy(); // else the next look would be in vain
      }
      if (begins) {
        begins(slot, core.time.now());
      }
      core.consumers.signalQueuedCopy();
    }
  }

  /**
   * The copy has run, and read the host slot; stages follow.
   *
   * @param wake for that slot
   * @param next the copy that has nothing left to wait for now; null if there is none
   */
  void copied(DeviceSlot slot, Wake wake, @Nullable DeviceSlot next) {
    WorkerState worker;
    synchronized (core) {
      long now = core.time.now();
      worker = copied(slot, wake, now);
      if (next != null) {
        begins(next, now);
      }
    }
    WorkerSignaller.wake(worker);
  }

  /** Returns a worker for the caller to wake without the lock, if there is one. */
  private @Nullable WorkerState copied(DeviceSlot slot, Wake wake, long now) {
    slot.copied(now);
    core.stats.copyEnded(now);
    if (hasStages) {
      core.stats.stagesStarted(now);
    }
    core.ledger.host.copied(slot.source(), now);
    if (wake == Wake.LATER) {
      core.workerSignaller.wakeLater();
    }
    return wake == Wake.NOW ? core.workerSignaller.takeOne() : null;
  }

  /** The stages after the copy have run. */
  void ready(DeviceSlot slot) {
    synchronized (core) {
      ready(slot, core.time.now());
    }
  }

  private void ready(DeviceSlot slot, long now) {
    core.memory(slot).fence.endCopy(); // not before: a copy that fails may have waited in vain (I7)
    if (slot.state != DeviceSlot.State.COPYING) {
      core.stats.firstReady(now); // it was taken in flight
    }
    ended(slot, now);
  }

  private void ended(DeviceSlot slot, long now) {
    core.consumers.watch.copied(slot, now);
    core.stats.copied(slot.copiedNanos - slot.copySinceNanos);
    if (hasStages) {
      core.stats.staged(now - Math.max(slot.copiedNanos, stagedUntil)); // one after the other
      core.stats.stagesEnded(now);
      stagedUntil = now;
    }
    if (core.ledger.device.ready(slot, now)) {
      core.stats.firstReady(now);
      core.consumers.signal();
    } else {
      core.copySignal.mayCopy(); // the slot may be free
    }
  }

  /** The copy has run, and no stage follows it: {@link #copied} and {@link #ready} at once. */
  void completed(DeviceSlot slot, Wake wake, @Nullable DeviceSlot next) {
    WorkerState worker;
    synchronized (core) {
      long now = core.time.now();
      worker = copied(slot, wake, now);
      ready(slot, now);
      if (next != null) {
        begins(next, now);
      }
    }
    WorkerSignaller.wake(worker);
  }

  /**
   * The caller has run the copy itself, and nothing is queued behind it.
   *
   * @param wake as for {@link #copied}
   * @param more whether to go on with the next
   * @return the next batch to copy, its slots reserved; null if there is none now
   */
  @Nullable DeviceSlot ran(DeviceSlot slot, Wake wake, boolean more) {
    WorkerState worker;
    DeviceSlot next;
    synchronized (core) {
      long now = core.time.now();
      slot.copyBegins(slot.sinceNanos); // it was reserved then
      core.stats.copyStarted(slot.copySinceNanos);
      worker = copied(slot, wake, now);
      ready(slot, now);
      next = more ? reserve(now) : null;
    }
    WorkerSignaller.wake(worker);
    return next;
  }

  /** A stage has failed for the batch: reported in its turn, when what is queued has run. */
  void stageFailed(DeviceSlot slot, Throwable failure) {
    synchronized (core) {
      core.failed(failure);
      core.ledger.device.stageFailed(slot, failure);
    }
  }

  /** A copy of which nobody knows whether it ran, but that does not run any more. */
  void abandoned(DeviceSlot slot) {
    synchronized (core) {
      ended(slot, core.time.now());
    }
  }

  /** The consumers' work on a slot that was given back early, or could not be, has run. */
  void returned(DeviceSlot slot) {
    synchronized (core) {
      if (slot.state == DeviceSlot.State.RETURNING || slot.state == DeviceSlot.State.POISONED) {
        long now = core.time.now();
        core.memory(slot).fence.allOver();
        if (slot.state == DeviceSlot.State.RETURNING
            && slot.source().state == HostSlot.State.MAPPED) {
          core.stats.stalls.slotNoMoreInUse(now);
        }
        core.ledger.device.returned(slot, now);
        core.copySignal.mayCopy();
        core.workerSignaller.wakeOne();
      }
    }
  }
}
