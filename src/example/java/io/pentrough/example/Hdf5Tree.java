package io.pentrough.example;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/** The records of a B-tree of version 2, which HDF5 has since 1.8; in no particular order. */
final class Hdf5Tree {

  /** The signature, version and type of a node, and its checksum. */
  private static final int NODE_BYTES = 6 + Integer.BYTES;

  private final Hdf5File file;
  private final int recordBytes;
  private final int countBytes;
  private final int[] totalBytes;
  private final List<ByteBuffer> records = new ArrayList<>();

  private Hdf5Tree(Hdf5File file, int nodeBytes, int recordBytes, int depth) {
    this.file = file;
    this.recordBytes = recordBytes;
    long most =
        (long) (nodeBytes - NODE_BYTES) / recordBytes; // in a node, then in all below it too
    this.countBytes = bytesFor(most);
    this.totalBytes = new int[depth + 1];
    for (int level = 1; level < depth; level++) {
      int pointerBytes = pointerBytes(level);
      long inNode = (long) (nodeBytes - NODE_BYTES - pointerBytes) / (recordBytes + pointerBytes);
      most = (inNode + 1) * most + inNode;
      totalBytes[level + 1] = bytesFor(most);
    }
  }

  private static int bytesFor(long number) {
    return (Long.SIZE - Long.numberOfLeadingZeros(Math.max(number, 1)) + 7) / 8;
  }

  /** What leads from a node of a level to one below: address, number of records, and of all. */
  private int pointerBytes(int level) {
    return file.storage().getSizeOfOffsets() + countBytes + totalBytes[level];
  }

  /** Reads the whole tree at an address. */
  static List<ByteBuffer> records(Hdf5File file, long address) {
    int length = 22 + file.storage().getSizeOfOffsets() + file.storage().getSizeOfLengths();
    ByteBuffer header = file.checkedBytes(address, length);
    Hdf5File.require("BTHD", header);
    header.getShort(); // version, type
    int nodeBytes = header.getInt();
    int recordBytes = header.getShort() & 0xffff;
    int depth = header.getShort() & 0xffff;
    header.getShort(); // when to split and merge
    long root = file.address(header);
    int count = header.getShort() & 0xffff;
    Hdf5Tree tree = new Hdf5Tree(file, nodeBytes, recordBytes, depth);
    if (root != Hdf5File.UNDEFINED) {
      tree.read(root, count, depth);
    }
    return tree.records;
  }

  private void read(long address, int count, int level) {
    int pointers = level == 0 ? 0 : (count + 1) * pointerBytes(level);
    ByteBuffer node = file.checkedBytes(address, NODE_BYTES + count * recordBytes + pointers);
    Hdf5File.require(level == 0 ? "BTLF" : "BTIN", node);
    node.getShort(); // version, type
    for (int i = 0; i < count; i++) {
      records.add(node.slice(node.position(), recordBytes).order(ByteOrder.LITTLE_ENDIAN));
      node.position(node.position() + recordBytes);
    }
    for (int i = 0; level > 0 && i <= count; i++) {
      long child = file.address(node);
      int inChild = (int) Hdf5File.unsigned(node, countBytes);
      node.position(node.position() + totalBytes[level]);
      read(child, inChild, level - 1);
    }
  }
}
