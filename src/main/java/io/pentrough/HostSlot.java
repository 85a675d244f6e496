package io.pentrough;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One place of the host ring, as the {@link SlotLedger} sees it. Its memory is a {@link
 * HostSlotMemory}.
 */
final class HostSlot extends RingSlot<HostSlot.State> {

  enum State {
    /** A worker's: the target may be writing. */
    FILLING,
    /** Waits for its turn to be copied. */
    FILLED,
    /** Its target threw; holds the place of its index until that has been delivered. */
    FAILED,
    /** It has no batch; holds the place of its index until a consumer gets there. */
    EMPTY,
    /** A queued copy reads it. */
    COPYING,
    /** Delivered without a copy: the device slot of the same number is the same memory. */
    MAPPED,
    /** Nobody's. */
    FREE
  }

  private @Nullable Job job;

  /** The target's answers contradict each other: reported after the end of the epoch, too. */
  boolean contradicts;

  HostSlot(int number) {
    super(number, State.FREE);
  }

  /** What the number in this slot stands for. */
  void assign(Job job, int epoch, long index, boolean isRepeat) {
    this.job = job;
    this.epoch = epoch;
    this.index = index;
    this.isRepeat = isRepeat;
  }

  void free(long now) {
    failure = null;
    contradicts = false;
    job = null; // it may hold whatever its target refers to
    enter(State.FREE, now);
  }

  Job job() {
    return Objects.requireNonNull(job);
  }
}
