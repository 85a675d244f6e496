package io.pentrough;

import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.WorkFailedException;
import org.jspecify.annotations.Nullable;

/**
 * Gives a closed loader's memory back once nobody uses any of its slots, however long that takes
 * (I7). Not one by one: a driver may let a free wait for all work of the context, and so for a
 * consumer that is still at work on another slot. The copy thread's; no copy runs any more.
 *
 * <p>Work that failed is over. A device that does not answer has not said so: then the slot's
 * events, or the stream its last release was lost on, are waited for, and a slot for which that
 * fails too is leaked and named.
 */
final class Reclaimer {

  enum Answer {
    OVER,
    PENDING,
    NONE
  }

  private final Core core;
  private final CopyProgress progress;
  private final LoaderMemory memory;

  Reclaimer(Core core) {
    this.core = core;
    progress = new CopyProgress(core);
    memory = core.memory;
  }

  /**
   * Looks which slots are out of use; frees everything if all are.
   *
   * @return 0 when everything has been given back; else the nanoseconds until there may be more to
   *     do, unless the thread is woken before
   */
  long step() {
    while (true) {
      int inUse = 0;
      int unanswered = 0;
      boolean polls = false;
      for (DeviceSlot slot : core.ledger.device.slots) {
        DeviceSlotMemory held = memory.deviceSlots.get(slot.number);
        if (slot.outOfUse || held.leaked) {
          continue;
        }
        if (core.is(slot, DeviceSlot.State.POISONED)) {
          unanswered++;
        } else if (!isGivenBack(slot)) {
          inUse++;
        } else {
          Answer answer = consumersWork(held.fence);
          if (answer == Answer.OVER) {
            progress.returned(slot);
            outOfUse(slot);
          } else if (answer == Answer.PENDING) {
            inUse++;
            polls = true;
          } else {
            unanswered++;
          }
        }
      }
      inUse += hostSlotsInUse();
      if (inUse > 0) {
        return polls ? Core.POLL_NANOS : Long.MAX_VALUE;
      }
      if (unanswered == 0) {
        memory.freeAll();
        return 0;
      }
      awaitUnanswered(); // last, as nobody knows how long that takes
    }
  }

  /**
   * Whether no lease is open on the slot and no copy writes it; a consumer's queued work may still
   * use it.
   */
  private boolean isGivenBack(DeviceSlot slot) {
    return core.is(slot, DeviceSlot.State.FREE) || core.is(slot, DeviceSlot.State.RETURNING);
  }

  /** Nobody will use the slot again. */
  private void outOfUse(DeviceSlot slot) {
    synchronized (core) {
      slot.outOfUse = true;
      core.notifyAll();
    }
  }

  private void outOfUse(HostSlot slot) {
    synchronized (core) {
      slot.outOfUse = true;
      core.notifyAll();
    }
  }

  private int hostSlotsInUse() {
    int inUse = 0;
    for (HostSlot slot : core.ledger.host.slots) {
      HostSlotMemory held = memory.hostSlots.get(slot.number);
      if (slot.outOfUse || held.leaked) {
        continue;
      }
      if (core.is(slot, HostSlot.State.FREE)) {
        outOfUse(slot);
      } else if (!core.is(slot, HostSlot.State.MAPPED)) { // else counted with its device slot
        inUse++;
      }
    }
    return inUse;
  }

  /** Whether the work of all consumers that may still use the slot has run. */
  private static Answer consumersWork(ReleaseFence fence) {
    Answer awaited = answer(fence.awaited());
    return awaited == Answer.OVER ? answer(fence.latest()) : awaited;
  }

  private static Answer answer(@Nullable DeviceEvent released) {
    try {
      return released == null || released.isComplete() ? Answer.OVER : Answer.PENDING;
    } catch (WorkFailedException e) {
      return Answer.OVER;
    } catch (Throwable t) {
      return Answer.NONE;
    }
  }

  private void awaitUnanswered() {
    for (DeviceSlot slot : core.ledger.device.slots) {
      DeviceSlotMemory held = memory.deviceSlots.get(slot.number);
      if (slot.outOfUse || held.leaked) {
        continue;
      }
      try {
        DeviceStream lostOn = held.lostOn;
        if (lostOn != null) {
          await(lostOn::synchronize);
          held.lostOn = null;
        }
        await(held.fence.awaited());
        await(held.fence.latest());
        held.fence.allOver();
        progress.returned(slot);
      } catch (Throwable t) {
        memory.leak(slot.number, held, t);
      }
    }
  }

  private static void await(@Nullable DeviceEvent released) {
    if (released != null) {
      await(released::synchronize);
    }
  }

  private static void await(Runnable work) {
    try {
      work.run();
    } catch (WorkFailedException e) {
      // It is over anyway.
    }
  }
}
