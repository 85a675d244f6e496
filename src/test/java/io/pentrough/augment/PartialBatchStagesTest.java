package io.pentrough.augment;

import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.ArraySpec;
import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.BatchStage;
import io.pentrough.DType;
import io.pentrough.DeviceArray;
import io.pentrough.DeviceBatch;
import io.pentrough.HostArray;
import io.pentrough.StageArrays;
import io.pentrough.StageSlot;
import io.pentrough.StageWork;
import io.pentrough.data.Batches;
import io.pentrough.data.Dataset;
import io.pentrough.data.LastBatch;
import io.pentrough.data.Sample;
import io.pentrough.data.Sampler;
import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntUnaryOperator;
import java.util.function.LongPredicate;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the stages of the library make of a batch of which only the first samples count. */
@OnEveryDevice(everySchedule = false)
class PartialBatchStagesTest {

  private static final int SAMPLES = 5;
  private static final int BATCHES = 12;

  private static final BatchSpec SPEC =
      BatchSpec.builder()
          .array("image", DType.UINT8, SAMPLES, 2, 6, 7)
          .array("label", DType.UINT8, SAMPLES, 6, 7)
          .variableArray("boxes", DType.FLOAT32, SAMPLES, 3, 4)
          .array("classWeights", DType.FLOAT32, 1, SAMPLES)
          .build();

  private final Device device = TestDevice.open();

  /** Of a batch, by array: the shape, and all of the buffer. */
  private record Delivered(int size, int padded, List<int[]> shapes, List<ByteBuffer> buffers) {}

  /** Zeros become something else in each of them. */
  private static BackgroundLoader.Builder staged(BackgroundLoader.Builder builder, boolean warps) {
    Augmentation.Builder augmentation =
        Augmentation.builder(SPEC.array("image"), Layout.NCYX)
            .label(SPEC.array("label"))
            .patch(1, 5, 4)
            .crop(true)
            .flip(Axis.X, Axis.Y)
            .bias(3)
            .contrast(0.5f, 1.5f)
            .gaussianNoise(0.5f)
            .cutOut(1, 2, 2)
            .cutOutValue(-7);
    if (warps) {
      augmentation.warp(Warp.builder().rotation(40).build());
    }
    return builder
        .stage(augmentation.build()) // its image is shared: the next stage replaces it
        .stage(Blur.builder("image").sigma(0.3, 0.9).radius(Axis.X, 2).radius(Axis.Y, 2).build())
        .stage(OneHot.of("label", "classes", 4, DType.FLOAT32)) // 0 is a class, and becomes 1
        .seed(11)
        .workers(2)
        .deviceSlots(2); // so that there is an earlier batch behind the rows
  }

  /** All rows, also those that do not count. */
  private static void fill(HostArray to, Random random) {
    for (int i = 0; i < to.elements(); i++) {
      if (to.spec().dtype() == DType.FLOAT32) {
        to.setFloat(i, 1 + random.nextFloat());
      } else {
        to.setByte(i, (byte) random.nextInt(to.spec().name().equals("label") ? 4 : 256));
      }
    }
  }

  private List<Delivered> run(boolean warps, IntUnaryOperator size) throws Exception {
    List<Delivered> all = new ArrayList<>();
    try (BackgroundLoader loader =
        staged(
                BackgroundLoader.builder(
                    device,
                    SPEC,
                    (out, context) -> {
                      int counts = size.applyAsInt((int) context.index());
                      out.array("boxes").resize(SAMPLES, (int) (context.index() % 4), 4);
                      for (int i = 0; i < SPEC.arrays().size(); i++) {
                        fill(out.array(i), new Random(10 * context.index() + i));
                      }
                      if (counts < SAMPLES) {
                        out.size(counts);
                      }
                    }),
                warps)
            .start()) {
      for (int i = 0; i < BATCHES; i++) {
        try (DeviceBatch batch =
            i % 3 == 2 ? loader.getQueued(patience()) : loader.get(patience())) {
          all.add(delivered(batch));
        }
      }
    }
    return all;
  }

