package io.pentrough;

import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.WorkFailedException;
import java.util.concurrent.TimeUnit;
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

  /** A device that cannot wake us is asked about its events this often. */
  private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

  enum Answer {
    OVER,
    PENDING,
    NONE
  }

  private final Engine engine;
  private final LoaderMemory memory;

  Reclaimer(Engine engine, LoaderMemory memory) {
    this.engine = engine;
    this.memory = memory;
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
      for (DeviceSlot slot : engine.deviceSlots()) {
        DeviceSlotMemory held = memory.deviceSlots.get(slot.number);
        if (slot.outOfUse || held.leaked) {
          continue;
        }
        if (engine.is(slot, DeviceSlot.State.LOST)) {
          unanswered++;
        } else if (!engine.isGivenBack(slot)) {
          inUse++;
        } else {
          Answer answer = consumersWork(held.fence);
          if (answer == Answer.OVER) {
            engine.returned(slot);
            engine.outOfUse(slot);
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
        return polls ? POLL_NANOS : Long.MAX_VALUE;
      }
      if (unanswered == 0) {
        memory.freeAll();
        return 0;
      }
      awaitUnanswered(); // last, as nobody knows how long that takes
    }
  }

  private int hostSlotsInUse() {
    int inUse = 0;
    for (HostSlot slot : engine.hostSlots()) {
      HostSlotMemory held = memory.hostSlots.get(slot.number);
      if (slot.outOfUse || held.leaked) {
        continue;
      }
      if (engine.is(slot, HostSlot.State.FREE)) {
        engine.outOfUse(slot);
      } else if (!engine.is(slot, HostSlot.State.LENT)) { // else counted with its device slot
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
    for (DeviceSlot slot : engine.deviceSlots()) {
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
        engine.returned(slot);
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
      // It is over all the same.
    }
  }
}
