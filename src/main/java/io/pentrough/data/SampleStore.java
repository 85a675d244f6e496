package io.pentrough.data;

import io.pentrough.HostArray;
import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.IntFunction;

/**
 * Samples in memory outside the Java heap: at most one for each index, which stays.
 *
 * <p>A table comes first, of a word for each index. Behind it lie the samples in the order in which
 * they came. A sample begins with a number for each array: its length, where samples have different
 * ones, or {@link #NOT_ASKED}. Then come the arrays. All begin at multiples of 8.
 *
 * <p><b>Threads.</b> Any; nobody waits for anybody.
 */
final class SampleStore {

  /** What a word of the table says if there is no sample. */
  static final long NOWHERE = 0;

  private static final long BEING_WRITTEN = -1;

  private static final int NOT_ASKED = -1;

  private final OffHeap memory;

  /** How many indexes the table has. */
  private final long indexes;

  private final long bytes;

  /** Where free memory begins. */
  private final AtomicLong used;

  private final LongAdder samples = new LongAdder();

  /** Of bytes of which the table leaves some. */
  SampleStore(long bytes, long indexes, int chunkBytes, IntFunction<ByteBuffer> allocator) {
    this.bytes = bytes;
    this.indexes = indexes;
    this.memory = new OffHeap(bytes, chunkBytes, allocator);
    this.used = new AtomicLong(tableBytes(indexes));
  }

  static long tableBytes(long indexes) {
    return indexes * Long.BYTES;
  }

  static long aligned(long bytes) {
    return (bytes + 7) & -8;
  }

  static long headerBytes(int arrays) {
    return aligned(arrays * (long) Integer.BYTES);
  }

  long samples() {
    return samples.sum();
  }

  long bytes() {
    return bytes;
  }

  long usedBytes() {
    return used.get();
  }

  /** How much samples may take. */
  long capacity() {
    return bytes - tableBytes(indexes);
  }

  /** Where a sample begins; {@link #NOWHERE} if it is not here, or not yet. */
  long find(long index) {
    if (index < 0 || index >= indexes) {
      return NOWHERE;
    }
    long at = memory.getAcquire(index * Long.BYTES);
    return at == BEING_WRITTEN ? NOWHERE : at;
  }

  /** Writes the sample that begins there, as it was saved. */
  void load(long at, Sample out) {
    int arrays = out.sequences().spec.arrays().size();
    long from = at + headerBytes(arrays);
    for (int i = 0; i < arrays; i++) {
      int length = memory.getInt(at + i * (long) Integer.BYTES);
      if (length != NOT_ASKED) {
        int count = bytes(out.part(i, length));
        memory.get(from, out.memory(i), out.start(i), count);
        from += aligned(count);
      }
    }
  }

  /**
   * Keeps what was written into a sample, if there is room and nobody has been faster.
   *
   * @param since only arrays that were asked for since then belong to it
   * @return how much room it needs
   */
  long save(long index, Sample out, long since) {
    SequenceArrays sequences = out.sequences();
    int arrays = sequences.spec.arrays().size();
    long needed = headerBytes(arrays);
    for (int i = 0; i < arrays; i++) {
      needed += out.wasAsked(i, since) ? aligned(bytes(out.part(i, sequences.length(i)))) : 0;
    }
    if (index < 0
        || index >= indexes
        || bytes - used.get() < needed
        || !memory.compareAndSet(index * Long.BYTES, NOWHERE, BEING_WRITTEN)) {
      return needed;
    }
    long at = reserve(needed);
    if (at == NOWHERE) {
      memory.setRelease(index * Long.BYTES, NOWHERE);
      return needed;
    }
    long to = at + headerBytes(arrays);
    for (int i = 0; i < arrays; i++) {
      long number = at + i * (long) Integer.BYTES;
      if (out.wasAsked(i, since)) {
        int count = bytes(out.part(i, sequences.length(i)));
        memory.putInt(number, sequences.length(i));
        memory.put(to, out.memory(i), out.start(i), count);
        to += aligned(count);
      } else {
        memory.putInt(number, NOT_ASKED);
      }
    }
    samples.increment();
    memory.setRelease(index * Long.BYTES, at);
    return needed;
  }

  /** Where so many bytes are free, and now this sample's; {@link #NOWHERE} if nowhere. */
  private long reserve(long needed) {
    long at = used.get();
    while (bytes - at >= needed) {
      if (used.compareAndSet(at, at + needed)) {
        return at;
      }
      at = used.get();
    }
    return NOWHERE;
  }

  private static int bytes(HostArray array) {
    return array.elements() * array.spec().dtype().bytes();
  }
}
