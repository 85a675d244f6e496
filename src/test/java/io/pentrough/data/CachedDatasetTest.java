package io.pentrough.data;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.ArraySpec;
import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.DeviceArray;
import io.pentrough.DeviceBatch;
import io.pentrough.FailurePolicy;
import io.pentrough.HostArray;
import io.pentrough.TargetException;
import io.pentrough.device.Collected;
import io.pentrough.device.Device;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Patience;
import java.io.IOException;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a cache changes: how often samples are read, and nothing else. */
class CachedDatasetTest {

  private static final String LABEL = "label";

  private final Device device = TestDevice.open();

  private static BatchSpec labels(int batchSize) {
    return BatchSpec.builder().array(LABEL, DType.INT32, batchSize).build();
  }

  /** How large a cache is that has room for so many samples of {@link #labels}. */
  private static long bytes(int size, int samples) {
    return 8L * size + samples * 16L;
  }

  private static CachedDataset cache(Dataset dataset, long bytes, int chunkBytes) {
    return new CachedDataset(dataset, bytes, chunkBytes, ByteBuffer::allocateDirect);
  }

  /** Samples of random bits; counts how often each is read. */
  private static class Bits implements Dataset {

    final int size;
    final AtomicIntegerArray reads;

    Bits(int size) {
      this.size = size;
      reads = new AtomicIntegerArray(size);
    }

    @Override
    public long size() {
      return size;
    }

    @Override
    public void read(long index, Sample out) throws Exception {
      reads.incrementAndGet((int) index);
      Random random = new Random(index);
      for (ArraySpec spec : out.sequences().spec.arrays()) {
        HostArray array = out.array(spec.name());
        byte[] bits = new byte[array.elements() * spec.dtype().bytes()];
        random.nextBytes(bits);
        array.set(0, ByteBuffer.wrap(bits));
      }
    }

    List<Integer> reads() {
      return IntStream.range(0, size).mapToObj(reads::get).toList();
    }

    int allReads() {
      return reads().stream().mapToInt(Integer::intValue).sum();
    }
  }

  /** All that is delivered, batch by batch, as bytes of each array. */
  private List<String> delivered(BackgroundLoader.Builder builder) throws Exception {
    List<String> got = new ArrayList<>();
    try (BackgroundLoader loader = builder.start()) {
      for (DeviceBatch batch : loader.batches()) {
        StringBuilder text = new StringBuilder(batch.epoch() + "." + batch.index());
        for (int i = 0; i < batch.spec().arrays().size(); i++) {
          DeviceArray array = batch.array(i);
          ByteBuffer bytes =
              ByteBuffer.allocate(array.elements() * batch.spec().array(i).dtype().bytes());
          array.copyTo(bytes);
          text.append(' ').append(Arrays.hashCode(bytes.array()));
        }
        got.add(text + " without " + batch.badSamples());
      }
    }
    got.sort(null);
    return got;
  }

  static LongStream seeds() {
    return LongStream.range(0, TestDevice.effort(60));
  }

