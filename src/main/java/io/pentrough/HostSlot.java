package io.pentrough;

import org.jspecify.annotations.Nullable;

/**
 * One place of the host ring, as the {@link SlotLedger} sees it. Its memory is a {@link
 * HostSlotMemory}.
 */
final class HostSlot {

  enum State {
    /** A worker's: the target may be writing. */
    FILLING,
    /** Waits for its turn to be copied. */
    FILLED,
    /** Its target threw; holds the place of its index until that has been delivered. */
    FAILED,
    /** A queued copy reads it. */
    COPYING,
    /** Handed over without a copy: its twin device slot is the same memory. */
    LENT,
    /** Nobody's. */
    FREE
  }

  final int number;

  State state = State.FREE;
  long sinceNanos;

  /** Its memory has been given back, after the end. */
  boolean freed;

  // The job, from claim to free.
  long sequence;
  int generation;
  int worker;
  long order;
  @Nullable Throwable failure;

  HostSlot(int number) {
    this.number = number;
  }

  void enter(State next, long now) {
    state = next;
    sinceNanos = now;
  }
}
