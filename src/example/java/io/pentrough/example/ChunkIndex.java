package io.pentrough.example;

import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Where the chunks of a dataset lie. A chunk that was never written lies nowhere. */
final class ChunkIndex {

  static final int TREE_1 = 0;
  static final int SINGLE = 1;
  static final int IMPLICIT = 2;
  static final int FIXED_ARRAY = 3;
  static final int EXTENSIBLE_ARRAY = 4;
  static final int TREE_2 = 5;

  /**
   * A chunk as it is stored.
   *
   * @param bytes how many
   * @param skipped a bit for each filter that it has not been through
   */
  record Chunk(long address, int bytes, int skipped) {}

  private final Hdf5File file;
  private final Hdf5Dataset.Chunked layout;
  private final int[] chunkShape;
  private final int chunkBytes;
  private final boolean filtered;

  /** How many chunks there are along each axis, and how many there could be. */
  private final long[] grid;

  private final long[] maxGrid;
  private final Map<Long, Chunk> chunks = new HashMap<>();

  /** Reads the index. */
  ChunkIndex(Hdf5Dataset dataset, Hdf5Dataset.Chunked layout) {
    this.file = dataset.file();
    this.layout = layout;
    this.chunkShape = layout.shape;
    this.filtered = !dataset.filters().isEmpty();
    long bytes = dataset.type().bytes();
    for (int extent : chunkShape) {
      bytes = Math.multiplyExact(bytes, extent);
    }
    if (bytes > Integer.MAX_VALUE / 2) {
      throw new BadInputException(
          dataset.described()
              + " has chunks of more than 1 GiB, which this example does not read; `h5repack -l"
              + " CHUNK=64x64x64 in.h5 out.h5` makes them smaller.");
    }
    this.chunkBytes = (int) bytes;
    this.grid = grid(dataset.shape());
    this.maxGrid = grid(dataset.maxShape());
    if (layout.address == Hdf5File.UNDEFINED) {
      return;
    }
    switch (layout.index) {
      case TREE_1 -> readTree(layout.address, -1);
      case SINGLE -> put(0, layout.single != null ? layout.single : plain(layout.address));
      case IMPLICIT -> readImplicit();
      case FIXED_ARRAY -> readFixedArray();
      case EXTENSIBLE_ARRAY -> readExtensibleArray();
      case TREE_2 -> readTree2();
      default -> throw new IllegalArgumentException("an unknown chunk index " + layout.index);
    }
  }

  private long[] grid(long[] shape) {
    long[] grid = new long[chunkShape.length];
    for (int i = 0; i < grid.length; i++) {
      grid[i] = shape[i] < 0 ? shape[i] : (shape[i] + chunkShape[i] - 1) / chunkShape[i];
    }
    return grid;
  }

  /** How many bytes a chunk has before it is filtered. */
  int chunkBytes() {
    return chunkBytes;
  }

  /** The chunk at a place in the grid of chunks; null if it was never written. */
  @Nullable Chunk at(long... place) {
    return chunks.get(number(place));
  }

  private long number(long[] place) {
    long number = 0;
    for (int i = 0; i < place.length; i++) {
      number = number * grid[i] + place[i];
    }
    return number;
  }

  private Chunk plain(long address) {
    return new Chunk(address, chunkBytes, 0);
  }

  private void put(long number, Chunk chunk) {
    if (chunk.address != Hdf5File.UNDEFINED) {
      chunks.put(number, chunk);
    }
  }

  /** Puts a chunk, unless the dataset has shrunk since. */
  private void put(long[] place, Chunk chunk) {
    for (int i = 0; i < place.length; i++) {
      if (place[i] < 0 || place[i] >= grid[i]) {
        return;
      }
    }
    put(number(place), chunk);
  }

  /** Reads a node of the B-tree that HDF5 had before 1.10, and those below it. */
  private void readTree(long address, int expectedLevel) {
    int addressBytes = file.storage().getSizeOfOffsets();
    ByteBuffer node = file.bytes(address, 8 + 2 * addressBytes);
    Hdf5File.require("TREE", node);
    int kind = node.get();
    int level = node.get() & 0xff;
    if (kind != 1 || (expectedLevel >= 0 && level != expectedLevel)) {
      throw new IllegalArgumentException("a node of another tree");
    }
    int entries = node.getShort() & 0xffff;
    int entryBytes = 8 + 8 * (grid.length + 1) + addressBytes;
    ByteBuffer keys = file.bytes(address + 8 + 2L * addressBytes, entries * entryBytes);
    for (int e = 0; e < entries; e++) {
      int bytes = keys.getInt();
      int skipped = keys.getInt();
      long[] place = new long[grid.length];
      for (int i = 0; i < place.length; i++) {
        place[i] = keys.getLong() / chunkShape[i];
      }
      keys.getLong(); // within an element
      long child = file.address(keys);
      if (level > 0) {
        readTree(child, level - 1);
      } else {
        put(place, new Chunk(child, bytes, skipped));
      }
    }
  }

