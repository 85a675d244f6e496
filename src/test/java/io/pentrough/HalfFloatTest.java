package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.ReadOnlyBufferException;
import java.nio.ShortBuffer;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The 16-bit floating-point types, all values of which can be looked at. */
class HalfFloatTest {

  /** How the two are made of a sign, an exponent and a fraction. */
  private static int fractionBits(DType dtype) {
    return dtype == DType.FLOAT16 ? 10 : 7;
  }

  /** The value by the definition of the format, in arithmetic that is exact. */
  private static double value(DType dtype, int bits) {
    int fraction = fractionBits(dtype);
    int largest = (1 << (15 - fraction)) - 1;
    int exponent = bits >>> fraction & largest;
    int bias = largest / 2;
    double significand = (bits & ((1 << fraction) - 1)) * Math.pow(2, -fraction);
    double magnitude =
        exponent == largest
            ? (significand == 0 ? Double.POSITIVE_INFINITY : Double.NaN)
            : exponent == 0
                ? significand * Math.pow(2, 1 - bias)
                : (1 + significand) * Math.pow(2, exponent - bias);
    return (bits & 0x8000) == 0 ? magnitude : -magnitude;
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  @DisplayName("each of the 65,536 has the value of its definition, and comes back from it")
  void allValues(DType dtype) {
    for (int bits = 0; bits < 1 << 16; bits++) {
      float value = dtype.toFloat((short) bits);
      double expected = value(dtype, bits);
      if (Double.isNaN(expected)) {
        assertTrue(Float.isNaN(value), Integer.toHexString(bits));
        assertTrue(Double.isNaN(value(dtype, dtype.fromFloat(value) & 0xFFFF)));
      } else {
        assertEquals(Double.doubleToRawLongBits(expected), Double.doubleToRawLongBits(value));
        assertEquals((short) bits, dtype.fromFloat(value), Integer.toHexString(bits));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  @DisplayName("a float goes to the nearest: on both sides of each boundary, and ties to even")
  void allBoundaries(DType dtype) {
    int infinity = (1 << 15) - (1 << fractionBits(dtype));
    for (int bits = 0; bits < infinity; bits++) {
      double below = value(dtype, bits);
      // Behind the largest comes the number that would, if there were one: an infinity.
      double above =
          bits + 1 == infinity ? 2 * below - value(dtype, bits - 1) : value(dtype, bits + 1);
      float middle = (float) ((below + above) / 2);
      assertEquals((below + above) / 2, middle, "a float holds it");
      int even = (bits & 1) == 0 ? bits : bits + 1;
      for (int sign : new int[] {0, 0x8000}) {
        float signed = sign == 0 ? 1 : -1;
        assertEquals((short) (sign | even), dtype.fromFloat(signed * middle));
        assertEquals((short) (sign | bits), dtype.fromFloat(signed * Math.nextDown(middle)));
        assertEquals((short) (sign | bits + 1), dtype.fromFloat(signed * Math.nextUp(middle)));
      }
    }
    assertEquals((short) infinity, dtype.fromFloat(Float.MAX_VALUE));
    assertEquals((short) infinity, dtype.fromFloat(Float.POSITIVE_INFINITY));
    assertEquals((short) (0x8000 | infinity), dtype.fromFloat(Float.NEGATIVE_INFINITY));
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  @DisplayName("every kind of NaN stays one, also one whose fraction lies in the bits that go")
  void nans(DType dtype) {
    for (int shift = 0; shift < 23; shift++) {
      for (int sign : new int[] {0, 1 << 31}) {
        float nan = Float.intBitsToFloat(sign | 0x7F80_0000 | 1 << shift);
        assertTrue(Double.isNaN(value(dtype, dtype.fromFloat(nan) & 0xFFFF)), "bit " + shift);
      }
    }
    assertTrue(Float.isNaN(dtype.toFloat(dtype.fromFloat(Float.NaN))));
  }

  @Test
  @DisplayName("float16 is what the JDK's own conversion says, where it has one (from 20 on)")
  void asTheJdk() throws Throwable {
    MethodHandle toFloat;
    MethodHandle fromFloat;
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      toFloat =
          lookup.findStatic(
              Float.class, "float16ToFloat", MethodType.methodType(float.class, short.class));
      fromFloat =
          lookup.findStatic(
              Float.class, "floatToFloat16", MethodType.methodType(short.class, float.class));
    } catch (NoSuchMethodException e) {
      assumeTrue(false, "this JDK has none");
      return;
    }
    for (int bits = 0; bits < 1 << 16; bits++) {
      float expected = (float) toFloat.invokeExact((short) bits);
      assertEquals(expected, DType.float16ToFloat((short) bits), Integer.toHexString(bits));
    }
    Random random = new Random(20261128);
    for (int i = 0; i < 1_000_000; i++) {
      float value = Float.intBitsToFloat(random.nextInt());
      if (i % 2 == 0) { // else most are out of reach
        value = (float) (random.nextGaussian() * Math.pow(2, random.nextInt(44) - 27));
      }
      short expected = (short) fromFloat.invokeExact(value);
      if (!Float.isNaN(value)) {
        assertEquals(expected, DType.floatToFloat16(value), Float.toHexString(value));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  @DisplayName("an array of them takes floats, one by one and many, and gives them back")
  void inAnArray(DType dtype) {
    BatchSpec spec = BatchSpec.builder().array("pad", DType.INT8).array("half", dtype, 5).build();
    HostBatch batch = new HostBatch(spec, new TestMemory(spec.slotBytes()), 0, null);
    batch.open();
    HostArray half = batch.array("half");
    float third = dtype.toFloat(dtype.fromFloat(1 / 3f));
    half.setFloat(0, 1 / 3f);
    assertEquals(third, half.getFloat(0));
    assertEquals(dtype.fromFloat(1 / 3f), half.getShort(0));

    half.set(1, new float[] {9, -2, 1 / 3f, Float.NEGATIVE_INFINITY, 9}, 1, 3);
    half.set(4, FloatBuffer.wrap(new float[] {Float.NaN}));
    float[] back = new float[7];
    half.get(0, back, 1, 5);
    assertArrayEquals(
        new float[] {0, third, -2, third, Float.NEGATIVE_INFINITY, Float.NaN, 0}, back);
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  @DisplayName("a million floats of all magnitudes go where exact arithmetic says")
  void randomFloats(DType dtype) {
    Random random = new Random(8);
    for (int i = 0; i < 1_000_000; i++) {
      float value = Float.intBitsToFloat(random.nextInt());
      if (i % 2 == 0) { // else most are out of reach of float16
        value = (float) (random.nextGaussian() * Math.pow(2, random.nextInt(44) - 27));
      }
      double expected = rounded(dtype, value);
      double seen = value(dtype, dtype.fromFloat(value) & 0xFFFF);
      if (Double.compare(expected, seen) != 0) { // also of signs of zero
        throw new AssertionError(Float.toHexString(value) + ": " + seen + ", not " + expected);
      }
    }
  }

  /** To a multiple of the unit in the last place, which a double holds exactly. */
  private static double rounded(DType dtype, float value) {
    if (Float.isNaN(value) || Float.isInfinite(value)) {
      return value;
    }
    int bias = (1 << (14 - fractionBits(dtype))) - 1;
    int exponent = Math.max(Math.getExponent((double) value), 1 - bias);
    double unit = Math.scalb(1.0, exponent - fractionBits(dtype));
    double rounded = Math.rint(value / unit) * unit; // rint: ties to even
    return Math.abs(rounded) < Math.scalb(1.0, bias + 1)
        ? rounded
        : Math.copySign(Double.POSITIVE_INFINITY, value);
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  @DisplayName("rows: all 65,536 to floats and back, between buffers on and off the heap")
  void rows(DType dtype) {
    int all = 1 << 16;
    for (ByteOrder order : new ByteOrder[] {ByteOrder.BIG_ENDIAN, ByteOrder.LITTLE_ENDIAN}) {
      ShortBuffer halves =
          ByteBuffer.allocateDirect(2 * all + 2).order(order).asShortBuffer().position(1);
      for (int bits = 0; bits < all; bits++) {
        halves.put((short) bits);
      }
      float[] floats = new float[all + 2];
      FloatBuffer target = FloatBuffer.wrap(floats, 1, all + 1);
      dtype.toFloats(halves.position(1), target);
      assertEquals(0, halves.remaining());
      assertEquals(all + 1, target.position());
      ShortBuffer back = ShortBuffer.allocate(all + 2).position(1);
      FloatBuffer source =
          ByteBuffer.allocateDirect(4 * all).order(order).asFloatBuffer().put(floats, 1, all);
      dtype.fromFloats(source.flip(), back);
      assertEquals(0, source.remaining());
      assertEquals(all + 1, back.position());
      for (int bits = 0; bits < all; bits++) {
        double expected = value(dtype, bits);
        assertEquals(expected, floats[1 + bits]);
        if (Double.isNaN(expected)) {
          assertTrue(Double.isNaN(value(dtype, back.get(1 + bits) & 0xFFFF)));
        } else {
          assertEquals((short) bits, back.get(1 + bits));
        }
      }
      assertEquals(0, floats[0] + floats[all + 1] + back.get(0) + back.get(all + 1), "around");
    }
  }

  @Test
  @DisplayName("rows that do not fit, other types and read-only targets are refused untouched")
  void badRows() {
    FloatBuffer floats = FloatBuffer.wrap(new float[] {1, 2, 3}).position(1);
    ShortBuffer halves = ShortBuffer.wrap(new short[] {7, 8, 9}).position(2);
    String room = "the target has room for 1 elements, but 2 remain in the source";
    Messages.assertSays(
        assertThrows(
            IllegalArgumentException.class, () -> DType.FLOAT16.fromFloats(floats, halves)),
        room,
        "make the target larger");
    Messages.assertSays(
        assertThrows(
            IllegalArgumentException.class,
            () -> DType.BFLOAT16.toFloats(halves.duplicate().rewind(), floats)),
        "room for 2 elements, but 3 remain");
    for (DType dtype : DType.values()) {
      if (!dtype.isHalf()) {
        String type = dtype.label() + " elements are no half floats";
        Messages.assertSays(
            assertThrows(IllegalArgumentException.class, () -> dtype.toFloats(halves, floats)),
            type);
        Messages.assertSays(
            assertThrows(IllegalArgumentException.class, () -> dtype.fromFloats(floats, halves)),
            type,
            "FLOAT16 or BFLOAT16");
      }
    }
    assertThrows(
        ReadOnlyBufferException.class,
        () -> DType.FLOAT16.toFloats(halves, floats.asReadOnlyBuffer()));
    assertEquals(1, floats.position());
    assertEquals(2, halves.position());
    assertEquals(FloatBuffer.wrap(new float[] {2, 3}), floats);
    assertEquals(9, halves.get(2));
  }
}
