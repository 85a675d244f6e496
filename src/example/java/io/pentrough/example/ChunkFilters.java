package io.pentrough.example;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/** Undoes what a dataset's filters have done to a chunk. */
final class ChunkFilters {

  private static final int DEFLATE = 1;
  private static final int SHUFFLE = 2;
  private static final int FLETCHER32 = 3;
  private static final int LZF = 32000;
  private static final int LZ4 = 32004;

  /** Filters of which only the name is known. */
  private static final Map<Integer, String> OTHERS =
      Map.of(
          4,
          "szip",
          5,
          "nbit",
          6,
          "scale-offset",
          307,
          "bzip2",
          32001,
          "Blosc",
          32008,
          "bitshuffle",
          32013,
          "ZFP",
          32015,
          "Zstandard",
          32026,
          "Blosc2");

  private final Hdf5Dataset dataset;
  private final int chunkBytes;

  ChunkFilters(Hdf5Dataset dataset, int chunkBytes) {
    this.dataset = dataset;
    this.chunkBytes = chunkBytes;
  }

  /**
   * Decodes a chunk.
   *
   * @param skipped a bit for each filter that it has not been through
   * @throws BadInputException if it has been through one that is not known here, or does not fit
   */
  ByteBuffer decode(ByteBuffer stored, int skipped) {
    byte[] bytes = new byte[stored.remaining()];
    stored.get(bytes);
    try {
      List<Hdf5Dataset.Filter> filters = dataset.filters();
      for (int i = filters.size() - 1; i >= 0; i--) { // the last to be applied is undone first
        if (((skipped >>> i) & 1) == 0) {
          bytes = decode(bytes, filters.get(i));
        }
      }
      if (bytes.length != chunkBytes) {
        throw new IllegalArgumentException(
            "it has " + bytes.length + " bytes instead of " + chunkBytes);
      }
      return ByteBuffer.wrap(bytes);
    } catch (BadInputException e) {
      throw e;
    } catch (RuntimeException e) { // damage shows in many ways
      throw new BadInputException(
          dataset.described()
              + " has a chunk that cannot be decoded ("
              + e.getMessage()
              + "); take another copy of the file.",
          e);
    }
  }

  private byte[] decode(byte[] bytes, Hdf5Dataset.Filter filter) {
    return switch (filter.id()) {
      case DEFLATE -> inflate(bytes);
      case SHUFFLE -> unshuffle(bytes, filter.parameter());
      case FLETCHER32 -> checked(bytes);
      case LZF -> expandLzf(bytes);
      case LZ4 -> expandLz4(ByteBuffer.wrap(bytes));
      default -> {
        String name = OTHERS.getOrDefault(filter.id(), filter.name());
        throw new BadInputException(
            dataset.described()
                + " is compressed with "
                + (name.isEmpty() ? "a filter" : name)
                + " (filter "
                + filter.id()
                + "), which this example cannot decode; `h5repack -f NONE in.h5 out.h5` writes it"
                + " without filters.");
      }
    };
  }

  private byte[] inflate(byte[] bytes) {
    Inflater inflater = new Inflater();
    try {
      inflater.setInput(bytes);
      byte[] inflated = new byte[chunkBytes];
      int length = 0;
      while (!inflater.finished()) {
        if (length == inflated.length) {
          inflated = grown(inflated);
        }
        int more = inflater.inflate(inflated, length, inflated.length - length);
        if (more == 0 && !inflater.finished()) {
          throw new IllegalArgumentException("it has no end");
        }
        length += more;
      }
      return Arrays.copyOf(inflated, length);
    } catch (DataFormatException e) {
      throw new IllegalArgumentException("it is not deflated", e);
    } finally {
      inflater.end();
    }
  }

  /** Room for what a filter before this one has added. */
  private byte[] grown(byte[] full) {
    if (full.length > chunkBytes) {
      throw new IllegalArgumentException("it has more than " + chunkBytes + " bytes");
    }
    return Arrays.copyOf(full, Math.addExact(chunkBytes, chunkBytes / 8 + 1024));
  }

  private static byte[] unshuffle(byte[] bytes, int size) {
    if (size <= 1) {
      return bytes;
    }
    int count = bytes.length / size;
    byte[] unshuffled = bytes.clone(); // what is no whole element stays behind them
    for (int b = 0; b < size; b++) {
      for (int i = 0; i < count; i++) {
        unshuffled[i * size + b] = bytes[b * count + i];
      }
    }
    return unshuffled;
  }

