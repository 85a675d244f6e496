package io.pentrough;

import io.pentrough.Trace.Step;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The host slots of a {@link SlotLedger}, from a worker's claim until the slot is free again, and
 * the questions that need a look at all of them.
 */
final class HostRing {

  final List<HostSlot> slots;

  private final JobSource source;
  private final DeliveryOrder order;
  private final TraceRecorder trace;
  private long published;

  HostRing(int depth, JobSource source, DeliveryOrder order, TraceRecorder trace) {
    List<HostSlot> made = new ArrayList<>();
    for (int i = 0; i < depth; i++) {
      made.add(new HostSlot(i));
    }
    slots = List.copyOf(made);
    this.source = source;
    this.order = order;
    this.trace = trace;
  }

  // ---- the worker's side

  /**
   * Gives a free slot and the next sequence number to a worker; null if one of them is missing now.
   */
  @Nullable HostSlot claim(int worker, long now) {
    HostSlot slot = order.isStopped() ? null : anyFree();
    if (slot == null || !order.findNextClaim()) {
      return null;
    }
    slot.sequence = order.claim();
    slot.generation = order.generation();
    slot.worker = worker;
    source.claimed(slot);
    slot.enter(HostSlot.State.FILLING, now);
    trace.claimed(slot, now);
    return slot;
  }

  private @Nullable HostSlot anyFree() {
    for (int i = 0; i < slots.size(); i++) { // an iterator would be heap for each batch (I6)
      if (slots.get(i).state == HostSlot.State.FREE) {
        return slots.get(i);
      }
    }
    return null;
  }

  /** Whether the slot's result will be delivered: no reset, no stop since it was claimed. */
  boolean isWanted(HostSlot slot) {
    return !order.isStale(slot.generation);
  }

  /** The target has returned. False if nobody wants the batch any more; its slot is free then. */
  boolean publish(HostSlot slot, long now) {
    slot.require(slot.state == HostSlot.State.FILLING, "publish");
    slot.entry.reach(Step.FILLED, now);
    if (!isWanted(slot)) {
      free(slot, now);
      return false;
    }
    slot.order = published++;
    slot.enter(HostSlot.State.FILLED, now);
    return true;
  }

  /** The target has thrown. False if nobody wants to know any more; its slot is free then. */
  boolean fail(HostSlot slot, Throwable failure, long now) {
    if (!publish(slot, now)) {
      return false;
    }
    slot.failure = failure;
    slot.entry.failed(failure);
    slot.enter(HostSlot.State.FAILED, now);
    return true;
  }

  /** There will be no batch. False if nobody would have wanted it; the slot is free then. */
  boolean markEmpty(HostSlot slot, long now) {
    if (!publish(slot, now)) {
      return false;
    }
    slot.enter(HostSlot.State.EMPTY, now);
    return true;
  }

  /**
   * The target's answer contradicts an earlier one. Reported like a failure, but also after the end
   * of its epoch.
   */
  boolean contradict(HostSlot slot, Throwable failure, long now) {
    slot.contradicts = fail(slot, failure, now);
    return slot.contradicts;
  }

  // ---- the copy's side

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
      order.copied(number); // needs no device slot: it failed or is empty
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

  /** The copy has read the slot, as the host sees it (I1). */
  void copied(HostSlot slot, long now) {
    slot.require(slot.state == HostSlot.State.COPYING, "copied");
    free(slot, now);
  }

  // ---- the consumer's side

  /** The failure that is to be reported next; null if there is none. */
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

  /** Whether a slot holds the number, and its result will be delivered, reported or empty. */
  boolean holds(long sequence) {
    for (int i = 0; i < slots.size(); i++) {
      HostSlot slot = slots.get(i);
      boolean holdsIt = isUndelivered(slot) || slot.state == HostSlot.State.FILLING;
      if (holdsIt && slot.sequence == sequence && isWanted(slot)) {
        return true;
      }
    }
    return false;
  }

  // ---- back to free; only for the SlotLedger, and for the DeviceRing of the same memory

  void freeUndelivered(long now) {
    for (HostSlot slot : slots) {
      if (isUndelivered(slot)) {
        free(slot, now);
      }
    }
  }

  /** Not by a switch, whose table would be a class that is first needed at the end. */
  private static boolean isUndelivered(HostSlot slot) {
    return slot.state == HostSlot.State.FILLED
        || slot.state == HostSlot.State.FAILED
        || slot.state == HostSlot.State.EMPTY;
  }

  void free(HostSlot slot, long now) {
    slot.entry = trace.freed(slot.entry, now);
    slot.free(now);
  }
}
