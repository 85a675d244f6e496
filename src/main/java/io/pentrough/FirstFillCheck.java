package io.pentrough;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.LongBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Finds elements that the target leaves unwritten, which would hold an earlier batch's: looks for a
 * pattern that stood in the slot before. Only in the first fill of each host slot, as it costs
 * about what copying the batch does. What is found is set to zero, and reported once for each
 * loader.
 *
 * <p>No data may be taken for the pattern. Its 32- and 64-bit elements are NaN as floating-point
 * numbers, with bits that no arithmetic makes, and so are its 16-bit ones where the array's type is
 * floating. Of the small integers all values are common: of them only whole groups of 8 bytes
 * count. The bytes after the last group are set to zero.
 *
 * <p><b>Threads.</b> Any; the batch belongs to the calling one.
 */
final class FirstFillCheck {

  private static final Logger LOG = System.getLogger("io.pentrough");

  /** Behind which a pattern begins again; a multiple of 8. */
  private static final int PATTERN_BYTES = 8192;

  /** What arrays are marked with, and looked through for, 8 bytes at a time. */
  private static final class Pattern {

    static final Pattern BYTES = new Pattern(Long.SIZE, 0, 0);
    static final Pattern HALVES =
        new Pattern(Short.SIZE, 0xFFF0_FFF0_FFF0_FFF0L, 0x7FE0_7FE0_7FE0_7FE0L);
    static final Pattern INTS =
        new Pattern(Integer.SIZE, 0xFFF0_0000_FFF0_0000L, 0x7FF0_0000_7FF0_0000L);
    static final Pattern LONGS =
        new Pattern(Long.SIZE, 0xFFF0_0000_0000_0000L, 0x7FF0_0000_0000_0000L);

    /** The length of a lane: what counts as unwritten only if all of it is. */
    final int laneBits;

    /** A lane that does not differ in these bits looks like the pattern. */
    final long tellingBits;

    /** The lowest bit of each lane. */
    final long lowest;

    final byte[] bytes = new byte[PATTERN_BYTES];

    /** The same. */
    final long[] words = new long[PATTERN_BYTES / Long.BYTES];

    private Pattern(int laneBits, long commonBits, long common) {
      this.laneBits = laneBits;
      tellingBits = laneBits == Long.SIZE ? -1 : commonBits; // 64 bits are no chance
      lowest = Long.divideUnsigned(-1, -1L >>> (Long.SIZE - laneBits));
      SplittableRandom random = new SplittableRandom(laneBits + common);
      for (int i = 0; i < words.length; i++) {
        words[i] = (random.nextLong() & ~commonBits) | common;
      }
      ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer().put(words);
    }

    static Pattern of(DType dtype) {
      return switch (dtype) {
        case INT8, UINT8, INT16, UINT16 -> BYTES;
        case FLOAT16, BFLOAT16 -> HALVES;
        case INT32, UINT32, FLOAT32 -> INTS;
        case INT64, UINT64, FLOAT64 -> LONGS;
      };
    }
  }

  private final String loader;
  private final boolean isOn = !"false".equals(System.getProperty("pentrough.checkFills"));
  private final AtomicBoolean reported = new AtomicBoolean();

  FirstFillCheck(String loader) {
    this.loader = loader;
  }

  /** Whether fills are to be checked. */
  boolean isOn() {
    return isOn;
  }

  /** Before a fill. */
  void mark(HostBatch batch) {
    for (int i = 0; i < batch.spec().arrays().size(); i++) {
      ByteBuffer bytes = batch.bytes(i);
      Pattern pattern = Pattern.of(batch.spec().array(i).dtype());
      int end = bytes.capacity() - bytes.capacity() % (pattern.laneBits / Byte.SIZE);
      for (int at = 0; at < end; at += PATTERN_BYTES) {
        bytes.put(at, pattern.bytes, 0, Math.min(PATTERN_BYTES, end - at));
      }
      for (int at = end; at < bytes.capacity(); at++) {
        bytes.put(at, (byte) 0); // pinned memory comes with old data
      }
    }
  }

  /** Behind a fill that was marked; on its thread, before the batch is anybody else's. */
  void look(HostBatch batch, int epoch, long index) {
    List<String> found = new ArrayList<>(0);
    for (int i = 0; i < batch.spec().arrays().size(); i++) {
      ArraySpec array = batch.spec().array(i);
      int width = array.dtype().bytes() * Byte.SIZE;
      Search search = new Search(batch.bytes(i), Pattern.of(array.dtype()));
      search.run(batch.elements(i) * array.dtype().bytes());
      batch.clearBehind(i);
      if (search.found > 0) {
        found.add(
            String.format(
                Locale.ROOT,
                "%,d of the %,d elements of array '%s', the first at index %d",
                search.found / width,
                batch.elements(i),
                array.name(),
                search.first / width));
      }
    }
    if (!found.isEmpty() && !batch.parametersSeen() && reported.compareAndSet(false, true)) {
      report(String.join("; ", found), epoch, index);
    }
  }

