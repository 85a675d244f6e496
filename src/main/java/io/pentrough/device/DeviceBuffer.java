package io.pentrough.device;

/**
 * Device memory, or a slice of it.
 *
 * <p><b>Threads.</b> The object may be used from any thread; who may touch the bytes when is the
 * business of its owner.
 */
public interface DeviceBuffer extends AutoCloseable {

  /** Says whether a slice may still be used. */
  @FunctionalInterface
  interface Guard {

    /**
     * Does nothing as long as the slice may be used.
     *
     * @throws IllegalStateException if it may not any more; the message says why
     */
    void check();
  }

  /**
   * The device whose memory this is.
   *
   * @return the device
   */
  Device device();

  /**
   * The size.
   *
   * @return the size in bytes
   */
  long bytes();

  /**
   * A part of this buffer. Every use of the slice asks the guard first. The memory belongs to this
   * buffer: closing the slice does nothing.
   *
   * @param offset the first byte
   * @param bytes the size, at least 0
   * @param guard asked at every use, on the using thread
   * @return a new slice, of at most 40 bytes of Java heap
   * @throws IndexOutOfBoundsException if the range leaves this buffer
   * @throws IllegalStateException if this buffer is closed, or is a slice that may not be used
   */
  DeviceBuffer slice(long offset, long bytes, Guard guard);

  /**
   * Frees the memory; does nothing for a slice. No queued work may use it. Idempotent.
   *
   * @throws DeviceException if the device refuses; the memory then counts as leaked
   */
  @Override
  void close();
}
