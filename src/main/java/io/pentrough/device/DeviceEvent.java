package io.pentrough.device;

/**
 * A mark in a stream, set by {@link DeviceStream#record}.
 *
 * <p><b>Threads.</b> All methods may be called from any thread; an answer is about the latest mark
 * recorded before the call.
 */
public interface DeviceEvent extends AutoCloseable {

  /**
   * Whether everything queued before the mark has run. There are four answers: yes, not yet, it
   * never will ({@link WorkFailedException}), and none (any other exception). After {@code true},
   * memory written by that work is visible to the calling thread.
   *
   * @return true if complete, false if pending
   * @throws IllegalStateException if the event was never recorded (CUDA would answer "complete") or
   *     is closed
   * @throws WorkFailedException if the work before the mark failed
   * @throws DeviceException if the device did not answer: the work may still run
   */
  boolean isComplete();

  /**
   * Parks the calling thread until the event is complete or may be: a device that cannot tell
   * (CUDA) returns after a short while. Like {@link
   * java.util.concurrent.locks.LockSupport#parkNanos(long)} it also returns when the thread is
   * unparked or interrupted, or for no reason, so it belongs in a loop around {@link
   * #isComplete()}. Never throws: for an event that has failed, is closed or was never recorded it
   * returns at once, and {@link #isComplete()} says what is wrong.
   *
   * @param maxNanos the longest wait, in nanoseconds; returns at once if not positive
   */
  void park(long maxNanos);

  /**
   * Waits until the mark is complete. Not interruptible.
   *
   * @throws IllegalStateException if the event was never recorded or is closed
   * @throws WorkFailedException if the work before the mark failed
   * @throws DeviceException if the device refused to wait: the work may still run
   */
  void synchronize();

  /** Gives the event back; a recorded mark still runs. Does not block; idempotent. */
  @Override
  void close();
}
