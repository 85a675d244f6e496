package io.pentrough;

import io.pentrough.Trace.Step;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The state machine of a loader: which slot belongs to whom, which batch is next.
 *
 * <p>It knows no threads, no memory and no waiting. {@link Core} is the lock around every call, and
 * its callers do the waiting; tests step it on one thread. Every method takes the time and either
 * makes one legal step or says that there is none.
 *
 * <pre>
 * host slot    FREE --claim--> FILLING --publish--> FILLED --startCopy--> COPYING --copied--> FREE
 *                                 |--fail---------> FAILED --takeFailure------------------> FREE
 *                                 |--markEmpty-----> EMPTY  --passOver---------------------> FREE
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

  private final JobSource source;
  final DeliveryOrder order;
  final DeviceRing device;
  private final HostRing host;
  private final boolean mapped;
  private final TraceRecorder trace;
  private long published;

  /**
   * Makes an idle ledger.
   *
   * @param source what the sequence numbers stand for
   * @param ordered whether batches are delivered in the order of their sequence numbers (I3), else
   *     as they get ready
   * @param mapped whether host slot and device slot of one number are the same memory; both rings
   *     then have one depth
   * @param trace is told of each step
   */
  SlotLedger(
      JobSource source,
      int hostSlots,
      int deviceSlots,
      boolean ordered,
      boolean mapped,
      TraceRecorder trace) {
    this.source = source;
    this.mapped = mapped;
    this.trace = trace;
    order = new DeliveryOrder(source, ordered);
    host = new HostRing(hostSlots, order);
    device = new DeviceRing(deviceSlots, order);
  }

  // ---- the worker's side

  /**
   * Gives a free host slot and the next sequence number to a worker; null if either is not to be
   * had now.
   */
  @Nullable HostSlot claim(int worker, long now) {
    HostSlot slot = order.isStopped() ? null : host.free();
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

  /** The target has returned. False if nobody wants the batch any more; its slot is free then. */
  boolean publish(HostSlot slot, long now) {
    require(slot.state == HostSlot.State.FILLING, "publish", slot.state);
    slot.entry.reach(Step.FILLED, now);
    if (order.isStale(slot.generation)) {
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
   * The target's answer contradicts an earlier one. Reported like a failure, but also behind the
   * end of its epoch.
   */
  boolean contradict(HostSlot slot, Throwable failure, long now) {
    slot.contradicts = fail(slot, failure, now);
    return slot.contradicts;
  }

  // ---- the copy's side

  /**
   * Gives the next batch in the order of delivery a device slot; null if there is no such batch or
   * no slot. The batch's host slot is the {@link DeviceSlot#source()} of the result.
   */
  @Nullable DeviceSlot startCopy(long now) {
    HostSlot from = host.nextToCopy();
    if (from == null) {
      return null;
    }
    DeviceSlot to = mapped ? device.slots.get(from.number) : device.free();
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

  /** Whether {@link #startCopy} would find a batch and a slot now. */
  boolean canCopy() {
    return host.nextToCopy() != null && device.free() != null;
  }

  /** Whether the last batch has been delivered, and no consumer holds one. */
  boolean isOver() {
    return order.isExhausted() && !device.isAnyLeased();
  }

  /** The copy has read the host slot, as the host sees it (I1). */
  void copied(HostSlot slot, long now) {
    require(slot.state == HostSlot.State.COPYING, "copied", slot.state);
    free(slot, now);
  }

  /** A stage failed. Reported in place of the batch, once its copy has ended. */
  void stageFailed(DeviceSlot slot, Throwable failure) {
    require(slot.underCopy, "fail the stage", slot.state);
    slot.failure = failure;
    slot.entry.failed(failure);
  }

  /** The copy has been queued: from now on a stream can wait for it. */
  void queued(DeviceSlot slot) {
    slot.copyQueued = true;
  }

  /**
   * The batch stands on the device. True if it waits for a consumer now; else it has one already,
   * or its slot is free because nobody wants it any more.
   */
  boolean ready(DeviceSlot slot, long now) {
    require(slot.underCopy, "ready", slot.state);
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
   * Frees the slots that a consumer has reached and that bring no batch: empty ones, those behind
   * the end of their epoch, and what was thrown there. True if there were any.
   */
  boolean passOver(long now) {
    boolean any = false;
    for (HostSlot slot = host.nextEmpty(); slot != null; slot = host.nextEmpty()) {
      order.deliver(slot.sequence);
      slot.entry.end(Trace.Result.EMPTY, now);
      free(slot, now);
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
      Failure failure = Failure.of(staged);
      order.deliver(staged.sequence);
      staged.entry.end(Trace.Result.FAILED, now);
      free(staged, now);
      return failure;
    }
    if (filled == null) {
      return null;
    }
    Failure failure = Failure.of(filled);
    order.deliver(filled.sequence);
    filled.entry.end(Trace.Result.FAILED, now);
    free(filled, now);
    return failure;
  }

  /**
   * The batch that is to be delivered next; null if it is not there.
   *
   * @param inFlight whether one will do whose copy is only queued
   */
  @Nullable DeviceSlot next(boolean inFlight) {
    return device.nextBatch(inFlight);
  }

  /** The batch that is to be delivered next cannot be: told instead of it, once it is ready. */
  void refuse(DeviceSlot slot, Throwable failure) {
    slot.failure = failure;
    slot.entry.failed(failure);
  }

  /**
   * Gives the batch that is to be delivered next to a consumer; null if it is not there.
   *
   * @param inFlight whether one will do whose copy is only queued
   */
  @Nullable DeviceSlot take(Thread holder, boolean inFlight, long now) {
    DeviceSlot first = next(inFlight);
    if (first != null) {
      order.deliver(first.sequence);
      first.leaseTo(holder);
      first.warnedOfLease = false;
      first.entry.end(Trace.Result.DELIVERED, now);
      first.enter(DeviceSlot.State.LEASED, now);
    }
    return first;
  }

  /**
   * The lease is closed and its release recorded (I2).
   *
   * @return whether the slot is mapped, so that the host may not write it before {@link #returned}
   */
  boolean release(DeviceSlot slot, long now) {
    require(slot.state == DeviceSlot.State.LEASED, "release", slot.state);
    slot.forgetHolder();
    slot.entry.reach(Step.CLOSED, now);
    if (mapped || slot.underCopy) {
      slot.enter(DeviceSlot.State.RETURNING, now);
    } else {
      free(slot, now);
    }
    return mapped;
  }

  /**
   * The lease is closed but its release could not be recorded: nobody can tell when the slot may be
   * written (I2).
   */
  void poison(DeviceSlot slot, long now) {
    require(slot.state == DeviceSlot.State.LEASED, "poison", slot.state);
    slot.forgetHolder();
    slot.entry.reach(Step.CLOSED, now);
    slot.enter(DeviceSlot.State.POISONED, now);
  }

  /** The consumer's work has run, as the host sees it: the slot may be written again, or freed. */
  void returned(DeviceSlot slot, long now) {
    require(
        slot.state == DeviceSlot.State.RETURNING || slot.state == DeviceSlot.State.POISONED,
        "returned",
        slot.state);
    free(slot, now);
  }

  // ---- everybody's

  /** Starts anew from the lowest undelivered number. Leases stay as they are. */
  void reset(long now) {
    trace.reset(now);
    order.reset();
    dropUndelivered(now);
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
    dropUndelivered(now);
  }

  /**
   * Whether what comes of the slot will be delivered: no reset and no stop since it was claimed.
   */
  boolean isWanted(HostSlot slot) {
    return !order.isStale(slot.generation);
  }

  boolean isStopped() {
    return order.isStopped();
  }

  List<HostSlot> hostSlots() {
    return host.slots;
  }

  List<DeviceSlot> deviceSlots() {
    return device.slots;
  }

  private void dropUndelivered(long now) {
    for (HostSlot slot : host.slots) {
      if (HostRing.isUndelivered(slot)) {
        free(slot, now);
      }
    }
    for (DeviceSlot slot : device.slots) {
      if (slot.state == DeviceSlot.State.READY) {
        free(slot, now);
      }
    }
  }

  private void free(HostSlot slot, long now) {
    slot.entry = trace.freed(slot.entry, now);
    slot.free(now);
  }

  private void free(DeviceSlot slot, long now) {
    slot.entry = trace.freed(slot.entry, now);
    slot.free(now);
    if (mapped) {
      free(slot.source(), now);
    }
  }

  private static void require(boolean legal, String step, Enum<?> state) {
    if (!legal) {
      throw new IllegalStateException("bug in Pentrough: " + step + " of a slot that is " + state);
    }
  }
}
