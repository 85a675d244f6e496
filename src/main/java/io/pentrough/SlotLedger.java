package io.pentrough;

import io.pentrough.Trace.Step;
import org.jspecify.annotations.Nullable;

/**
 * The state machine of a loader: which slot belongs to whom, which batch is next.
 *
 * <p>It knows no threads, no memory and no waiting. {@link Core} is the lock around every call, and
 * its callers do the waiting; tests step it on one thread. Every method takes the time and either
 * makes one legal step or returns that there is none.
 *
 * <p>Steps of one slot are its ring's. What takes from both rings, or moves the order on, is here.
 *
 * <pre>
 * host slot    FREE --claim--> FILLING --publish--> FILLED --startCopy--> COPYING --copied--> FREE
 *                                 |--fail---------> FAILED --takeFailure------------------> FREE
 *                                 |--markEmpty-----> EMPTY  --freeEmpty--------------------> FREE
 *
 * device slot  FREE --startCopy--> COPYING --ready--> READY --take--> LEASED --release--> FREE
 *                                                                       |--poison--> POISONED --returned--> FREE
 *
 * taken in flight      COPYING --take--> LEASED --ready--> LEASED as above
 *                                           |--release--> RETURNING --ready--> FREE
 *
 * zero-copy: host slot and device slot of one number are the same memory
 *              FILLED --startCopy--> MAPPED ---------------------------------------------returned--> FREE
 *              FREE ----startCopy--> READY --take--> LEASED --release--> RETURNING ------returned--> FREE
 * </pre>
 *
 * A batch is named by its <em>sequence</em> number, its place in the order of delivery. {@link
 * #reset} starts a new <em>generation</em> at the lowest undelivered number: what belongs to an
 * older one is dropped wherever it stands, and a slot still in somebody's hands is freed when it
 * comes back (I4).
 */
final class SlotLedger {

  final DeliveryOrder order;
  final HostRing host;
  final DeviceRing device;
  private final boolean mapped;
  private final TraceRecorder trace;

  /**
   * Makes an idle ledger.
   *
   * @param source what the sequence numbers stand for
   * @param ordered whether batches are delivered in the order of their sequence numbers (I3), else
   *     as they get ready
   * @param mapped whether host slot and device slot of one number are the same memory; both rings
   *     then have one depth
   * @param trace records each step
   */
  SlotLedger(
      JobSource source,
      int hostSlots,
      int deviceSlots,
      boolean ordered,
      boolean mapped,
      TraceRecorder trace) {
    this.mapped = mapped;
    this.trace = trace;
    order = new DeliveryOrder(source, ordered);
    host = new HostRing(hostSlots, source, order, trace);
    device = new DeviceRing(deviceSlots, order, trace, mapped ? host : null);
  }

  // ---- from host to device

  /** Whether {@link #startCopy} would find a batch and a slot now. */
  boolean canCopy() {
    return host.nextToCopy() != null && device.isAny(DeviceSlot.State.FREE);
  }

  /**
   * Gives the next batch in the order of delivery a device slot; null if there is no such batch or
   * no slot. The batch's host slot is the {@link DeviceSlot#source()} of the result.
   */
  @Nullable DeviceSlot startCopy(long now) {
    HostSlot from = host.nextToCopy();
    if (from == null) {
      return null;
    }
    DeviceSlot to = mapped ? device.slots.get(from.number) : device.longestFree();
    if (to == null) {
      return null;
    }
    order.copied(from.sequence);
    to.takeOver(from, order.generation());
    to.entry.reach(mapped ? Step.READY : Step.RESERVED, now);
    to.underCopy = !mapped;
    from.enter(mapped ? HostSlot.State.MAPPED : HostSlot.State.COPYING, now);
    to.enter(mapped ? DeviceSlot.State.READY : DeviceSlot.State.COPYING, now);
    return to;
  }

  // ---- in the order of delivery

  /**
   * Frees the slots that a consumer has reached and that bring no batch: empty ones, and those
   * after the end of their epoch, whatever was thrown there. True if there were any.
   */
  boolean freeEmpty(long now) {
    boolean any = false;
    for (HostSlot slot = host.nextEmpty(); slot != null; slot = host.nextEmpty()) {
      order.deliver(slot.sequence);
      slot.entry.end(Trace.Result.EMPTY, now);
      host.free(slot, now);
      any = true;
    }
    while (order.lowestIsBehindEnd() && !host.holds(order.lowestOpen())) { // emptied by a reset
      order.deliver(order.lowestOpen());
      any = true;
    }
    return any;
  }

  /**
   * The failure that is to be reported next; null if there is none. Frees its slot: it is reported
   * once (I3).
   */
  @Nullable Failure takeFailure(long now) {
    HostSlot filled = host.nextFailed();
    DeviceSlot staged = device.nextFailed(filled == null ? Long.MAX_VALUE : filled.order);
    if (staged != null) {
      Failure failure = deliverFailure(staged, now);
      device.free(staged, now);
      return failure;
    }
    if (filled == null) {
      return null;
    }
    Failure failure = deliverFailure(filled, now);
    host.free(filled, now);
    return failure;
  }

  private Failure deliverFailure(RingSlot<?> slot, long now) {
    order.deliver(slot.sequence);
    slot.entry.end(Trace.Result.FAILED, now);
    return Failure.of(slot);
  }

  /** Gives a batch to a consumer: the one that {@link DeviceRing#nextBatch} has just found. */
  void take(DeviceSlot next, Thread holder, long now) {
    order.deliver(next.sequence);
    device.lease(next, holder, now);
  }

  // ---- the ends

  /** Starts anew from the lowest undelivered number. Leases stay as they are. */
  void reset(long now) {
    trace.reset(now);
    order.reset();
    freeUndelivered(now);
  }

  /**
   * Nothing is claimed, copied or delivered from now on; what is in somebody's hands comes back as
   * always.
   */
  void stop(long now) {
    if (!isStopped()) {
      trace.stopped(now);
    }
    order.stop();
    freeUndelivered(now);
  }

  private void freeUndelivered(long now) {
    host.freeUndelivered(now);
    device.freeUndelivered(now);
  }

  boolean isStopped() {
    return order.isStopped();
  }

  /** Whether the last batch has been delivered, and no consumer holds one. */
  boolean isOver() {
    return order.isExhausted() && !device.isAny(DeviceSlot.State.LEASED);
  }
}
