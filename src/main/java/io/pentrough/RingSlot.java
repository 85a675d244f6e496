package io.pentrough;

import org.jspecify.annotations.Nullable;

/**
 * One place of a ring, and the batch that stands there.
 *
 * <p>Guarded by the {@link Core}. The thread to which the slot belongs, by its state, may read the
 * batch without the lock.
 *
 * @param <S> its states; see {@link SlotLedger}
 */
abstract class RingSlot<S extends Enum<S>> {

  final int number;

  S state;
  long sinceNanos;

  /** Nobody uses it any more, after the end. Set under the lock, by the thread that reads it. */
  boolean outOfUse;

  // The batch.
  long sequence;
  int epoch;
  long index;
  boolean isRepeat;
  int generation;
  int worker;

  /** The place in the order in which batches were filled. */
  long order;

  /** What is reported instead of the batch. */
  @Nullable Throwable failure;

  /** What has happened to the batch. */
  TraceEntry entry = new TraceEntry();

  RingSlot(int number, S initial) {
    this.number = number;
    state = initial;
  }

  void enter(S next, long now) {
    state = next;
    sinceNanos = now;
  }

  /** Steps that are not legal are bugs of the library. */
  void require(boolean isLegal, String step) {
    if (!isLegal) {
      throw new IllegalStateException("bug in Pentrough: " + step + " of a slot that is " + state);
    }
  }
}
