package io.pentrough.recipes;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.jhdf.HdfFile;
import io.jhdf.WritableHdfFile;
import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.BatchTarget;
import io.pentrough.DType;
import io.pentrough.DeviceArray;
import io.pentrough.DeviceBatch;
import io.pentrough.HostBatch;
import io.pentrough.data.Batches;
import io.pentrough.data.Dataset;
import io.pentrough.data.Sample;
import io.pentrough.device.Device;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Patience;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The recipes of docs/cookbook.md do what the page says. */
class CookbookTest {

  @TempDir private Path folder;
  private final Device device = TestDevice.open();
  private final CookbookSamples samples = new CookbookSamples(device);

  private static final BatchSpec SPEC =
      BatchSpec.builder()
          .array("image", DType.UINT8, 32, 4)
          .array("label", DType.INT32, 32)
          .build();

  /** Samples whose label is their index. */
  private record Numbers(long size, Set<Long> bad) implements Dataset {

    Numbers(long size) {
      this(size, Set.of());
    }

    @Override
    public void read(long index, Sample out) throws IOException {
      if (bad.contains(index)) {
        throw new IOException("sample " + index + " is damaged");
      }
      out.array("image").set(0, new byte[] {(byte) index, 2, 3, 4}, 0, 4);
      out.array("label").setInt(0, (int) index);
    }
  }

  private static List<Integer> upTo(int end) {
    return IntStream.range(0, end).boxed().toList();
  }

  private List<Integer> labels() {
    return List.copyOf(samples.labels);
  }

  private List<Integer> sortedLabels() {
    return samples.labels.stream().sorted().toList();
  }

  // ---- Data

  @Test
  @DisplayName("a folder of images: five epochs of its images, without one that is no image")
  void images() throws Exception {
    for (int i = 0; i < 5; i++) {
      Path of = Files.createDirectories(folder.resolve(i < 3 ? "cats" : "dogs"));
      BufferedImage image = new BufferedImage(20, 10, BufferedImage.TYPE_3BYTE_BGR);
      assertTrue(ImageIO.write(image, "png", of.resolve(i + ".png").toFile()));
    }
    Files.writeString(folder.resolve("dogs/text.png"), "no image");
    samples.images(folder);
    assertEquals(15, Collections.frequency(labels(), 0));
    assertEquals(10, Collections.frequency(labels(), 1));
    assertEquals(25, labels().size());
    assertEquals(5, samples.log.stream().filter(line -> line.contains("text.png")).count());
  }

  @Test
  @DisplayName("patches of a volume in memory: each is a cube of it")
  void volume() throws Exception {
    int side = 3;
    byte[] voxels = new byte[5 * 6 * 7];
    for (int i = 0; i < voxels.length; i++) {
      voxels[i] = (byte) i;
    }
    CookbookSamples.Volume volume = new CookbookSamples.Volume(voxels, 5, 6, 7);
    BatchSpec spec = BatchSpec.builder().array("image", DType.UINT8, 50, side, side, side).build();
    Set<Integer> corners = new TreeSet<>();
    try (BackgroundLoader loader =
            BackgroundLoader.builder(device, spec, volume.patches(side)).start();
        DeviceBatch batch = loader.get()) {
      byte[] image = new byte[50 * 27];
      batch.array("image").copyTo(image);
      for (int sample = 0; sample < 50; sample++) {
        int corner = Byte.toUnsignedInt(image[27 * sample]);
        corners.add(corner);
        for (int i = 0; i < 27; i++) {
          int voxel = corner + i / 9 * 42 + i / 3 % 3 * 7 + i % 3;
          assertEquals((byte) voxel, image[27 * sample + i]);
        }
      }
    }
    assertTrue(corners.size() > 20, () -> corners + " of 60");
    assertTrue(corners.stream().allMatch(i -> i % 7 <= 4 && i / 7 % 6 <= 3 && i / 42 <= 2));
  }

  @Test
  @DisplayName("patches of an HDF5 file, through a cache")
  void volumeOnDisk() throws Exception {
    Path path = folder.resolve("volume.h5");
    int[][][] labels = new int[33][33][66];
    labels[16][16][16] = 5;
    labels[16][16][33 + 16] = 6;
    try (WritableHdfFile hdf = HdfFile.write(path)) {
      hdf.putDataset("raw", new byte[33][33][66]);
      hdf.putDataset("labels", labels);
    }
    samples.volumeOnDisk(path, 1 << 20);
    assertEquals(List.of(5, 5, 5, 5, 5, 6, 6, 6, 6, 6), sortedLabels());
  }