  private static byte[] checked(byte[] bytes) {
    int length = bytes.length - Integer.BYTES;
    int stored = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt(length);
    int sum = fletcher32(bytes, length);
    // HDF5 before 1.6.3 swapped the bytes of each half; it still takes that for right.
    int swapped = ((sum & 0x00ff_00ff) << 8) | ((sum >>> 8) & 0x00ff_00ff);
    if (stored != sum && stored != swapped) {
      throw new IllegalArgumentException("its checksum does not fit");
    }
    return Arrays.copyOf(bytes, length);
  }

  private static int fletcher32(byte[] bytes, int length) {
    long sum1 = 0;
    long sum2 = 0;
    for (int i = 0; i < length; i += 2) {
      int low = i + 1 < length ? bytes[i + 1] & 0xff : 0;
      sum1 = folded(sum1 + (((bytes[i] & 0xff) << 8) | low));
      sum2 = folded(sum2 + sum1);
    }
    return (int) ((sum2 << 16) | sum1);
  }

  /** Modulo 0xffff, which itself stays what it is. */
  private static long folded(long sum) {
    return (sum & 0xffff) + (sum >> 16);
  }

  /** LZF: runs of bytes as they are, and references to bytes before. */
  private byte[] expandLzf(byte[] bytes) {
    byte[] expanded = new byte[chunkBytes];
    int length = 0;
    int at = 0;
    while (at < bytes.length) {
      int control = bytes[at++] & 0xff;
      int run = control < 32 ? control + 1 : (control >> 5) + 2;
      if (control >= 7 << 5) { // a long one
        run += bytes[at++] & 0xff;
      }
      if (length + run > expanded.length) {
        expanded = grown(expanded);
      }
      if (control < 32) {
        System.arraycopy(bytes, at, expanded, length, run);
        at += run;
      } else {
        int from = length - ((control & 31) << 8) - (bytes[at++] & 0xff) - 1;
        for (int i = 0; i < run; i++) {
          expanded[length + i] = expanded[from + i];
        }
      }
      length += run;
    }
    return Arrays.copyOf(expanded, length);
  }

  /** Blocks of LZ4, each behind its length; one that did not shrink is as it was. */
  private byte[] expandLz4(ByteBuffer bytes) {
    long total = bytes.getLong();
    byte[] expanded = new byte[chunkBytes];
    if (total > chunkBytes) {
      expanded = grown(expanded);
    }
    int length = Math.toIntExact(total);
    int blockBytes = bytes.getInt();
    for (int at = 0; at < length; at += blockBytes) {
      int stored = bytes.getInt();
      int end = Math.min(Math.addExact(at, blockBytes), length);
      ByteBuffer block = bytes.slice(bytes.position(), stored);
      bytes.position(bytes.position() + stored);
      if (stored == end - at) {
        block.get(expanded, at, stored);
      } else if (blockBytes < 1 || expandBlock(block, expanded, at) != end) {
        throw new IllegalArgumentException("a block of it has another length");
      }
    }
    return Arrays.copyOf(expanded, length);
  }

  /** Bytes as they are and references to bytes before, by turns. */
  private static int expandBlock(ByteBuffer block, byte[] expanded, int start) {
    int at = start;
    while (block.hasRemaining()) {
      int token = block.get() & 0xff;
      int run = lz4Length(block, token >> 4);
      block.get(expanded, at, run);
      at += run;
      if (block.hasRemaining()) { // the last reference is left out
        int back = (block.get() & 0xff) | ((block.get() & 0xff) << 8);
        int end = at + lz4Length(block, token & 15) + 4;
        if (back < 1 || back > at - start) {
          throw new IllegalArgumentException("it refers to what is not there");
        }
        for (; at < end; at++) {
          expanded[at] = expanded[at - back];
        }
      }
    }
    return at;
  }

  /** A length that goes on in further bytes if it is too large for its 4 bits. */
  private static int lz4Length(ByteBuffer block, int bits) {
    int length = bits;
    for (int more = 255; bits == 15 && more == 255; length += more) {
      more = block.get() & 0xff;
    }
    return length;
  }
}
