package io.pentrough;

import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.TestStages.Expand;
import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.LogCapture;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.api.parallel.Resources;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the target leaves unwritten in the first batches is told, and is not an earlier batch's. */
@OnEveryDevice
class FirstFillCheckTest {

  private final Device device = TestDevice.open();
  @RegisterExtension final LogCapture log = new LogCapture();

  private BackgroundLoader.Builder loader(BatchSpec spec, BatchTarget target) {
    return BackgroundLoader.builder(device, spec, target).name("forgetful");
  }

  private List<String> told() {
    return log.containing("forgetful: at index");
  }

  private void assertTold(String... words) {
    List<String> told = told();
    assertEquals(1, told.size(), "once: " + told);
    for (String word : words) {
      assertTrue(told.get(0).contains(word), () -> "no \"" + word + "\" in: " + told);
    }
  }

  private static void write(HostArray array, Random random, int from, int count) {
    int width = array.spec().dtype().bytes();
    byte[] bytes = new byte[count * width];
    random.nextBytes(bytes);
    array.set(from, ByteBuffer.wrap(bytes));
  }

  private static byte[] content(DeviceBatch batch, int array) {
    ByteBuffer bytes = TestDevice.bytes(batch.array(array).buffer());
    byte[] content = new byte[bytes.remaining()];
    bytes.get(content);
    return content;
  }

