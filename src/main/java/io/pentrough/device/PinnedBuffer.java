package io.pentrough.device;

import java.nio.ByteBuffer;

/**
 * Page-locked host memory.
 *
 * <p><b>Threads.</b> The object may be used from any thread; who may touch the bytes when is the
 * business of its owner.
 */
public interface PinnedBuffer extends AutoCloseable {

  /**
   * The size.
   *
   * @return the size in bytes
   */
  long bytes();

  /**
   * The bytes themselves, unguarded: touching the result after {@link #close()} may end the JVM.
   *
   * @return a new view of all bytes, direct, in native byte order, position 0
   * @throws IllegalStateException if closed
   */
  ByteBuffer unsafeBuffer();

  /**
   * Whether the device had to fall back to ordinary memory, whose copies hold up the thread that
   * queues them. Only where the application allowed it.
   *
   * @return false for memory as it should be
   */
  default boolean isPageable() {
    return false;
  }

  /**
   * Frees the memory. No copy may be under way from or to it. Idempotent.
   *
   * @throws DeviceException if the device refuses; the memory then counts as leaked
   */
  @Override
  void close();
}
