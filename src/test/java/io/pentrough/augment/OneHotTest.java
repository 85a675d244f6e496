package io.pentrough.augment;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.pentrough.ArraySpec;
import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.device.host.HostDevice;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** One-hot labels, on every device, against the definition. */
@OnEveryDevice(everySchedule = false)
class OneHotTest {

  private final Device device = TestDevice.open();

  /** First -1, then mostly classes; the rest is what other types take for one. */
  static void labels(ByteBuffer to, ArraySpec spec, Random random) {
    while (to.hasRemaining()) {
      long label = random.nextInt(6);
      long[] odd = {-1, 1L << 32, 1L << 16, 1L << 8, Long.MIN_VALUE, random.nextLong()};
      if (to.position() == 0) {
        label = -1;
      } else if (random.nextInt(3) == 0) {
        label += odd[random.nextInt(odd.length)];
      }
      switch (spec.dtype().bytes()) {
        case 1 -> to.put((byte) label);
        case 2 -> to.putShort((short) label);
        case 4 -> to.putInt((int) label);
        default -> to.putLong(label);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(
      names = {"INT8", "UINT8", "INT16", "UINT16", "INT32", "UINT32", "INT64", "UINT64"},
      mode = EnumSource.Mode.INCLUDE)
  @DisplayName("a label of any integer type is 1 in its class alone; if it is none, nowhere")
  void againstTheDefinition(DType dtype) throws Exception {
    for (int seed = 0; seed < 12; seed++) {
      Random random = new Random(seed * 0x9E3779B97F4A7C15L);
      int[] shape = new int[1 + random.nextInt(4)];
      for (int axis = 0; axis < shape.length; axis++) {
        shape[axis] = 1 + random.nextInt(7);
      }
      // With many classes -1 is one of them, unless its sign is minded.
      int classes = seed % 4 == 0 ? 300 : 1 + random.nextInt(6);
      if (seed == 1) {
        classes = 70_000;
        shape = new int[] {2, 3};
      }
      DType made = random.nextBoolean() ? DType.UINT8 : DType.FLOAT32;
      ArraySpec array = Staged.array("label", dtype, shape);
      String into = random.nextBoolean() ? "label" : "classes";
      OneHot stage = OneHot.of("label", into, classes, made);
      Staged result = run(device, array, stage, into, seed, 1);
      try (HostDevice host = HostDevice.open()) {
        assertEquals(run(host, array, stage, into, seed, 1), result, array + ", seed " + seed);
      }
      for (int batch = 0; batch < result.in().size(); batch++) {
        assertEquals(
            reference(result.in().get(batch), array, classes, made),
            result.out().get(batch),
            array + " of " + classes + " classes as " + made + ", seed " + seed);
      }
    }
  }

  private static Staged run(
      Device on, ArraySpec array, OneHot stage, String into, long seed, int workers)
      throws Exception {
    return Staged.run(on, array, stage, into, OneHotTest::labels, seed, workers, 3);
  }

  /** By counting up, with the label as a number without bounds. */
  private static ByteBuffer reference(ByteBuffer in, ArraySpec array, int classes, DType made) {
    int samples = array.dimension(0);
    int voxels = array.elements() / samples;
    ByteBuffer out = Staged.bytes(array.elements() * classes * made.bytes());
    for (int n = 0; n < samples; n++) {
      for (int c = 0; c < classes; c++) {
        for (int v = 0; v < voxels; v++) {
          boolean is = number(in, array.dtype(), n * voxels + v).equals(BigInteger.valueOf(c));
          if (made == DType.UINT8) {
            out.put((byte) (is ? 1 : 0));
          } else {
            out.putFloat(is ? 1 : 0);
          }
        }
      }
    }
    return out.flip();
  }

  private static BigInteger number(ByteBuffer in, DType dtype, int i) {
    byte[] bytes = new byte[dtype.bytes()];
    in.get(i * bytes.length, bytes);
    for (int k = 0; k < bytes.length / 2; k++) { // little-endian, as all devices are
      byte other = bytes[bytes.length - 1 - k];
      bytes[bytes.length - 1 - k] = bytes[k];
      bytes[k] = other;
    }
    return dtype.name().startsWith("U") ? new BigInteger(1, bytes) : new BigInteger(bytes);
  }

  @Test
  @DisplayName("classes below 1, other types, and a name that is taken are refused in a sentence")
  void refuses() {
    BlurTest.said(
        assertThrows(
            IllegalArgumentException.class, () -> OneHot.of("label", "to", 0, DType.UINT8)),
        List.of("at least 1 class, not 0"));
    BlurTest.said(
        assertThrows(
            IllegalArgumentException.class, () -> OneHot.of("label", "to", 2, DType.INT32)),
        List.of("FLOAT32 or UINT8, not INT32"));
    OneHot stage = OneHot.of("label", "to", 2, DType.UINT8);
    BatchSpec.Builder label = BatchSpec.builder().array("label", DType.UINT8, 2, 3);
    refuses(
        OneHot.of("label", "image", 2, DType.UINT8),
        label.array("image", DType.UINT8, 2).build(),
        "that array exists already");
    refuses(
        stage,
        BatchSpec.builder().array("label", DType.FLOAT32, 2, 3).build(),
        "but it is float32");
    refuses(stage, BatchSpec.builder().array("label", DType.UINT8).build(), "a single number");
    refuses(
        stage, BatchSpec.builder().variableArray("label", DType.UINT8, 2).build(), "is variable");
    refuses(
        OneHot.of("label", "to", 1 << 30, DType.UINT8), label.build(), "has more than 2147483647");
  }

  private void refuses(OneHot stage, BatchSpec spec, String words) {
    BlurTest.said(
        assertThrows(
            IllegalArgumentException.class,
            () ->
                BackgroundLoader.builder(device, spec, (out, context) -> {}).stage(stage).start()),
        List.of(words));
  }
}