  private static void drain(BackgroundLoader loader, int batches) throws Exception {
    for (int i = 0; i < batches; i++) {
      loader.get(patience()).close();
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      mode = EnumSource.Mode.EXCLUDE,
      names = {"INT8", "UINT8", "INT16", "UINT16"})
  @DisplayName("one element is enough, of any floating type and of integers of 32 bits or more")
  void oneElement(DType dtype) throws Exception {
    BatchSpec spec =
        BatchSpec.builder().array("label", DType.INT8, 3).array("x", dtype, 1003).build();
    for (int forgotten : new int[] {0, 500, 1001, 1002}) {
      BatchTarget target =
          (out, context) -> {
            Random random = new Random(context.index());
            write(out.array("label"), random, 0, 3);
            int width = dtype.bytes();
            byte[] bytes = new byte[1003 * width];
            for (int i = 0; i < bytes.length; i++) {
              bytes[i] = (byte) (1 + random.nextInt(3)); // small numbers
            }
            out.array("x").set(0, ByteBuffer.wrap(bytes, 0, forgotten * width));
            out.array("x")
                .set(
                    forgotten + 1,
                    ByteBuffer.wrap(bytes, (forgotten + 1) * width, (1002 - forgotten) * width));
          };
      try (BackgroundLoader loader = loader(spec, target).hostSlots(3).start()) {
        for (int i = 0; i < 3; i++) {
          try (DeviceBatch batch = loader.get(patience())) {
            byte[] content = content(batch, 1);
            for (int k = 0; k < content.length; k++) {
              boolean written = k / dtype.bytes() != forgotten;
              assertEquals(written, content[k] != 0, "byte " + k + " of batch " + i);
            }
          }
        }
        drain(loader, 5);
      }
      assertTold(
          "1 of the 1,003 elements of array 'x', the first at index " + forgotten,
          "fillZero()",
          "resize()",
          "size()",
          "-Dpentrough.debug=true");
      log.clear();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"INT8", "UINT8", "INT16", "UINT16"})
  @DisplayName("of small integers a run of 16 bytes is enough, and a row that was never written")
  void oneRow(DType dtype) throws Exception {
    BatchSpec spec = BatchSpec.builder().array("image", dtype, 7, 160).build();
    BatchTarget target =
        (out, context) -> {
          Random random = new Random(context.index());
          write(out.array(0), random, 0, 160);
          write(out.array(0), random, 320, 160 * 5);
        };
    try (BackgroundLoader loader = loader(spec, target).start()) {
      try (DeviceBatch batch = loader.get(patience())) {
        byte[] content = content(batch, 0);
        for (int i = 160 * dtype.bytes(); i < 320 * dtype.bytes(); i++) {
          assertEquals(0, content[i]);
        }
      }
      drain(loader, 5);
    }
    assertTold("160 of the 1,120 elements of array 'image', the first at index 160");
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  @DisplayName("whatever bits a target writes, nothing is told of them, and they come unchanged")
  void noFalseAlarm(DType dtype) throws Exception {
    BatchSpec spec = BatchSpec.builder().array("x", dtype, 100_003).build();
    BatchTarget target =
        (out, context) -> write(out.array(0), new Random(context.index()), 0, 100_003);
    try (BackgroundLoader loader = loader(spec, target).hostSlots(8).start()) {
      for (int n = 0; n < 8; n++) {
        byte[] expected = new byte[100_003 * dtype.bytes()];
        new Random(n).nextBytes(expected);
        try (DeviceBatch batch = loader.get(patience())) {
          assertArrayEquals(expected, content(batch, 0));
        }
      }
    }
    assertEquals(List.of(), told());
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"FLOAT32", "UINT32", "FLOAT16", "BFLOAT16"})
  @DisplayName("data that looks like the pattern is kept, also where it is the pattern by chance")
  void alike(DType dtype) throws Exception {
    int width = dtype.bytes();
    BatchSpec spec = BatchSpec.builder().array("x", dtype, 4000).build();
    List<byte[]> written = new ArrayList<>();
    BatchTarget target =
        (out, context) -> {
          byte[] bytes = new byte[4000 * width];
          Random random = new Random(context.index());
          ByteBuffer view = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
          for (int i = 0; i < 4000; i++) {
            if (width == 4) {
              view.putInt(4 * i, 0x7FF00000 | random.nextInt(1 << 20));
            } else {
              view.putShort(2 * i, (short) (0x7FE0 | random.nextInt(16)));
            }
          }
          written.add(bytes);
          out.array(0).set(0, ByteBuffer.wrap(bytes));
        };
    try (BackgroundLoader loader = loader(spec, target).hostSlots(1).start()) {
      try (DeviceBatch batch = loader.get(patience())) {
        assertArrayEquals(written.get(0), content(batch, 0));
      }
    }
    assertEquals(List.of(), told());
  }

  @Test
  @DisplayName("the largest integers look like the pattern, and hide nothing")
  void largest() throws Exception {
    BatchSpec spec = BatchSpec.builder().array("x", DType.INT32, 1000).build();
    BatchTarget target =
        (out, context) -> {
          for (int i = 0; i < 1000; i++) {
            if (i != 77) {
              out.array("x").setInt(i, i % 100 == 0 ? Integer.MAX_VALUE : i);
            }
          }
        };
    try (BackgroundLoader loader = loader(spec, target).start()) {
      drain(loader, 1);
    }
    assertTold("1 of the 1,000 elements of array 'x', the first at index 77");
  }

  @Test
  @DisplayName(
      "what does not count is not told of: rows behind size(), and what resize() leaves out")
  void whatCounts() throws Exception {
    BatchSpec spec =
        BatchSpec.builder()
            .array("x", DType.FLOAT32, 9, 5)
            .variableArray("v", DType.INT64, 100)
            .variableArray("none", DType.FLOAT64, 10)
            .array("y", DType.INT16, 9, 8)
            .build();
    BatchTarget target =
        (out, context) -> {
          Random random = new Random(context.index());
          write(out.array("x"), random, 0, 20);
          out.array("v").resize(33);
          write(out.array("v"), random, 0, 33);
          out.array("none").resize(0);
          write(out.array("y"), random, 0, 32);
          out.size(4);
        };
    try (BackgroundLoader loader = loader(spec, target).start()) {
      drain(loader, 8);
    }
    assertEquals(List.of(), told());
  }

  @Test
  @DisplayName("a target that asks what a stage will need may leave out the rest")
  void whatAStageNeeds() throws Exception {
    BatchSpec spec = BatchSpec.builder().array("image", DType.UINT8, 3, 67).build();
    Expand stage = new Expand();
    BatchTarget target = (out, context) -> out.parameters(stage);
    try (BackgroundLoader loader = loader(spec, target).stage(stage).start()) {
      drain(loader, 8);
    }
    assertEquals(List.of(), told());
  }

  @ParameterizedTest
  @CsvSource({"UINT8, 4, 0", "INT8, 12, 8", "INT16, 3, 0", "UINT16, 7, 4", "FLOAT16, 3, 0"})
  @DisplayName("what is left unwritten behind the last whole group is zero, and no marker")
  void shortArrays(DType dtype, int elements, int found) throws Exception {
    BatchSpec spec =
        BatchSpec.builder().array("x", DType.FLOAT32, 5).array("y", dtype, elements).build();
    BatchTarget target = (out, context) -> write(out.array("x"), new Random(1), 0, 5);
    try (BackgroundLoader loader = loader(spec, target).hostSlots(2).start()) {
      for (int i = 0; i < 2; i++) {
        try (DeviceBatch batch = loader.get(patience())) {
          assertArrayEquals(new byte[elements * dtype.bytes()], content(batch, 1), "batch " + i);
        }
      }
      drain(loader, 3);
    }
    if (dtype == DType.FLOAT16) {
      assertTold("3 of the 3 elements of array 'y'");
    } else if (found > 0) {
      assertTold(found + " of the " + elements + " elements of array 'y', the first at index 0");
    } else {
      assertEquals(List.of(), told());
    }
  }

  @Test
  @DisplayName("an attempt that fails is not the one that is checked")
  void failedFirst() throws Exception {
    BatchSpec spec =
        BatchSpec.builder().array("x", DType.FLOAT32, 5).array("y", DType.INT32, 2).build();
    BatchTarget target =
        (out, context) -> {
          if (context.attempt() == 0) {
            throw new IllegalStateException("at first");
          }
          write(out.array("x"), new Random(1), 0, 3);
        };
    try (BackgroundLoader loader =
        loader(spec, target).hostSlots(1).onFailure(FailurePolicy.retry(1)).start()) {
      drain(loader, 3);
    }
    assertTold(
        "at index 0 of epoch 0",
        "2 of the 5 elements of array 'x', the first at index 3; 2 of the 2 elements of array 'y'");
  }

  @Test
  @DisplayName("a fill that says endOfEpoch() need write nothing")
  void endOfEpoch() throws Exception {
    BatchSpec spec = BatchSpec.builder().array("x", DType.FLOAT32, 5).build();
    BatchTarget target =
        (out, context) -> {
          if (context.epoch() == 0 || context.index() == 1) { // so it is what the first fill says
            context.endOfEpoch();
          } else {
            write(out.array("x"), new Random(1), 0, 5);
          }
        };
    try (BackgroundLoader loader = loader(spec, target).hostSlots(8).epochs(4).start()) {
      drain(loader, 3);
      assertThrows(NoSuchElementException.class, () -> loader.get(patience()));
    }
    assertEquals(List.of(), told());
  }

  @Test
  @DisplayName("later fills are left alone: a forgotten element is an earlier batch's, as before")
  void laterFills() throws Exception {
    BatchSpec spec = BatchSpec.builder().array("x", DType.INT32, 3).build();
    BatchTarget target =
        (out, context) -> {
          for (int i = 0; i < (context.index() == 0 ? 3 : 2); i++) {
            out.array("x").setInt(i, (int) context.index() + 7);
          }
        };
    try (BackgroundLoader loader = loader(spec, target).hostSlots(1).start()) {
      for (int n = 0; n < 5; n++) {
        try (DeviceBatch batch = loader.get(patience())) {
          assertEquals(7, TestDevice.bytes(batch.array(0).buffer()).getInt(8));
        }
      }
    }
    assertEquals(List.of(), told());
  }

  @Test
  @DisplayName("jobs of a queue are checked as well")
  void jobs() throws Exception {
    BatchSpec spec = BatchSpec.builder().array("x", DType.INT32, 2).build();
    try (BatchQueue queue = BatchQueue.builder(device, 4096).name("forgetful").start()) {
      queue.submit(spec, (out, context) -> out.array(0).setInt(1, 1));
      queue.get(patience()).close();
    }
    assertTold("1 of the 2 elements of array 'x', the first at index 0");
  }

  @Test
  @ResourceLock(Resources.SYSTEM_PROPERTIES)
  @DisplayName("-Dpentrough.checkFills=false leaves it out")
  void off() throws Exception {
    System.setProperty("pentrough.checkFills", "false");
    BatchSpec spec = BatchSpec.builder().array("x", DType.INT32, 2).build();
    try (BackgroundLoader loader = loader(spec, (out, context) -> {}).start()) {
      drain(loader, 5);
    } finally {
      System.clearProperty("pentrough.checkFills");
    }
    assertEquals(List.of(), told());
  }
}
