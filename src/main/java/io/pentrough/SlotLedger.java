package io.pentrough;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * The state machine of a loader: which slot belongs to whom, which batch is next.
 *
 * <p>It knows no threads, no memory and no waiting. {@link Engine} holds the monitor around every
 * call and does the waiting; tests step it on one thread. Every method takes the time and either
 * makes one legal step or says that there is none.
 *
 * <pre>
 * host slot    FREE --claim--> FILLING --publish--> FILLED --startCopy--> COPYING --copied--> FREE
 *                                 |--fail---------> FAILED --takeFailure------------------> FREE
 *                                 |--pass---------> PASSED --passOver---------------------> FREE
 *
 * device slot  FREE --startCopy--> COPYING --ready--> READY --take--> LEASED --release--> FREE
 *                                                                       |--lose--> LOST --returned--> FREE
 *
 * taken early          COPYING --takeEarly--> LEASED --ready--> LEASED as above
 *                                               |--release--> RETURNING --ready--> FREE
 *
 * handed over without a copy: host slot and device slot of one number are the same memory
 *              FILLED --startCopy--> LENT -----------------------------------------------returned--> FREE
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
  private final HostSlot[] host;
  private final DeviceSlot[] device;
  private final boolean ordered;
  private final boolean handOver;

  private final DeliveredWindow delivered = new DeliveredWindow();
  private int generation;
  private long nextClaim;
  private long nextCopy;
  private long nextOrder;
  private boolean refusedByWindow;
  private boolean stopped;

  /**
   * Makes an idle ledger.
   *
   * @param source what the sequence numbers stand for
   * @param ordered whether batches are delivered in the order of their sequence numbers (I3), else
   *     as they get ready
   * @param handOver whether host slot and device slot of one number are the same memory; both rings
   *     then have one depth
   */
  SlotLedger(JobSource source, int hostSlots, int deviceSlots, boolean ordered, boolean handOver) {
    this.source = source;
    host = new HostSlot[hostSlots];
    for (int i = 0; i < hostSlots; i++) {
      host[i] = new HostSlot(i);
    }
    device = new DeviceSlot[deviceSlots];
    for (int i = 0; i < deviceSlots; i++) {
      device[i] = new DeviceSlot(i);
    }
    this.ordered = ordered;
    this.handOver = handOver;
    for (long sequence : source.deliveredBefore()) {
      delivered.add(sequence);
    }
  }

  // ---- the worker's side

  /**
   * Gives a free host slot and the next sequence number to a worker; null if either is not to be
   * had now.
   */
  @Nullable HostSlot claim(int worker, long now) {
    if (stopped) {
      return null;
    }
    HostSlot slot = null;
    for (HostSlot candidate : host) {
      if (candidate.state == HostSlot.State.FREE) {
        slot = candidate;
        break;
      }
    }
    if (slot == null) {
      return null;
    }
    if (!findNumberToClaim()) {
      return null;
    }
    slot.sequence = nextClaim++;
    slot.generation = generation;
    slot.worker = worker;
    source.claimed(slot);
    slot.enter(HostSlot.State.FILLING, now);
    return slot;
  }

  /** The target has returned. False if nobody wants the batch any more; its slot is free then. */
  boolean publish(HostSlot slot, long now) {
    require(slot.state == HostSlot.State.FILLING, "publish", slot.state);
    if (isStale(slot.generation)) {
      free(slot, now);
      return false;
    }
    slot.order = nextOrder++;
    slot.enter(HostSlot.State.FILLED, now);
    return true;
  }

  /** The target has thrown. False if nobody wants to know any more; its slot is free then. */
  boolean fail(HostSlot slot, Throwable failure, long now) {
    if (!publish(slot, now)) {
      return false;
    }
    slot.failure = failure;
    slot.enter(HostSlot.State.FAILED, now);
    return true;
  }

  /** There will be no batch. False if nobody would have wanted it; the slot is free then. */
  boolean pass(HostSlot slot, long now) {
    if (!publish(slot, now)) {
      return false;
    }
    slot.enter(HostSlot.State.PASSED, now);
    return true;
  }

  /**
   * The target's answer contradicts an earlier one. Told like a failure, but also where that lies
   * behind the end of its epoch.
   */
  boolean contradict(HostSlot slot, Throwable failure, long now) {
    slot.toldAnyway = fail(slot, failure, now);
    return slot.toldAnyway;
  }

  // ---- the copy's side

  /**
   * Gives the next batch in the order of delivery a device slot; null if there is no such batch or
   * no slot. The batch's host slot is the {@link DeviceSlot#source()} of the result.
   */
  @Nullable DeviceSlot startCopy(long now) {
    HostSlot from = nextToCopy();
    if (from == null) {
      return null;
    }
    DeviceSlot to = handOver ? device[from.number] : freeDeviceSlot();
    if (to == null) {
      return null;
    }
    nextCopy = from.sequence + 1;
    to.comesFrom(from);
    to.sequence = from.sequence;
    to.epoch = from.epoch;
    to.index = from.index;
    to.worker = from.worker;
    to.generation = generation;
    to.order = from.order;
    to.underCopy = !handOver;
    to.copyQueued = false;
    to.copyBegun = false;
    from.enter(handOver ? HostSlot.State.LENT : HostSlot.State.COPYING, now);
    to.enter(handOver ? DeviceSlot.State.READY : DeviceSlot.State.COPYING, now);
    return to;
  }

  /** Whether {@link #startCopy} would find a batch and a slot now. */
  boolean canCopy() {
    return nextToCopy() != null && freeDeviceSlot() != null;
  }

  /** How many slots a worker could have. */
  int freeHostSlots() {
    int free = 0;
    for (HostSlot slot : host) {
      free += slot.state == HostSlot.State.FREE ? 1 : 0;
    }
    return free;
  }

  /** Whether a batch waits for the device: a copy or, where there is none, a consumer. */
  boolean hasBatchInStore() {
    if (!handOver) {
      return nextToCopy() != null;
    }
    for (DeviceSlot slot : device) {
      if (slot.state == DeviceSlot.State.READY) {
        return true;
      }
    }
    return false;
  }

  /** The copy has read the host slot, as the host sees it (I1). */
  void copied(HostSlot slot, long now) {
    require(slot.state == HostSlot.State.COPYING, "copied", slot.state);
    free(slot, now);
  }

  /** What was to be done behind the copy cannot be: told instead of the batch, once it is ready. */
  void stageFailed(DeviceSlot slot, Throwable failure) {
    require(slot.underCopy, "fail the stage", slot.state);
    slot.failure = failure;
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
    boolean wanted = slot.state == DeviceSlot.State.COPYING && !isStale(slot.generation);
    if (wanted) {
      slot.enter(DeviceSlot.State.READY, now);
    } else if (slot.state == DeviceSlot.State.COPYING || slot.state == DeviceSlot.State.RETURNING) {
      free(slot, now);
    }
    return wanted;
  }

  // ---- the consumer's side

  /**
   * Frees the places that a consumer has reached and that no batch comes of: those passed, those
   * behind the end of their epoch, and what was thrown there. True if there were any.
   */
  boolean passOver(long now) {
    boolean any = false;
    for (HostSlot slot = nextToPass(); slot != null; slot = nextToPass()) {
      deliver(slot.sequence);
      free(slot, now);
      any = true;
    }
    while (isWasted(delivered.lowestOpen())) { // and a reset has emptied its slot
      deliver(delivered.lowestOpen());
      any = true;
    }
    return any;
  }

  /**
   * The failure that is to be told next; null if there is none. Frees its slot: it is told once
   * (I3).
   */
  @Nullable Failure takeFailure(long now) {
    HostSlot first = null;
    for (HostSlot slot : host) {
      if (slot.state == HostSlot.State.FAILED
          && comesNext(slot.sequence, slot.order, first == null ? Long.MAX_VALUE : first.order)) {
        first = slot;
      }
    }
    DeviceSlot staged = firstFailedInStage(first == null ? Long.MAX_VALUE : first.order);
    if (staged != null) {
      Failure failure =
          new Failure(
              staged.epoch,
              staged.index,
              staged.worker,
              false,
              Objects.requireNonNull(staged.failure));
      deliver(staged.sequence);
      free(staged, now);
      return failure;
    }
    if (first == null) {
      return null;
    }
    Failure failure =
        new Failure(
            first.epoch,
            first.index,
            first.worker,
            first.toldAnyway,
            Objects.requireNonNull(first.failure));
    deliver(first.sequence);
    free(first, now);
    return failure;
  }

  /** Gives the batch that is to be delivered next to a consumer; null if it is not ready. */
  @Nullable DeviceSlot take(Thread holder, long now) {
    return take(holder, false, now);
  }

  /** The same, but content with a batch whose copy is only queued. */
  @Nullable DeviceSlot takeEarly(Thread holder, long now) {
    return take(holder, true, now);
  }

  private @Nullable DeviceSlot take(Thread holder, boolean early, long now) {
    DeviceSlot first = null;
    for (DeviceSlot slot : device) {
      boolean there = slot.state == DeviceSlot.State.READY || (early && isQueuedAndWanted(slot));
      if (there
          && slot.failure == null
          && comesNext(slot.sequence, slot.order, first == null ? Long.MAX_VALUE : first.order)) {
        first = slot;
      }
    }
    if (first == null) {
      return null;
    }
    deliver(first.sequence);
    first.holder = holder;
    first.warnedOfLease = false;
    first.enter(DeviceSlot.State.LEASED, now);
    return first;
  }

  /**
   * The lease is about to be closed: nobody holds it any more, but nobody may have the slot yet.
   */
  void letGo(DeviceSlot slot) {
    require(slot.state == DeviceSlot.State.LEASED, "let go", slot.state);
    slot.holder = null;
    slot.leaseClosed();
  }

  /** The lease is closed and its release recorded (I2). */
  void release(DeviceSlot slot, long now) {
    require(slot.state == DeviceSlot.State.LEASED, "release", slot.state);
    slot.holder = null;
    boolean inUse = handOver || slot.underCopy;
    slot.enter(inUse ? DeviceSlot.State.RETURNING : DeviceSlot.State.FREE, now);
  }

  /**
   * The lease is closed but its release could not be recorded: nobody can tell when the slot may be
   * written (I2).
   */
  void lose(DeviceSlot slot, long now) {
    require(slot.state == DeviceSlot.State.LEASED, "lose", slot.state);
    slot.holder = null;
    slot.enter(DeviceSlot.State.LOST, now);
  }

  /** The consumer's work has run, as the host sees it: the slot may be written again, or freed. */
  void returned(DeviceSlot slot, long now) {
    require(
        slot.state == DeviceSlot.State.RETURNING || slot.state == DeviceSlot.State.LOST,
        "returned",
        slot.state);
    free(slot, now);
  }

  // ---- everybody's

  /** Starts anew from the lowest undelivered number. Leases stay as they are. */
  void reset(long now) {
    generation++;
    nextClaim = delivered.lowestOpen();
    nextCopy = nextClaim;
    dropUndelivered(now);
  }

  /**
   * Nothing is claimed, copied or delivered from now on; what is in somebody's hands comes back as
   * always.
   */
  void stop(long now) {
    stopped = true;
    dropUndelivered(now);
  }

  /** Whether the source has an end, and everything before it has been delivered. */
  boolean isExhausted() {
    return !source.mayGrow() && delivered.lowestOpen() >= source.end();
  }

  /**
   * Whether what comes of the slot will be delivered: no reset and no stop since it was claimed.
   */
  boolean isWanted(HostSlot slot) {
    return !isStale(slot.generation);
  }

  boolean isStopped() {
    return stopped;
  }

  /**
   * The number that is waited for: the next in order or, unordered, the lowest that has not been
   * delivered.
   */
  long lowestOpen() {
    return delivered.lowestOpen();
  }

  /**
   * Whether claims were refused only because a slow index holds the window back, and may succeed
   * now. Says so once.
   */
  boolean windowHasMoved() {
    boolean moved = refusedByWindow && delivered.reaches(nextClaim);
    if (moved) {
      refusedByWindow = false;
    }
    return moved;
  }

  /** How many batches, failures and passed numbers have been delivered so far. */
  long deliveries() {
    return delivered.deliveries();
  }

  /** See {@link DeliveredWindow#deliveredAbove}. */
  LongStream deliveredAbove(long wasLowestOpen, long wereDelivered) {
    return delivered.deliveredAbove(wasLowestOpen, wereDelivered);
  }

  /** Whether no number can be claimed until the lowest open one has been delivered. */
  boolean isHeldBack() {
    return !delivered.reaches(nextClaim);
  }

  /** Whether a worker would find a number to claim, as far as is known. */
  boolean hasNumbersLeft() {
    return nextClaim < source.end();
  }

  /** The slot whose copy or stage runs, and ends first; null if none does. */
  @Nullable DeviceSlot firstUnderCopy() {
    DeviceSlot first = null;
    for (DeviceSlot slot : device) {
      if (slot.state == DeviceSlot.State.COPYING
          && slot.copyBegun
          && (first == null || slot.copySinceNanos < first.copySinceNanos)) {
        first = slot;
      }
    }
    return first;
  }

  /** How many device slots the thread holds leases of. */
  int heldBy(Thread holder) {
    int held = 0;
    for (DeviceSlot slot : device) {
      if (slot.holder == holder) {
        held++;
      }
    }
    return held;
  }

  List<HostSlot> hostSlots() {
    return Collections.unmodifiableList(Arrays.asList(host));
  }

  List<DeviceSlot> deviceSlots() {
    return Collections.unmodifiableList(Arrays.asList(device));
  }

  /**
   * What a target threw, and where.
   *
   * @param toldAnyway whether no policy may leave it out: it is a contradiction
   */
  record Failure(int epoch, long index, int worker, boolean toldAnyway, Throwable cause)
      implements Delivery {}

  /** Whether a number is the next to be delivered, or comes before the best one found so far. */
  private boolean comesNext(long sequence, long order, long bestOrder) {
    return ordered ? sequence == delivered.lowestOpen() : order < bestOrder;
  }

  private @Nullable DeviceSlot firstFailedInStage(long bestOrder) {
    DeviceSlot first = null;
    for (DeviceSlot slot : device) {
      if (slot.state == DeviceSlot.State.READY
          && slot.failure != null
          && comesNext(slot.sequence, slot.order, first == null ? bestOrder : first.order)) {
        first = slot;
      }
    }
    return first;
  }

  private boolean isQueuedAndWanted(DeviceSlot slot) {
    return slot.state == DeviceSlot.State.COPYING && slot.copyQueued && !isStale(slot.generation);
  }

  private boolean isStale(int slotGeneration) {
    return stopped || slotGeneration != generation;
  }

  /** Moves to the next number that a worker may claim; false if there is none now. */
  private boolean findNumberToClaim() {
    while (nextClaim < source.end()) {
      if (!delivered.reaches(nextClaim)) {
        refusedByWindow = true;
        return false;
      }
      if (!delivered.contains(nextClaim)) {
        if (source.exists(nextClaim)) {
          return true;
        }
        deliver(nextClaim); // claimed before a reset, and known since to stand for nothing
      }
      nextClaim++;
    }
    return false;
  }

  private void deliver(long sequence) {
    delivered.add(sequence);
    source.delivered(delivered.lowestOpen());
  }

  private @Nullable HostSlot nextToPass() {
    for (HostSlot slot : host) {
      boolean nothing =
          slot.state == HostSlot.State.PASSED
              || (slot.state == HostSlot.State.FAILED
                  && !slot.toldAnyway
                  && !source.exists(slot.sequence));
      if (nothing && (!ordered || slot.sequence == delivered.lowestOpen())) {
        return slot;
      }
    }
    return null;
  }

  /** Whether no batch is, and nothing will be heard of the number. */
  private boolean isWasted(long sequence) {
    if (sequence >= source.end() || source.exists(sequence)) {
      return false;
    }
    for (HostSlot slot : host) {
      boolean holdsIt = isUndelivered(slot) || slot.state == HostSlot.State.FILLING;
      if (holdsIt && slot.sequence == sequence && !isStale(slot.generation)) {
        return false;
      }
    }
    return true;
  }

  private @Nullable HostSlot nextToCopy() {
    return ordered ? nextToCopyInOrder() : firstFilled();
  }

  private @Nullable HostSlot nextToCopyInOrder() {
    while (true) {
      while (delivered.contains(nextCopy)) { // or known to stand for nothing
        nextCopy++;
      }
      HostSlot next = null;
      for (HostSlot slot : host) {
        if (isUndelivered(slot) && slot.sequence == nextCopy) {
          next = slot;
        }
      }
      if (next == null || next.state == HostSlot.State.FILLED) {
        return next;
      }
      nextCopy++; // what brings no batch needs no device slot, and is told when its turn comes
    }
  }

  private @Nullable HostSlot firstFilled() {
    HostSlot first = null;
    for (HostSlot slot : host) {
      if (slot.state == HostSlot.State.FILLED && (first == null || slot.order < first.order)) {
        first = slot;
      }
    }
    return first;
  }

  private @Nullable DeviceSlot freeDeviceSlot() {
    for (DeviceSlot slot : device) {
      if (slot.state == DeviceSlot.State.FREE) {
        return slot;
      }
    }
    return null;
  }

  private void dropUndelivered(long now) {
    for (HostSlot slot : host) {
      if (isUndelivered(slot)) {
        free(slot, now);
      }
    }
    for (DeviceSlot slot : device) {
      if (slot.state == DeviceSlot.State.READY) {
        free(slot, now);
      }
    }
  }

  private static boolean isUndelivered(HostSlot slot) {
    return switch (slot.state) {
      case FILLED, FAILED, PASSED -> true;
      case FREE, FILLING, COPYING, LENT -> false;
    };
  }

  private void free(HostSlot slot, long now) {
    slot.failure = null;
    slot.forgetJob();
    slot.toldAnyway = false;
    slot.enter(HostSlot.State.FREE, now);
  }

  private void free(DeviceSlot slot, long now) {
    slot.failure = null;
    slot.enter(DeviceSlot.State.FREE, now);
    if (handOver) {
      free(slot.source(), now);
    }
  }

  private static void require(boolean legal, String step, Enum<?> state) {
    if (!legal) {
      throw new IllegalStateException("bug in Pentrough: " + step + " of a slot that is " + state);
    }
  }
}
