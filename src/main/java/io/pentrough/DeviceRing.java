package io.pentrough;

import io.pentrough.Trace.Step;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The device slots of a {@link SlotLedger}, from the reservation for a copy until the slot is free
 * again, and the questions that need a look at all of them.
 */
final class DeviceRing {

  final List<DeviceSlot> slots;

  private final DeliveryOrder order;
  private final TraceRecorder trace;

  /** The host slot of the same number is the same memory; null where batches are copied. */
  private final @Nullable HostRing sameMemory;

  /**
   * How many slots hold a failure instead of a batch. Mostly none, and nobody need look for one.
   */
  private int failures;

  /** In order, the next batch mostly stands in this slot: the one after the last batch's. */
  private int likelyNext;

  DeviceRing(int depth, DeliveryOrder order, TraceRecorder trace, @Nullable HostRing sameMemory) {
    List<DeviceSlot> made = new ArrayList<>();
    for (int i = 0; i < depth; i++) {
      made.add(new DeviceSlot(i));
    }
    slots = List.copyOf(made);
    this.order = order;
    this.trace = trace;
    this.sameMemory = sameMemory;
  }

  boolean isAny(DeviceSlot.State state) {
    for (int i = 0; i < slots.size(); i++) {
      if (slots.get(i).state == state) {
        return true;
      }
    }
    return false;
  }

  // ---- the copy's side

  /**
   * The slot that has been free for the longest time. The consumer's work on the others is younger,
   * and a copy would wait for it.
   */
  @Nullable DeviceSlot longestFree() {
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

  /** A stage failed. Reported in place of the batch, once its copy has ended. */
  void stageFailed(DeviceSlot slot, Throwable failure) {
    slot.require(slot.underCopy, "fail the stage");
    fail(slot, failure);
  }

  /** The copy has been queued: from now on a stream can wait for it. */
  void queued(DeviceSlot slot) {
    slot.copyQueued = true;
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

  /**
   * The batch stands on the device. True if it waits for a consumer now; else it has one already,
   * or its slot is free because nobody wants it any more.
   */
  boolean ready(DeviceSlot slot, long now) {
    slot.require(slot.underCopy, "ready");
    slot.underCopy = false;
    slot.entry.reach(Step.READY, now);
    boolean wanted = slot.state == DeviceSlot.State.COPYING && !order.isStale(slot.generation);
    if (wanted) {
      slot.enter(DeviceSlot.State.READY, now);
    } else if (slot.state == DeviceSlot.State.COPYING || slot.state == DeviceSlot.State.RETURNING) {
      free(slot, now);
    }
    return wanted;
  }

  // ---- the consumer's side

  /**
   * The batch that is to be delivered next; null if it is not there.
   *
   * @param inFlight whether one will do whose copy is only queued
   */
  @Nullable DeviceSlot nextBatch(boolean inFlight) {
    DeviceSlot likely = slots.get(likelyNext);
    if (order.isOrdered() && isNext(likely, inFlight, Long.MAX_VALUE)) {
      return likely;
    }
    DeviceSlot first = null;
    for (int i = 0; i < slots.size(); i++) {
      DeviceSlot slot = slots.get(i);
      if (isNext(slot, inFlight, first == null ? Long.MAX_VALUE : first.order)) {
        first = slot;
      }
    }
    return first;
  }

  private boolean isNext(DeviceSlot slot, boolean inFlight, long best) {
    boolean there = slot.state == DeviceSlot.State.READY || (inFlight && isQueuedAndWanted(slot));
    return there && slot.failure == null && order.comesNext(slot.sequence, slot.order, best);
  }

  private boolean isQueuedAndWanted(DeviceSlot slot) {
    return slot.state == DeviceSlot.State.COPYING
        && slot.copyQueued
        && !order.isStale(slot.generation);
  }

  /** The batch that is to be delivered next fails: reported in its place, once it is ready. */
  void refuse(DeviceSlot slot, Throwable failure) {
    fail(slot, failure);
  }

  private void fail(DeviceSlot slot, Throwable failure) {
    failures += slot.failure == null ? 1 : 0;
    slot.failure = failure;
    slot.entry.failed(failure);
  }

  /** The failure that is to be reported next, before the given order; null if there is none. */
  @Nullable DeviceSlot nextFailed(long before) {
    if (failures == 0) {
      return null;
    }
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

  /** A consumer takes the batch. Only for the {@link SlotLedger}, which knows whose turn it is. */
  void lease(DeviceSlot slot, Thread holder, long now) {
    likelyNext = (slot.number + 1) % slots.size();
    slot.leaseTo(holder);
    slot.warnedOfLease = false;
    slot.entry.end(Trace.Result.DELIVERED, now);
    slot.enter(DeviceSlot.State.LEASED, now);
  }

  /** How many slots the thread holds leases of. */
  int heldBy(Thread holder) {
    int held = 0;
    for (int i = 0; i < slots.size(); i++) {
      held += slots.get(i).holder() == holder ? 1 : 0;
    }
    return held;
  }

  /**
   * The lease is closed and its release recorded (I2). A mapped slot may not be written before
   * {@link #returned}.
   */
  void release(DeviceSlot slot, long now) {
    endLease(slot, "release", now);
    if (sameMemory != null || slot.underCopy) {
      slot.enter(DeviceSlot.State.RETURNING, now);
    } else {
      free(slot, now);
    }
  }

  /**
   * The lease is closed but its release could not be recorded: nobody knows when the slot may be
   * written (I2).
   */
  void poison(DeviceSlot slot, long now) {
    endLease(slot, "poison", now);
    slot.enter(DeviceSlot.State.POISONED, now);
  }

  private static void endLease(DeviceSlot slot, String step, long now) {
    slot.require(slot.state == DeviceSlot.State.LEASED, step);
    slot.forgetHolder();
    slot.entry.reach(Step.CLOSED, now);
  }

  /** The consumer's work has run, as the host sees it: the slot may be written again, or freed. */
  void returned(DeviceSlot slot, long now) {
    slot.require(
        slot.state == DeviceSlot.State.RETURNING || slot.state == DeviceSlot.State.POISONED,
        "returned");
    free(slot, now);
  }

  // ---- back to free; only for the SlotLedger

  void freeUndelivered(long now) {
    for (DeviceSlot slot : slots) {
      if (slot.state == DeviceSlot.State.READY) {
        free(slot, now);
      }
    }
  }

  void free(DeviceSlot slot, long now) {
    slot.entry = trace.freed(slot.entry, now);
    failures -= slot.failure == null ? 0 : 1;
    slot.free(now);
    if (sameMemory != null) {
      sameMemory.free(slot.source(), now);
    }
  }
}