  /** Text i has i + 1 tokens. */
  private record Texts() implements Dataset {

    @Override
    public long size() {
      return 10;
    }

    @Override
    public int length(long index, String array) {
      return (int) index + 1;
    }

    @Override
    public void read(long index, Sample out) {
      int length = length(index, "tokens");
      out.array("tokens", length).set(0, new int[length], 0, length);
      out.array("class").setInt(0, 0);
    }
  }

  @Test
  @DisplayName("sequences are padded to the longest of the batch, or lie one after the other")
  void sequences() throws Exception {
    List<Batches> both = samples.sequences(new Texts());
    BatchSpec padded =
        BatchSpec.builder()
            .array("class", DType.INT32, 32)
            .variableArray("tokens", DType.INT32, 32, 50)
            .build();
    BatchSpec ragged =
        BatchSpec.builder()
            .array("class", DType.INT32, 32)
            .array("offsets", DType.INT32, 33)
            .variableArray("tokens", DType.INT32, 500)
            .build();
    assertEquals(List.of(10, 10), shape(padded, both.get(0)));
    assertEquals(List.of(55), shape(ragged, both.get(1)));
  }

  private List<Integer> shape(BatchSpec spec, Batches batches) throws Exception {
    try (BackgroundLoader loader = BackgroundLoader.builder(device, spec, batches).start();
        DeviceBatch batch = loader.get()) {
      return IntStream.of(batch.array("tokens").shape()).boxed().toList();
    }
  }

  @Test
  @DisplayName("tables: a CSV file, and two files of NumPy")
  void tables() throws Exception {
    Path csv = Files.writeString(folder.resolve("table.csv"), "kind,x,y\nb,1,2\na,3,4\nb,5,6\n");
    Path features = Npy.zeros(folder.resolve("features.npy"), "<f4", 4, 4, 2);
    Path labels = Npy.zeros(folder.resolve("labels.npy"), "<i8", 8, 4);
    assertEquals(4, samples.tables(csv, features, labels));
    assertEquals(List.of(0, 1, 1), sortedLabels());
  }

  // ---- Order, failures

  @Test
  @DisplayName("a run that was resumed twice has each sample once an epoch, in a new order")
  void resume() throws Exception {
    Path checkpoint = folder.resolve("checkpoint");
    for (int steps : List.of(3, 4, 1)) { // 2 epochs of 4 batches
      samples.resume(SPEC, new Numbers(120), checkpoint, steps);
    }
    List<Integer> first = labels().subList(0, 120);
    List<Integer> second = labels().subList(120, 240);
    assertEquals(240, labels().size());
    assertEquals(upTo(120), first.stream().sorted().toList());
    assertEquals(upTo(120), second.stream().sorted().toList());
    assertNotEquals(first, second);
  }

  @Test
  @DisplayName("a checkpoint that cannot be written to its end leaves the one before it as it was")
  void checkpointIsWhole() throws Exception {
    Path checkpoint = folder.resolve("checkpoint");
    samples.resume(SPEC, new Numbers(120), checkpoint, 1);
    String first = Files.readString(checkpoint);
    assertFalse(Files.exists(folder.resolve("checkpoint.tmp")));

    Files.createDirectory(folder.resolve("checkpoint.tmp")); // nothing can be written there
    assertThrows(IOException.class, () -> samples.resume(SPEC, new Numbers(120), checkpoint, 1));
    assertEquals(first, Files.readString(checkpoint));
    assertEquals(64, labels().size(), "the second run has trained");
  }

  @Test
  @DisplayName("resumed in any epoch, at its end or behind the last, each epoch runs once")
  void resumeEpochs() throws Exception {
    int batchCount = 4;
    int epochs = 3;
    for (int stopped = 0; stopped <= batchCount * epochs; stopped++) {
      for (boolean withEnd : new boolean[] {false, true}) {
        Path checkpoint = folder.resolve(stopped + " " + withEnd);
        stopAfter(stopped, withEnd ? Math.max(1, (stopped + 3) / batchCount) : epochs, checkpoint);
        samples.labels.clear();
        samples.log.clear();
        samples.resumeEpochs(SPEC, new Numbers(120), checkpoint, epochs);
        int samplesLeft = 120 * epochs - stopped / batchCount * 120 - stopped % batchCount * 32;
        assertEquals(samplesLeft, labels().size(), checkpoint::toString);
        assertEquals(
            IntStream.range(stopped / batchCount, epochs)
                .mapToObj(epoch -> "validated epoch " + epoch)
                .toList(),
            List.copyOf(samples.log));
        samples.log.clear();
        samples.resumeEpochs(SPEC, new Numbers(120), checkpoint, epochs);
        assertEquals(samplesLeft, labels().size(), "what is trained to its end has nothing left");
        assertEquals(List.of(), List.copyOf(samples.log));
      }
    }
  }

