package io.pentrough.example;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * How HDF5 stores an element, as far as elements are integers.
 *
 * @param name what it is called in messages
 * @param integer whether elements are integers, of any width up to 64 bits
 * @param enumerated whether the integers have names, as those of h5py's bool
 * @param bytes of an element
 * @param order of its bytes
 * @param signed whether the highest of its bits is the sign
 * @param offset how many bits lie below it
 * @param precision how many bits it has
 */
record Hdf5Type(
    String name,
    boolean integer,
    boolean enumerated,
    int bytes,
    ByteOrder order,
    boolean signed,
    int offset,
    int precision) {

  /** Takes a type from a message. */
  static Hdf5Type of(ByteBuffer message) {
    int kind = message.get() & 0xf;
    int bits = (int) Hdf5File.unsigned(message, 3);
    int bytes = message.getInt();
    return switch (kind) {
      case 0 -> integer(message, bits, bytes);
      case 1 -> other("float" + 8L * bytes, bytes);
      case 2 -> other("a time", bytes);
      case 3 -> other("text", bytes);
      case 4 -> other("a bit field", bytes);
      case 5 -> other("opaque", bytes);
      case 6 -> other("a compound", bytes);
      case 7 -> other("a reference", bytes);
      case 8 -> {
        Hdf5Type base = of(message);
        yield new Hdf5Type(
            "an enumeration of " + base.name,
            base.integer,
            true,
            bytes,
            base.order,
            base.signed,
            base.offset,
            base.precision);
      }
      case 9 -> other("of variable length", bytes);
      case 10 -> other("an array", bytes);
      default -> other("of the unknown type class " + kind, bytes);
    };
  }

  private static Hdf5Type integer(ByteBuffer message, int bits, int bytes) {
    boolean signed = (bits & 8) != 0;
    int offset = message.getShort() & 0xffff;
    int precision = message.getShort() & 0xffff;
    String name = (signed ? "int" : "uint") + 8L * bytes;
    if (bytes > Long.BYTES) {
      return other(name, bytes);
    }
    if (bytes < 1 || precision < 1 || offset + precision > 8 * bytes) {
      throw new IllegalArgumentException("bits " + offset + " to " + precision + " of " + name);
    }
    return new Hdf5Type(
        name,
        true,
        false,
        bytes,
        (bits & 1) != 0 ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN,
        signed,
        offset,
        precision);
  }

  private static Hdf5Type other(String name, int bytes) {
    return new Hdf5Type(name, false, false, bytes, ByteOrder.LITTLE_ENDIAN, false, 0, 0);
  }

  /**
   * Decodes integers; unsigned ones of 64 bits keep their bits.
   *
   * @param stored in the order of this type, from its position on
   */
  void decode(ByteBuffer stored, int from, long[] target, int at, int count) {
    stored.order(order);
    if (precision < 8 * bytes || Integer.bitCount(bytes) != 1) {
      for (int i = 0; i < count; i++) {
        target[at + i] = decodeOddly(stored, (from + i) * bytes);
      }
      return;
    }
    switch (bytes) {
      case 1 -> {
        long mask = signed ? -1 : 0xff;
        for (int i = 0; i < count; i++) {
          target[at + i] = stored.get(from + i) & mask;
        }
      }
      case 2 -> {
        long mask = signed ? -1 : 0xffff;
        for (int i = 0; i < count; i++) {
          target[at + i] = stored.getShort(2 * (from + i)) & mask;
        }
      }
      case 4 -> {
        long mask = signed ? -1 : 0xffff_ffffL;
        for (int i = 0; i < count; i++) {
          target[at + i] = stored.getInt(4 * (from + i)) & mask;
        }
      }
      default -> {
        for (int i = 0; i < count; i++) {
          target[at + i] = stored.getLong(8 * (from + i));
        }
      }
    }
  }

  /** Whatever the width, slower. */
  private long decodeOddly(ByteBuffer stored, int at) {
    long value = 0;
    for (int i = 0; i < bytes; i++) {
      int next = order == ByteOrder.BIG_ENDIAN ? at + i : at + bytes - 1 - i;
      value = (value << 8) | (stored.get(next) & 0xff);
    }
    int above = Long.SIZE - offset - precision;
    return signed
        ? (value << above) >> (Long.SIZE - precision)
        : (value << above) >>> (Long.SIZE - precision);
  }
}
