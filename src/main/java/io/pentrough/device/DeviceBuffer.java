package io.pentrough.device;

/**
 * Device memory, or a slice of it.
 *
 * <p><b>Threads.</b> The object may be used from any thread. The owner of the bytes must order the
 * accesses to them.
 */
public interface DeviceBuffer extends AutoCloseable {

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
   * Returns a part of this buffer. The memory belongs to this buffer: closing the slice does
   * nothing.
   *
   * @param offset the offset of the first byte
   * @param bytes the size, at least 0
   * @param guard run before every use of the slice, on the using thread; it throws {@link
   *     IllegalStateException}, with a message that says why, if the slice may no longer be used
   * @return a new slice, of at most 40 bytes of Java heap
   * @throws IndexOutOfBoundsException if the range leaves this buffer
   * @throws IllegalStateException if this buffer is closed, or is a slice that may not be used
   */
  DeviceBuffer slice(long offset, long bytes, Runnable guard);

  /**
   * Frees the memory. No queued work may use it any more. Does nothing for a slice. Idempotent.
   *
   * @throws DeviceException if the device refuses; the memory then counts as leaked
   */
  @Override
  void close();
}