  /** A run of so many steps, whose loader has so many epochs; saves where it is. */
  private void stopAfter(int steps, int epochs, Path checkpoint) throws Exception {
    Batches batches = Batches.of(new Numbers(120), 32).shuffled();
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, SPEC, batches).seed(42).epochs(epochs).start()) {
      for (int step = 0; step < steps; step++) {
        loader.get().close();
      }
      CookbookSamples.save(checkpoint, loader.position());
    }
  }

  @Test
  @DisplayName("a split has every sample in one of its parts, and is the same in the next run")
  void split() {
    List<long[]> parts = samples.split(new Numbers(1003));
    assertEquals(802, parts.get(0).length);
    assertEquals(
        IntStream.range(0, 1003).asLongStream().boxed().toList(),
        parts.stream().flatMapToLong(LongStream::of).sorted().boxed().toList());
    assertArrayEquals(parts.get(1), samples.split(new Numbers(1003)).get(1));
  }

  @Test
  @DisplayName("a stream comes in its order in each epoch, on one worker")
  void stream() throws Exception {
    Path file = Files.writeString(folder.resolve("numbers"), "1\n2\n3\n4\n5\n6\n7\n");
    BatchTarget lines = new CookbookSamples.Lines(file);
    BatchSpec spec = BatchSpec.builder().array("number", DType.FLOAT32, 2).build();
    List<Float> seen = new ArrayList<>();
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec, lines).workers(1).epochs(2).start()) {
      for (DeviceBatch batch : loader.batches()) {
        float[] two = new float[2];
        batch.array("number").copyTo(two);
        seen.add(two[0]);
        seen.add(two[1]);
      }
    }
    assertEquals(List.of(1f, 2f, 3f, 4f, 5f, 6f, 1f, 2f, 3f, 4f, 5f, 6f), seen);
  }

  @Test
  @DisplayName("validation beside training: an epoch of each in turn, and no sample is in both")
  void validation() {
    long[] training = LongStream.range(0, 100).toArray();
    long[] others = LongStream.range(100, 140).toArray();
    samples.validation(SPEC, new Numbers(140), training, others);
    assertEquals(500, labels().size());
    assertEquals(upTo(100), labels().subList(0, 100).stream().sorted().toList());
    List<String> anEpoch = List.of("validated 32", "validated 8");
    List<String> expected = Stream.generate(() -> anEpoch).limit(5).flatMap(List::stream).toList();
    assertEquals(expected, List.copyOf(samples.log));
  }

  @Test
  @DisplayName("bad samples are left out and told; a bad batch is tried again, and then skipped")
  void bad() throws Exception {
    BatchTarget target =
        (out, context) -> {
          if (context.index() == 1) {
            throw new IOException("the disk is gone");
          }
          out.array("image").fillZero();
          out.array("label").fillZero();
        };
    BackgroundLoader.Builder builder =
        samples.bad(SPEC, new Numbers(40, Set.of(7L)), target).batchesPerEpoch(3).epochs(1);
    assertEquals(5 * 39, labels().size());
    assertEquals(5, samples.log.size());
    assertTrue(String.valueOf(samples.log.poll()).startsWith("left out sample 7"));
    samples.log.clear();
    try (BackgroundLoader loader = builder.start()) {
      List<Long> indexes = new ArrayList<>();
      loader.batches().forEach(batch -> indexes.add(batch.index()));
      assertEquals(List.of(0L, 2L), indexes);
      assertEquals(4, loader.stats().failures()); // once, and three times again
    }
    assertEquals(
        List.of("skipped 1: java.io.IOException: the disk is gone"), List.copyOf(samples.log));
  }

  // ---- Consumers, memory

  private BackgroundLoader.Builder numbers(int count) {
    return BackgroundLoader.builder(device, SPEC, Batches.of(new Numbers(count), 32));
  }

  @Test
  @DisplayName("several consumers get each batch once together")
  void consumers() throws Exception {
    samples.consumers(numbers(3200));
    assertEquals(upTo(3200), sortedLabels());
  }

  @Test
  @DisplayName("several devices take their steps together, each with a batch of its own")
  void gpus() throws Exception {
    BatchTarget target =
        (out, context) -> {
          out.array("image").fillZero();
          out.array("label").fillZero();
          out.array("label").setInt(0, (int) context.index());
        };
    try (Device other = TestDevice.open()) {
      samples.gpus(List.of(device, other), SPEC, target, 5);
    }
    List<Integer> firstOfEach = IntStream.range(0, 10).mapToObj(i -> labels().get(32 * i)).toList();
    assertEquals(upTo(10), firstOfEach);
  }

  @Test
  @DisplayName("without an order each batch comes once")
  void unordered() {
    samples.unordered(numbers(3200).epochs(1));
    Set<String> expected = new TreeSet<>();
    IntStream.range(0, 100).forEach(i -> expected.add("0, " + i));
    assertEquals(expected, new TreeSet<>(samples.log));
    assertEquals(100, samples.log.size());
  }

  @Test
  @DisplayName("the plan says what start() takes, and a budget below it is refused")
  void budget() {
    BackgroundLoader.Builder builder = numbers(32);
    samples.budget(builder).close();
    String plan = String.valueOf(samples.log.poll());
    assertEquals("1536 bytes on the host, 1536 on the device", plan); // 3 and 3 slots
    assertThrows(IllegalArgumentException.class, () -> builder.memoryBudget(3071).start());
  }

  @Test
  @DisplayName("zero-copy: the loop reads what the target wrote, in the same memory")
  void zeroCopy() {
    BackgroundLoader.Builder builder = numbers(64).epochs(1);
    int ofIndexes = 63 * 64 / 2;
    assertEquals(64 * (2 + 3 + 4) + ofIndexes, samples.zeroCopy(builder));
    assertEquals(0, builder.zeroCopy(true).plan().deviceBytes());
  }

  // ---- Tests, bottlenecks

  @Test
  @DisplayName("the test of a target finds numbers that depend on the workers, and no others")
  void testOfATarget() throws Exception {
    BatchSpec spec =
        BatchSpec.builder()
            .array("image", DType.UINT8, 3)
            .array("number", DType.INT64, 3) // the last element of the last array differs
            .build();
    BatchTarget good = (out, context) -> setLast(out, context.random().nextLong());
    assertEquals(CookbookSamples.hashes(spec, good, 1), CookbookSamples.hashes(spec, good, 4));
    assertNotEquals(
        CookbookSamples.hashes(spec, inOrderOfCalls(1), 1),
        CookbookSamples.hashes(spec, inOrderOfCalls(2), 2));
  }

  private static void setLast(HostBatch out, long value) {
    out.array("image").fillZero();
    out.array("number").fillZero();
    out.array("number").setLong(2, value);
  }

  /** Numbers batches as they are made. If there are two workers, batch 1 is made before batch 0. */
  private static BatchTarget inOrderOfCalls(int workers) {
    AtomicInteger made = new AtomicInteger();
    CountDownLatch secondIsMade = new CountDownLatch(workers - 1);
    return (out, context) -> {
      if (context.index() == 0) {
        Patience.await(secondIsMade);
      }
      setLast(out, made.getAndIncrement());
      if (context.index() == 1) {
        secondIsMade.countDown();
      }
    };
  }

  @Test
  @DisplayName("the timeline is written")
  void bottleneck() throws Exception {
    Path page = folder.resolve("timeline.html");
    try (BackgroundLoader loader = numbers(64).start()) {
      loader.get().close();
      samples.bottleneck(loader, page);
    }
    assertTrue(Files.readString(page).contains("<html"));
  }

  @Test
  @DisplayName("a read array has the values of the batch")
  void read() throws Exception {
    try (BackgroundLoader loader = numbers(32).start()) {
      assertEquals(IntStream.range(0, 32).sum(), samples.read(loader));
    }
  }

  @Test
  @DisplayName("augmented images come as floats of the patch's size")
  void augment() throws Exception {
    Dataset images =
        new Dataset() {
          @Override
          public long size() {
            return 32;
          }

          @Override
          public void read(long index, Sample out) {
            out.array("image").fillZero();
            out.array("label").setInt(0, (int) index);
          }
        };
    try (BackgroundLoader loader = samples.augment(Batches.of(images, 32));
        DeviceBatch batch = loader.get()) {
      DeviceArray image = batch.array("image");
      assertEquals("image: float32 [32, 3, 224, 224]", image.spec().toString());
    }
  }
}
