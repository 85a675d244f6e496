package io.pentrough;

import java.util.stream.LongStream;

/**
 * Which number comes next: to be claimed, to be copied, to be delivered. Numbers stand for batches
 * in the order of delivery; what each stands for, the {@link JobSource} knows.
 *
 * <pre>
 *     delivered ........ lowestOpen ........ nextCopy ........ nextClaim ........ end of the source
 *               (I3: once)          on the device      filled, or        not yet begun
 *                                   or on its way      being filled
 * </pre>
 *
 * A number that stands for no batch, as its epoch ended before it, counts as delivered once a claim
 * or a consumer reaches it. A reset begins a new generation at the lowest open number (I4).
 */
final class DeliveryOrder {

  private final JobSource source;
  private final boolean ordered;
  private final DeliveredWindow delivered = new DeliveredWindow();
  private int generation;
  private long nextClaim;
  private long nextCopy;
  private boolean refusedByWindow;
  private boolean stopped;

  DeliveryOrder(JobSource source, boolean ordered) {
    this.source = source;
    this.ordered = ordered;
  }

  boolean isOrdered() {
    return ordered;
  }

  int generation() {
    return generation;
  }

  /** Whether nobody wants what belongs to this generation. */
  boolean isStale(int generation) {
    return stopped || generation != this.generation;
  }

  void reset() {
    generation++;
    nextClaim = delivered.lowestOpen();
    nextCopy = nextClaim;
  }

  void stop() {
    stopped = true;
  }

  boolean isStopped() {
    return stopped;
  }

  // ---- claims

  /** Moves to the next number that a worker may claim; false if there is none now. */
  boolean findNextClaim() {
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

  /** The number that {@link #findNextClaim} has found. */
  long claim() {
    return nextClaim++;
  }

  /** Whether a worker would find a number to claim, as far as is known. */
  boolean hasNumbersLeft() {
    return nextClaim < source.end();
  }

  /** Whether no number can be claimed until the lowest open one has been delivered. */
  boolean isHeldBack() {
    return !delivered.reaches(nextClaim);
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

  // ---- copies

  /** The next number to be copied, in order; those that were delivered already are left out. */
  long nextCopy() {
    while (delivered.contains(nextCopy)) { // or known to stand for nothing
      nextCopy++;
    }
    return nextCopy;
  }

  /** The copy of this number has been started, or it has no batch to copy. */
  void copied(long sequence) {
    nextCopy = sequence + 1;
  }

  // ---- deliveries

  /** Whether a number is the next to be delivered, or comes before the best one found so far. */
  boolean comesNext(long sequence, long order, long bestOrder) {
    return ordered ? sequence == delivered.lowestOpen() : order < bestOrder;
  }

  void deliver(long sequence) {
    delivered.add(sequence);
    source.delivered(delivered.lowestOpen());
  }

  /** Whether the number stands for no batch, as far as is known. */
  boolean isBehindEnd(long sequence) {
    return !source.exists(sequence);
  }

  /** Whether the lowest open number stands for no batch. */
  boolean lowestIsBehindEnd() {
    long lowest = delivered.lowestOpen();
    return lowest < source.end() && !source.exists(lowest);
  }

  /** Whether the source has an end, and everything before it has been delivered. */
  boolean isExhausted() {
    return !source.mayGrow() && delivered.lowestOpen() >= source.end();
  }

  /**
   * The number that is waited for: the next in order or, unordered, the lowest that has not been
   * delivered.
   */
  long lowestOpen() {
    return delivered.lowestOpen();
  }

  /** How many batches, failures and empty numbers have been delivered so far. */
  long deliveries() {
    return delivered.deliveries();
  }

  /** See {@link DeliveredWindow#deliveredAbove}. In order there are none. */
  LongStream deliveredAbove(long wasLowestOpen, long wereDelivered) {
    LongStream above = delivered.deliveredAbove(wasLowestOpen, wereDelivered); // checks its age
    return ordered ? LongStream.empty() : above;
  }
}
