package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.FloatBuffer;
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
}
