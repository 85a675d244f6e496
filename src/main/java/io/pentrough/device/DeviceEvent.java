package io.pentrough.device;

/**
 * An event: {@link DeviceStream#record} records it at a point in a stream.
 *
 * <p><b>Threads.</b> All methods may be called from any thread. They refer to the latest point at
 * which the event was recorded before the call.
 */
public interface DeviceEvent extends AutoCloseable {

  /**
   * Whether everything queued before the recorded event has run. Does not block. After {@code
   * true}, memory written by that work is visible to the calling thread.
   *
   * @return true if complete, false if pending
   * @throws IllegalStateException if the event was never recorded (CUDA itself would answer
   *     "complete") or is closed
   * @throws WorkFailedException if the work has failed, so that it will never complete
   * @throws DeviceException if the device did not answer; the work may still run
   */
  boolean isComplete();

  /**
   * Parks the calling thread until the event may be complete. On CUDA, which does not wake the
   * thread, it returns after a short time.
   *
   * <p>Like {@link java.util.concurrent.locks.LockSupport#parkNanos(long)} it also returns if the
   * thread is unparked or interrupted, or for no reason. So call it in a loop around {@link
   * #isComplete()}. Never throws. If the event has failed, is closed or was never recorded, it
   * returns at once, and {@link #isComplete()} throws.
   *
   * @param maxNanos the longest wait, in nanoseconds; if it is not positive, the call returns at
   *     once
   */
  void park(long maxNanos);

  /**
   * Waits until everything queued before the recorded event has run. Not interruptible.
   *
   * @throws IllegalStateException if the event was never recorded or is closed
   * @throws WorkFailedException if that work has failed
   * @throws DeviceException if the device refused to wait; the work may still run
   */
  void synchronize();

  /** Frees the event. Streams that wait for it still do. Does not block. Idempotent. */
  @Override
  void close();
}
