package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class BatchSpecTest {

  private static final int GIB = 1 << 30;

  @Test
  void arraysLieOneAfterAnotherAtMultiplesOf256() {
    BatchSpec spec =
        BatchSpec.builder()
            .array("image", DType.UINT8, 16, 1, 33, 33, 33)
            .array("label", DType.INT32, 16)
            .array("weight", DType.FLOAT64)
            .variableArray("points", DType.FLOAT16, 32, 4)
            .array("last", DType.INT8, 257)
            .build();

    assertEquals(16 * 33 * 33 * 33, spec.array("image").bytes());
    assertEquals(
        List.of(0L, 575_232L, 575_488L, 575_744L, 576_000L),
        spec.arrays().stream().map(ArraySpec::offset).toList());
    assertEquals(576_512, spec.slotBytes());
  }

  @Test
  void anArrayTellsWhatItWasDeclaredAs() {
    int[] shape = {5, 3};
    BatchSpec spec =
        BatchSpec.builder()
            .array("scalar", DType.FLOAT32)
            .variableArray("points", DType.BFLOAT16, shape)
            .build();
    shape[0] = 99;

    ArraySpec points = spec.array(1);
    assertEquals("points", points.name());
    assertEquals(DType.BFLOAT16, points.dtype());
    assertArrayEquals(new int[] {5, 3}, points.shape());
    points.shape()[0] = 99;
    assertEquals(5, points.dimension(0));
    assertEquals(2, points.rank());
    assertEquals(15, points.elements());
    assertEquals(30, points.bytes());
    assertTrue(points.isVariable());
    assertFalse(spec.array(0).isVariable());
    assertEquals(0, spec.array("scalar").rank());
    assertEquals(1, spec.array("scalar").elements());
    assertEquals(1, spec.indexOf("points"));
    assertEquals("{scalar: float32 [], points: bfloat16 up to [5, 3]}", spec.toString());
    assertEquals(
        "array 'points' has 2 dimensions, so no axis 2",
        assertThrows(IndexOutOfBoundsException.class, () -> points.dimension(2)).getMessage());
  }

  @Test
  void elementSizesAreThoseOfTheTypes() {
    assertArrayEquals(
        new int[] {1, 1, 2, 2, 4, 4, 8, 8, 2, 2, 4, 8},
        Arrays.stream(DType.values()).mapToInt(DType::bytes).toArray());
  }

  @Test
  void specsOfEqualArraysAreEqual() {
    BatchSpec spec = BatchSpec.builder().array("a", DType.INT8, 2, 3).build();
    BatchSpec same = BatchSpec.builder().array("a", DType.INT8, 2, 3).build();
    assertEquals(spec, same);
    assertEquals(spec.hashCode(), same.hashCode());
    for (BatchSpec other :
        List.of(
            BatchSpec.builder().array("b", DType.INT8, 2, 3).build(),
            BatchSpec.builder().array("a", DType.UINT8, 2, 3).build(),
            BatchSpec.builder().array("a", DType.INT8, 3, 2).build(),
            BatchSpec.builder().variableArray("a", DType.INT8, 2, 3).build(),
            BatchSpec.builder().array("a", DType.INT8, 2, 3).array("b", DType.INT8).build())) {
      assertNotEquals(spec, other);
    }
  }

  @Test
  void aBuilderGoesOnAfterBuild() {
    BatchSpec.Builder builder = BatchSpec.builder().array("a", DType.INT8, 2);
    BatchSpec first = builder.build();
    BatchSpec second = builder.array("b", DType.INT8, 2).build();
    assertEquals(1, first.arrays().size());
    assertEquals(2, second.arrays().size());
    assertEquals(256, second.array("b").offset());
  }

  @Test
  void whereAnArrayLiesDoesNotMatterForItsEquality() {
    BatchSpec alone = BatchSpec.builder().array("b", DType.INT8, 2).build();
    BatchSpec behind =
        BatchSpec.builder().array("a", DType.INT8, 2).array("b", DType.INT8, 2).build();
    assertNotEquals(alone.array("b").offset(), behind.array("b").offset());
    assertEquals(alone.array("b"), behind.array("b"));
    assertEquals(alone.array("b").hashCode(), behind.array("b").hashCode());
    BatchSpec other =
        BatchSpec.builder().array("b", DType.INT8, 2).array("a", DType.INT8, 2).build();
    assertNotEquals(behind, other, "but the order of the arrays does");
  }

  @Test
  void badNamesAreRefused() {
    assertAll(
        () ->
            assertRefused(
                "an array of shape [2] has the blank name ' '",
                () -> BatchSpec.builder().array(" ", DType.INT8, 2)),
        () ->
            assertRefused(
                "the name 'a' is taken: a: int8 [2]; choose another name",
                () -> BatchSpec.builder().array("a", DType.INT8, 2).array("a", DType.INT32, 3)),
        () ->
            assertRefused(
                "there is no array 'c' in this batch, only 'a', 'b'",
                () ->
                    BatchSpec.builder()
                        .array("a", DType.INT8, 2)
                        .array("b", DType.INT8, 2)
                        .build()
                        .array("c")));
  }

  @Test
  void badShapesAreRefused() {
    assertAll(
        () ->
            assertRefused(
                "array 'a' has the dimension 0 in its shape [2, 0]; each must be at least 1",
                () -> BatchSpec.builder().array("a", DType.INT8, 2, 0)),
        () ->
            assertRefused(
                "array 'a' has the dimension -3 in its shape [-3]; each must be at least 1",
                () -> BatchSpec.builder().variableArray("a", DType.INT8, -3)),
        () ->
            assertRefused(
                "the variable array 'a' has no dimension that could vary; declare it with array(...)",
                () -> BatchSpec.builder().variableArray("a", DType.INT8)),
        () ->
            assertRefused(
                "array 'a' of shape [65536, 32768] has more than 2147483647 elements; make it smaller",
                () -> BatchSpec.builder().array("a", DType.INT8, 65536, 32768)),
        // 2^64 elements: a product in 64 bits is 0 again
        () ->
            assertRefused(
                "array 'a' of shape [65536, 65536, 65536, 65536] has more than 2147483647 elements; make it smaller",
                () -> BatchSpec.builder().array("a", DType.INT8, 65536, 65536, 65536, 65536)));
  }

  @Test
  void aSlotHasAtMostOneGibibyte() {
    assertEquals(GIB, BatchSpec.builder().array("a", DType.INT8, GIB).build().slotBytes());
    assertAll(
        () ->
            assertRefused(
                "a batch needs at least one array: add it with array(...)",
                () -> BatchSpec.builder().build()),
        () ->
            assertRefused(
                "a slot of 1073742080 bytes is more than the 1073741824 (1 GiB) it may have; its"
                    + " largest array is 'b' with 1073741568 bytes: take fewer samples in a batch, or a"
                    + " smaller type",
                () ->
                    BatchSpec.builder()
                        .array("a", DType.INT8, 256)
                        .array("b", DType.INT8, GIB - 256)
                        .array("c", DType.INT8)
                        .build()),
        // In 32 bits these sizes add up to 0.
        () ->
            assertRefused(
                "a slot of 17179869184 bytes is more than the 1073741824 (1 GiB) it may have; its"
                    + " largest array is 'a' with 8589934592 bytes: take fewer samples in a batch, or a"
                    + " smaller type",
                () ->
                    BatchSpec.builder()
                        .array("a", DType.INT64, GIB)
                        .array("b", DType.INT64, GIB)
                        .build()));
  }

  private static void assertRefused(String message, Executable declaration) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, declaration).getMessage());
  }
}
