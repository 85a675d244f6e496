package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.data.Batches;
import io.pentrough.data.CachedDataset;
import io.pentrough.data.Dataset;
import io.pentrough.data.Sample;
import io.pentrough.device.Device;
import io.pentrough.device.host.HostDevice;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.api.parallel.Resources;

/** The samples of docs/data.md do what they say. */
class DataSampleTest {

  @Test
  @DisplayName(
      "each patch once in an epoch, shuffled; one that lies behind the file's end is left out")
  void runs(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("volume");
    Files.write(file, new byte[33 * 33 + 99]);
    int count = 100;
    List<Long> positions =
        LongStream.range(0, count).map(i -> i == 7 ? 33 * 33 : i).boxed().toList();
    List<Integer> classes = IntStream.range(0, count).boxed().toList();
    DataSample sample = new DataSample();
    try (FileChannel volume = FileChannel.open(file);
        Device device = HostDevice.open()) {
      sample.run(device, new DataSample.Patches(volume, positions, classes));
    }
    List<Integer> all = IntStream.range(0, count).filter(i -> i != 7).boxed().toList();
    assertEquals(List.of(99, 198, 297, 396, 495), sample.labelsAtValidation);
    for (int epoch = 0; epoch < 5; epoch++) {
      List<Integer> seen = sample.labels.subList(99 * epoch, 99 * (epoch + 1));
      assertEquals(all, seen.stream().sorted().toList());
      assertTrue(!seen.equals(all), "shuffled");
    }
    assertEquals(495 * 33 * 33, sample.pixels);
    assertEquals(5, sample.log.size());
    assertTrue(sample.log.get(0).startsWith("left out sample 7: java.io.EOFException"));
  }

  private static final BatchSpec SPEC =
      BatchSpec.builder()
          .array("image", DType.UINT8, 32, 3)
          .array("label", DType.INT32, 32)
          .build();

  /** Counts how often they are read. */
  private static final class Images implements Dataset {

    final AtomicInteger reads = new AtomicInteger();
    long asked;

    @Override
    public long size() {
      return 100;
    }

    @Override
    public CachedDataset cached(long bytes) {
      asked = bytes;
      return Dataset.super.cached(100_000); // of the 8 GiB
    }

    @Override
    public void read(long index, Sample out) {
      reads.incrementAndGet();
      out.array("image").set(0, new byte[] {1, 2, 3}, 0, 3);
      out.array("label").setInt(0, (int) index);
    }
  }

  @Test
  @ResourceLock(Resources.SYSTEM_OUT)
  @DisplayName("with a cache each image is read once by a worker, and the statistics say so")
  void cache() {
    Images images = new Images();
    PrintStream out = System.out;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
    try (Device device = HostDevice.open()) {
      new DataSample().cache(device, SPEC, images);
    } finally {
      System.setOut(out);
    }
    assertEquals(8L << 30, images.asked);
    int reads = images.reads.get();
    assertTrue(reads >= 100, () -> reads + " reads");
    assertTrue(reads <= 4 * 100, () -> reads + " reads: four workers may read one image at once");
    assertTrue(printed.toString(StandardCharsets.UTF_8).contains("100 of 100 samples"));
  }

  @Test
  @DisplayName("what a dataset around a cache draws is drawn anew, from the image as it was read")
  void flipped() {
    Images images = new Images();
    int[] kinds = new int[2];
    try (CachedDataset cached = images.cached(0);
        Device device = HostDevice.open();
        BackgroundLoader loader =
            BackgroundLoader.builder(device, SPEC, Batches.of(new DataSample.Flipped(cached), 32))
                .epochs(3)
                .start()) {
      for (DeviceBatch batch : loader.batches()) {
        ByteBuffer pixels = ByteBuffer.allocate(batch.size() * 3);
        batch.array("image").copyTo(pixels);
        for (int i = 0; i < batch.size(); i++) {
          assertEquals(2, pixels.get(3 * i + 1));
          assertEquals(4, pixels.get(3 * i) + pixels.get(3 * i + 2));
          kinds[pixels.get(3 * i) == 1 ? 0 : 1]++;
        }
      }
    }
    assertEquals(100, images.reads.get());
    assertEquals(300, kinds[0] + kinds[1]);
    assertTrue(kinds[0] > 90 && kinds[1] > 90);
  }
}