  private static Delivered delivered(DeviceBatch batch) {
    batch.stream().synchronize(); // also behind getQueued
    List<int[]> shapes = new ArrayList<>();
    List<ByteBuffer> buffers = new ArrayList<>();
    for (ArraySpec spec : batch.spec().arrays()) {
      DeviceArray array = batch.array(spec.name());
      shapes.add(array.shape());
      ByteBuffer copy = Staged.bytes((int) array.buffer().bytes());
      buffers.add(copy.put(TestDevice.bytes(array.buffer())).flip());
      assertEquals(Arrays.stream(array.shape()).reduce(1, (a, b) -> a * b), array.elements());
    }
    return new Delivered(batch.size(), batch.padded(), shapes, buffers);
  }

  /** Rows as in the full batch, and zeros behind them. */
  private static void assertRows(Delivered full, Delivered got, int size) {
    assertEquals(size, got.size);
    for (int array = 0; array < full.shapes.size(); array++) {
      int[] shape = full.shapes.get(array).clone();
      ByteBuffer bytes = got.buffers.get(array);
      ByteBuffer wanted = full.buffers.get(array);
      assertEquals(wanted.remaining(), bytes.remaining(), "the buffer stays whole");
      int counted = bytes.remaining();
      if (shape[0] == SAMPLES) {
        shape[0] = size;
        counted = counted / SAMPLES * size;
      }
      assertArrayEquals(shape, got.shapes.get(array));
      String what = "array " + array + " of " + size;
      assertEquals(wanted.slice(0, counted), bytes.slice(0, counted), what);
      for (int i = counted; i < bytes.limit(); i++) {
        assertEquals(0, bytes.get(i), what);
      }
    }
  }

  @ParameterizedTest(name = "with a warp: {0}")
  @ValueSource(booleans = {false, true})
  @DisplayName("I4: what stages make has the full batch's rows and shrinks; zeros are behind")
  void rowsOfTheFullBatch(boolean warps) throws Exception {
    List<Delivered> full = run(warps, index -> SAMPLES);
    List<Delivered> partial = run(warps, index -> 1 + index * 3 % SAMPLES);
    assertEquals(5, full.get(0).shapes.size());
    for (int i = 0; i < BATCHES; i++) {
      assertTrue(full.get(i).buffers.get(0).getFloat(0) != 0);
      assertRows(full.get(i), partial.get(i), 1 + i * 3 % SAMPLES);
    }
  }

  private record Images(long size) implements Dataset {
    @Override
    public void read(long index, Sample out) {
      fill(out.array("image"), new Random(index));
      fill(out.array("label"), new Random(index));
    }
  }

  @Test
  @DisplayName("the last batch of a dataset: partial it is the beginning of the one that is padded")
  void lastBatch() throws Exception {
    BatchSpec spec =
        BatchSpec.builder()
            .array("image", DType.UINT8, SAMPLES, 2, 6, 7)
            .array("label", DType.UINT8, SAMPLES, 6, 7)
            .build();
    List<List<Delivered>> runs = new ArrayList<>();
    for (LastBatch last : List.of(LastBatch.PAD, LastBatch.PARTIAL)) {
      List<Delivered> got = new ArrayList<>();
      Batches batches = Batches.of(new Images(7), SAMPLES).lastBatch(last);
      try (BackgroundLoader loader =
          staged(BackgroundLoader.builder(device, spec, batches), false).epochs(2).start()) {
        loader.batches().forEach(batch -> got.add(delivered(batch)));
      }
      runs.add(got);
    }
    for (int i = 0; i < 4; i++) {
      Delivered padded = runs.get(0).get(i);
      assertEquals(SAMPLES, padded.size);
      assertEquals(i % 2 == 0 ? 0 : 3, padded.padded);
      assertEquals(SAMPLES, padded.shapes.get(0)[0]);
      assertEquals(0, runs.get(1).get(i).padded);
      assertRows(padded, runs.get(1).get(i), i % 2 == 0 ? SAMPLES : 2);
    }
  }

