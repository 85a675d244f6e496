package io.pentrough.data;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.pentrough.ArraySpec;
import io.pentrough.BackgroundLoader;
import io.pentrough.BadSample;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.DeviceArray;
import io.pentrough.DeviceBatch;
import io.pentrough.FailurePolicy;
import io.pentrough.HostArray;
import io.pentrough.TargetException;
import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Samples of different lengths: padded to a maximum or to the longest, or one after the other. */
@OnEveryDevice(everySchedule = false)
class SequencesTest {

  private final Device device = TestDevice.open();

  // ---- what a batch should hold, by plain loops

  private enum Mode {
    MAXIMUM,
    LONGEST,
    RAGGED
  }

  /** What is wrong with a sample; of its first sequence, where it is about one. */
  private enum Fault {
    NONE,
    BEFORE,
    HALFWAY,
    FORGETS,
    ASKS_NEGATIVE,
    ASKS_TOO_MUCH,
    LENGTH_THROWS,
    LENGTH_NEGATIVE,
    LENGTH_TOO_LONG,
    LENGTH_TOO_SHORT
  }

  private static final DType[] TYPES = {
    DType.UINT8, DType.INT16, DType.INT32, DType.INT64, DType.FLOAT16, DType.FLOAT32, DType.FLOAT64
  };

  /**
   * An array of sequences.
   *
   * @param step the shape of one step
   * @param most the maximum; of ragged values the capacity
   * @param lengthsType null if there is no array of the lengths
   * @param offsetsVary whether the array of the offsets is variable
   */
  private record Column(
      String name,
      DType dtype,
      List<Integer> step,
      Mode mode,
      int most,
      double padding,
      @Nullable DType lengthsType,
      DType offsetsType,
      boolean offsetsVary,
      List<Integer> lengths,
      List<Integer> announced) {

    static Column random(String name, int batchSize, int samples, Random random) {
      Mode mode = List.of(Mode.values()).get(random.nextInt(3));
      int longest = random.nextInt(8);
      int most = Math.max(1, longest + random.nextInt(3));
      if (mode == Mode.RAGGED) {
        most = 1 + random.nextInt(batchSize * (longest + 1) + 1);
        most += most == batchSize ? 1 : 0;
      }
      List<Integer> lengths = random.ints(samples, 0, longest + 1).boxed().toList();
      int largest = most;
      List<Integer> announced =
          lengths.stream()
              .map(length -> Math.min(largest, length + random.nextInt(3) / 2))
              .toList();
      DType dtype = TYPES[random.nextInt(TYPES.length)];
      double[] values = {0, 1, 100, dtype == DType.UINT8 ? 255 : -1};
      return new Column(
          name,
          dtype,
          List.of(List.<Integer>of(), List.of(3), List.of(2, 1)).get(random.nextInt(3)),
          mode,
          most,
          values[random.nextInt(4)],
          random.nextBoolean() ? random.nextBoolean() ? DType.INT32 : DType.INT64 : null,
          random.nextBoolean() ? DType.INT32 : DType.INT64,
          random.nextBoolean(),
          lengths,
          announced);
    }

    int stepElements() {
      return step.stream().reduce(1, (a, b) -> a * b);
    }

    int[] shape(int... first) {
      return IntStream.concat(IntStream.of(first), step.stream().mapToInt(n -> n)).toArray();
    }

    int length(long index) {
      return lengths.get((int) index);
    }

    void declare(BatchSpec.Builder spec, int batchSize, Random random) {
      switch (mode) {
        case MAXIMUM -> {
          if (random.nextBoolean()) {
            spec.array(name, dtype, shape(batchSize, most));
          } else {
            spec.variableArray(name, dtype, shape(batchSize, most));
          }
        }
        case LONGEST -> spec.variableArray(name, dtype, shape(batchSize, most));
        case RAGGED -> {
          spec.variableArray(name, dtype, shape(most));
          if (offsetsVary) {
            spec.variableArray(name + " offsets", offsetsType, batchSize + 1);
          } else {
            spec.array(name + " offsets", offsetsType, batchSize + 1);
          }
        }
      }
      if (lengthsType != null) {
        spec.array(name + " lengths", lengthsType, batchSize);
      }
    }

    Batches in(Batches batches) {
      Batches more =
          switch (mode) {
            case MAXIMUM -> batches.pad(name, Padding.toMaximum().value(padding));
            case LONGEST -> batches.pad(name, Padding.toLongest().value(padding));
            case RAGGED -> batches.ragged(name, name + " offsets");
          };
      return lengthsType == null ? more : more.lengths(name, name + " lengths");
    }

    /** Of one sample, as it is to be delivered. */
    void write(ByteBuffer to, long index) {
      for (int k = 0; k < length(index) * stepElements(); k++) {
        put(to, dtype, 1 + (int) ((index * 31 + k * 7L) % 100));
      }
    }

    boolean isTooLong(long index, int used) {
      return mode == Mode.RAGGED && length(index) > most - used;
    }
  }

