package io.pentrough.device;

import java.nio.ByteBuffer;

/**
 * Page-locked host memory.
 *
 * <p><b>Threads.</b> The object may be used from any thread. The owner of the bytes must order the
 * accesses to them.
 */
public interface PinnedBuffer extends AutoCloseable {

  /**
   * The size.
   *
   * @return the size in bytes
   */
  long bytes();

  /**
   * The bytes themselves, unguarded. An access after {@link #close()} may crash the JVM.
   *
   * @return a new direct buffer over all bytes, in native byte order, at position 0
   * @throws IllegalStateException if closed
   */
  ByteBuffer unsafeBuffer();

  /**
   * Whether this is ordinary memory, because the device could not pin memory and the application
   * allowed that. A copy from such memory blocks the thread that queues it.
   *
   * @return false if the memory is pinned
   */
  default boolean isPageable() {
    return false;
  }

  /**
   * Frees the memory. No queued copy may use it any more. Idempotent.
   *
   * @throws DeviceException if the device refuses; the memory then counts as leaked
   */
  @Override
  void close();
}