  private void readTree2() {
    for (ByteBuffer record : Hdf5Tree.records(file, layout.address)) {
      Chunk chunk = entry(record, record.capacity() - Long.BYTES * grid.length);
      long[] place = new long[grid.length];
      for (int i = 0; i < place.length; i++) {
        place[i] = record.getLong();
      }
      put(place, chunk);
    }
  }

  /** All chunks lie one behind another. */
  private void readImplicit() {
    long count = 1;
    for (long extent : maxGrid) {
      count = Math.multiplyExact(count, extent);
    }
    for (long i = 0; i < count; i++) {
      put(place(i, -1), plain(layout.address + i * chunkBytes));
    }
  }

  /**
   * The place of the chunk with a number in an array, which counts those that there could be.
   *
   * @param slowest the axis that is counted slowest; negative if it is the first
   */
  private long[] place(long number, int slowest) {
    long[] place = new long[grid.length];
    for (int i = grid.length - 1; i >= 0; i--) {
      if (i != slowest && maxGrid[i] > 0) {
        place[i] = number % maxGrid[i];
        number /= maxGrid[i];
      }
    }
    if (slowest >= 0) {
      place[slowest] = number;
    }
    return place;
  }

  /** Takes what an array or tree says of a chunk. */
  private Chunk entry(ByteBuffer bytes, int entryBytes) {
    long address = file.address(bytes);
    if (!filtered) {
      return plain(address);
    }
    int sizeBytes = entryBytes - file.storage().getSizeOfOffsets() - Integer.BYTES;
    int size = Math.toIntExact(Hdf5File.unsigned(bytes, sizeBytes));
    return new Chunk(address, size, bytes.getInt());
  }

  private void readFixedArray() {
    int lengthBytes = file.storage().getSizeOfLengths();
    int addressBytes = file.storage().getSizeOfOffsets();
    ByteBuffer header = file.checkedBytes(layout.address, 12 + lengthBytes + addressBytes);
    Hdf5File.require("FAHD", header);
    header.getShort(); // version, client
    int entryBytes = header.get() & 0xff;
    int pageBits = header.get();
    int count = Math.toIntExact(file.length(header));
    long block = file.address(header);
    if (block == Hdf5File.UNDEFINED) {
      return;
    }
    int perPage = 1 << pageBits;
    int prefixBytes = 6 + addressBytes;
    if (count <= perPage) {
      ByteBuffer entries = file.checkedBytes(block, prefixBytes + count * entryBytes + 4);
      Hdf5File.require("FADB", entries);
      entries.position(prefixBytes);
      for (int i = 0; i < count; i++) {
        put(place(i, -1), entry(entries, entryBytes));
      }
      return;
    }
    int pages = (count + perPage - 1) / perPage;
    int mapBytes = (pages + 7) / 8;
    ByteBuffer prefix = file.checkedBytes(block, prefixBytes + mapBytes + 4);
    Hdf5File.require("FADB", prefix);
    long pageAddress = block + prefixBytes + mapBytes + 4;
    for (int p = 0; p < pages; p++) {
      int inPage = Math.min(perPage, count - p * perPage);
      if (isSet(prefix, 8 * prefixBytes + p)) {
        ByteBuffer entries = file.checkedBytes(pageAddress, inPage * entryBytes + 4);
        for (int i = 0; i < inPage; i++) {
          put(place((long) p * perPage + i, -1), entry(entries, entryBytes));
        }
      }
      pageAddress += (long) inPage * entryBytes + 4;
    }
  }

  /** A bit of some bytes; the first of a byte is its highest. */
  private static boolean isSet(ByteBuffer bytes, int bit) {
    return (bytes.get(bit / 8) & (0x80 >> (bit % 8))) != 0;
  }

  /** The array grows along the one axis that has no limit. */
  private void readExtensibleArray() {
    int lengthBytes = file.storage().getSizeOfLengths();
    int addressBytes = file.storage().getSizeOfOffsets();
    ByteBuffer header = file.checkedBytes(layout.address, 12 + 6 * lengthBytes + addressBytes + 4);
    Hdf5File.require("EAHD", header);
    header.getShort(); // version, client
    new ExtensibleArray(header).read(file.address(header.position(12 + 6 * lengthBytes)));
  }

