package io.pentrough;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The device slots, and the questions of a {@link SlotLedger} that need a look at all of them. */
final class DeviceRing {

  final List<DeviceSlot> slots;

  private final DeliveryOrder order;

  DeviceRing(int depth, DeliveryOrder order) {
    List<DeviceSlot> made = new ArrayList<>();
    for (int i = 0; i < depth; i++) {
      made.add(new DeviceSlot(i));
    }
    slots = List.copyOf(made);
    this.order = order;
  }

  /**
   * The slot that has been free for the longest time. The consumer's work on the others is younger,
   * and a copy would wait for it.
   */
  @Nullable DeviceSlot free() {
    DeviceSlot oldest = null;
    for (int i = 0; i < slots.size(); i++) { // an iterator would be heap for each batch (I6)
      DeviceSlot slot = slots.get(i);
      if (slot.state == DeviceSlot.State.FREE
          && (oldest == null || slot.sinceNanos - oldest.sinceNanos < 0)) {
        oldest = slot;
      }
    }
    return oldest;
  }

  /**
   * The batch that is to be delivered next; null if it is not there.
   *
   * @param inFlight whether one will do whose copy is only queued
   */
  @Nullable DeviceSlot nextBatch(boolean inFlight) {
    DeviceSlot first = null;
    for (int i = 0; i < slots.size(); i++) {
      DeviceSlot slot = slots.get(i);
      boolean there = slot.state == DeviceSlot.State.READY || (inFlight && isQueuedAndWanted(slot));
      long best = first == null ? Long.MAX_VALUE : first.order;
      if (there && slot.failure == null && order.comesNext(slot.sequence, slot.order, best)) {
        first = slot;
      }
    }
    return first;
  }

  private boolean isQueuedAndWanted(DeviceSlot slot) {
    return slot.state == DeviceSlot.State.COPYING
        && slot.copyQueued
        && !order.isStale(slot.generation);
  }

  /** The stage's failure that is to be told next, before the given order; null if there is none. */
  @Nullable DeviceSlot nextFailed(long before) {
    DeviceSlot first = null;
    for (int i = 0; i < slots.size(); i++) {
      DeviceSlot slot = slots.get(i);
      long best = first == null ? before : first.order;
      if (slot.state == DeviceSlot.State.READY
          && slot.failure != null
          && order.comesNext(slot.sequence, slot.order, best)) {
        first = slot;
      }
    }
    return first;
  }

  /** The slot whose copy or stage runs, and ends first; null if none does. */
  @Nullable DeviceSlot firstUnderCopy() {
    DeviceSlot first = null;
    for (int i = 0; i < slots.size(); i++) {
      DeviceSlot slot = slots.get(i);
      if (slot.state == DeviceSlot.State.COPYING
          && slot.copyBegun
          && (first == null || slot.copySinceNanos < first.copySinceNanos)) {
        first = slot;
      }
    }
    return first;
  }

  /** Whether a consumer holds a batch. */
  boolean isAnyLeased() {
    for (int i = 0; i < slots.size(); i++) {
      if (slots.get(i).state == DeviceSlot.State.LEASED) {
        return true;
      }
    }
    return false;
  }

  /** How many slots the thread holds leases of. */
  int heldBy(Thread holder) {
    int held = 0;
    for (int i = 0; i < slots.size(); i++) {
      held += slots.get(i).holder() == holder ? 1 : 0;
    }
    return held;
  }
}
