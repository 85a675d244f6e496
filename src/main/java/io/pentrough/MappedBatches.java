package io.pentrough;

import io.pentrough.device.DeviceEvent;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Nobody copies: host slot and device slot of one number are the same memory, and a filled slot is
 * ready. It goes back to the workers once the consumer's work has run.
 */
final class MappedBatches implements CopyStrategy {

  private final Core core;
  private final CopyProgress progress;

  /** Whether the device knows, when a slot is closed, that no work is queued. */
  private final boolean tellsAtOnce;

  /** The copy thread's: what it waits for. */
  private @Nullable DeviceEvent awaited;

  MappedBatches(Core core) {
    this.core = core;
    progress = new CopyProgress(core);
    tellsAtOnce = core.device.copiesInCaller();
  }

  @Override
  public boolean published(boolean claimed, boolean canCopy) {
    synchronized (core) {
      long now = core.time.now();
      for (DeviceSlot slot = core.ledger.startCopy(now);
          slot != null;
          slot = core.ledger.startCopy(now)) {
        core.memory(slot).describe(core.memory(slot.source()).filled());
        core.stats.firstReady(now);
        core.consumers.signal();
      }
    }
    return false;
  }

  @Override
  public boolean hasRun(DeviceEvent released) {
    try {
      return tellsAtOnce && released.isComplete();
    } catch (RuntimeException e) {
      return false; // the copy thread will ask
    }
  }

  @Override
  public @Nullable WorkerState releasing(DeviceSlot slot, boolean hasRun, long now) {
    if (!hasRun) {
      core.stats.stalls.slotStillInUse(now);
      return null;
    }
    core.memory(slot).fence.allOver();
    core.ledger.device.returned(slot, now);
    return core.workerSignaller.takeOne();
  }

  @Override
  public void released(boolean canCopy) {
    core.copySignal.wakeCopyThread();
  }

  /** Gives the slots back whose consumers' work has run. */
  @Override
  public Progress work() {
    boolean moved = false;
    awaited = null;
    List<DeviceSlot> slots = core.ledger.device.slots;
    for (int i = 0; i < slots.size(); i++) { // an iterator would be heap for each batch (I6)
      DeviceSlot slot = slots.get(i);
      if (!core.is(slot, DeviceSlot.State.RETURNING)) {
        continue;
      }
      DeviceEvent released = core.memory(slot).fence.latest();
      if (released == null || released.isComplete()) {
        progress.returned(slot);
        moved = true;
      } else if (awaited == null) {
        awaited = released;
      }
    }
    if (moved) {
      return Progress.MOVED;
    }
    return awaited == null ? Progress.IDLE : Progress.WAITING;
  }

  @Override
  public void awaitWork(long atMostNanos) {
    if (awaited == null) {
      core.time.park(this, atMostNanos);
    } else {
      awaited.park(Core.POLL_NANOS);
    }
  }
}
