package io.pentrough.device.host;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * One allocation. Closing it drops the only reference that this package keeps to the bytes, so the
 * collector frees them when the last view handed out is gone; nothing that comes too late can touch
 * freed memory.
 */
final class HostMemory {

  private final HostDevice device;
  private final int size;

  /** Null once closed. Written under this object's monitor, so that one close releases. */
  private volatile @Nullable ByteBuffer bytes;

  HostMemory(HostDevice device, ByteBuffer bytes) {
    this.device = device;
    this.size = bytes.capacity();
    this.bytes = bytes;
  }

  HostDevice device() {
    return device;
  }

  int size() {
    return size;
  }

  /** All of it, native order; callers use absolute positions only. */
  ByteBuffer bytes() {
    ByteBuffer open = bytes;
    if (open == null) {
      throw new IllegalStateException("this buffer of " + size + " bytes is closed");
    }
    return open;
  }

  /** Copies within or between allocations; runs on a stream's thread. */
  static void copy(HostMemory source, int from, HostMemory target, int to, int count) {
    ByteBuffer in = source.bytes;
    ByteBuffer out = target.bytes;
    if (in == null || out == null) {
      throw new IllegalStateException(
          "the "
              + (in == null ? "source" : "target")
              + " was closed while a queued copy of "
              + count
              + " bytes still needed it; wait for the copy before closing");
    }
    out.put(to, in, from, count);
  }

  void close() {
    synchronized (this) {
      if (bytes == null) {
        return;
      }
      bytes = null;
    }
    device.release(size);
  }

  /** Refuses a range that leaves a buffer of the given size. */
  static void checkRange(String what, long offset, long count, long size) {
    if (offset < 0 || count < 0 || offset > size - count) {
      throw new IndexOutOfBoundsException(
          "%s: %d bytes from offset %d leave the buffer of %d bytes"
              .formatted(what, count, offset, size));
    }
  }
}