  /** Notes what it is told of each batch. */
  private record Notes(Map<Long, List<Integer>> byIndex) implements BatchStage {
    @Override
    public void declare(StageArrays arrays) {
      arrays.reads("image", DType.FLOAT32);
      arrays.reads("classes", DType.FLOAT32);
    }

    @Override
    public StageWork prepare(StageSlot slot) {
      return run ->
          byIndex.put(
              run.index(),
              List.of(run.size(), run.dimension("image", 0), run.dimension("classes", 0)));
    }
  }

  private record Bad(Dataset dataset, LongPredicate isBad) implements Dataset {
    @Override
    public long size() {
      return dataset.size();
    }

    @Override
    public void read(long index, Sample out) throws Exception {
      dataset.read(index, out);
      if (isBad.test(index)) {
        throw new IOException("bad, with its row written");
      }
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  @DisplayName("I4: behind bad samples, stages see and make the rows of the good ones, and zeros")
  void badSamples(long seed) throws Exception {
    BatchSpec spec =
        BatchSpec.builder()
            .array("image", DType.UINT8, SAMPLES, 2, 6, 7)
            .array("label", DType.UINT8, SAMPLES, 6, 7)
            .build();
    Random random = new Random(seed);
    boolean[] bad = new boolean[SAMPLES * BATCHES];
    for (int i = 0; i < bad.length; i++) {
      bad[i] = random.nextInt(3) == 0 || i / SAMPLES == 4; // batch 4 has no good sample
    }
    Dataset images = new Images(bad.length);
    Map<Long, List<Integer>> seen = new ConcurrentHashMap<>();
    Batches batches =
        Batches.of(new Bad(images, i -> bad[(int) i]), SAMPLES).skipBadSamples(bad.length);
    List<Delivered> got = new ArrayList<>();
    List<Long> indexes = new ArrayList<>();
    try (BackgroundLoader loader =
        staged(BackgroundLoader.builder(device, spec, batches), false)
            .stage(new Notes(seen))
            .epochs(1)
            .start()) {
      for (DeviceBatch batch : loader.epoch()) {
        got.add(delivered(batch));
        indexes.add(batch.index());
      }
    }
    // The same rows in full batches: good ones from the front, then any others.
    List<Delivered> full = new ArrayList<>();
    List<Integer> sizes = new ArrayList<>();
    for (int i = 0; i < BATCHES; i++) {
      sizes.add(0);
    }
    long[] order =
        IntStream.range(0, bad.length)
            .boxed()
            .sorted(
                Comparator.<Integer>comparingInt(i -> i / SAMPLES)
                    .thenComparing(i -> bad[i])
                    .thenComparing(i -> i))
            .mapToLong(i -> i)
            .toArray();
    for (int i = 0; i < bad.length; i++) {
      sizes.set(i / SAMPLES, sizes.get(i / SAMPLES) + (bad[i] ? 0 : 1));
    }
    try (BackgroundLoader loader =
        staged(
                BackgroundLoader.builder(
                    device, spec, Batches.of(images, SAMPLES).sampler(Sampler.subset(order))),
                false)
            .epochs(1)
            .start()) {
      loader.epoch().forEach(batch -> full.add(delivered(batch)));
    }
    Map<Long, List<Integer>> expected = new HashMap<>();
    for (int i = 0; i < got.size(); i++) {
      int size = sizes.get((int) (long) indexes.get(i));
      expected.put(indexes.get(i), List.of(size, size, size));
      assertRows(full.get((int) (long) indexes.get(i)), got.get(i), size);
    }
    assertEquals(BATCHES - Collections.frequency(sizes, 0), got.size());
    assertEquals(expected, seen);
  }
}
