package io.pentrough.data;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;

/**
 * Memory outside the Java heap, of any size: in several buffers, since one has 2 GiB at most. It
 * begins as zeros. The collector frees it with this object, so that nobody can touch freed memory.
 *
 * <p><b>Threads.</b> Any. Bytes that one thread has put are seen by another behind {@link
 * #setRelease} and {@link #getAcquire} of a word.
 */
final class OffHeap {

  /** Large, but so that the zeroing of one does not hold up a safepoint for seconds. */
  static final int USUAL_CHUNK_BYTES = 1 << 30;

  private static final VarHandle WORD =
      MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.nativeOrder());

  private final ByteBuffer[] chunks;

  /** The logarithm of a chunk's bytes. */
  private final int shift;

  private final int mask;

  /**
   * Allocates all of it.
   *
   * @param chunkBytes a power of two, at least 8, so that a word lies in one chunk
   * @param allocator makes direct buffers
   * @throws OutOfMemoryError if the JVM does not give so much; nothing is held then
   */
  OffHeap(long bytes, int chunkBytes, IntFunction<ByteBuffer> allocator) {
    shift = Integer.numberOfTrailingZeros(chunkBytes);
    mask = chunkBytes - 1;
    List<ByteBuffer> all = new ArrayList<>();
    for (long left = bytes; left > 0; left -= chunkBytes) {
      all.add(allocator.apply((int) Math.min(left, chunkBytes)).order(ByteOrder.nativeOrder()));
    }
    chunks = all.toArray(ByteBuffer[]::new);
  }

  private ByteBuffer chunk(long at) {
    return chunks[(int) (at >>> shift)];
  }

  /** Copies bytes of a buffer, from an index on; its position does not matter and stays. */
  void put(long to, ByteBuffer source, int from, int count) {
    int done = 0;
    while (done < count) {
      int start = (int) (to + done) & mask;
      int piece = Math.min(count - done, mask + 1 - start);
      chunk(to + done).put(start, source, from + done, piece);
      done += piece;
    }
  }

  /** Copies bytes into a buffer, to an index on; its position does not matter and stays. */
  void get(long from, ByteBuffer target, int to, int count) {
    int done = 0;
    while (done < count) {
      int start = (int) (from + done) & mask;
      int piece = Math.min(count - done, mask + 1 - start);
      target.put(to + done, chunk(from + done), start, piece);
      done += piece;
    }
  }

  /**
   * Writes a number.
   *
   * @param at a multiple of 4
   */
  void putInt(long at, int value) {
    chunk(at).putInt((int) at & mask, value);
  }

  /**
   * Reads a number.
   *
   * @param at a multiple of 4
   */
  int getInt(long at) {
    return chunk(at).getInt((int) at & mask);
  }

  /**
   * Reads a word, and sees what was written before it was set.
   *
   * @param at a multiple of 8
   */
  long getAcquire(long at) {
    return (long) WORD.getAcquire(chunk(at), (int) at & mask);
  }

  /** Sets a word after all that was written before. */
  void setRelease(long at, long value) {
    WORD.setRelease(chunk(at), (int) at & mask, value);
  }

  /** Sets a word if it is as expected. */
  boolean compareAndSet(long at, long expected, long value) {
    return WORD.compareAndSet(chunk(at), (int) at & mask, expected, value);
  }
}
