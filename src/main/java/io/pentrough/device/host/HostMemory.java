package io.pentrough.device.host;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One allocation. Closing it drops this package's only reference to the bytes. The garbage
 * collector frees them when the last view is gone, so a late access cannot touch freed memory.
 */
final class HostMemory {

  /**
   * How many kernels' views are kept; a power of two. New ones replace the oldest. A program that
   * launches on more ranges makes a new view at each launch.
   */
  private static final int MAX_VIEWS = 64;

  private static final View[] NO_VIEWS = {};

  private static final byte[] ZEROS = new byte[8192];

  private final HostDevice device;
  private final int size;

  /** Null once closed. Written under this object's monitor, so that only one close releases it. */
  private volatile @Nullable ByteBuffer bytes;

  /** Empty once closed. Replaced under this object's monitor, and never changed. */
  private volatile View[] views = NO_VIEWS;

  private int viewsMade;

  /**
   * What a kernel sees of this memory. A buffer has a position, so each stream and parameter has
   * its own buffer.
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

  /** All bytes, in native order. Callers use absolute positions only. */
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
   * A part of this memory, for a parameter of a kernel on a stream. Returns the same object each
   * time, so that a launch allocates nothing (I6).
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
      int index = viewsMade++ & (MAX_VIEWS - 1);
      View[] more = index < now.length ? now.clone() : Arrays.copyOf(now, index + 1);
      more[index] = new View(stream, parameter, start, made);
      views = more;
      return made;
    }
  }

  /** Copies within or between allocations. Runs on the stream's thread, or on the caller's. */
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

  /** Runs on the stream's thread. */
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
