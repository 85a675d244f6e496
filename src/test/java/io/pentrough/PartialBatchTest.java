package io.pentrough;

import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.pentrough.TestStages.TwicePlusOne;
import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Batches of which only the first samples count: their shapes, and zeros behind them. */
@OnEveryDevice
class PartialBatchTest {

  private static final int SAMPLES = 4;

  private static final BatchSpec SPEC =
      BatchSpec.builder()
          .array("image", DType.FLOAT32, SAMPLES, 3, 5)
          .array("label", DType.INT32, SAMPLES)
          .array("offsets", DType.INT32, SAMPLES + 1)
          .array("weights", DType.FLOAT32, 1, SAMPLES)
          .variableArray("tokens", DType.INT16, SAMPLES, 9)
          .array("scalar", DType.FLOAT64)
          .build();

  private final Device device = TestDevice.open();

  /** Every size from 1 to all, now and then in an order of its own. */
  private static int size(long index) {
    return index % 3 == 0 ? SAMPLES : (int) (index * 7 % SAMPLES) + 1;
  }

  private static int tokens(long index) {
    return (int) (index % 10);
  }

  /** Never 0. */
  private static int value(long index, int i) {
    return (int) (1000 * (index % 30) + i + 1);
  }

  /** Writes all rows, also those that do not count. */
  private static void fill(HostBatch out, BatchContext context) {
    long index = context.index();
    if (index % 2 == 0) {
      out.size(size(index));
    }
    HostArray tokens = out.array("tokens");
    tokens.resize(index % 5 == 4 ? 2 : SAMPLES, tokens(index));
    for (int i = 0; i < tokens.elements(); i++) {
      tokens.setShort(i, (short) value(index, i));
    }
    for (int i = 0; i < out.array("image").elements(); i++) {
      out.array("image").setFloat(i, value(index, i));
    }
    for (int i = 0; i < SAMPLES; i++) {
      out.array("label").setInt(i, value(index, i));
      out.array("weights").setFloat(i, value(index, i));
    }
    for (int i = 0; i <= SAMPLES; i++) {
      out.array("offsets").setInt(i, value(index, i));
    }
    out.array("scalar").setDouble(0, (double) index);
    out.size(size(index)); // before or behind the rest: the same
  }

  private static void check(DeviceBatch batch) {
    long index = batch.index();
    int size = size(index);
    assertEquals(size, batch.size());
    assertShape(batch, "image", size, 3, 5);
    assertShape(batch, "label", size);
    assertShape(batch, "offsets", SAMPLES + 1);
    assertShape(batch, "weights", 1, SAMPLES);
    int written = index % 5 == 4 ? 2 : SAMPLES;
    assertShape(batch, "tokens", Math.min(written, size), tokens(index));
    assertShape(batch, "scalar");
    assertEquals(SAMPLES * 15L * Float.BYTES, batch.array("image").buffer().bytes());
    assertEquals((long) written * tokens(index) * 2, batch.array("tokens").buffer().bytes());
    ByteBuffer image = TestDevice.bytes(batch.array("image").buffer());
    for (int i = 0; i < SAMPLES * 15; i++) {
      assertEquals(i < size * 15 ? value(index, i) : 0, image.getFloat(4 * i), "image " + i);
    }
    ByteBuffer label = TestDevice.bytes(batch.array("label").buffer());
    ByteBuffer weights = TestDevice.bytes(batch.array("weights").buffer());
    ByteBuffer offsets = TestDevice.bytes(batch.array("offsets").buffer());
    for (int i = 0; i < SAMPLES; i++) {
      assertEquals(i < size ? value(index, i) : 0, label.getInt(4 * i), "label " + i);
      assertEquals(value(index, i), weights.getFloat(4 * i), "no row for each sample");
      assertEquals(value(index, i), offsets.getInt(4 * i), "one more than samples");
    }
    assertEquals(value(index, SAMPLES), offsets.getInt(4 * SAMPLES));
    ByteBuffer tokens = TestDevice.bytes(batch.array("tokens").buffer());
    for (int i = 0; i < written * tokens(index); i++) {
      boolean counts = i < size * tokens(index);
      assertEquals(counts ? (short) value(index, i) : 0, tokens.getShort(2 * i), "token " + i);
    }
    assertEquals((double) index, TestDevice.bytes(batch.array("scalar").buffer()).getDouble(0));
    ByteBuffer copy = ByteBuffer.allocate(size * Integer.BYTES);
    batch.array("label").copyTo(copy);
    assertEquals(0, copy.remaining(), "only what counts is copied");
  }