  /** What the header of an extensible array says, and how far it has been read. */
  private final class ExtensibleArray {

    private final int entryBytes;
    private final int offsetBytes;
    private final int inIndexBlock;
    private final int minInBlock;
    private final int minPointers;
    private final int perPage;
    private final int superBlocks;
    private final int axis;
    private long next;

    private ExtensibleArray(ByteBuffer header) {
      entryBytes = header.get() & 0xff;
      int bits = header.get() & 0xff;
      offsetBytes = (bits + 7) / 8;
      inIndexBlock = header.get() & 0xff;
      minInBlock = header.get() & 0xff;
      minPointers = header.get() & 0xff;
      perPage = 1 << header.get();
      superBlocks = 1 + bits - log2(minInBlock);
      int unlimited = 0;
      for (int i = 0; i < maxGrid.length; i++) {
        unlimited = maxGrid[i] < 0 ? i : unlimited;
      }
      axis = unlimited;
    }

    private static int log2(int power) {
      return Integer.numberOfTrailingZeros(power);
    }

    /** How many blocks of entries a super block has, and how many entries each of them. */
    private int blocksIn(int superBlock) {
      return 1 << (superBlock / 2);
    }

    private int entriesPerBlock(int superBlock) {
      return minInBlock << ((superBlock + 1) / 2);
    }

    private void read(long indexBlock) {
      if (indexBlock == Hdf5File.UNDEFINED) {
        return;
      }
      int addressBytes = file.storage().getSizeOfOffsets();
      int direct = 2 * log2(minPointers); // super blocks whose blocks the index block names
      int blocks = 2 * (minPointers - 1);
      int pointers = blocks + superBlocks - direct;
      ByteBuffer index =
          file.checkedBytes(
              indexBlock,
              6 + addressBytes + inIndexBlock * entryBytes + pointers * addressBytes + 4);
      Hdf5File.require("EAIB", index);
      index.position(6 + addressBytes);
      readEntries(index, inIndexBlock);
      for (int s = 0; s < direct; s++) {
        for (int b = 0; b < blocksIn(s); b++) {
          readBlock(file.address(index), entriesPerBlock(s), index, 0); // too small for pages
        }
      }
      for (int s = direct; s < superBlocks; s++) {
        readSuperBlock(file.address(index), s);
      }
    }

    private void readSuperBlock(long address, int superBlock) {
      int blocks = blocksIn(superBlock);
      int perBlock = entriesPerBlock(superBlock);
      if (address == Hdf5File.UNDEFINED) {
        next += (long) blocks * perBlock;
        return;
      }
      int addressBytes = file.storage().getSizeOfOffsets();
      int pages = perBlock > perPage ? perBlock / perPage : 0;
      int mapBytes = (pages + 7) / 8;
      int mapsAt = 6 + addressBytes + offsetBytes;
      ByteBuffer block =
          file.checkedBytes(address, mapsAt + blocks * mapBytes + blocks * addressBytes + 4);
      Hdf5File.require("EASB", block);
      block.position(mapsAt + blocks * mapBytes);
      for (int b = 0; b < blocks; b++) {
        readBlock(file.address(block), perBlock, block, 8 * mapsAt + b * pages);
      }
    }

    /**
     * Reads a block of entries; those of one that does not exist are left out.
     *
     * @param parent holds a bit for each page, whether it exists
     * @param firstBit the one for the first page of this block
     */
    private void readBlock(long address, int count, ByteBuffer parent, int firstBit) {
      if (address == Hdf5File.UNDEFINED) {
        next += count;
        return;
      }
      int prefixBytes = 6 + file.storage().getSizeOfOffsets() + offsetBytes;
      if (count <= perPage) {
        ByteBuffer block = file.checkedBytes(address, prefixBytes + count * entryBytes + 4);
        Hdf5File.require("EADB", block);
        block.position(prefixBytes);
        readEntries(block, count);
        return;
      }
      Hdf5File.require("EADB", file.checkedBytes(address, prefixBytes + 4));
      long page = address + prefixBytes + 4;
      for (int p = 0; p < count / perPage; p++) {
        if (isSet(parent, firstBit + p)) {
          readEntries(file.checkedBytes(page, perPage * entryBytes + 4), perPage);
        } else {
          next += perPage;
        }
        page += (long) perPage * entryBytes + 4;
      }
    }

    private void readEntries(ByteBuffer entries, int count) {
      for (int i = 0; i < count; i++) {
        put(place(next++, axis), entry(entries, entryBytes));
      }
    }
  }
}
