package io.pentrough;

import io.pentrough.device.DeviceEvent;
import org.jspecify.annotations.Nullable;

/**
 * Who runs a loader's copies, and when. The rest of the engine says what has happened, and does not
 * know the answer.
 *
 * <p>The copy thread calls {@link #begin}, then {@link #work} and {@link #awaitWork} in turns, and
 * {@link #end}. Any thread calls the rest. Everything is called without the lock unless it says
 * otherwise. What goes wrong on a thread that is not the copy thread breaks the loader, and is not
 * thrown.
 */
interface CopyStrategy {

  /** What {@link #work} has found. */
  enum Progress {
    /** Something was done: there may be more. */
    MOVED,
    /** Something is under way, or another thread is at it. */
    WAITING,
    /** Nothing is under way. */
    IDLE
  }

  /**
   * A worker has published a slot.
   *
   * @param claimed whether it has the next slot already; else it waits for one
   * @param canCopy whether a batch could be copied now
   * @return whether the caller has copied, which takes time
   */
  boolean published(boolean claimed, boolean canCopy);

  /**
   * Whether a slot whose lease is closed may be written at once, as the consumer's work has run.
   */
  default boolean hasRun(DeviceEvent released) {
    return false;
  }

  /**
   * The ledger has taken a slot back; with the lock.
   *
   * @param hasRun what {@link #hasRun} has said
   * @return a worker for the caller to wake without the lock; null if there is none
   */
  @Nullable WorkerState releasing(DeviceSlot slot, boolean hasRun, long now);

  /**
   * A consumer has given a slot back.
   *
   * @param canCopy whether a batch could be copied now
   */
  void released(boolean canCopy);

  /**
   * Whether a consumer that finds nothing can do something for its batch; with the lock. If so, it
   * calls {@link #help} without the lock, then {@link #helped} with it.
   *
   * @param queued whether a queued copy is enough for it
   */
  default boolean canHelp(boolean queued) {
    return false;
  }

  /**
   * Does it.
   *
   * @return false if it did not help, and the consumer should rest
   */
  default boolean help(long atMostNanos) {
    return false;
  }

  /** With the lock. */
  default void helped() {}

  /** A consumer comes back from its wait, whatever for. */
  default void consumerLeaves() {}

  /** The copy thread begins. */
  default void begin() {}

  /** Does what can be done now. Throws what the device throws. */
  Progress work();

  /** Waits until there may be more to do, at most so long. */
  void awaitWork(long atMostNanos);

  /** The copy thread ends: waits for what is under way, after a failure too. */
  default void end() {}
}
