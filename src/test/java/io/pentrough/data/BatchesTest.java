package io.pentrough.data;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.testkit.Patience.await;
import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.BackgroundLoader;
import io.pentrough.BadSample;
import io.pentrough.BadSamplesException;
import io.pentrough.BatchQueue;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.FailurePolicy;
import io.pentrough.HostArray;
import io.pentrough.Position;
import io.pentrough.TargetException;
import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ClosedByInterruptException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongPredicate;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What batches a dataset gives, and that nothing but seed, epoch and index decides it. */
@OnEveryDevice(everySchedule = false)
class BatchesTest {

  private static final int DRAWS = 3;

  private final Device device = TestDevice.open();

  private static BatchSpec spec(int batchSize) {
    return BatchSpec.builder()
        .array("index", DType.INT64, batchSize)
        .array("noise", DType.INT32, batchSize, DRAWS)
        .build();
  }

  /** Says in each sample which one it is, and draws. */
  private record Numbers(long size, LongPredicate bad, Set<Long> flaky) implements Dataset {

    static Numbers of(long size) {
      return new Numbers(size, index -> false, Set.of());
    }

    @Override
    public void read(long index, Sample out) throws IOException {
      out.array("index").setLong(0, index);
      HostArray noise = out.array("noise");
      for (int i = 0; i < DRAWS; i++) {
        noise.setInt(i, out.random().nextInt());
      }
      if (flaky.contains(index) && flaky.remove(index)) {
        throw new AssertionError("once"); // an Error fails the batch, which is tried again
      }
      if (bad.test(index)) {
        throw new IOException("sample " + index);
      }
    }
  }

  private record Row(long index, List<Integer> noise) {}

  private record Batch(
      int epoch, long index, int size, int padded, List<Row> rows, List<Long> bad) {

    static Batch of(DeviceBatch batch) {
      List<Row> rows = new ArrayList<>();
      ByteBuffer index = bytes(batch, "index", batch.size() * Long.BYTES);
      ByteBuffer noise = bytes(batch, "noise", batch.size() * DRAWS * Integer.BYTES);
      for (int i = 0; i < batch.size(); i++) {
        rows.add(
            new Row(
                index.getLong(), IntStream.range(0, DRAWS).mapToObj(k -> noise.getInt()).toList()));
      }
      return new Batch(
          batch.epoch(),
          batch.index(),
          batch.size(),
          batch.padded(),
          rows,
          batch.badSamples().stream().map(BadSample::index).toList());
    }

    private static ByteBuffer bytes(DeviceBatch batch, String array, int expected) {
      ByteBuffer bytes = ByteBuffer.allocate(expected).order(ByteOrder.nativeOrder());
      batch.array(array).copyTo(bytes); // refuses another length
      ByteBuffer all = TestDevice.bytes(batch.array(array).buffer());
      for (int i = expected; i < all.limit(); i++) {
        assertEquals(0, all.get(i), "behind the rows of " + batch);
      }
      return bytes.flip();
    }
  }

  /** What is delivered, and what else a loader says of it. */
  private record Told(List<Batch> batches, List<String> bad, long badSamples, long skips) {}

  // ---- what it should be, by plain loops

  /** All samples of each epoch, in order. */
  private List<List<Row>> epochs(Sampler sampler, long size, long seed, int epochs) {
    List<List<Row>> all = new ArrayList<>();
    Sampler.Order order = sampler.order(size);
    try (BackgroundLoader loader =
        BackgroundLoader.builder(
                device,
                spec(1),
                (out, context) -> {
                  List<Row> rows = new ArrayList<>();
                  order.begin(context.seed("order"), context.epoch());
                  for (long i = 0; i < sampler.samplesPerEpoch(size); i++) {
                    var random = context.random("samples", i);
                    rows.add(
                        new Row(
                            order.at(i),
                            IntStream.range(0, DRAWS).mapToObj(k -> random.nextInt()).toList()));
                  }
                  all.add(rows);
                  out.array(0).fillZero();
                  out.array(1).fillZero();
                })
            .seed(seed)
            .batchesPerEpoch(1)
            .epochs(epochs)
            .start()) {
      loader.batches().forEach(DeviceBatch::close);
    }
    return all;
  }

