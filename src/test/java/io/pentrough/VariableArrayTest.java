package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Arrays that choose their shape in each batch, from the target to the lease. */
@OnEveryDevice
class VariableArrayTest {

  private static final BatchSpec SPEC =
      BatchSpec.builder()
          .variableArray("points", DType.FLOAT32, 50, 3)
          .array("count", DType.INT32)
          .variableArray("mask", DType.UINT8, 4, 5, 6)
          .build();

  private final Device device = TestDevice.open();

  private static int points(long index) {
    return (int) (index * 7 % 51); // 0 to the maximum
  }

  /** Every fifth batch keeps the maximum by saying nothing. */
  private static int[] mask(long index) {
    return index % 5 == 0
        ? new int[] {4, 5, 6}
        : new int[] {(int) (index % 3), (int) (index % 6), (int) (index % 7)};
  }

  private static int elements(int[] shape) {
    return shape[0] * shape[1] * shape[2];
  }

  private static void fill(HostBatch out, BatchContext context) {
    long index = context.index();
    HostArray points = out.array("points");
    points.resize(points(index), 3);
    for (int i = 0; i < points.elements(); i++) {
      points.setFloat(i, index + i / 1000f);
    }
    out.array("count").setInt(0, points(index));
    HostArray mask = out.array("mask");
    if (index % 5 != 0) {
      mask.resize(mask(index));
    }
    for (int i = 0; i < mask.elements(); i++) {
      mask.setByte(i, (byte) (index + i));
    }
  }

  private static void check(DeviceBatch batch) {
    long index = batch.index();
    DeviceArray points = batch.array("points");
    assertArrayEquals(new int[] {points(index), 3}, points.shape());
    assertEquals(points(index), points.dimension(0));
    assertEquals(points(index) * 3, points.elements());
    assertEquals(points(index) * 3L * Float.BYTES, points.buffer().bytes());
    ByteBuffer bytes = TestDevice.bytes(points.buffer());
    for (int i = 0; i < points.elements(); i++) {
      assertEquals(index + i / 1000f, bytes.getFloat(i * Float.BYTES));
    }
    DeviceArray count = batch.array("count");
    assertArrayEquals(new int[0], count.shape());
    assertEquals(points(index), TestDevice.bytes(count.buffer()).getInt(0));
    DeviceArray mask = batch.array("mask");
    assertArrayEquals(mask(index), mask.shape());
    ByteBuffer copy = ByteBuffer.allocate(elements(mask(index)));
    mask.copyTo(copy);
    assertEquals(0, copy.remaining());
    for (int i = 0; i < copy.capacity(); i++) {
      assertEquals((byte) (index + i), copy.get(i));
    }
  }

  @ParameterizedTest(name = "zero-copy: {0}")
  @ValueSource(booleans = {false, true})
  @DisplayName("I4: every lease has the shapes and bytes of its own batch, while others are made")
  void shapesAndBytes(boolean zeroCopy) throws Exception {
    BackgroundLoader.Builder builder =
        BackgroundLoader.builder(device, SPEC, VariableArrayTest::fill).workers(2).deviceSlots(4);
    if (zeroCopy) {
      builder.zeroCopy(true);
    }
    try (BackgroundLoader loader = builder.start()) {
      Deque<DeviceBatch> held = new ArrayDeque<>();
      for (int i = 0; i < 200; i++) {
        held.add(loader.get());
        if (held.size() == 3) {
          held.forEach(VariableArrayTest::check);
          held.remove().close();
        }
      }
      while (!held.isEmpty()) {
        held.remove().close();
      }
    }
  }

  @Test
  @DisplayName("the statistics count what a batch takes of its slot, not the slot")
  void bytesCounted() throws Exception {
    BatchTarget empty =
        (out, context) -> {
          out.array("mask").resize(0, 5, 6);
          if (context.index() == 1) {
            out.array("mask").resize(1, 1, 1);
          }
        };
    try (BackgroundLoader loader = BackgroundLoader.builder(device, SPEC, empty).start()) {
      loader.get().close();
      assertEquals(SPEC.array("count").offset() + 4, loader.stats().bytes());
      loader.get().close();
      assertEquals(
          SPEC.array("count").offset() + 4 + SPEC.array("mask").offset() + 1,
          loader.stats().bytes());
    }
  }

  @Test
  @DisplayName("a shape that does not fit fails its own batch, in words")
  void badShapes() throws Exception {
    BatchTarget bad =
        (out, context) -> {
          switch ((int) context.index()) {
            case 0 -> out.array("count").resize(1);
            case 1 -> out.array("points").resize(51, 3);
            case 2 -> out.array("points").resize(3);
            case 3 -> out.array("mask").resize(1, -1, 1);
            default -> fill(out, context);
          }
        };
    try (BackgroundLoader loader = BackgroundLoader.builder(device, SPEC, bad).start()) {
      for (String word : new String[] {"'count'", "[51, 3]", "[3]", "[1, -1, 1]"}) {
        TargetException e = assertThrows(TargetException.class, loader::get);
        assertInstanceOf(IllegalArgumentException.class, e.getCause());
        assertSays(e, word);
      }
      try (DeviceBatch batch = loader.get()) {
        assertEquals(4, batch.index());
        check(batch);
      }
    }
  }
}
