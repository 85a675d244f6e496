package io.pentrough;

import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.data.Sampler;
import io.pentrough.device.Device;
import io.pentrough.device.TestDevice;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The samples of docs/data.md about the order do what the page says. */
class OrderSamplesTest {

  private static long[] epoch(Sampler sampler, long size, int epoch) {
    Sampler.Order order = sampler.order(size);
    order.begin(11, epoch);
    return LongStream.range(0, sampler.samplesPerEpoch(size)).map(order::at).toArray();
  }

  @Test
  @DisplayName("a rare class is drawn as often as a common one")
  void balanced() {
    int[] classes = IntStream.range(0, 1000).map(i -> i % 100 == 0 ? 1 : 0).toArray();
    long[] samples = epoch(OrderSamples.balanced(classes, 2, 10_000), 1000, 0);
    long rare = LongStream.of(samples).filter(i -> classes[(int) i] == 1).count();
    assertEquals(5000.0, (double) rare, 200); // four standard deviations
  }

  @ParameterizedTest
  @CsvSource({"1,1", "10,1", "10,3", "12,3", "10,20", "1000,7", "5000,2", "50000,16"})
  @DisplayName("blocks: each sample once, and neighbours of a block stay neighbours")
  void blocks(int size, int blockSize) {
    Sampler sampler = new OrderSamples.BlockSampler(blockSize);
    for (int epoch = 0; epoch < 5; epoch++) {
      long[] samples = epoch(sampler, size, epoch);
      assertArrayEquals(
          LongStream.range(0, size).toArray(), LongStream.of(samples).sorted().toArray());
      for (int i = 1; i < size; i++) {
        assertTrue(samples[i] == samples[i - 1] + 1 || samples[i] % blockSize == 0);
      }
    }
  }

  @Test
  @DisplayName("blocks of samples that are sorted by length: those of a batch are about as long")
  void buckets() {
    long[] byLength = LongStream.range(0, 1000).map(i -> (i * 7) % 1000).toArray();
    Sampler sampler = Sampler.subset(byLength, new OrderSamples.BlockSampler(10));
    long[] samples = epoch(sampler, 1000, 1);
    for (int i = 0; i < 1000; i += 10) {
      for (int j = i + 1; j < i + 10; j++) {
        assertEquals((samples[j - 1] + 7) % 1000, samples[j], "the next longer one");
      }
    }
  }

  @Test
  @DisplayName("a target of one's own shuffles: each row once an epoch, with any number of workers")
  void ownTarget() throws Exception {
    List<Integer> one = rows(1);
    assertEquals(one, rows(3));
    List<Integer> all = IntStream.range(0, 60).boxed().toList();
    assertEquals(all, one.subList(0, 60).stream().sorted().toList());
    assertEquals(all, one.subList(60, 120).stream().sorted().toList());
    assertNotEquals(one.subList(0, 60), one.subList(60, 120));
  }

  private static List<Integer> rows(int workers) throws Exception {
    int width = 3;
    FloatBuffer rows = FloatBuffer.allocate(60 * width);
    for (int i = 0; i < rows.limit(); i++) {
      rows.put(i, i);
    }
    BatchSpec spec = BatchSpec.builder().array("row", DType.FLOAT32, 4, width).build();
    List<Integer> seen = new ArrayList<>();
    try (Device device = TestDevice.open();
        BackgroundLoader loader =
            BackgroundLoader.builder(
                    device, spec, new OrderSamples.ShuffledRows(rows, width, 11, workers))
                .workers(workers)
                .batchesPerEpoch(15)
                .epochs(2)
                .start()) {
      float[] floats = new float[4 * width];
      for (int batch = 0; batch < 30; batch++) {
        try (DeviceBatch lease = loader.get(patience())) {
          lease.array("row").copyTo(floats);
        }
        for (int i = 0; i < floats.length; i += width) {
          seen.add((int) floats[i] / width);
          assertEquals(floats[i] + 2, floats[i + 2]);
        }
      }
    }
    return seen;
  }

  @Test
  @DisplayName("half floats go into an array and come back from bytes")
  void halves() {
    BatchSpec spec = BatchSpec.builder().array("features", DType.FLOAT16, 2, 3).build();
    HostBatch batch = new HostBatch(spec, new TestMemory(spec.slotBytes()), 0, null);
    batch.open();
    HostArray features = batch.array("features");
    OrderSamples.half(features, new float[] {0.5f, -2, 65520}, 1, 3);
    ByteBuffer bytes = features.unsafeBuffer();
    assertEquals(ByteOrder.nativeOrder(), bytes.order());
    assertArrayEquals(
        new float[] {0.5f, -2, Float.POSITIVE_INFINITY},
        OrderSamples.read(bytes.slice(6, 6).order(ByteOrder.nativeOrder())));
  }
}