  private static void assertShape(DeviceBatch batch, String name, int... shape) {
    DeviceArray array = batch.array(name);
    assertArrayEquals(shape, array.shape(), name);
    int elements = 1;
    for (int axis = 0; axis < shape.length; axis++) {
      assertEquals(shape[axis], array.dimension(axis), name);
      elements *= shape[axis];
    }
    assertEquals(elements, array.elements(), name);
  }

  @ParameterizedTest(name = "zero-copy: {0}")
  @ValueSource(booleans = {false, true})
  @DisplayName("I4: only rows that count have a shape, and zeros lie behind them in the buffer")
  void rowsThatCount(boolean zeroCopy) throws Exception {
    BackgroundLoader.Builder builder =
        BackgroundLoader.builder(device, SPEC, PartialBatchTest::fill).workers(2);
    if (zeroCopy) {
      builder.zeroCopy(true);
    }
    try (BackgroundLoader loader = builder.start()) {
      for (int i = 0; i < 60; i++) {
        try (DeviceBatch batch =
            i % 4 == 3
                ? loader.getQueued(device.defaultStream(), patience())
                : loader.get(patience())) {
          assertEquals(i, batch.index());
          check(batch);
        }
        if (i == 31) {
          loader.reset();
        }
      }
    }
  }

  @Test
  @DisplayName("jobs of a queue, each with other arrays, have their own number of samples")
  void jobs() throws Exception {
    BatchSpec other = BatchSpec.builder().array("x", DType.UINT8, 7, 2).build();
    Random random = new Random(5);
    try (BatchQueue queue =
        BatchQueue.builder(device, Math.max(SPEC.slotBytes(), other.slotBytes())).start()) {
      for (int i = 0; i < 30; i++) {
        int size = 1 + random.nextInt(7);
        if (i % 2 == 0) {
          queue.submit(SPEC, PartialBatchTest::fill);
        } else {
          queue.submit(
              other,
              (out, context) -> {
                for (int j = 0; j < 14; j++) {
                  out.array(0).setByte(j, (byte) (j + 1));
                }
                out.size(size);
              });
        }
        try (DeviceBatch batch = queue.get(patience())) {
          if (i % 2 == 0) {
            check(batch);
          } else {
            assertShape(batch, "x", size, 2);
            ByteBuffer bytes = TestDevice.bytes(batch.array("x").buffer());
            for (int j = 0; j < 14; j++) {
              assertEquals(j < 2 * size ? j + 1 : 0, bytes.get(j));
            }
          }
        }
      }
    }
  }