  private static Told expected(
      List<List<Row>> epochs, int batchSize, LastBatch lastBatch, LongPredicate bad) {
    List<Batch> batches = new ArrayList<>();
    List<String> told = new ArrayList<>();
    long skips = 0;
    for (int epoch = 0; epoch < epochs.size(); epoch++) {
      List<Row> all = epochs.get(epoch);
      for (int from = 0; from < all.size(); from += batchSize) {
        List<Row> own = all.subList(from, Math.min(all.size(), from + batchSize));
        long index = from / batchSize;
        if (own.size() < batchSize && lastBatch == LastBatch.DROP) {
          continue;
        }
        List<Row> rows = new ArrayList<>();
        List<Long> badOnes = new ArrayList<>();
        for (Row row : own) {
          if (bad.test(row.index)) {
            badOnes.add(row.index);
            told.add(epoch + "." + index + ": " + row.index);
          } else {
            rows.add(row);
          }
        }
        if (rows.isEmpty()) {
          skips++;
          continue;
        }
        int good = rows.size();
        for (int i = 0; lastBatch == LastBatch.PAD && i < batchSize - own.size(); i++) {
          Row row = all.get(i % all.size());
          if (!bad.test(row.index)) {
            rows.add(row);
          }
        }
        batches.add(new Batch(epoch, index, rows.size(), rows.size() - good, rows, badOnes));
      }
    }
    return new Told(batches, told, told.size(), skips);
  }

  // ---- the property

  static LongStream seeds() {
    return LongStream.range(0, TestDevice.effort(60));
  }

  @ParameterizedTest
  @MethodSource("seeds")
  @DisplayName(
      "I8: the same samples, bad ones and counts whatever the workers, order, shards, resets")
  void anyConfiguration(long seed) throws Exception {
    Random random = new Random(seed);
    int size = 1 + random.nextInt(60);
    int batchSize = 1 + random.nextInt(9);
    LastBatch lastBatch = List.of(LastBatch.values()).get(random.nextInt(3));
    Sampler sampler =
        switch (random.nextInt(4)) {
          case 0 -> Sampler.sequential();
          case 1 ->
              Sampler.weighted(
                  random.doubles(size, 0.1, 1).toArray(), 1 + random.nextInt(2 * size));
          case 2 ->
              Sampler.subset(
                  random.longs(1 + random.nextInt(size), 0, size).toArray(), Sampler.shuffled());
          default -> Sampler.shuffled();
        };
    Set<Long> badOnes = new HashSet<>();
    double rate = random.nextInt(3) / 2.5;
    for (long i = 0; i < size; i++) {
      if (random.nextDouble() < rate) {
        badOnes.add(i);
      }
    }
    int epochs = 1 + random.nextInt(3);
    long loaderSeed = random.nextLong();
    Told expected =
        expected(
            epochs(sampler, size, loaderSeed, epochs), batchSize, lastBatch, badOnes::contains);
    Set<Long> flaky = ConcurrentHashMap.newKeySet();
    LongStream.range(0, size).filter(i -> random.nextInt(5) == 0).forEach(flaky::add);
    List<String> bad = new ArrayList<>();
    Batches batches =
        Batches.of(new Numbers(size, badOnes::contains, flaky), batchSize)
            .lastBatch(lastBatch)
            .sampler(sampler)
            .skipBadSamples(
                Integer.MAX_VALUE,
                (epoch, batch, sample) -> bad.add(epoch + "." + batch + ": " + sample.index()));
    if (batches.batchesPerEpoch() == 0) {
      assertThrows(IllegalArgumentException.class, () -> batches.check(spec(batchSize)));
      return;
    }
    int shards = 1 + random.nextInt((int) Math.min(3, batches.batchesPerEpoch()));
    List<Batch> got = new ArrayList<>();
    long badSamples = 0;
    long skips = 0;
    boolean ordered = random.nextInt(3) > 0;
    for (int shard = 0; shard < shards; shard++) {
      Position position = null;
      boolean more = true;
      while (more) {
        BackgroundLoader.Builder builder =
            BackgroundLoader.builder(device, spec(batchSize), batches)
                .workers(1 + random.nextInt(4))
                .deviceSlots(1 + random.nextInt(3))
                .seed(loaderSeed)
                .epochs(epochs)
                .shard(shard, shards)
                .ordered(ordered)
                .zeroCopy(random.nextInt(4) == 0)
                .onFailure(FailurePolicy.retry(1000));
        if (position != null) {
          builder.startAt(position);
        }
        int gets = random.nextInt(10) == 0 ? Integer.MAX_VALUE : random.nextInt(30);
        try (BackgroundLoader loader = builder.start()) {
          for (int i = 0; more && i < gets; i++) {
            try (DeviceBatch batch =
                random.nextBoolean() ? loader.get(patience()) : loader.getQueued(patience())) {
              got.add(Batch.of(batch));
              position = Position.parse(batch.position().toString());
            } catch (NoSuchElementException end) {
              more = false;
            }
            if (random.nextInt(6) == 0) {
              loader.reset();
            }
          }
          badSamples += loader.stats().badSamples();
          skips += loader.stats().skips();
        }
      }
    }
    got.sort(Comparator.comparingInt(Batch::epoch).thenComparingLong(Batch::index));
    assertEquals(expected.batches, got);
    assertEquals(expected.badSamples, badSamples);
    assertEquals(expected.skips, skips);
    if (!ordered || shards > 1) {
      bad.sort(null);
      List<String> sorted = new ArrayList<>(expected.bad);
      sorted.sort(null);
      assertEquals(sorted, bad);
    } else {
      assertEquals(expected.bad, bad);
    }
  }

