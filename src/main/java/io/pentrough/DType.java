package io.pentrough;

import java.nio.FloatBuffer;
import java.nio.ShortBuffer;
import java.util.Locale;
import java.util.Objects;

/**
 * The type of an array's elements.
 *
 * <p>Java has no unsigned and no 16-bit floating-point primitives. Such elements are passed as the
 * raw bits of the Java primitive of the same size. {@link HostArray} and {@link DeviceArray} also
 * accept and return {@link #FLOAT16} and {@link #BFLOAT16} elements as {@code float}, and round
 * them. For other buffers, {@link #fromFloats} and {@link #toFloats} convert rows, and the static
 * methods convert single values.
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
  /** IEEE 754 binary16, as raw bits in a {@code short}, or rounded from a {@code float}. */
  FLOAT16(Storage.SHORT),
  /**
   * The upper 16 bits of a binary32, as raw bits in a {@code short}, or rounded from a {@code
   * float}.
   */
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

  private static final int FLOAT_INFINITY = 0x7F80_0000;

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

  /** Whether this is one of the floating-point types without a Java primitive. */
  boolean isHalf() {
    return this == FLOAT16 || this == BFLOAT16;
  }

  /** Whether elements may be passed as this Java primitive. */
  boolean takes(Storage primitive) {
    return primitive == storage || (primitive == Storage.FLOAT && isHalf());
  }

  /** The raw bits of a half. */
  short fromFloat(float value) {
    return this == FLOAT16 ? floatToFloat16(value) : floatToBfloat16(value);
  }

  /** The value of a half's raw bits. */
  float toFloat(short bits) {
    return this == FLOAT16 ? float16ToFloat(bits) : bfloat16ToFloat(bits);
  }

  /**
   * Rounds floats to this type, as {@link #floatToFloat16} and {@link #floatToBfloat16} do. Use it
   * for buffers of your own: {@link HostArray} rounds in its {@code set} methods.
   *
   * @param source its remaining elements are converted; its position moves to its limit
   * @param target receives the raw bits; its position moves past them. If both buffers share
   *     memory, the result is undefined
   * @throws IllegalArgumentException if this is not {@link #FLOAT16} or {@link #BFLOAT16}, or fewer
   *     elements remain in the target; both buffers are unchanged then
   * @throws java.nio.ReadOnlyBufferException if the target is read-only
   */
  public void fromFloats(FloatBuffer source, ShortBuffer target) {
    int count = Objects.requireNonNull(source, "source").remaining();
    checkHalves(count, Objects.requireNonNull(target, "target").remaining());
    int from = source.position();
    int to = target.position();
    for (int i = 0; i < count; i++) {
      target.put(to + i, fromFloat(source.get(from + i)));
    }
    source.position(from + count);
    target.position(to + count);
  }

  /**
   * Converts elements of this type to floats. The conversion is exact. Use it for buffers of your
   * own: {@link HostArray} and {@link DeviceArray#copyTo(float[])} convert too.
   *
   * @param source its remaining elements, as raw bits, are converted; its position moves to its
   *     limit
   * @param target receives the values; its position moves past them. If both buffers share memory,
   *     the result is undefined
   * @throws IllegalArgumentException if this is not {@link #FLOAT16} or {@link #BFLOAT16}, or fewer
   *     elements remain in the target; both buffers are unchanged then
   * @throws java.nio.ReadOnlyBufferException if the target is read-only
   */
  public void toFloats(ShortBuffer source, FloatBuffer target) {
    int count = Objects.requireNonNull(source, "source").remaining();
    checkHalves(count, Objects.requireNonNull(target, "target").remaining());
    int from = source.position();
    int to = target.position();
    for (int i = 0; i < count; i++) {
      target.put(to + i, toFloat(source.get(from + i)));
    }
    source.position(from + count);
    target.position(to + count);
  }

  private void checkHalves(int count, int room) {
    if (!isHalf()) {
      throw new IllegalArgumentException(
          label() + " elements are no half floats: convert with FLOAT16 or BFLOAT16");
    }
    if (room < count) {
      throw new IllegalArgumentException(
          "the target has room for "
              + room
              + " elements, but "
              + count
              + " remain in the source: make the target larger, or lower the source's limit");
    }
  }

  /**
   * Rounds a float to the nearest {@link #FLOAT16}, ties to even, as a GPU does. Magnitudes of
   * 65,520 or more become infinity. Magnitudes below 2<sup>-14</sup> become a subnormal number or
   * zero. The sign is kept.
   *
   * @param value any float
   * @return the raw bits; a NaN becomes some NaN
   */
  public static short floatToFloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    int sign = bits >>> 16 & 0x8000;
    int magnitude = bits & 0x7FFF_FFFF;
    int half;
    if (magnitude > FLOAT_INFINITY) {
      half = 0x7E00 | (magnitude >>> 13 & 0x03FF); // quiet, whatever it was
    } else if (magnitude >= 0x477F_F000) { // 65,520, halfway to the first number that is too large
      half = 0x7C00;
    } else if (magnitude < 0x3880_0000) { // 2^-14
      // One half has a unit in the last place of 2^-24, as have subnormal numbers: the sum rounds.
      half = Float.floatToRawIntBits(Float.intBitsToFloat(magnitude) + 0.5f) - 0x3F00_0000;
    } else {
      half = (roundedUpTo(13, magnitude) - 0x3800_0000) >>> 13; // exponents are biased by 15
    }
    return (short) (sign | half);
  }

  /**
   * Converts a {@link #FLOAT16} to a float. The conversion is exact.
   *
   * @param bits the raw bits
   * @return the value; a NaN becomes some NaN
   */
  public static float float16ToFloat(short bits) {
    int sign = (bits & 0x8000) << 16;
    int exponent = bits >>> 10 & 0x1F;
    int fraction = bits & 0x03FF;
    int magnitude =
        switch (exponent) {
          case 0 -> Float.floatToRawIntBits(fraction * 0x1.0p-24f);
          case 0x1F -> FLOAT_INFINITY | fraction << 13;
          default -> (exponent + 112) << 23 | fraction << 13; // biased by 127 instead of 15
        };
    return Float.intBitsToFloat(sign | magnitude);
  }

  /**
   * Rounds a float to the nearest {@link #BFLOAT16}, ties to even, as a GPU does. Magnitudes that
   * exceed the largest finite value by half a unit in the last place or more become infinity. The
   * sign is kept.
   *
   * @param value any float
   * @return the raw bits; a NaN becomes some NaN
   */
  public static short floatToBfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if ((bits & 0x7FFF_FFFF) > FLOAT_INFINITY) {
      return (short) (bits >>> 16 | 0x0040); // quiet: its fraction may lie in the lower half only
    }
    return (short) (roundedUpTo(16, bits) >>> 16);
  }

  /**
   * Converts a {@link #BFLOAT16} to a float. The conversion is exact.
   *
   * @param bits the raw bits
   * @return the value; a NaN becomes some NaN
   */
  public static float bfloat16ToFloat(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  /** Adds what carries into the upper bits where they have to be rounded up, ties to even. */
  private static int roundedUpTo(int dropped, int bits) {
    int even = bits >>> dropped & 1;
    return bits + (1 << (dropped - 1)) - 1 + even;
  }

  /** As other tools write it: {@code "uint8"}. */
  String label() {
    return name().toLowerCase(Locale.ROOT);
  }
}
