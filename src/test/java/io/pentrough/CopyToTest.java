package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import java.util.Arrays;
import java.util.function.Consumer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A batch that is looked at in Java. */
@OnEveryDevice(everySchedule = false)
class CopyToTest {

  private final Device device = TestDevice.open();

  private void with(BatchSpec spec, BatchTarget target, Consumer<DeviceBatch> look)
      throws Exception {
    try (BackgroundLoader loader = BackgroundLoader.builder(device, spec, target).start();
        DeviceBatch batch = loader.get()) {
      look.accept(batch);
    }
  }

  @Test
  @DisplayName("each type comes as the Java array that it went in as; what is behind stays")
  void everyType() throws Exception {
    BatchSpec spec =
        BatchSpec.builder()
            .array("bytes", DType.UINT8, 3)
            .array("shorts", DType.UINT16, 3)
            .array("ints", DType.INT32, 3)
            .array("longs", DType.INT64, 3)
            .array("floats", DType.FLOAT32, 3)
            .array("doubles", DType.FLOAT64, 3)
            .array("halves", DType.FLOAT16, 3)
            .array("brains", DType.BFLOAT16, 3)
            .array("scalar", DType.FLOAT32)
            .build();
    BatchTarget target =
        (out, context) -> {
          out.array("bytes").set(0, new byte[] {1, -2, 3}, 0, 3);
          out.array("shorts").set(0, new short[] {258, -2, 3}, 0, 3);
          out.array("ints").set(0, new int[] {1 << 20, -2, 3}, 0, 3);
          out.array("longs").set(0, new long[] {1L << 40, -2, 3}, 0, 3);
          for (String name : new String[] {"floats", "halves", "brains"}) {
            out.array(name).set(0, new float[] {1.5f, -2, Float.NaN}, 0, 3);
          }
          out.array("doubles").set(0, new double[] {1e300, -2, 3}, 0, 3);
          out.array("scalar").setFloat(0, 7);
        };
    with(
        spec,
        target,
        batch -> {
          byte[] bytes = new byte[4];
          batch.array("bytes").copyTo(bytes);
          assertArrayEquals(new byte[] {1, -2, 3, 0}, bytes);
          short[] shorts = new short[4];
          batch.array("shorts").copyTo(shorts);
          assertArrayEquals(new short[] {258, -2, 3, 0}, shorts);
          int[] ints = new int[4];
          batch.array("ints").copyTo(ints);
          assertArrayEquals(new int[] {1 << 20, -2, 3, 0}, ints);
          long[] longs = new long[4];
          batch.array("longs").copyTo(longs);
          assertArrayEquals(new long[] {1L << 40, -2, 3, 0}, longs);
          double[] doubles = new double[4];
          batch.array("doubles").copyTo(doubles);
          assertArrayEquals(new double[] {1e300, -2, 3, 0}, doubles);
          for (String name : new String[] {"floats", "halves", "brains"}) {
            float[] floats = new float[4];
            batch.array(name).copyTo(floats);
            assertArrayEquals(new float[] {1.5f, -2, Float.NaN, 0}, floats, name);
          }
          batch.array("halves").copyTo(shorts);
          assertEquals(DType.floatToFloat16(1.5f), shorts[0], "the bits");
          float[] scalar = new float[1];
          batch.array("scalar").copyTo(scalar);
          assertEquals(7, scalar[0]);
        });
  }

  @Test
  @DisplayName("an array of several parts, in its shape of this batch; an empty one as well")
  void largeAndVariable() throws Exception {
    int most = 3 * DeviceArray.PART_BYTES / Integer.BYTES;
    BatchSpec spec =
        BatchSpec.builder()
            .variableArray("large", DType.INT32, most)
            .variableArray("empty", DType.INT32, 5)
            .build();
    int elements = most - 7;
    BatchTarget target =
        (out, context) -> {
          HostArray large = out.array("large");
          large.resize(elements);
          for (int i = 0; i < elements; i++) {
            large.setInt(i, i * 31);
          }
          out.array("empty").resize(0);
        };
    with(
        spec,
        target,
        batch -> {
          int[] large = new int[elements];
          batch.array("large").copyTo(large);
          for (int i = 0; i < elements; i++) {
            assertEquals(i * 31, large[i]);
          }
          batch.array("empty").copyTo(new int[0]);
          assertSays(
              assertThrows(
                  IllegalArgumentException.class,
                  () -> batch.array("large").copyTo(new int[elements - 1])),
              "array 'large' has " + elements + " elements in this batch",
              "room for " + (elements - 1),
              "make it longer");
        });
  }

  @Test
  @DisplayName("what will not do is refused in words, and nothing is written")
  void refused() throws Exception {
    BatchSpec spec =
        BatchSpec.builder().array("label", DType.INT32, 2).array("half", DType.FLOAT16, 2).build();
    BatchTarget target = (out, context) -> out.array(0).setInt(0, 5);
    with(
        spec,
        target,
        batch -> {
          DeviceArray label = batch.array("label");
          float[] floats = {3, 3};
          assertSays(
              assertThrows(IllegalArgumentException.class, () -> label.copyTo(floats)),
              "array 'label' is int32: copy it to int[], not float[]");
          assertArrayEquals(new float[] {3, 3}, floats);
          assertSays(
              assertThrows(
                  IllegalArgumentException.class, () -> batch.array("half").copyTo(new int[2])),
              "array 'half' is float16",
              "float[] for values",
              "short[] for raw bits");
          ByteBuffer small = ByteBuffer.allocate(7);
          assertSays(
              assertThrows(BufferOverflowException.class, () -> label.copyTo(small)),
              "room for 7 bytes, but 8 are to be read",
              "allocate more");
          assertEquals(0, small.position());
          assertSays(
              assertThrows(
                  ReadOnlyBufferException.class,
                  () -> label.copyTo(ByteBuffer.allocate(8).asReadOnlyBuffer())),
              "read-only");
        });
    int[] after = {1, 2};
    try (BackgroundLoader loader = BackgroundLoader.builder(device, spec, target).start()) {
      DeviceBatch batch = loader.get();
      DeviceArray label = batch.array("label");
      batch.close();
      assertSays(
          assertThrows(IllegalStateException.class, () -> label.copyTo(after)),
          "batch 0 is closed");
    }
    assertEquals("[1, 2]", Arrays.toString(after));
  }
}
