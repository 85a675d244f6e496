package io.pentrough.device.host;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One allocation. Closing it drops the only reference that this package keeps to the bytes, so the
 * collector frees them when the last view handed out is gone; nothing that comes too late can touch
 * freed memory.
 */
final class HostMemory {

  /**
   * Kernels' views kept, beyond which old ones give way; a power of two. Whoever launches on more
   * ranges than that pays for each launch with a new view.
   */
  private static final int MOST_VIEWS = 64;

  private static final View[] NO_VIEWS = {};

  private static final byte[] ZEROS = new byte[8192];

  private final HostDevice device;
  private final int size;

  /** Null once closed. Written under this object's monitor, so that one close releases. */
  private volatile @Nullable ByteBuffer bytes;

  /** Never changed, only replaced, under this object's monitor; empty once closed. */
  private volatile View[] views = NO_VIEWS;

  private int viewsMade;

  /**
   * What a kernel's twin sees of this memory. As a buffer has a position of its own, each stream
   * and parameter have one of their own.
   */
  private record View(String stream, int parameter, int start, ByteBuffer bytes) {

    boolean is(String stream, int parameter, int start, int length) {
      return this.start == start
          && bytes.capacity() == length
          && this.parameter == parameter
          && this.stream.equals(stream);
    }
  }

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
      throw new IllegalStateException(
          "this buffer of "
              + size
              + " bytes is closed: close it only after everything that uses it");
    }
    return open;
  }

  boolean isClosed() {
    return bytes == null;
  }

  /**
   * A part of it for a parameter of a kernel on a stream: the same object each time, so that a
   * launch allocates nothing (I6).
   *
   * @param stream the stream's name, which no other stream has
   */
  ByteBuffer view(String stream, int parameter, int start, int length) {
    for (View view : views) {
      if (view.is(stream, parameter, start, length)) {
        return view.bytes;
      }
    }
    synchronized (this) {
      ByteBuffer made = bytes().slice(start, length).order(ByteOrder.nativeOrder());
      View[] now = views;
      int place = viewsMade++ & (MOST_VIEWS - 1);
      View[] more = place < now.length ? now.clone() : Arrays.copyOf(now, place + 1);
      more[place] = new View(stream, parameter, start, made);
      views = more;
      return made;
    }
  }

  /** Copies within or between allocations, on a stream's thread or on the thread that queues it. */
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

  /** Runs on a stream's thread. */
  static void fillZero(HostMemory target, int to, int count) {
    ByteBuffer out = target.bytes;
    if (out == null) {
      throw new IllegalStateException(
          "the target was closed while "
              + count
              + " bytes of it were queued to be filled with zeros; wait for that before closing");
    }
    for (int done = 0; done < count; done += ZEROS.length) {
      out.put(to + done, ZEROS, 0, Math.min(ZEROS.length, count - done));
    }
  }

  void close() {
    synchronized (this) {
      if (bytes == null) {
        return;
      }
      bytes = null;
      views = NO_VIEWS;
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
