package io.pentrough;

import static io.pentrough.testkit.Patience.patience;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** I8: a batch is a function of (seed, epoch, index), whoever makes it, whenever and how often. */
@OnEveryDevice
class DeterminismTest {

  private static final int BATCHES = TestDevice.effort(250);
  private static final long SEED = 0x5eed;
  private static final BatchSpec SPEC =
      BatchSpec.builder()
          .array("image", DType.FLOAT32, 8, 33)
          .array("label", DType.INT64, 8)
          .variableArray("points", DType.UINT16, 100, 2)
          .build();

  /** What is delivered for each index below {@link #BATCHES}: a digest, or that it failed. */
  private static SortedMap<Long, String> deliver(
      int workers, boolean ordered, int resetEvery, long seed, BatchTarget target)
      throws Exception {
    SortedMap<Long, String> told = new TreeMap<>();
    try (Device host = TestDevice.open();
        SlowDevice device = new SlowDevice(host, workers, resetEvery > 0, false);
        DeviceStream stream = device.newStream()) {
      BackgroundLoader.Builder builder =
          BackgroundLoader.builder(device, SPEC, target).workers(workers).seed(seed);
      if (!ordered) {
        builder.ordered(false);
      }
      try (BackgroundLoader loader = builder.start()) {
        for (int gets = 1; told.headMap((long) BATCHES).size() < BATCHES; gets++) {
          assertTrue(gets < BATCHES + DeliveredWindow.SIZE, "an index never comes");
          try (DeviceBatch batch = loader.get(stream, patience())) {
            told.merge(batch.index(), digest(batch), (a, b) -> "told twice: " + a + ", " + b);
          } catch (TargetException e) {
            told.merge(
                e.index(), "failed: " + e.getCause(), (a, b) -> "told twice: " + a + ", " + b);
          }
          if (resetEvery > 0 && gets % resetEvery == 0) {
            loader.reset();
          }
        }
      }
    }
    return new TreeMap<>(told.headMap((long) BATCHES));
  }

  private static String digest(DeviceBatch batch) throws Exception {
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    for (int i = 0; i < SPEC.arrays().size(); i++) {
      DeviceArray array = batch.array(i);
      ByteBuffer bytes = ByteBuffer.allocate(array.elements() * array.spec().dtype().bytes());
      array.copyTo(bytes);
      digest.update(Arrays.toString(array.shape()).getBytes(US_ASCII));
      digest.update(bytes.flip());
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  /** Draws in many ways, a number of times that depends on what it draws; some indexes fail. */
  private static void fill(HostBatch out, BatchContext context) {
    RandomGenerator random = context.random();
    HostArray points = out.array("points");
    points.resize(random.nextInt(101), 1 + random.nextInt(2));
    for (int i = 0; i < points.elements(); i++) {
      points.setShort(i, (short) random.nextInt());
    }
    if (context.index() % 7 == 3) {
      throw new IllegalStateException("index " + context.index() + " after " + random.nextLong());
    }
    HostArray image = out.array("image");
    for (int i = 0; i < image.elements(); i++) {
      image.setFloat(i, random.nextBoolean() ? random.nextFloat() : (float) random.nextGaussian());
    }
    HostArray label = out.array("label");
    for (int i = 0; i < label.elements(); i++) {
      label.setLong(i, random.nextLong(1L << 40));
    }
  }

  @ParameterizedTest(name = "{0} workers, ordered: {1}, reset every {2}")
  @CsvSource({
    "1, false, 0",
    "2, true, 0",
    "2, false, 0",
    "8, true, 0",
    "8, false, 0",
    "1, true, 3",
    "2, true, 5",
    "2, false, 7",
    "8, true, 4",
    "8, false, 9",
  })
  @DisplayName("I8: the same batches bit for bit, and the same failures, as with one worker")
  void sameBatches(int workers, boolean ordered, int resetEvery) throws Exception {
    SortedMap<Long, String> one = deliver(1, true, 0, SEED, DeterminismTest::fill);

    assertEquals(one, deliver(workers, ordered, resetEvery, SEED, DeterminismTest::fill));
    assertEquals(BATCHES, one.values().stream().distinct().count(), "two batches are the same");
  }

  @Test
  @DisplayName("I8: another seed makes every batch another")
  void otherSeed() throws Exception {
    SortedMap<Long, String> one = deliver(2, true, 0, SEED, DeterminismTest::fill);
    SortedMap<Long, String> other = deliver(2, true, 0, SEED + 1, DeterminismTest::fill);

    one.forEach((index, digest) -> assertNotEquals(digest, other.get(index), "index " + index));
  }

  @Test
  @DisplayName("I8: what a batch draws does not depend on what the others drew")
  void independentOfOthers() throws Exception {
    BatchTarget greedyAtOddIndexes =
        (out, context) -> {
          if (context.index() % 2 == 1) {
            context.random().nextBytes(new byte[4_001]);
          }
          fill(out, context);
        };
    SortedMap<Long, String> modest = deliver(2, true, 0, SEED, DeterminismTest::fill);
    SortedMap<Long, String> greedy = deliver(2, true, 0, SEED, greedyAtOddIndexes);

    modest.forEach(
        (index, digest) ->
            assertEquals(index % 2 == 0, digest.equals(greedy.get(index)), "index " + index));
  }
}
