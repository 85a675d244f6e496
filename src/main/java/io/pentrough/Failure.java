package io.pentrough;

import java.util.Objects;

/**
 * What is delivered in place of a batch whose target or stage threw.
 *
 * @param contradicts whether the target's answers contradict each other; no policy leaves that out
 */
record Failure(int epoch, long index, int worker, boolean contradicts, Throwable cause)
    implements Outcome {

  /** What the caller of {@code get}, or a listener, finds as the cause. Without the lock. */
  Throwable reported() {
    return cause instanceof BadBatch batch ? batch.exception() : cause;
  }

  /** The same for another reason. */
  Failure causedBy(Throwable other) {
    return new Failure(epoch, index, worker, contradicts, other);
  }

  static Failure of(RingSlot<?> slot) {
    return new Failure(
        slot.epoch,
        slot.index,
        slot.worker,
        slot instanceof HostSlot filled && filled.contradicts,
        Objects.requireNonNull(slot.failure));
  }
}