  private static void put(ByteBuffer to, DType dtype, double value) {
    switch (dtype) {
      case UINT8 -> to.put((byte) (int) value);
      case INT16 -> to.putShort((short) value);
      case INT32 -> to.putInt((int) value);
      case INT64 -> to.putLong((long) value);
      case FLOAT16 -> to.putShort(DType.floatToFloat16((float) value));
      case FLOAT32 -> to.putFloat((float) value);
      default -> to.putDouble(value);
    }
  }

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.nativeOrder());
  }

  private record Texts(List<Column> columns, List<Fault> faults, Set<Long> flaky)
      implements Dataset {

    @Override
    public long size() {
      return faults.size();
    }

    @Override
    public int length(long index, String array) throws IOException {
      Column column = columns.stream().filter(c -> c.name.equals(array)).findFirst().orElseThrow();
      int announced = column.announced.get((int) index);
      Fault fault = faults.get((int) index);
      if (fault == Fault.LENGTH_THROWS) {
        throw new IOException("length of " + index);
      }
      if (!array.equals(columns.get(0).name)) {
        return announced;
      }
      return switch (fault) {
        case LENGTH_NEGATIVE -> -1;
        case LENGTH_TOO_LONG -> column.most + 1;
        case LENGTH_TOO_SHORT -> Math.max(0, column.length(index) - 1);
        default -> announced;
      };
    }

    @Override
    public void read(long index, Sample out) throws IOException {
      Fault fault = faults.get((int) index);
      if (fault == Fault.BEFORE) {
        throw new IOException("before " + index);
      }
      out.array("index").setLong(0, index);
      for (Column column : columns) {
        boolean first = column.name.equals(columns.get(0).name);
        if (first && fault == Fault.ASKS_NEGATIVE) {
          out.array(column.name, -1);
        }
        if (first && fault == Fault.ASKS_TOO_MUCH) {
          out.array(column.name, column.most + 1);
        }
        int length = column.length(index);
        if (fault != Fault.FORGETS || !first) {
          HostArray array = out.array(column.name, length);
          assertEquals(Arrays.toString(column.shape(length)), Arrays.toString(array.shape()));
          ByteBuffer bytes = buffer(length * column.stepElements() * column.dtype.bytes());
          column.write(bytes, index);
          array.set(0, bytes.flip());
        }
        if (fault == Fault.HALFWAY) {
          throw new IOException("halfway in " + index);
        }
      }
      if (flaky.remove(index)) {
        throw new AssertionError("once"); // an Error fails the batch, which is tried again
      }
    }

    boolean isBad(long index, int[] used) {
      Column first = columns.get(0);
      boolean wrong =
          switch (faults.get((int) index)) {
            case NONE -> false;
            case LENGTH_THROWS -> columns.stream().anyMatch(c -> c.mode == Mode.LONGEST);
            case LENGTH_NEGATIVE, LENGTH_TOO_LONG -> first.mode == Mode.LONGEST;
            case LENGTH_TOO_SHORT -> first.mode == Mode.LONGEST && first.length(index) > 0;
            default -> true;
          };
      for (int c = 0; c < used.length; c++) {
        wrong |= columns.get(c).isTooLong(index, used[c]);
      }
      return wrong;
    }

    /** The row length, of all samples of a batch whose length is known. */
    int rowLength(Column column, List<Long> samples) {
      if (column.mode == Mode.MAXIMUM) {
        return column.most;
      }
      int longest = 0;
      for (long sample : samples) {
        try {
          int length = length(sample, column.name);
          longest = length > column.most ? longest : Math.max(longest, length);
        } catch (IOException e) {
          // it counts for nothing
        }
      }
      return longest;
    }
  }

  /** By array: its shape, and all bytes of its buffer. */
  private record Batch(
      int epoch, long index, int size, int padded, List<Long> bad, Map<String, String> arrays) {

    static Batch of(DeviceBatch batch) {
      Map<String, String> arrays = new TreeMap<>();
      for (ArraySpec spec : batch.spec().arrays()) {
        DeviceArray array = batch.array(spec.name());
        ByteBuffer counted = buffer(array.elements() * spec.dtype().bytes());
        array.copyTo(counted); // waits, also behind getQueued
        ByteBuffer all = TestDevice.bytes(array.buffer());
        assertEquals(0, counted.remaining());
        assertEquals(hex(all.slice(0, counted.capacity())), hex(counted));
        arrays.put(spec.name(), described(array.shape(), all));
      }
      return new Batch(
          batch.epoch(),
          batch.index(),
          batch.size(),
          batch.padded(),
          batch.badSamples().stream().map(BadSample::index).toList(),
          arrays);
    }
  }

  private static String described(int[] shape, ByteBuffer bytes) {
    return Arrays.toString(shape) + " " + hex(bytes);
  }

  /** Of all of it. */
  private static String hex(ByteBuffer bytes) {
    byte[] copy = new byte[bytes.capacity()];
    bytes.get(0, copy);
    return HexFormat.of().formatHex(copy);
  }

  private static List<Batch> expected(
      Texts texts, List<Long> order, int batchSize, LastBatch lastBatch, int epochs) {
    List<Batch> batches = new ArrayList<>();
    for (int from = 0; from < order.size(); from += batchSize) {
      int own = Math.min(order.size() - from, batchSize);
      if (own < batchSize && lastBatch == LastBatch.DROP) {
        continue;
      }
      List<Long> samples = new ArrayList<>(order.subList(from, from + own));
      for (int i = own; i < batchSize && lastBatch == LastBatch.PAD; i++) {
        samples.add(order.get((i - own) % order.size()));
      }
      List<Long> good = new ArrayList<>();
      List<Long> bad = new ArrayList<>();
      int[] used = new int[texts.columns.size()];
      int padded = 0;
      for (int i = 0; i < samples.size() && (i < own || !good.isEmpty()); i++) {
        long sample = samples.get(i);
        if (!texts.isBad(sample, used)) {
          good.add(sample);
          for (int c = 0; c < used.length; c++) {
            used[c] += texts.columns.get(c).length(sample);
          }
          padded += i < own ? 0 : 1;
        } else if (i < own) {
          bad.add(sample);
        }
      }
      if (good.isEmpty()) {
        continue;
      }
      Map<String, String> arrays = new TreeMap<>();
      ByteBuffer index = buffer(batchSize * Long.BYTES);
      good.forEach(index::putLong);
      arrays.put("index", described(new int[] {good.size()}, index));
      for (int c = 0; c < used.length; c++) {
        Column column = texts.columns.get(c);
        expect(arrays, column, good, used[c], texts.rowLength(column, samples), batchSize);
      }
      int number = from / batchSize;
      batches.add(new Batch(0, number, good.size(), padded, bad, arrays));
    }
    List<Batch> all = new ArrayList<>();
    for (int epoch = 0; epoch < epochs; epoch++) {
      for (Batch b : batches) {
        all.add(new Batch(epoch, b.index, b.size, b.padded, b.bad, b.arrays));
      }
    }
    return all;
  }

  private static void expect(
      Map<String, String> arrays,
      Column column,
      List<Long> good,
      int used,
      int rowLength,
      int batchSize) {
    int step = column.stepElements() * column.dtype.bytes();
    if (column.mode == Mode.RAGGED) {
      ByteBuffer values = buffer(used * step);
      int rows = column.offsetsVary ? good.size() : batchSize;
      ByteBuffer offsets = buffer((rows + 1) * column.offsetsType.bytes());
      put(offsets, column.offsetsType, 0);
      for (int row = 0; row < rows; row++) {
        if (row < good.size()) {
          column.write(values, good.get(row));
        }
        int offset = values.position() / step;
        put(offsets, column.offsetsType, offset);
      }
      arrays.put(column.name, described(column.shape(used), values));
      arrays.put(column.name + " offsets", described(new int[] {rows + 1}, offsets));
    } else {
      ByteBuffer values = buffer(batchSize * rowLength * step);
      for (int row = 0; row < good.size(); row++) {
        column.write(values, good.get(row));
        while (values.position() < (row + 1) * rowLength * step) {
          put(values, column.dtype, column.padding);
        }
      }
      arrays.put(column.name, described(column.shape(good.size(), rowLength), values));
    }
    if (column.lengthsType != null) {
      ByteBuffer lengths = buffer(batchSize * column.lengthsType.bytes());
      good.forEach(i -> put(lengths, column.lengthsType, column.length(i)));
      arrays.put(column.name + " lengths", described(new int[] {good.size()}, lengths));
    }
  }

  // ---- the property

  static LongStream seeds() {
    return LongStream.range(0, TestDevice.effort(120));
  }

  @ParameterizedTest
  @MethodSource("seeds")
  @DisplayName("I8: every array holds what plain loops say, whatever the workers, slots and resets")
  void anyConfiguration(long seed) throws Exception {
    Random random = new Random(seed * 0x9E3779B97F4A7C15L);
    int samples = 1 + random.nextInt(40);
    int batchSize = 1 + random.nextInt(7);
    LastBatch lastBatch = List.of(LastBatch.values()).get(random.nextInt(3));
    List<Column> columns = new ArrayList<>();
    for (String name : List.of("tokens", "marks").subList(0, 1 + random.nextInt(2))) {
      columns.add(Column.random(name, batchSize, samples, random));
    }
    int rate = random.nextInt(3);
    List<Fault> faults = new ArrayList<>();
    for (int i = 0; i < samples; i++) {
      faults.add(
          random.nextInt(4) < rate
              ? List.of(Fault.values()).get(random.nextInt(Fault.values().length))
              : Fault.NONE);
    }
    Set<Long> flaky = ConcurrentHashMap.newKeySet();
    LongStream.range(0, samples).filter(i -> random.nextInt(6) == 0).forEach(flaky::add);
    Texts texts = new Texts(columns, faults, flaky);
    long[] order = random.longs(1 + random.nextInt(2 * samples), 0, samples).toArray();
    BatchSpec.Builder arrays = BatchSpec.builder().array("index", DType.INT64, batchSize);
    columns.forEach(column -> column.declare(arrays, batchSize, random));
    Batches batches =
        Batches.of(texts, batchSize)
            .sampler(Sampler.subset(order))
            .lastBatch(lastBatch)
            .skipBadSamples(Long.MAX_VALUE);
    for (Column column : columns) {
      batches = column.in(batches);
    }
    if (batches.batchesPerEpoch() == 0) {
      return;
    }
    int epochs = 2;
    List<Batch> got = new ArrayList<>();
    BackgroundLoader.Builder builder =
        BackgroundLoader.builder(device, arrays.build(), batches)
            .workers(1 + random.nextInt(4))
            .deviceSlots(1 + random.nextInt(3))
            .epochs(epochs)
            .zeroCopy(random.nextInt(4) == 0)
            .onFailure(FailurePolicy.retry(1000));
    try (BackgroundLoader loader = builder.start()) {
      while (true) {
        try (DeviceBatch batch =
            random.nextBoolean() ? loader.get(patience()) : loader.getQueued(patience())) {
          got.add(Batch.of(batch));
        }
        if (random.nextInt(6) == 0) {
          loader.reset();
        }
      }
    } catch (NoSuchElementException end) {
      // all are there
    }
    List<Long> positions = Arrays.stream(order).boxed().toList();
    assertEquals(expected(texts, positions, batchSize, lastBatch, epochs), got);
  }

  // ---- what the options mean

  /** Token ids of four texts; the sample's label is its length. */
  private static class Four implements Dataset {

    static final int[][] TEXTS = {{1, 2, 3}, {4}, {}, {5, 6}};

    @Override
    public long size() {
      return TEXTS.length;
    }

    @Override
    public int length(long index, String array) throws Exception {
      return TEXTS[(int) index].length;
    }

    @Override
    public void read(long index, Sample out) throws Exception {
      int[] text = TEXTS[(int) index];
      out.array("label").setInt(0, (int) index);
      out.array("tokens", text.length).set(0, text, 0, text.length);
    }
  }

  private static BatchSpec.Builder labels(int batchSize) {
    return BatchSpec.builder().array("label", DType.INT32, batchSize);
  }

  private List<String> epoch(BatchSpec spec, Batches batches, String... names) throws Exception {
    List<String> got = new ArrayList<>();
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec, batches).epochs(1).start()) {
      for (DeviceBatch batch : loader.epoch()) {
        StringBuilder text = new StringBuilder();
        for (String name : names) {
          DeviceArray array = batch.array(name);
          int[] values = new int[array.elements()];
          array.copyTo(values);
          text.append(Arrays.toString(array.shape())).append(Arrays.toString(values)).append(' ');
        }
        got.add(text.toString().strip());
      }
    }
    return got;
  }

  @Test
  @DisplayName("padded to the maximum, with the lengths")
  void toMaximum() throws Exception {
    BatchSpec spec =
        labels(3).array("tokens", DType.INT32, 3, 4).array("lengths", DType.INT32, 3).build();
    Batches batches =
        Batches.of(new Four(), 3)
            .pad("tokens", Padding.toMaximum().value(-100))
            .lengths("tokens", "lengths");
    assertEquals(
        List.of(
            "[3, 4][1, 2, 3, -100, 4, -100, -100, -100, -100, -100, -100, -100] [3][3, 1, 0]",
            "[1, 4][5, 6, -100, -100] [1][2]"),
        epoch(spec, batches, "tokens", "lengths"));
  }

  @Test
  @DisplayName("padded to the longest of the batch, also if that one is bad")
  void toLongest() throws Exception {
    BatchSpec spec = labels(3).variableArray("tokens", DType.INT32, 3, 9).build();
    Batches batches = Batches.of(new Four(), 3).pad("tokens", Padding.toLongest());
    assertEquals(
        List.of("[3, 3][1, 2, 3, 4, 0, 0, 0, 0, 0]", "[1, 2][5, 6]"),
        epoch(spec, batches, "tokens"));
    Dataset firstIsBad =
        new Four() {
          @Override
          public void read(long index, Sample out) throws Exception {
            super.read(index, out);
            if (index == 0) {
              throw new IOException("after writing");
            }
          }
        };
    assertEquals(
        List.of("[2, 3][4, 0, 0, 0, 0, 0]", "[1, 2][5, 6]"),
        epoch(
            spec,
            Batches.of(firstIsBad, 3).pad("tokens", Padding.toLongest()).skipBadSamples(1),
            "tokens"));
  }

  @Test
  @DisplayName(
      "ragged: one after the other; a bad sample leaves no gap; behind rows are empty ones")
  void ragged() throws Exception {
    BatchSpec spec =
        labels(3).array("offsets", DType.INT32, 4).variableArray("tokens", DType.INT32, 10).build();
    Batches batches = Batches.of(new Four(), 3).ragged("tokens", "offsets");
    assertEquals(
        List.of("[4][1, 2, 3, 4] [4][0, 3, 4, 4]", "[2][5, 6] [4][0, 2, 2, 2]"),
        epoch(spec, batches, "tokens", "offsets"));
    BatchSpec shorter =
        labels(3)
            .variableArray("offsets", DType.INT32, 4)
            .variableArray("tokens", DType.INT32, 10)
            .build();
    assertEquals(List.of("[4][0, 3, 4, 4]", "[2][0, 2]"), epoch(shorter, batches, "offsets"));
    Dataset firstIsBad =
        new Four() {
          @Override
          public void read(long index, Sample out) throws Exception {
            super.read(index, out);
            if (index == 0) {
              out.array("tokens", 9); // the last call counts, but for this sample only
              throw new IOException("after writing");
            }
          }
        };
    assertEquals(
        List.of("[1][4] [4][0, 1, 1, 1]", "[2][5, 6] [4][0, 2, 2, 2]"),
        epoch(
            spec,
            Batches.of(firstIsBad, 3).ragged("tokens", "offsets").skipBadSamples(1),
            "tokens",
            "offsets"));
  }

  @Test
  @DisplayName("the description says how sequences are held, whatever the order of the calls")
  void description() {
    Batches batches = Batches.of(new Four(), 3);
    assertEquals(
        "4 samples; sequential; batches of 3; the last one partial;"
            + " 'a' padded to the longest with 0.0; 'b' padded to the maximum with -1.0;"
            + " 'c' ragged with 'd'; lengths of 'a' in 'n'",
        batches
            .ragged("a", "x")
            .ragged("c", "d")
            .lengths("a", "n")
            .pad("c", Padding.toLongest())
            .pad("b", Padding.toMaximum().value(-1))
            .pad("a", Padding.toLongest()) // the last call for an array counts
            .ragged("c", "d")
            .description());
    assertEquals(
        "4 samples; sequential; batches of 3; the last one partial", batches.description());
  }

  @Test
  @DisplayName("lengths are asked for where they are needed: once, before a batch is read")
  void asksForLengths() throws Exception {
    List<String> calls = new ArrayList<>();
    Dataset dataset =
        new Four() {
          @Override
          public int length(long index, String array) throws Exception {
            calls.add(array + " " + index);
            return super.length(index, array);
          }

          @Override
          public void read(long index, Sample out) throws Exception {
            calls.add("read " + index);
            super.read(index, out);
            out.array("marks", 0);
          }
        };
    BatchSpec spec =
        labels(3)
            .variableArray("tokens", DType.INT32, 3, 9)
            .array("marks", DType.INT32, 3, 9)
            .build();
    Batches batches = Batches.of(dataset, 3).pad("marks", Padding.toMaximum());
    epoch(spec, batches.pad("tokens", Padding.toLongest()).lastBatch(LastBatch.PAD), "tokens");
    assertEquals(
        List.of(
            "tokens 0", // by start()
            "tokens 0",
            "tokens 1",
            "tokens 2",
            "read 0",
            "read 1",
            "read 2",
            "tokens 3",
            "tokens 0",
            "tokens 1",
            "read 3",
            "read 0",
            "read 1"),
        calls);
    calls.clear();
    epoch(spec, batches.pad("tokens", Padding.toMaximum()), "tokens");
    assertEquals(List.of("read 0", "read 1", "read 2", "read 3"), calls);
  }

  // ---- bad input

  private void refused(BatchSpec.Builder spec, UnaryOperator<Batches> options, String... parts) {
    Batches batches = options.apply(Batches.of(new Four(), 3));
    assertSays(
        assertThrows(
            IllegalArgumentException.class,
            () -> BackgroundLoader.builder(device, spec.build(), batches).start().close()),
        parts);
  }

  @Test
  @DisplayName("bad input: arrays that cannot hold the sequences are refused by start()")
  void badArrays() {
    UnaryOperator<Batches> pads = batches -> batches.pad("tokens", Padding.toMaximum());
    UnaryOperator<Batches> padsToLongest = batches -> batches.pad("tokens", Padding.toLongest());
    UnaryOperator<Batches> ragged = batches -> batches.ragged("tokens", "offsets");
    refused(labels(3), pads, "there is no array 'tokens' in this batch, only 'label'");
    refused(
        labels(3).array("tokens", DType.INT32, 3),
        pads,
        "'tokens: int32 [3]' has no second dimension",
        "[3, maximal length, ...]");
    refused(
        labels(3).array("tokens", DType.INT32, 4, 9),
        pads,
        "'tokens: int32 [4, 9]' has no row for each of the 3 samples");
    refused(
        labels(3).array("tokens", DType.INT32, 3, 9),
        padsToLongest,
        "'tokens: int32 [3, 9]'",
        "declare it with variableArray(...), or use Padding.toMaximum()");
    BatchSpec.Builder values = labels(3).variableArray("tokens", DType.INT32, 20);
    refused(values, ragged, "there is no array 'offsets'");
    refused(
        labels(3).array("tokens", DType.INT32, 20).array("offsets", DType.INT32, 4),
        ragged,
        "'tokens: int32 [20]' has the same shape in every batch: declare it with variableArray");
    refused(
        labels(3).variableArray("tokens", DType.INT32, 3).array("offsets", DType.INT32, 4),
        ragged,
        "the capacity of ragged array 'tokens: int32 up to [3]' is the batch size",
        "make its first dimension larger");
    refused(
        BatchSpec.builder()
            .variableArray("tokens", DType.INT32, 20)
            .array("offsets", DType.INT32, 4)
            .array("label", DType.INT32, 3),
        ragged,
        "'tokens: int32 up to [20]' is the first one",
        "name another array before it");
    refused(
        BatchSpec.builder()
            .array("offsets", DType.INT32, 4)
            .variableArray("tokens", DType.INT32, 20),
        ragged,
        "'offsets: int32 [4]' is the first one");
    for (String name : List.of("offsets", "lengths")) {
      int count = name.equals("offsets") ? 4 : 3;
      UnaryOperator<Batches> options =
          name.equals("offsets")
              ? ragged
              : batches -> pads.apply(batches).lengths("tokens", "lengths");
      String says = "cannot hold the " + name + " of 'tokens': it must be int32 [" + count + "]";
      for (DType wrong : List.of(DType.FLOAT32, DType.INT16, DType.UINT32)) {
        refused(
            tokens(name).array(name, wrong, count),
            options,
            wrong.name().toLowerCase(Locale.ROOT),
            says);
      }
      refused(tokens(name).array(name, DType.INT32, count + 1), options, says);
      refused(tokens(name).array(name, DType.INT64, count, 1), options, says);
      refused(tokens(name).array(name, DType.INT64), options, says);
    }
    refused(
        labels(3).array("lengths", DType.INT32, 3),
        batches -> batches.lengths("label", "lengths"),
        "'lengths' is to hold the lengths of array 'label'",
        "call pad or ragged for 'label'");
    refused(
        labels(3).array("tokens", DType.INT32, 3, 9),
        batches -> pads.apply(batches).lengths("tokens", "tokens"),
        "'tokens' cannot be both padded and the lengths of 'tokens'");
    refused(
        values.variableArray("more", DType.INT32, 20).array("offsets", DType.INT32, 4),
        batches -> ragged.apply(batches).ragged("more", "offsets"),
        "'offsets' cannot be both the offsets of 'more' and the offsets of 'tokens'",
        "an array of its own");
  }

  private static BatchSpec.Builder tokens(String with) {
    return with.equals("offsets")
        ? labels(3).variableArray("tokens", DType.INT32, 20)
        : labels(3).array("tokens", DType.INT32, 3, 9);
  }

  @Test
  @DisplayName("bad input: a value for padding that the array's type does not have")
  void badValues() throws Exception {
    Map<DType, double[]> wrong =
        Map.of(
            DType.INT8, new double[] {128, -129, 0.5, Double.NaN},
            DType.UINT8, new double[] {-1, 256},
            DType.INT32, new double[] {0x1p31, Double.POSITIVE_INFINITY},
            DType.INT64, new double[] {0x1p63, 1e-9},
            DType.UINT64, new double[] {0x1p64, -1},
            DType.FLOAT16, new double[] {65_520, -1e9},
            DType.BFLOAT16, new double[] {1e39},
            DType.FLOAT32, new double[] {1e39});
    for (Map.Entry<DType, double[]> entry : wrong.entrySet()) {
      for (double value : entry.getValue()) {
        refused(
            labels(3).array("tokens", entry.getKey(), 3, 9),
            batches -> batches.pad("tokens", Padding.toMaximum().value(value)),
            "[3, 9]' cannot be padded with " + value);
      }
    }
    Map<DType, double[]> right =
        Map.of(
            DType.INT8, new double[] {-128, 127},
            DType.UINT8, new double[] {255, -0.0},
            DType.INT64, new double[] {-0x1p63},
            DType.UINT64, new double[] {0x1p63},
            DType.FLOAT16, new double[] {65_519, Double.NEGATIVE_INFINITY},
            DType.FLOAT32, new double[] {0.1, Double.NaN, Double.POSITIVE_INFINITY});
    for (Map.Entry<DType, double[]> entry : right.entrySet()) {
      for (double value : entry.getValue()) {
        Batches.of(new Four(), 3)
            .pad("tokens", Padding.toMaximum().value(value))
            .check(labels(3).array("tokens", entry.getKey(), 3, 9).build());
      }
    }
  }

  @Test
  @DisplayName("bad input: to the longest of a dataset that does not know its lengths")
  void unknownLengths() {
    Dataset unknown =
        new Dataset() {
          @Override
          public long size() {
            return 4;
          }

          @Override
          public void read(long index, Sample out) {}
        };
    BatchSpec spec = labels(3).variableArray("tokens", DType.INT32, 3, 9).build();
    Batches batches = Batches.of(unknown, 3).skipBadSamples(9);
    assertSays(
        assertThrows(
            IllegalArgumentException.class,
            () ->
                BackgroundLoader.builder(device, spec, batches.pad("tokens", Padding.toLongest()))
                    .start()
                    .close()),
        "array 'tokens' is to be padded to the longest sample",
        "implement length(index, array)");
    batches.pad("tokens", Padding.toMaximum()).check(spec);
  }

  private enum Wrong {
    ABOVE_MAXIMUM(
        "a sample of length 10 does not fit a row of array 'tokens: int32 [4, 9]', which has room"
            + " for 9") {
      @Override
      void read(Sample out) {
        out.array("tokens", 10);
      }
    },
    NEGATIVE("asks for array 'tokens' in the length -1") {
      @Override
      void read(Sample out) {
        out.array("tokens", -1);
      }
    },
    TOO_MUCH("index 2 is not inside array 'tokens', which has 2 elements") {
      @Override
      void read(Sample out) {
        out.array("tokens", 2).setInt(2, 1);
      }
    },
    WITHOUT_LENGTH("a length of its own in array 'tokens': ask for array(\"tokens\", length)") {
      @Override
      void read(Sample out) {
        out.array("tokens");
      }
    },
    WITH_LENGTH("the same shape in array 'label': ask for array(\"label\") without a length") {
      @Override
      void read(Sample out) {
        out.array("label", 1);
      }
    },
    LENGTHS("array 'lengths' holds the lengths or offsets of array 'tokens'") {
      @Override
      void read(Sample out) {
        out.array("lengths");
      }
    },
    NO_SUCH_ARRAY("there is no array 'token' in this batch") {
      @Override
      void read(Sample out) {
        out.array("token", 1);
      }
    },
    FORGOTTEN("without asking for array 'tokens'") {
      @Override
      void read(Sample out) {
        out.array("label").setInt(0, 1);
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
  @DisplayName("bad input: a read that asks for another length or array; a bad sample if allowed")
  void wrongRead(Wrong wrong) throws Exception {
    Dataset dataset =
        new Four() {
          @Override
          public void read(long index, Sample out) throws Exception {
            if (index == 1) {
              wrong.read(out);
            } else {
              super.read(index, out);
            }
          }
        };
    BatchSpec spec =
        labels(4).array("tokens", DType.INT32, 4, 9).array("lengths", DType.INT32, 4).build();
    Batches batches =
        Batches.of(dataset, 4).pad("tokens", Padding.toMaximum()).lengths("tokens", "lengths");
    fails(spec, batches, 1, wrong.says);
    assertEquals(List.of("[3][3, 0, 2]"), epoch(spec, batches.skipBadSamples(1), "lengths"));
  }

  private void fails(BatchSpec spec, Batches batches, long sample, String... parts)
      throws Exception {
    try (BackgroundLoader loader = BackgroundLoader.builder(device, spec, batches).start()) {
      TargetException e = assertThrows(TargetException.class, () -> loader.get(patience()));
      SampleException cause = assertInstanceOf(SampleException.class, e.getCause());
      assertEquals(sample, cause.index());
      assertSays(cause, "sample " + sample, "position " + sample);
      assertSays(cause.getCause(), parts);
    }
  }

  @Test
  @DisplayName(
      "bad input: lengths that a dataset announces wrongly, and a ragged array that is full")
  void wrongLengths() throws Exception {
    BatchSpec spec = labels(4).variableArray("tokens", DType.INT32, 4, 9).build();
    for (int length : new int[] {-1, 10, 0}) {
      Dataset dataset =
          new Four() {
            @Override
            public int length(long index, String array) throws Exception {
              return index == 1 ? length : super.length(index, array);
            }
          };
      Batches batches = Batches.of(dataset, 4).pad("tokens", Padding.toLongest());
      fails(
          spec,
          batches,
          1,
          length == 0
              ? "asks for array 'tokens' in the length 1, but length(...) returned 0"
              : "length(1, \"tokens\") returned "
                  + length
                  + ", but array 'tokens: int32 up to [4, 9]' has room for 0 to 9");
      assertEquals(
          List.of("[3, 3][1, 2, 3, 0, 0, 0, 5, 6, 0]"),
          epoch(spec, batches.skipBadSamples(1), "tokens"));
    }
    BatchSpec small =
        labels(4).array("offsets", DType.INT64, 5).variableArray("tokens", DType.INT32, 5).build();
    Batches batches = Batches.of(new Four(), 4).ragged("tokens", "offsets");
    fails(
        small,
        batches,
        3,
        "a sample of length 2 does not fit array 'tokens: int32 up to [5]'",
        "room for 5 in a batch, of which other samples of this batch take 4");
    assertEquals(List.of("[4][1, 2, 3, 4]"), epoch(small, batches.skipBadSamples(1), "tokens"));
  }
}
