package io.pentrough;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The host slots, and the questions of a {@link SlotLedger} that need a look at all of them. */
final class HostRing {

  final List<HostSlot> slots;

  private final DeliveryOrder order;

  HostRing(int depth, DeliveryOrder order) {
    List<HostSlot> made = new ArrayList<>();
    for (int i = 0; i < depth; i++) {
      made.add(new HostSlot(i));
    }
    slots = List.copyOf(made);
    this.order = order;
  }

  @Nullable HostSlot free() {
    for (int i = 0; i < slots.size(); i++) { // an iterator would be heap for each batch (I6)
      if (slots.get(i).state == HostSlot.State.FREE) {
        return slots.get(i);
      }
    }
    return null;
  }

  /** The filled slot whose turn it is to be copied; null if there is none. */
  @Nullable HostSlot nextToCopy() {
    return order.isOrdered() ? nextInOrder() : firstFilled();
  }

  private @Nullable HostSlot nextInOrder() {
    while (true) {
      long number = order.nextCopy();
      HostSlot next = null;
      for (int i = 0; i < slots.size(); i++) {
        if (isUndelivered(slots.get(i)) && slots.get(i).sequence == number) {
          next = slots.get(i);
        }
      }
      if (next == null || next.state == HostSlot.State.FILLED) {
        return next;
      }
      order.copied(number); // what brings no batch needs no device slot, and is told in its turn
    }
  }

  private @Nullable HostSlot firstFilled() {
    HostSlot first = null;
    for (int i = 0; i < slots.size(); i++) {
      HostSlot slot = slots.get(i);
      if (slot.state == HostSlot.State.FILLED && (first == null || slot.order < first.order)) {
        first = slot;
      }
    }
    return first;
  }

  /** The failure that is to be told next; null if there is none. */
  @Nullable HostSlot nextFailed() {
    HostSlot first = null;
    for (int i = 0; i < slots.size(); i++) {
      HostSlot slot = slots.get(i);
      long best = first == null ? Long.MAX_VALUE : first.order;
      if (slot.state == HostSlot.State.FAILED && order.comesNext(slot.sequence, slot.order, best)) {
        first = slot;
      }
    }
    return first;
  }

  /** A slot of which no batch comes, and whose turn has come; null if there is none. */
  @Nullable HostSlot nextEmpty() {
    for (int i = 0; i < slots.size(); i++) {
      HostSlot slot = slots.get(i);
      boolean nothing =
          slot.state == HostSlot.State.EMPTY
              || (slot.state == HostSlot.State.FAILED
                  && !slot.contradicts
                  && order.isBehindEnd(slot.sequence));
      if (nothing && (!order.isOrdered() || slot.sequence == order.lowestOpen())) {
        return slot;
      }
    }
    return null;
  }

  /** Whether a slot holds the number, and something will be heard of it. */
  boolean holds(long sequence) {
    for (int i = 0; i < slots.size(); i++) {
      HostSlot slot = slots.get(i);
      boolean holdsIt = isUndelivered(slot) || slot.state == HostSlot.State.FILLING;
      if (holdsIt && slot.sequence == sequence && !order.isStale(slot.generation)) {
        return true;
      }
    }
    return false;
  }

  /** Not by a switch, whose table would be a class that is first needed at the end. */
  static boolean isUndelivered(HostSlot slot) {
    return slot.state == HostSlot.State.FILLED
        || slot.state == HostSlot.State.FAILED
        || slot.state == HostSlot.State.EMPTY;
  }
}
