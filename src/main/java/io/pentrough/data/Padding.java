package io.pentrough.data;

import io.pentrough.ArraySpec;
import io.pentrough.DType;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * How samples of different lengths are filled up to rows of one length. See {@link Batches#pad}.
 *
 * <pre>{@code
 * Batches batches = Batches.of(texts, 32).pad("tokens", Padding.toLongest().value(-1));
 * }</pre>
 *
 * <p>Immutable. <b>Threads.</b> Any.
 */
public final class Padding {

  private static final Padding TO_MAXIMUM = new Padding(false, 0);
  private static final Padding TO_LONGEST = new Padding(true, 0);

  private final boolean toLongest;
  private final double value;

  private Padding(boolean toLongest, double value) {
    this.toLongest = toLongest;
    this.value = value;
  }

  /**
   * In every batch, rows are as long as the array's second dimension.
   *
   * @return padding with zeros
   */
  public static Padding toMaximum() {
    return TO_MAXIMUM;
  }

  /**
   * Rows are as long as the longest sample of their batch. The dataset must implement {@link
   * Dataset#length}, and the array must be a {@linkplain
   * io.pentrough.BatchSpec.Builder#variableArray variable} one. The second dimension of {@link
   * io.pentrough.DeviceArray#shape()} is the length of the rows, and there are no gaps between
   * them. Bad samples count too, and so do samples that only fill up the last batch.
   *
   * @return padding with zeros
   */
  public static Padding toLongest() {
    return TO_LONGEST;
  }

  /**
   * Sets the value that rows are filled up with. Default 0.
   *
   * @param value a value of the array's type. Floating-point types round it. {@code start()}
   *     refuses a value that the type cannot hold
   * @return the same padding with that value
   */
  public Padding value(double value) {
    return new Padding(toLongest, value);
  }

  boolean isToLongest() {
    return toLongest;
  }

  /**
   * The value as one element of an array, in native order.
   *
   * @throws IllegalArgumentException if the array's type has no such value
   */
  byte[] element(ArraySpec array) {
    ByteBuffer element = ByteBuffer.allocate(array.dtype().bytes()).order(ByteOrder.nativeOrder());
    switch (array.dtype()) {
      case FLOAT64 -> element.putDouble(value);
      case FLOAT32 -> element.putFloat(finite((float) value, array));
      case FLOAT16 -> {
        short half = DType.floatToFloat16((float) value);
        finite(DType.float16ToFloat(half), array);
        element.putShort(half);
      }
      case BFLOAT16 -> {
        short half = DType.floatToBfloat16((float) value);
        finite(DType.bfloat16ToFloat(half), array);
        element.putShort(half);
      }
      default -> {
        long bits = integer(array);
        switch (array.dtype().bytes()) {
          case Byte.BYTES -> element.put((byte) bits);
          case Short.BYTES -> element.putShort((short) bits);
          case Integer.BYTES -> element.putInt((int) bits);
          default -> element.putLong(bits);
        }
      }
    }
    return element.array();
  }

  private float finite(float rounded, ArraySpec array) {
    if (Float.isInfinite(rounded) && !Double.isInfinite(value)) {
      throw noSuchValue(array);
    }
    return rounded;
  }

  private long integer(ArraySpec array) {
    if (!Double.isFinite(value) || value != Math.rint(value)) {
      throw noSuchValue(array);
    }
    BigInteger integer = new BigDecimal(value).toBigInteger();
    int bits = array.dtype().bytes() * Byte.SIZE;
    boolean fits =
        switch (array.dtype()) {
          case UINT8, UINT16, UINT32, UINT64 ->
              integer.signum() >= 0 && integer.bitLength() <= bits;
          default -> integer.bitLength() < bits;
        };
    if (!fits) {
      throw noSuchValue(array);
    }
    return integer.longValue();
  }

  private IllegalArgumentException noSuchValue(ArraySpec array) {
    return new IllegalArgumentException(
        "array '"
            + array
            + "' cannot be padded with "
            + value
            + ": its type has no such value; pass another one to Padding.value");
  }

  /** In words, as in the configuration of a position: {@code "to the longest with 0.0"}. */
  @Override
  public String toString() {
    return (toLongest ? "to the longest" : "to the maximum") + " with " + value;
  }
}
