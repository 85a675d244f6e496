package io.pentrough.example;

import java.nio.ByteBuffer;

/**
 * A heap of small objects, as large groups have for their links: blocks whose sizes double from row
 * to row of a table (HDF5's fractal heap).
 */
final class Hdf5Heap {

  private final Hdf5File file;
  private final int idBytes;
  private final int offsetBytes;
  private final int lengthBytes;
  private final int width;
  private final long firstBlock;
  private final int directRows;
  private final long root;
  private final int rootRows;

  /** Reads the header of the heap at an address. */
  Hdf5Heap(Hdf5File file, long address) {
    this.file = file;
    int lengths = file.storage().getSizeOfLengths();
    int addresses = file.storage().getSizeOfOffsets();
    int fixed = 22 + 12 * lengths + 3 * addresses;
    ByteBuffer header = file.bytes(address, fixed);
    Hdf5File.require("FRHP", header);
    header.get(); // version
    idBytes = header.getShort() & 0xffff;
    if (header.getShort() != 0) {
      throw new UnsupportedOperationException("its group has a heap with filters");
    }
    file.checkedBytes(address, fixed + Integer.BYTES);
    header.get(); // flags
    long largest = header.getInt() & 0xffff_ffffL;
    header.position(14 + 10 * lengths + 2 * addresses); // what it says of space and counts
    width = header.getShort() & 0xffff;
    firstBlock = file.length(header);
    long largestDirect = file.length(header);
    offsetBytes = ((header.getShort() & 0xffff) + 7) / 8;
    header.getShort(); // rows at the start
    root = file.address(header);
    rootRows = header.getShort() & 0xffff;
    lengthBytes = Math.min((log2(largestDirect) + 7) / 8, log2(largest) / 8 + 1);
    directRows = log2(largestDirect) - log2(firstBlock) + 2;
  }

  private static int log2(long number) {
    return Long.SIZE - 1 - Long.numberOfLeadingZeros(number);
  }

  /** How many bytes an object's name in this heap has. */
  int idBytes() {
    return idBytes;
  }

  /** Reads the object with an id. */
  ByteBuffer get(ByteBuffer id) {
    int kind = (id.get() >> 4) & 3;
    if (kind != 0) {
      throw new UnsupportedOperationException("its group has links of an unusual length");
    }
    long offset = Hdf5File.unsigned(id, offsetBytes);
    int length = Math.toIntExact(Hdf5File.unsigned(id, lengthBytes));
    long block = root;
    for (int rows = rootRows; rows > 0; ) { // 0: it is no table, but holds the object
      int row = row(offset);
      if (row >= rows) {
        throw new IllegalArgumentException("no object at " + offset + " of a heap");
      }
      offset -= rowStart(row);
      block = child(block, rows, row * width + (int) (offset / blockBytes(row)));
      offset %= blockBytes(row);
      rows = row < directRows ? 0 : log2(blockBytes(row)) - log2(firstBlock * width) + 1;
    }
    return file.bytes(Math.addExact(block, offset), length);
  }

  /** Takes an entry of the table at an address. */
  private long child(long table, int rows, int entry) {
    int addressBytes = file.storage().getSizeOfOffsets();
    int prefixBytes = 5 + addressBytes + offsetBytes;
    ByteBuffer block =
        file.checkedBytes(table, prefixBytes + rows * width * addressBytes + Integer.BYTES);
    Hdf5File.require("FHIB", block);
    return file.address(block.position(prefixBytes + entry * addressBytes));
  }

  private int row(long offset) {
    return offset < width * firstBlock ? 0 : log2(offset / (width * firstBlock)) + 1;
  }

  private long rowStart(int row) {
    return row == 0 ? 0 : (width * firstBlock) << (row - 1);
  }

  private long blockBytes(int row) {
    return row == 0 ? firstBlock : firstBlock << (row - 1);
  }
}