  @ParameterizedTest
  @MethodSource("seeds")
  @DisplayName("the same bits of every type and shape, whatever the cache holds, and in any epoch")
  void sameContent(long seed) throws Exception {
    Random random = new Random(seed);
    int size = 1 + random.nextInt(40);
    int batchSize = 1 + random.nextInt(7);
    BatchSpec.Builder arrays = BatchSpec.builder();
    int rowBytes = 0;
    for (int i = 0; i <= random.nextInt(4); i++) {
      DType dtype = List.of(DType.values()).get(random.nextInt(DType.values().length));
      int rank = 1 + random.nextInt(3);
      int[] shape = random.ints(rank, 1, 6).toArray();
      shape[0] = batchSize;
      arrays.array("array" + i, dtype, shape);
      rowBytes += Arrays.stream(shape).reduce(1, (a, b) -> a * b) / batchSize * dtype.bytes() + 8;
    }
    BatchSpec spec = arrays.build();
    Bits bits =
        new Bits(size) {
          @Override
          public void read(long index, Sample out) throws Exception {
            super.read(index, out);
            if (index % 5 == 3) {
              throw new IOException("bad " + index);
            }
          }
        };
    long most = 8L * size + (long) size * (rowBytes + 24);
    long cacheBytes = 8L * size + rowBytes + 24 + random.nextInt((int) most);
    try (CachedDataset cached = cache(bits, cacheBytes, 8 << random.nextInt(10))) {
      int epochs = 1 + random.nextInt(3);
      long loaderSeed = random.nextLong();
      List<List<String>> both = new ArrayList<>();
      int workers = 1 + random.nextInt(4);
      for (Dataset dataset : List.of(bits, cached)) {
        Batches batches =
            Batches.of(dataset, batchSize).shuffled().skipBadSamples(Integer.MAX_VALUE);
        both.add(
            delivered(
                BackgroundLoader.builder(device, spec, batches)
                    .workers(workers)
                    .ordered(random.nextBoolean())
                    .seed(loaderSeed)
                    .epochs(epochs)));
      }
      assertEquals(both.get(0), both.get(1));
      assertEquals((long) size * epochs, cached.hits() + cached.misses());
      assertEquals(bits.allReads() - (long) size * epochs, cached.misses());
      assertTrue(cached.bytes() <= cacheBytes);
      int good = (int) IntStream.range(0, size).filter(i -> i % 5 != 3).count();
      assertTrue(cached.samples() <= good);
      assertTrue(cached.samples() > 0 || good == 0);
      if (cacheBytes >= most) {
        assertEquals(good, cached.samples());
        long maxHits = (long) good * (epochs - 1);
        // A worker may be in the next epoch while another one still reads the same sample in this.
        assertTrue(cached.hits() <= maxHits);
        assertTrue(workers > 1 || cached.hits() == maxHits);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"to the maximum", "to the longest", "ragged", "in turns"})
  @DisplayName("samples of different lengths, in batches of any kind, and empty ones")
  void lengths(String how) throws Exception {
    AtomicInteger reads = new AtomicInteger();
    Dataset texts =
        new Dataset() {
          @Override
          public long size() {
            return 23;
          }

          @Override
          public int length(long index, String array) {
            return (int) (index * 7 % 10);
          }

          @Override
          public void read(long index, Sample out) {
            reads.incrementAndGet();
            out.array("tokens", 0); // the last call counts
            HostArray tokens = out.array("tokens", length(index, "tokens"));
            for (int i = 0; i < tokens.elements(); i++) {
              tokens.setShort(i, (short) (100 * index + i));
            }
            out.array(LABEL).setInt(0, (int) index);
          }
        };
    try (CachedDataset cached = cache(texts, 100_000, 16)) {
      int uncached = 0;
      List<String> modes =
          how.equals("in turns") ? List.of("ragged", "to the maximum") : List.of(how);
      for (String mode : modes) {
        List<List<String>> both = new ArrayList<>();
        for (Dataset dataset : List.of(texts, cached, cached)) {
          Batches batches = Batches.of(dataset, 4).shuffled();
          BatchSpec.Builder spec = BatchSpec.builder().array(LABEL, DType.INT32, 4);
          batches =
              switch (mode) {
                case "ragged" -> {
                  spec.array("numbers", DType.INT32, 5).variableArray("tokens", DType.INT16, 40, 3);
                  yield batches.ragged("tokens", "numbers");
                }
                case "to the longest" -> {
                  spec.array("numbers", DType.INT32, 4)
                      .variableArray("tokens", DType.INT16, 4, 9, 3);
                  yield batches
                      .pad("tokens", Padding.toLongest().value(-1))
                      .lengths("tokens", "numbers");
                }
                default -> {
                  spec.array("numbers", DType.INT64, 4).array("tokens", DType.INT16, 4, 9, 3);
                  yield batches.pad("tokens", Padding.toMaximum()).lengths("tokens", "numbers");
                }
              };
          both.add(
              delivered(
                  BackgroundLoader.builder(device, spec.build(), batches).epochs(2).workers(2)));
        }
        uncached += 2 * 23;
        assertEquals(both.get(0), both.get(1));
        assertEquals(both.get(0), both.get(2));
      }
      assertEquals(23, cached.samples());
      assertEquals(uncached + cached.misses(), reads.get());
      assertEquals(2L * uncached, cached.hits() + cached.misses());
      assertTrue(cached.misses() < 2 * 23, "at most two workers read one at once");
    }
  }

  @Test
  @DisplayName("what comes first stays, and is not read again; the rest is read each time")
  void firstStays() throws Exception {
    Bits bits = new Bits(8);
    try (CachedDataset cached = bits.cached(bytes(8, 5) + 15)) {
      assertEquals(
          "cache of 159 bytes: 0 of 8 samples in 64 bytes; 0 hits, 0 misses (0.0 % hits)",
          cached.toString());
      assertEquals(64, cached.bytes());
      for (int run = 0; run < 2; run++) { // two loaders, of different batch sizes
        delivered(
            BackgroundLoader.builder(device, labels(2 + run), Batches.of(cached, 2 + run))
                .workers(1)
                .epochs(2));
      }
      assertEquals(List.of(1, 1, 1, 1, 1, 4, 4, 4), bits.reads());
      assertEquals(15, cached.hits());
      assertEquals(17, cached.misses());
      assertEquals(15.0 / 32, cached.hitRate());
      assertEquals(5, cached.samples());
      assertEquals(bytes(8, 5), cached.bytes());
      assertEquals(
          "cache of 159 bytes: 5 of 8 samples in 144 bytes; 15 hits, 17 misses (46.9 % hits)",
          cached.toString());
    }
  }

  @Test
  @DisplayName("a sample that another worker is reading is read, and not waited for")
  void nobodyWaits() throws Exception {
    CountDownLatch secondHasRead = new CountDownLatch(1);
    Bits bits =
        new Bits(1) {
          @Override
          public void read(long index, Sample out) throws Exception {
            super.read(index, out);
            if (reads.get(0) == 1) {
              Patience.await(secondHasRead);
            } else {
              secondHasRead.countDown();
            }
          }
        };
    try (CachedDataset cached = bits.cached(1000)) {
      Batches twice = Batches.of(cached, 1).sampler(Sampler.subset(0, 0));
      delivered(BackgroundLoader.builder(device, labels(1), twice).workers(2).epochs(1));
      assertEquals(List.of(2), bits.reads());
      assertEquals(1, cached.samples());
    }
  }

  @Test
  @DisplayName("many workers on few samples: each is kept once, and comes as it was")
  void manyWorkers() throws Exception {
    int size = 50;
    Bits bits = new Bits(size);
    BatchSpec spec =
        BatchSpec.builder().array("a", DType.INT8, 4, 13).array("b", DType.INT64, 4, 3).build();
    long sample = 8 + 16 + 24;
    for (int room : List.of(20, size)) {
      try (CachedDataset cached = cache(bits, 8L * size + room * sample, 32)) {
        Batches plain = Batches.of(bits, 4).shuffled();
        Batches batches = Batches.of(cached, 4).shuffled();
        assertEquals(
            delivered(BackgroundLoader.builder(device, spec, plain).epochs(8)),
            delivered(BackgroundLoader.builder(device, spec, batches).workers(8).epochs(8)));
        assertEquals(room, cached.samples());
        assertEquals(8L * size + room * sample, cached.bytes());
      }
    }
  }

  @Test
  @DisplayName("a sample is found when all of it is there, and not before")
  void whole() throws Exception {
    byte[] ones = new byte[4 << 20];
    Arrays.fill(ones, (byte) 1);
    BatchSpec spec = BatchSpec.builder().array("large", DType.INT8, 1, ones.length).build();
    IOException notYet = new IOException("not yet"); // made here, so that looking takes no time
    for (int round = 0; round < 10; round++) {
      CountDownLatch looking = new CountDownLatch(1);
      AtomicReference<@Nullable Thread> looks = new AtomicReference<>();
      Dataset dataset =
          new Bits(2) {
            @Override
            public void read(long index, Sample out) throws Exception {
              if (Thread.currentThread() == looks.get()) {
                looking.countDown();
                throw notYet; // so that this worker saves nothing
              }
              Patience.await(looking);
              out.array("large").set(0, ones, 0, ones.length);
            }
          };
      try (CachedDataset cached = dataset.cached(5 << 20)) {
        Dataset lookedFor =
            new Bits(2) {
              @Override
              public void read(long index, Sample out) throws Exception {
                if (index == 1) {
                  looks.set(Thread.currentThread());
                  while (!isFound(cached, out) && !Thread.interrupted()) {
                    Thread.onSpinWait(); // while the other worker saves it
                  }
                } else {
                  cached.read(0, out);
                }
              }
            };
        List<String> twice =
            delivered(
                BackgroundLoader.builder(device, spec, Batches.of(lookedFor, 1))
                    .workers(2)
                    .epochs(1));
        String expected = " " + Arrays.hashCode(ones) + " without []";
        assertEquals(List.of("0.0" + expected, "0.1" + expected), twice);
      }
    }
  }

  private static boolean isFound(CachedDataset cached, Sample out) throws Exception {
    try {
      cached.read(0, out);
      return true;
    } catch (IOException notYet) {
      return false;
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  @DisplayName("closed while workers read: they end well or are told, and never see other bytes")
  void closedUnderReaders(boolean isFull) throws Exception {
    Bits bits = new Bits(64);
    for (int i = 0; i < 20; i++) {
      CachedDataset cached = cache(bits, bytes(64, isFull ? 64 : 20), 64);
      BackgroundLoader.Builder builder =
          BackgroundLoader.builder(device, labels(4), Batches.of(cached, 4)).workers(4);
      try (BackgroundLoader loader = builder.start()) {
        boolean more = true;
        for (int got = 0; more; got++) {
          assertTrue(got < 100 + 3 * i, "nobody is told");
          if (got == 3 * i) {
            cached.close();
            cached.close();
          }
          try (DeviceBatch batch = loader.get(patience())) {
            ByteBuffer bytes = ByteBuffer.allocate(16);
            batch.array(LABEL).copyTo(bytes);
            for (int row = 0; row < 4; row++) {
              byte[] expected = new byte[4];
              new Random(batch.index() * 4 + row).nextBytes(expected);
              assertEquals(ByteBuffer.wrap(expected), bytes.slice(4 * row, 4));
            }
          } catch (TargetException e) {
            assertInstanceOf(IllegalStateException.class, e.getCause());
            assertSays(e.getCause(), "this cached dataset is closed", "after the loaders");
            more = false;
          }
        }
      }
      assertEquals(0, cached.samples());
      assertEquals(0, cached.bytes());
      assertEquals(64, cached.size());
      assertTrue(cached.toString().startsWith("closed cache; "));
    }
  }

  @Test
  @DisplayName("its memory is given back after close()")
  void givenBack() {
    BufferPoolMXBean direct =
        ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
            .filter(pool -> pool.getName().equals("direct"))
            .findAny()
            .orElseThrow();
    long bytes = 24 << 20;
    long before = direct.getMemoryUsed();
    CachedDataset cached = cache(new Bits(1), bytes, 1 << 20);
    assertTrue(direct.getMemoryUsed() >= bytes, "all of it at once");
    cached.close();
    Collected.until("memory is given back", () -> direct.getMemoryUsed() < before + bytes / 2);
  }

  // ---- what is refused

  private @Nullable Throwable refused(Batches batches, int batchSize) throws Exception {
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, labels(batchSize), batches).workers(1).start()) {
      return assertThrows(TargetException.class, () -> loader.get(patience())).getCause();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"drawn", "caught", "wrapped", "error", "in a cache of a cache"})
  @DisplayName(
      "random numbers are refused, whatever becomes of the exception, and are no bad sample")
  void randomNumbers(String how) throws Exception {
    Bits bits =
        new Bits(8) {
          @Override
          public void read(long index, Sample out) throws Exception {
            super.read(index, out);
            if (index < 5) {
              return;
            }
            try {
              out.random().nextInt();
            } catch (IllegalStateException e) {
              switch (how) {
                case "caught" -> {}
                case "wrapped" -> throw new IOException(e);
                case "error" -> throw new AssertionError(e);
                default -> throw e;
              }
            }
          }
        };
    boolean isTwice = how.startsWith("in");
    try (CachedDataset inner = bits.cached(10_000);
        CachedDataset outer = inner.cached(10_000)) {
      CachedDataset cached = isTwice ? outer : inner;
      Batches batches = Batches.of(cached, 1).skipBadSamples(1000);
      try (BackgroundLoader loader =
          BackgroundLoader.builder(device, labels(1), batches)
              .workers(1)
              .onFailure(FailurePolicy.fail())
              .start()) {
        for (int i = 0; i < 5; i++) {
          loader.get(patience()).close();
        }
        TargetException e = assertThrows(TargetException.class, () -> loader.get(patience()));
        assertInstanceOf(IllegalStateException.class, e.getCause());
        assertSays(
            e.getCause(),
            "read(...) of sample 5 asks for random numbers",
            "the same in every epoch",
            "draw them in a dataset around");
        assertEquals(0, loader.stats().badSamples());
      }
      assertEquals(5, cached.samples());
    }
  }

  @Test
  @DisplayName("a dataset around the cache may draw, write other arrays, and change what it gets")
  void around() throws Exception {
    Bits bits =
        new Bits(6) {
          @Override
          public void read(long index, Sample out) {
            reads.incrementAndGet((int) index);
            out.array(LABEL).setInt(0, (int) index);
          }
        };
    BatchSpec spec =
        BatchSpec.builder()
            .array("drawn", DType.INT32, 2)
            .array(LABEL, DType.INT32, 2)
            .array("twice", DType.INT32, 2)
            .build();
    try (CachedDataset cached = bits.cached(1000)) {
      Dataset around =
          new Dataset() {
            @Override
            public long size() {
              return cached.size();
            }

            @Override
            public void read(long index, Sample out) throws Exception {
              int before = out.random().nextInt();
              out.array("drawn").setInt(0, before);
              cached.read(index, out);
              HostArray label = out.array(LABEL);
              assertEquals(index, label.getInt(0), "as it was read, not as it was changed");
              out.array("twice").setInt(0, 2 * label.getInt(0));
              label.setInt(0, out.random().nextInt());
            }
          };
      List<List<Integer>> drawn = new ArrayList<>();
      List<Integer> twice = new ArrayList<>();
      try (BackgroundLoader loader =
          BackgroundLoader.builder(device, spec, Batches.of(around, 2)).epochs(2).start()) {
        for (int epoch = 0; epoch < 2; epoch++) {
          drawn.add(new ArrayList<>());
          for (DeviceBatch batch : loader.epoch()) {
            drawn.get(epoch).addAll(ints(batch.array("drawn")));
            drawn.get(epoch).addAll(ints(batch.array(LABEL)));
            twice.addAll(ints(batch.array("twice")));
          }
        }
      }
      assertEquals(List.of(0, 2, 4, 6, 8, 10, 0, 2, 4, 6, 8, 10), twice);
      assertEquals(12, drawn.get(0).size());
      assertNotEquals(drawn.get(0), drawn.get(1));
      assertEquals(6, cached.hits());
      assertEquals(8L * 6 + 6 * (16 + 8), cached.bytes(), "the other arrays take no room");
    }
  }

  private static List<Integer> ints(DeviceArray array) {
    ByteBuffer bytes = TestDevice.bytes(array.buffer());
    return IntStream.range(0, array.elements()).mapToObj(i -> bytes.getInt(4 * i)).toList();
  }

  @Test
  @DisplayName("an array that read does not ask for is missed in a cached sample, too")
  void incomplete() throws Exception {
    Dataset nothing =
        new Bits(1) {
          @Override
          public void read(long index, Sample out) {}
        };
    try (CachedDataset cached = nothing.cached(1000)) {
      for (int i = 0; i < 2; i++) {
        Throwable thrown = refused(Batches.of(cached, 1), 1);
        assertInstanceOf(SampleException.class, thrown);
        assertSays(Objects.requireNonNull(thrown).getCause(), "without asking for array 'label'");
      }
      assertTrue(cached.hits() > 0, "it is what read wrote: nothing");
    }
  }

  @Test
  @DisplayName("a sample that could not be read is read again")
  void badSamples() throws Exception {
    Bits bits =
        new Bits(3) {
          @Override
          public void read(long index, Sample out) throws Exception {
            super.read(index, out);
            if (index == 1 && reads.get(1) == 1) {
              throw new IOException("once");
            }
          }
        };
    try (CachedDataset cached = bits.cached(1000)) {
      Batches batches = Batches.of(cached, 3).skipBadSamples(9);
      List<String> all =
          delivered(BackgroundLoader.builder(device, labels(3), batches).workers(1).epochs(3));
      assertTrue(all.get(0).endsWith("[sample 1: java.io.IOException: once]"), all::toString);
      assertEquals(all.get(1).substring(1), all.get(2).substring(1));
      assertEquals(List.of(1, 2, 1), bits.reads());
      assertEquals(3, cached.samples());
      assertEquals(4, cached.misses());
    }
  }

  @Test
  @DisplayName("a cache that is too small is refused: at once, at the start, or at the first read")
  void tooSmall() throws Exception {
    Bits bits = new Bits(1000);
    for (long bytes : new long[] {Long.MIN_VALUE, -1, 0, 1, 7999, 8000, 8007}) {
      assertSays(
          assertThrows(IllegalArgumentException.class, () -> bits.cached(bytes).close()),
          String.format("a cache of %,d bytes has no room", bytes),
          "8 bytes for each of the 1,000 samples");
    }
    try (CachedDataset cached = bits.cached(8015)) {
      BackgroundLoader.Builder builder =
          BackgroundLoader.builder(device, labels(2), Batches.of(cached, 2));
      assertSays(
          assertThrows(IllegalArgumentException.class, builder::start),
          "a cache with 15 bytes for samples",
          "smaller than one sample of 16 bytes");
      Dataset around =
          new Bits(1) {
            @Override
            public void read(long index, Sample out) throws Exception {
              try {
                cached.read(index, out);
              } catch (IllegalStateException e) {
                throw new IOException(e); // no bad sample for all that
              }
            }
          };
      Throwable thrown = refused(Batches.of(around, 2).skipBadSamples(9), 2);
      assertSays(
          Objects.requireNonNull(thrown).getCause(),
          "a cache with 15 bytes",
          "one sample of 16 bytes",
          "make it larger");
    }
    try (CachedDataset cached = bits.cached(8016)) {
      delivered(BackgroundLoader.builder(device, labels(2), Batches.of(cached, 2)).epochs(1));
      assertEquals(1, cached.samples());
    }
    Bits none = new Bits(0);
    assertSays(
        assertThrows(IllegalArgumentException.class, () -> none.cached(100).close()), "0 samples");
  }

  @Test
  @DisplayName("loaders with other arrays than those whose samples are kept are told so")
  void otherArrays() throws Exception {
    Bits bits = new Bits(10);
    BatchSpec floats = BatchSpec.builder().array(LABEL, DType.FLOAT32, 2).build();
    CachedDataset cached = bits.cached(1000);
    Dataset around =
        new Bits(10) {
          @Override
          public void read(long index, Sample out) throws Exception {
            cached.read(index, out);
          }
        };
    delivered(BackgroundLoader.builder(device, labels(2), Batches.of(cached, 2)).epochs(1));
    String[] words = {
      "[label: INT32 of 4 bytes]", "[label: FLOAT32 of 4 bytes]", "cache of its own"
    };
    BackgroundLoader.Builder builder =
        BackgroundLoader.builder(device, floats, Batches.of(cached, 2));
    assertSays(assertThrows(IllegalStateException.class, builder::start), words);
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, floats, Batches.of(around, 2).skipBadSamples(9)).start()) {
      assertSays(
          assertThrows(TargetException.class, () -> loader.get(patience())).getCause(), words);
    }
    delivered(BackgroundLoader.builder(device, labels(5), Batches.of(cached, 5)).epochs(1));
    assertEquals(10, bits.allReads());
    cached.close();
    assertSays(
        assertThrows(
            IllegalStateException.class,
            () -> BackgroundLoader.builder(device, labels(2), Batches.of(cached, 2)).start()),
        "is closed");
  }

  @Test
  @DisplayName("memory that the JVM refuses is said in the user's words, and none is kept")
  void noMemory() {
    List<Integer> asked = new ArrayList<>();
    IllegalStateException e =
        assertThrows(
            IllegalStateException.class,
            () ->
                new CachedDataset(
                    new Bits(1),
                    1000,
                    256,
                    bytes -> {
                      asked.add(bytes);
                      if (asked.size() == 4) {
                        throw new OutOfMemoryError("no more");
                      }
                      return ByteBuffer.allocateDirect(bytes);
                    }));
    assertSays(e, "a cache of 1,000 bytes", "-XX:MaxDirectMemorySize", "smaller cache", "no more");
    assertEquals(List.of(256, 256, 256, 232), asked);
  }

  @Test
  @DisplayName("more than the JVM allows is refused before anything is allocated")
  void farTooMuchMemory() {
    IllegalStateException e =
        assertThrows(
            IllegalStateException.class,
            () ->
                new CachedDataset(
                    new Bits(1),
                    1L << 50,
                    1 << 30,
                    bytes -> {
                      throw new AssertionError("allocates " + bytes);
                    }));
    assertSays(
        e, "a cache of 1,125,899,906,842,624 bytes", "the JVM allows", "MaxDirectMemorySize");
  }

  @Test
  @DisplayName("samples that a dataset gets later are read, and not kept")
  void growing() throws Exception {
    long[] now = {2};
    Bits bits =
        new Bits(4) {
          @Override
          public long size() {
            return now[0];
          }
        };
    try (CachedDataset cached = bits.cached(1000)) {
      now[0] = 4;
      delivered(BackgroundLoader.builder(device, labels(1), Batches.of(cached, 1)).epochs(2));
      assertEquals(List.of(1, 1, 2, 2), bits.reads());
    }
  }

  @Test
  @DisplayName("whatever else a dataset may say is passed on")
  void passesOn() throws Exception {
    for (Method method : Dataset.class.getDeclaredMethods()) {
      if (!method.isSynthetic() && !method.getName().equals("cached")) {
        assertEquals(
            CachedDataset.class,
            CachedDataset.class
                .getMethod(method.getName(), method.getParameterTypes())
                .getDeclaringClass(),
            () -> method + " of the cached dataset is asked for");
      }
    }
  }
}