  @Test
  @DisplayName("an attempt that wrote more rows and failed leaves nothing behind a smaller one")
  void retries() throws Exception {
    BatchTarget target =
        (out, context) -> {
          if (context.index() % 2 == 1 && context.attempt() == 0) {
            out.size(SAMPLES - 1);
            for (int i = 0; i < SAMPLES; i++) {
              out.array("label").setInt(i, -1);
            }
            throw new IllegalStateException("at first");
          }
          fill(out, context);
        };
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, SPEC, target)
            .hostSlots(1)
            .onFailure(FailurePolicy.retry(1))
            .start()) {
      for (int i = 0; i < 20; i++) {
        try (DeviceBatch batch = loader.get(patience())) {
          check(batch);
        }
      }
    }
  }

  /** Twice the image and one more, so that 1 comes of the zeros it reads; and looks at the run. */
  private record Looking(String from, String to, List<String> seen) implements BatchStage {

    @Override
    public void declare(StageArrays arrays) {
      new TwicePlusOne(from, to).declare(arrays);
    }

    @Override
    public StageWork prepare(StageSlot slot) {
      StageWork work = new TwicePlusOne(from, to).prepare(slot);
      return run -> {
        seen.add(
            "%s of %d: %d x %d, %d"
                .formatted(
                    to,
                    run.size(),
                    run.dimension(from, 0),
                    run.dimension(from, 1),
                    run.dimension(to, 0)));
        work.queue(run);
      };
    }
  }

  @Test
  @DisplayName("what stages make shrinks too; zeros are behind what they read, make and deliver")
  void stages() throws Exception {
    BatchSpec spec =
        BatchSpec.builder()
            .array("image", DType.FLOAT32, SAMPLES, 6)
            .variableArray("tokens", DType.FLOAT32, SAMPLES, 5)
            .build();
    BatchTarget target =
        (out, context) -> {
          int size = size(context.index());
          out.array("tokens").resize(SAMPLES, (int) (context.index() % 6));
          for (int i = 0; i < SAMPLES * 6; i++) {
            out.array("image").setFloat(i, value(context.index(), i));
          }
          for (int i = 0; i < out.array("tokens").elements(); i++) {
            out.array("tokens").setFloat(i, value(context.index(), i));
          }
          out.size(size);
        };
    List<String> seen = new ArrayList<>();
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec, target)
            .stage(new Looking("image", "image", seen)) // shared: the next one replaces it
            .stage(new Looking("image", "image", seen))
            .stage(new Looking("tokens", "more", seen))
            .start()) {
      for (int n = 0; n < 24; n++) {
        try (DeviceBatch batch = loader.get(patience())) {
          int size = size(n);
          int length = n % 6;
          assertShape(batch, "image", size, 6);
          assertShape(batch, "tokens", size, length);
          assertShape(batch, "more", size, length);
          ByteBuffer image = TestDevice.bytes(batch.array("image").buffer());
          assertEquals(SAMPLES * 6 * Float.BYTES, image.remaining());
          for (int i = 0; i < SAMPLES * 6; i++) {
            float expected = i < size * 6 ? 4 * value(n, i) + 3 : 0;
            assertEquals(expected, image.getFloat(4 * i), "image " + i + " of batch " + n);
          }
          ByteBuffer more = TestDevice.bytes(batch.array("more").buffer());
          assertEquals(SAMPLES * length * Float.BYTES, more.remaining());
          for (int i = 0; i < SAMPLES * length; i++) {
            float expected = i < size * length ? 2 * value(n, i) + 1 : 0;
            assertEquals(expected, more.getFloat(4 * i), "more " + i + " of batch " + n);
          }
        }
      }
    }
    assertEquals("image of 4: 4 x 6, 4", seen.get(0));
    assertEquals("more of 4: 4 x 1, 4", seen.get(5));
    assertEquals("image of 3: 3 x 6, 3", seen.get(6));
  }

  @Test
  @DisplayName("a batch of one scalar, or of one sample, is always full")
  void one() throws Exception {
    BatchSpec spec =
        BatchSpec.builder().array("x", DType.INT32).array("y", DType.INT32, 1, 2).build();
    BatchTarget target =
        (out, context) -> {
          out.size(1);
          out.array("x").setInt(0, 7);
          out.array("y").setInt(0, 8);
          out.array("y").setInt(1, 9);
        };
    try (BackgroundLoader loader = BackgroundLoader.builder(device, spec, target).start();
        DeviceBatch batch = loader.get(patience())) {
      assertShape(batch, "x");
      assertShape(batch, "y", 1, 2);
      assertEquals(9, TestDevice.bytes(batch.array("y").buffer()).getInt(4));
    }
  }
}