  private void report(String found, int epoch, long index) {
    String text =
        loader
            + ": at index "
            + index
            + " of epoch "
            + epoch
            + " the target has left unwritten "
            + found
            + ". In later batches such elements hold what an earlier batch left in the memory, which"
            + " differs from run to run. Write them, call fillZero() first, or say with resize() or"
            + " size() what counts; if nothing reads them, nothing is wrong."
            + " -Dpentrough.debug=true shows them in every batch; -Dpentrough.checkFills=false"
            + " leaves out this look at the first batches";
    try {
      LOG.log(Level.WARNING, text);
    } catch (RuntimeException e) {
      // A logger that throws must not cost a batch.
    }
  }

  /** Of one array. */
  private static final class Search {

    private final ByteBuffer bytes;
    private final LongBuffer longs;
    private final Pattern pattern;
    private final long[] read = new long[PATTERN_BYTES / Long.BYTES];

    /** How many bits are unwritten. */
    long found;

    /** The first of them. */
    long first;

    /** How many lanes look like the pattern, and are something else. */
    private long alike;

    Search(ByteBuffer bytes, Pattern pattern) {
      this.bytes = bytes;
      this.longs = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN).asLongBuffer();
      this.pattern = pattern;
    }

    /** Looks at so many bytes, and leaves zeros where nothing was written. */
    void run(int end) {
      pass(end, false);
      if (found / pattern.laneBits <= maxByChance()) {
        found = 0;
      }
      if (found > 0) {
        pass(end, true);
      }
    }

    /**
     * How many lanes written with any bits might be the pattern: far more than is probable, as one
     * in so many that look like it is, and what is found is set to zero.
     */
    private long maxByChance() {
      int freeBits = Long.bitCount(~pattern.tellingBits) * pattern.laneBits / Long.SIZE;
      return alike << 16 >> freeBits;
    }

    private void pass(int end, boolean clears) {
      int block = PATTERN_BYTES / Long.BYTES;
      int words = end / Long.BYTES;
      for (int from = 0; from < words; from += block) {
        int count = Math.min(block, words - from);
        longs.get(from, read, 0, count);
        if (mayHaveUnwritten(count)) {
          for (int i = 0; i < count; i++) {
            lookAt(read[i] ^ pattern.words[i], (from + i) * Long.BYTES, clears);
          }
        }
      }
      if (end % Long.BYTES > 0) {
        lookAt(lastDifference(words * Long.BYTES, end), words * Long.BYTES, clears);
      }
    }

    /** Nothing else is done with nearly all of the data, so it is a loop that can be vectorised. */
    private boolean mayHaveUnwritten(int count) {
      long[] data = read;
      long[] marks = pattern.words;
      long telling = pattern.tellingBits;
      long lowest = pattern.lowest;
      long highest = Long.rotateRight(lowest, 1);
      long zeroLanes = 0;
      for (int i = 0; i < count; i++) {
        long lanes = (data[i] ^ marks[i]) & telling;
        zeroLanes |= (lanes - lowest) & ~lanes & highest;
      }
      return zeroLanes != 0;
    }

    private void lookAt(long difference, int at, boolean clears) {
      if (clears) {
        clear(difference, at);
      } else {
        count(difference, at);
      }
    }

    /** Of less than a word; what follows the end differs. */
    private long lastDifference(int at, int end) {
      long difference = -1;
      for (int i = end - 1; i >= at; i--) {
        int differs = (bytes.get(i) ^ pattern.bytes[i % PATTERN_BYTES]) & 0xff;
        difference = (difference << Byte.SIZE) | differs;
      }
      return difference;
    }

    private void count(long difference, int at) {
      if (difference == 0 && found > 0) {
        found += Long.SIZE;
        return;
      }
      for (int lane = 0; lane < Long.SIZE; lane += pattern.laneBits) {
        if (differs(difference, lane, -1)) {
          alike += differs(difference, lane, pattern.tellingBits) ? 0 : 1;
        } else {
          first = found == 0 ? (long) at * Byte.SIZE + lane : first;
          found += pattern.laneBits;
        }
      }
    }

    private void clear(long difference, int at) {
      if (difference == 0) {
        bytes.putLong(at, 0);
        return;
      }
      for (int i = 0; i < Long.BYTES; i++) {
        int lane = i * Byte.SIZE / pattern.laneBits * pattern.laneBits;
        if (!differs(difference, lane, -1)) {
          bytes.put(at + i, (byte) 0);
        }
      }
    }

    /** Whether a lane differs in any of these bits. */
    private boolean differs(long difference, int lane, long bits) {
      return (difference & bits & (-1L >>> (Long.SIZE - pattern.laneBits) << lane)) != 0;
    }
  }
}
