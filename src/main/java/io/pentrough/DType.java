package io.pentrough;

import java.util.Locale;

/**
 * The type of an array's elements.
 *
 * <p>Java has no unsigned and no 16-bit floating-point primitives: such elements travel as the raw
 * bits of the Java primitive of the same size.
 *
 * <p><b>Threads.</b> Any.
 */
public enum DType {
  /** Signed 8-bit integer. */
  INT8(Storage.BYTE),
  /** Unsigned 8-bit integer, in a {@code byte}. */
  UINT8(Storage.BYTE),
  /** Signed 16-bit integer. */
  INT16(Storage.SHORT),
  /** Unsigned 16-bit integer, in a {@code short}. */
  UINT16(Storage.SHORT),
  /** Signed 32-bit integer. */
  INT32(Storage.INT),
  /** Unsigned 32-bit integer, in an {@code int}. */
  UINT32(Storage.INT),
  /** Signed 64-bit integer. */
  INT64(Storage.LONG),
  /** Unsigned 64-bit integer, in a {@code long}. */
  UINT64(Storage.LONG),
  /** IEEE 754 binary16, as raw bits in a {@code short}. */
  FLOAT16(Storage.SHORT),
  /** The upper 16 bits of a binary32, as raw bits in a {@code short}. */
  BFLOAT16(Storage.SHORT),
  /** IEEE 754 binary32. */
  FLOAT32(Storage.FLOAT),
  /** IEEE 754 binary64. */
  FLOAT64(Storage.DOUBLE);

  /** The Java primitive that carries an element between a target and its array. */
  enum Storage {
    BYTE(Byte.BYTES),
    SHORT(Short.BYTES),
    INT(Integer.BYTES),
    LONG(Long.BYTES),
    FLOAT(Float.BYTES),
    DOUBLE(Double.BYTES);

    private final int bytes;

    Storage(int bytes) {
      this.bytes = bytes;
    }

    /** As in the names of the methods of {@link HostArray}: {@code "Byte"} for {@code setByte}. */
    String methodSuffix() {
      return name().charAt(0) + name().substring(1).toLowerCase(Locale.ROOT);
    }
  }

  private final Storage storage;

  DType(Storage storage) {
    this.storage = storage;
  }

  /**
   * The size of one element.
   *
   * @return 1, 2, 4 or 8
   */
  public int bytes() {
    return storage.bytes;
  }

  Storage storage() {
    return storage;
  }

  /** As other tools write it: {@code "uint8"}. */
  String label() {
    return name().toLowerCase(Locale.ROOT);
  }
}