  // ---- what the options mean

  private List<Batch> epoch(Batches batches, int batchSize) {
    List<Batch> got = new ArrayList<>();
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec(batchSize), batches).seed(9).start()) {
      for (DeviceBatch batch : loader.epoch()) {
        got.add(Batch.of(batch));
      }
    }
    return got;
  }

  private static List<List<Long>> indexes(List<Batch> batches) {
    return batches.stream().map(batch -> batch.rows.stream().map(Row::index).toList()).toList();
  }

  @Test
  @DisplayName("the last batch: partial, left out, or filled up with the epoch's first samples")
  void lastBatch() {
    Batches batches = Batches.of(Numbers.of(7), 3);
    assertEquals(
        List.of(List.of(0L, 1L, 2L), List.of(3L, 4L, 5L), List.of(6L)), indexes(epoch(batches, 3)));
    assertEquals(
        List.of(List.of(0L, 1L, 2L), List.of(3L, 4L, 5L)),
        indexes(epoch(batches.lastBatch(LastBatch.DROP), 3)));
    List<Batch> padded = epoch(batches.lastBatch(LastBatch.PAD), 3);
    assertEquals(List.of(6L, 0L, 1L), indexes(padded).get(2));
    assertEquals(List.of(0, 0, 2), padded.stream().map(Batch::padded).toList());
    assertEquals(padded.get(0).rows.get(0), padded.get(2).rows.get(1), "also what was drawn");
    assertEquals(
        List.of(0L, 1L, 0L, 1L, 0L),
        indexes(epoch(Batches.of(Numbers.of(2), 5).lastBatch(LastBatch.PAD), 5)).get(0));
  }

  @Test
  @DisplayName("random numbers belong to the position: not to the batch size, nor to the sample")
  void random() {
    Sampler twice = Sampler.subset(4, 2, 4);
    List<Row> whole = epoch(Batches.of(Numbers.of(5), 3).sampler(twice), 3).get(0).rows;
    List<Row> single =
        epoch(Batches.of(Numbers.of(5), 1).sampler(twice), 1).stream()
            .map(batch -> batch.rows.get(0))
            .toList();
    assertEquals(whole, single);
    assertEquals(whole.get(0).index, whole.get(2).index);
    assertNotEquals(whole.get(0).noise, whole.get(2).noise);
  }

  @Test
  @DisplayName("beyond the bound a batch fails, with its bad samples, and does not count")
  void bound() throws Exception {
    List<Long> told = new ArrayList<>();
    Numbers numbers = new Numbers(12, index -> index % 4 > 1 || index >= 8, Set.of());
    Batches batches =
        Batches.of(numbers, 4)
            .skipBadSamples(3, (epoch, batch, sample) -> told.add(sample.index()));
    for (boolean resets : new boolean[] {false, true}) {
      told.clear();
      try (BackgroundLoader loader =
          BackgroundLoader.builder(device, spec(4), batches).workers(2).epochs(1).start()) {
        try (DeviceBatch batch = loader.get(patience())) {
          assertEquals(List.of(2L, 3L), batch.badSamples().stream().map(BadSample::index).toList());
          assertTrue(batch.badSamples().get(0).cause() instanceof IOException);
          assertEquals("sample 2: java.io.IOException: sample 2", "" + batch.badSamples().get(0));
        }
        for (int i = 1; i < 3; i++) { // two more, and a batch without any good one
          if (resets) {
            loader.reset();
          }
          TargetException e = assertThrows(TargetException.class, () -> loader.get(patience()));
          assertEquals(i, e.index());
          BadSamplesException cause = assertInstanceOf(BadSamplesException.class, e.getCause());
          assertEquals(
              i == 1 ? List.of(6L, 7L) : List.of(8L, 9L, 10L, 11L),
              cause.badSamples().stream().map(BadSample::index).toList());
          assertSays(
              cause,
              (i == 1 ? 2 : 4) + " bad samples in this batch and 2 before are more than the 3",
              i == 1 ? "sample 6" : "sample 8");
        }
        assertThrows(NoSuchElementException.class, () -> loader.get(patience()));
        assertEquals(2, loader.stats().badSamples());
        assertEquals(0, loader.stats().skips());
        assertTrue(loader.stats().toString().contains("bad samples: 2"));
      }
      assertEquals(List.of(2L, 3L), told);
    }
  }

  @Test
  @DisplayName("a batch without a good sample is left out, and told as a skip too")
  void noGoodSample() throws Exception {
    List<String> told = new ArrayList<>();
    Batches batches =
        Batches.of(new Numbers(6, index -> index / 2 == 1, Set.of()), 2)
            .skipBadSamples(9, (epoch, batch, sample) -> told.add("bad " + sample.index()));
    FailurePolicy policy =
        FailurePolicy.skip(
            1,
            (epoch, index, cause) ->
                told.add("skip " + index + " " + cause.getClass().getSimpleName()));
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec(2), batches).onFailure(policy).start()) {
      for (int epoch = 0; epoch < 3; epoch++) {
        List<Long> got = new ArrayList<>();
        for (DeviceBatch batch : loader.epoch()) {
          got.add(batch.index());
        }
        assertEquals(List.of(0L, 2L), got);
      }
      assertEquals(3, loader.stats().skips(), "they are not of the policy's number");
    }
    assertEquals(List.of("bad 2", "bad 3", "skip 1 BadSamplesException"), told.subList(0, 3));
    assertEquals(9, told.size());
  }

  @Test
  @DisplayName("without skipBadSamples a sample that cannot be read fails its batch, and is named")
  void failsItsBatch() throws Exception {
    Batches batches = Batches.of(new Numbers(4, index -> index == 2, Set.of()), 2);
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec(2), batches).epochs(1).start()) {
      loader.get(patience()).close();
      TargetException e = assertThrows(TargetException.class, () -> loader.get(patience()));
      SampleException cause = assertInstanceOf(SampleException.class, e.getCause());
      assertEquals(2, cause.index());
      assertSays(cause, "sample 2, at position 2 of epoch 0, could not be read");
      assertInstanceOf(IOException.class, cause.getCause());
    }
  }

  static List<Throwable> whatEndsABatch() {
    return List.of(
        new StackOverflowError(),
        new InterruptedException("by the dataset itself"),
        new IOException(new InterruptedException()),
        new ClosedByInterruptException());
  }

  private static void raise(Throwable thrown) throws Exception {
    if (thrown instanceof Error error) {
      throw error;
    }
    throw (Exception) thrown;
  }

  @ParameterizedTest
  @MethodSource("whatEndsABatch")
  @DisplayName("what does not count as a bad sample fails its batch, with its name, and ends it")
  void failsItsBatchWhateverIsAllowed(Throwable thrown) throws Exception {
    for (boolean inLength : new boolean[] {false, true}) {
      List<Long> asked = Collections.synchronizedList(new ArrayList<>());
      Dataset dataset =
          new Dataset() {
            @Override
            public long size() {
              return 8;
            }

            @Override
            public int length(long index, String array) throws Exception {
              if (inLength) {
                raiseAt2(index);
              }
              return 1;
            }

            @Override
            public void read(long index, Sample out) throws Exception {
              if (!inLength) {
                raiseAt2(index);
              }
              out.array("index").setLong(0, index);
              out.array("noise", 1).setInt(0, 1);
            }

            private void raiseAt2(long index) throws Exception {
              asked.add(index);
              if (index == 2) {
                raise(thrown);
              }
            }
          };
      BatchSpec spec =
          BatchSpec.builder()
              .array("index", DType.INT64, 4)
              .variableArray("noise", DType.INT32, 4, DRAWS)
              .build();
      Batches batches =
          Batches.of(dataset, 4).pad("noise", Padding.toLongest()).skipBadSamples(100);
      try (BackgroundLoader loader =
          BackgroundLoader.builder(device, spec, batches).epochs(1).workers(1).start()) {
        TargetException e = assertThrows(TargetException.class, () -> loader.get(patience()));
        SampleException cause = assertInstanceOf(SampleException.class, e.getCause());
        assertSame(thrown, cause.getCause());
        assertEquals("sample 2, at position 2 of epoch 0, could not be read", cause.getMessage());
        assertEquals(
            "the target failed at index 0 of epoch 0, on worker 0: " + cause + ": " + thrown,
            e.getMessage());
        try (DeviceBatch batch = loader.get(patience())) {
          assertEquals(1, batch.index());
        }
        assertEquals(0, loader.stats().badSamples());
      }
      List<Long> expected = new ArrayList<>(List.of(0L, 1L, 2L, 4L, 5L, 6L, 7L)); // and not 3
      if (inLength) {
        expected.add(0, 0L); // by start()
      }
      assertEquals(expected, asked);
    }
  }

  @Test
  @DisplayName("one object for several loaders of different seeds, one after the other and at once")
  void severalLoaders() throws Exception {
    Batches batches = Batches.of(Numbers.of(50), 50).shuffled();
    List<List<Row>> seen = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      try (BackgroundLoader one = loader(batches, i % 2);
          BackgroundLoader other = loader(batches, 1 - i % 2);
          DeviceBatch batch = one.get(patience());
          DeviceBatch ofOther = other.get(patience())) {
        assertNotEquals(Batch.of(ofOther).rows, Batch.of(batch).rows);
        seen.add(Batch.of(batch).rows);
      }
    }
    assertEquals(seen.get(0), seen.get(2));
    assertEquals(seen.get(1), seen.get(3));
    assertNotEquals(seen.get(0), seen.get(1));
  }

  private BackgroundLoader loader(Batches batches, long seed) {
    return BackgroundLoader.builder(device, spec(50), batches).seed(seed).workers(2).start();
  }

  /** Fails once when it is to go to epoch 1. */
  private static final class FailsOnce implements Sampler {
    private final Sampler shuffled = Sampler.shuffled();
    private final AtomicLong failures = new AtomicLong();

    @Override
    public long samplesPerEpoch(long datasetSize) {
      return shuffled.samplesPerEpoch(datasetSize);
    }

    @Override
    public String description() {
      return shuffled.description();
    }

    @Override
    public Order order(long datasetSize) {
      Order order = shuffled.order(datasetSize);
      return new Order() {
        @Override
        public void begin(long seed, int epoch) {
          if (epoch == 1 && failures.getAndIncrement() == 0) {
            throw new IllegalStateException("once");
          }
          order.begin(seed, epoch);
        }

        @Override
        public long at(long position) {
          return order.at(position);
        }
      };
    }
  }

  @ParameterizedTest(name = "retry: {0}")
  @ValueSource(booleans = {true, false})
  @DisplayName("an order that could not begin its epoch is begun again, and not used as it was")
  void orderThatFailsToBegin(boolean retry) throws Exception {
    List<Batch> expected = all(Batches.of(Numbers.of(12), 3).shuffled(), FailurePolicy.fail());
    FailurePolicy policy =
        retry ? FailurePolicy.retry(1) : FailurePolicy.skip(1, (epoch, index, cause) -> {});
    List<Batch> got = all(Batches.of(Numbers.of(12), 3).sampler(new FailsOnce()), policy);
    if (!retry) {
      expected.remove(4); // the first of epoch 1
    }
    assertEquals(expected, got);
  }

  private List<Batch> all(Batches batches, FailurePolicy policy) {
    List<Batch> got = new ArrayList<>();
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec(3), batches)
            .seed(7)
            .epochs(3)
            .onFailure(policy)
            .start()) {
      loader.batches().forEach(batch -> got.add(Batch.of(batch)));
    }
    return got;
  }

  @Test
  @DisplayName("an interrupt that a dataset wraps ends the fill: nothing more is read")
  void wrappedInterrupt() throws Exception {
    AtomicLong reads = new AtomicLong();
    CountDownLatch reading = new CountDownLatch(1);
    CountDownLatch never = new CountDownLatch(1);
    Dataset dataset =
        new Dataset() {
          @Override
          public long size() {
            return 50;
          }

          @Override
          public void read(long index, Sample out) throws IOException {
            reads.incrementAndGet();
            reading.countDown();
            try {
              never.await();
            } catch (InterruptedException e) {
              throw new IOException("the source was interrupted", e);
            }
          }
        };
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec(50), Batches.of(dataset, 50).skipBadSamples(50))
            .closeTimeout(Duration.ofMillis(500))
            .start()) {
      assertEquals(0, loader.stats().batches());
      await(reading);
    }
    assertEquals(1, reads.get());
  }

  @Test
  @DisplayName("positions beyond 2^31 are exact")
  void farInALargeDataset() throws Exception {
    long stride = Integer.MAX_VALUE;
    int batchSize = 1024;
    try (BackgroundLoader loader =
            BackgroundLoader.builder(
                    device, spec(batchSize), Batches.of(Numbers.of(1L << 42), batchSize))
                .shard(stride - 1, stride)
                .start();
        DeviceBatch batch = loader.get(patience())) {
      assertEquals((stride - 1) * batchSize, Batch.of(batch).rows.get(0).index());
      assertEquals(stride * batchSize - 1, Batch.of(batch).rows.get(batchSize - 1).index());
    }
  }

  // ---- bad input

  private static void refused(Executable what, String... parts) {
    assertSays(assertThrows(IllegalArgumentException.class, what), parts);
  }

  @Test
  @DisplayName("bad input: refused when it is given, or by start()")
  void badInput() {
    refused(() -> Batches.of(Numbers.of(0), 3), "has 0 samples", "at least 1");
    refused(() -> Batches.of(Numbers.of(-1), 3), "has -1 samples");
    Batches batches = Batches.of(Numbers.of(5), 3);
    refused(() -> Batches.of(Numbers.of(5), 0), "batchSize must be at least 1, not 0");
    refused(() -> batches.skipBadSamples(0), "atMost must be at least 1, not 0");
    refused(() -> batches.sampler(Sampler.subset(5)), "5 samples");
    for (LastBatch last : LastBatch.values()) {
      refused(
          () -> batches.lastBatch(last).sampler(OwnSampler.of(0, position -> 0)),
          "sampler 'mine' makes an epoch of 0 samples");
    }
    refused(
        () -> start(Batches.of(Numbers.of(5), 6).lastBatch(LastBatch.DROP), spec(6)),
        "an epoch has no batch: its 5 samples do not fill one of 6");
    refused(() -> start(batches, spec(4)), "'index: int64 [4]'", "must be 3");
    refused(
        () ->
            start(
                batches,
                BatchSpec.builder()
                    .array("index", DType.INT64, 3)
                    .array("weights", DType.FLOAT32, 1, 3)
                    .build()),
        "'weights: float32 [1, 3]'",
        "must be 3");
    refused(
        () -> start(batches, BatchSpec.builder().array("scalar", DType.INT64).build()),
        "'scalar: int64 []'");
    try (BatchQueue queue = BatchQueue.builder(device, spec(3).slotBytes()).start()) {
      refused(() -> queue.offer(spec(3), batches), "a job is one batch");
    }
    refused(
        () -> BackgroundLoader.builder(device, spec(3), batches).batchesPerEpoch(3).start(),
        "5 samples; sequential; batches of 3; the last one partial");
  }

  private void start(Batches batches, BatchSpec spec) {
    BackgroundLoader.builder(device, spec, batches).start().close();
  }

  private Throwable failure(Batches batches) throws Exception {
    try (BackgroundLoader loader = BackgroundLoader.builder(device, spec(2), batches).start()) {
      TargetException e = assertThrows(TargetException.class, () -> loader.get(patience()));
      return Objects.requireNonNull(e.getCause());
    }
  }

  @Test
  @DisplayName("bad input: a sampler's index out of range is named with its position")
  void indexOutOfRange() throws Exception {
    for (long index : new long[] {-1, 5}) {
      Batches batches =
          Batches.of(Numbers.of(5), 2)
              .sampler(OwnSampler.of(4, position -> position == 1 ? index : 0));
      for (Batches any : List.of(batches, batches.skipBadSamples(9))) {
        assertSays(
            failure(any),
            "sampler 'mine' gave index " + index + " at position 1 of epoch 0",
            "5 samples");
      }
    }
  }

  @Test
  @DisplayName("bad input: a sampler whose epochs have different lengths loses no sample silently")
  void epochsOfDifferentLengths() throws Exception {
    for (long second : new long[] {3, 5, 0}) {
      AtomicLong asked = new AtomicLong(); // for the batches, for epoch 0, for epoch 1
      Sampler own =
          new OwnSampler(() -> asked.getAndIncrement() < 2 ? 4 : second, position -> position);
      try (BackgroundLoader loader =
          BackgroundLoader.builder(device, spec(2), Batches.of(Numbers.of(5), 2).sampler(own))
              .workers(1)
              .start()) {
        loader.epoch().forEach(DeviceBatch::close);
        TargetException e = assertThrows(TargetException.class, () -> loader.get(patience()));
        assertEquals(1, e.epoch());
        assertSays(
            e.getCause(),
            "sampler 'mine' makes epoch 1 " + second + " samples long, and said 4 before",
            "all epochs must have the same number of samples");
      }
    }
  }

  @Test
  @DisplayName("bad input: a dataset that shrinks; one that grows is read as it was")
  void shrinks() throws Exception {
    AtomicLong size = new AtomicLong(4);
    Dataset dataset =
        new Dataset() {
          @Override
          public long size() {
            return size.get();
          }

          @Override
          public void read(long index, Sample out) throws IOException {
            Numbers.of(4).read(index, out);
          }
        };
    Batches batches = Batches.of(dataset, 2).skipBadSamples(1);
    size.set(3);
    assertSays(failure(batches), "had 4 samples", "has 3 now");
    size.set(9);
    assertEquals(List.of(List.of(0L, 1L), List.of(2L, 3L)), indexes(epoch(batches, 2)));
  }

  private enum Wrong {
    NOTHING("without asking for array 'index'") {
      @Override
      void read(Sample out) {}
    },
    HALF("without asking for array 'noise'") {
      @Override
      void read(Sample out) {
        out.array("index").setLong(0, 1);
      }
    },
    TOO_MUCH("index 3 is not inside array 'noise', which has 3 elements") {
      @Override
      void read(Sample out) {
        out.array("noise").setInt(3, 1);
      }
    },
    ANOTHER_DTYPE("array 'index' is int64") {
      @Override
      void read(Sample out) {
        out.array("index").setInt(0, 1);
      }
    },
    NO_SUCH_ARRAY("there is no array 'indx' in this batch") {
      @Override
      void read(Sample out) {
        out.array("indx");
      }
    };

    final String says;

    Wrong(String says) {
      this.says = says;
    }

    abstract void read(Sample out);
  }

  @ParameterizedTest
  @EnumSource
  @DisplayName("bad input: a read that writes nothing, too little, too much, or something else")
  void wrongRead(Wrong wrong) throws Exception {
    Dataset dataset = dataset(4, wrong);
    Throwable cause = failure(Batches.of(dataset, 2));
    assertSays(cause, "sample 0");
    assertSays(cause.getCause(), wrong.says);
    List<BadSample> bad = new ArrayList<>();
    try (BackgroundLoader loader =
        BackgroundLoader.builder(
                device,
                spec(2),
                Batches.of(dataset, 2).skipBadSamples(9, (epoch, batch, one) -> bad.add(one)))
            .epochs(1)
            .start()) {
      assertSame(null, loader.poll(patience()));
    }
    assertEquals(4, bad.size());
    assertSays(bad.get(3).cause(), wrong.says);
  }

  private static Dataset dataset(long size, Wrong wrong) {
    return new Dataset() {
      @Override
      public long size() {
        return size;
      }

      @Override
      public void read(long index, Sample out) {
        wrong.read(out);
      }
    };
  }

  @Test
  @DisplayName("a sample that is kept is of no use later, on any thread")
  void kept() throws Exception {
    AtomicLong reads = new AtomicLong();
    List<@Nullable Sample> kept = new ArrayList<>();
    Dataset dataset =
        new Dataset() {
          @Override
          public long size() {
            return 1;
          }

          @Override
          public void read(long index, Sample out) throws IOException {
            if (reads.getAndIncrement() == 0) {
              kept.add(out);
            }
            Numbers.of(1).read(index, out);
          }
        };
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec(1), Batches.of(dataset, 1)).epochs(1).start()) {
      loader.get(patience()).close();
      Sample sample = Objects.requireNonNull(kept.get(0));
      assertThrows(IllegalStateException.class, () -> sample.array("index"));
      assertThrows(IllegalStateException.class, sample::random);
    }
  }
}
