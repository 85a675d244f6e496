package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Batches made as Java arrays: what they are is inferred from the first. */
@OnEveryDevice
class InferTest {

  private final Device device = TestDevice.open();

  private BackgroundLoader.InferBuilder infer(ArraySource source) {
    return BackgroundLoader.infer(device, source);
  }

  @Test
  @DisplayName("all primitive types, nested or flat, numbered: signed types, shapes and values")
  void everyType() throws Exception {
    ArraySource source =
        context -> {
          int i = (int) context.index();
          return new Object[] {
            new byte[] {(byte) (i - 1), 2},
            new short[][] {{1, 2, 3}, {4, 5, (short) i}},
            new int[][][] {{{1}, {2}}, {{3}, {i}}},
            new long[] {1L << 40, i},
            new float[][] {{0.5f}, {i}},
            new double[] {0.25, i, Double.NaN}
          };
        };
    try (BackgroundLoader loader = infer(source).workers(2).start()) {
      for (int i = 0; i < 5; i++) {
        try (DeviceBatch batch = loader.get(patience())) {
          assertEquals(
              "{0: int8 [2], 1: int16 [2, 3], 2: int32 [2, 2, 1], 3: int64 [2],"
                  + " 4: float32 [2, 1], 5: float64 [3]}",
              batch.spec().toString());
          assertEquals(i - 1, bytes(batch, 0).get(0));
          assertEquals(4, bytes(batch, 1).getShort(6));
          assertEquals(i, bytes(batch, 1).getShort(10));
          assertEquals(3, bytes(batch, 2).getInt(8));
          assertEquals(i, bytes(batch, 2).getInt(12));
          assertEquals(1L << 40, bytes(batch, 3).getLong(0));
          assertEquals(i, bytes(batch, 3).getLong(8));
          assertEquals(i, bytes(batch, 4).getFloat(4));
          assertEquals(i, bytes(batch, 5).getDouble(8));
          assertEquals(Double.NaN, bytes(batch, 5).getDouble(16));
        }
      }
    }
  }

  private static ByteBuffer bytes(DeviceBatch batch, int array) {
    return TestDevice.bytes(batch.array(array).buffer());
  }

  @Test
  @DisplayName("names, and types of the same size and kind by name")
  void namesAndTypes() throws Exception {
    ArraySource source = context -> new Object[] {new byte[4], new short[] {7}};
    BackgroundLoader.InferBuilder builder =
        infer(source).names("image", "half").dtype("image", DType.UINT8);
    try (BackgroundLoader loader = builder.dtype("half", DType.FLOAT16).start();
        DeviceBatch batch = loader.get(patience())) {
      assertEquals("{image: uint8 [4], half: float16 [1]}", batch.spec().toString());
      assertArrayEquals(new int[] {1}, batch.array("half").shape());
    }
    assertRefused(builder.dtype("half", DType.INT32), "'half'", "Java's short", "int32");
    assertRefused(
        infer(source).names("image", "half").dtype("nobody", DType.UINT8), "nobody", "image");
    assertRefused(infer(source).names("image"), "2 arrays", "[image]");
    assertRefused(infer(source).names("image", "image"), "image");
  }

  private static void assertRefused(BackgroundLoader.InferBuilder builder, String... words) {
    assertSays(assertThrows(IllegalArgumentException.class, builder::start), words);
  }

  @SuppressWarnings("NullAway") // that is what is tried
  static Stream<Arguments> noBatches() {
    return Stream.of(
        Arguments.of(new Object[] {}, "no arrays at index 0 of epoch 0"),
        Arguments.of(new Object[] {new int[][] {{1, 2}, {3}}}, "'0' is ragged: along axis 1"),
        Arguments.of(new Object[] {new int[][] {{1}, null}}, "'0' has a row that is null"),
        Arguments.of(new Object[] {new int[2][]}, "'0' has a row that is null"),
        Arguments.of(new Object[] {new int[1], null}, "'1' is null"),
        Arguments.of(new Object[] {5}, "'0' is a Integer: it must be an array"),
        Arguments.of(new Object[] {new boolean[1]}, "'0' is a boolean[]"),
        Arguments.of(new Object[] {new Object[] {new int[1]}}, "'0' is a Object[]"),
        Arguments.of(new Object[] {new int[0]}, "'0'"));
  }

  @ParameterizedTest(name = "{1}")
  @MethodSource("noBatches")
  @DisplayName("what cannot be a batch is refused by start, naming the array; nothing is allocated")
  void refusedByStart(Object[] arrays, String words) {
    assertRefused(infer(context -> arrays), words);
    TestDevice.assertNothingLive(device);
  }

  @Test
  @SuppressWarnings("NullAway") // that is what is tried
  @DisplayName("a later batch of another shape, type or number fails, naming both; the rest come")
  void strictAfterwards() throws Exception {
    ArraySource source =
        context ->
            switch ((int) context.index()) {
              case 1 -> new Object[] {new int[2][4]};
              case 2 -> new Object[] {new long[2][3]};
              case 3 -> new Object[] {new int[2][3], new int[1]};
              case 4 -> new Object[] {new int[][] {{1, 2, 3}, {4, 5}}};
              case 5 -> new Object[] {new int[6]};
              case 6 -> null;
              default -> new Object[] {new int[2][3]};
            };
    try (BackgroundLoader loader = infer(source).names("x").start()) {
      loader.get(patience()).close();
      assertFails(loader, "x: int32 [2, 3] was inferred", "[2, 4]");
      assertFails(loader, "x: int32 [2, 3] was inferred", "long[][]");
      assertFails(loader, "1 arrays were inferred", "has 2");
      assertFails(loader, "'x' is ragged: along axis 1 one row has 2 elements, the first has 3");
      assertFails(loader, "x: int32 [2, 3] was inferred", "[6]");
      assertFails(loader, "returned null");
      loader.get(patience()).close();
    }
  }

  private static void assertFails(BackgroundLoader loader, String... words) {
    TargetException e = assertThrows(TargetException.class, () -> loader.get(patience()));
    assertEquals(IllegalArgumentException.class, Objects.requireNonNull(e.getCause()).getClass());
    assertSays(e.getCause(), words);
  }

  /** Says what it was asked for, in an array of epoch, index and a random number. */
  private static final class Asked implements ArraySource {
    final List<String> places = Collections.synchronizedList(new ArrayList<>());
    private final long length;

    Asked(long length) {
      this.length = length;
    }

    @Override
    public Object[] arrays(BatchContext context) {
      places.add(context.epoch() + "." + context.index());
      if (context.index() >= length) {
        context.endOfEpoch();
        return new Object[0];
      }
      return new Object[] {
        new long[] {context.epoch(), context.index(), context.random().nextLong()}
      };
    }
  }

  private static List<Long> drain(BackgroundLoader.InferBuilder builder) throws Exception {
    List<Long> drawn = new ArrayList<>();
    try (BackgroundLoader loader = builder.start()) {
      while (true) {
        try (DeviceBatch batch = loader.get(patience())) {
          assertEquals(batch.epoch(), bytes(batch, 0).getLong(0));
          assertEquals(batch.index(), bytes(batch, 0).getLong(8));
          drawn.add(bytes(batch, 0).getLong(16));
        }
      }
    } catch (NoSuchElementException end) {
      return drawn;
    }
  }

  @Test
  @DisplayName("I8: the trial is the first batch, with its context, and is not made twice")
  void trialIsTheFirstBatch() throws Exception {
    Asked asked = new Asked(3);
    List<Long> drawn = drain(infer(asked).seed(5).batchesPerEpoch(3).epochs(1));
    assertEquals(List.of("0.0", "0.1", "0.2"), asked.places);
    Philox4x32 random = new Philox4x32(5);
    for (int i = 0; i < 3; i++) {
      random.begin(0, i);
      assertEquals(random.nextLong(), drawn.get(i));
    }
    Asked shard = new Asked(6);
    drain(infer(shard).seed(5).batchesPerEpoch(6).epochs(1).shard(1, 3));
    assertEquals(List.of("0.1", "0.4"), shard.places);
  }

  @Test
  @DisplayName("I8: resumed, the trial is the first batch that is left, also at an epoch's end")
  void resumed() throws Exception {
    for (boolean declared : new boolean[] {true, false}) {
      List<Long> whole = drain(source(new Asked(3), declared));
      assertEquals(6, whole.size());
      for (int stop = 1; stop < 6; stop++) {
        Position saved = null;
        try (BackgroundLoader loader = source(new Asked(3), declared).start()) {
          for (int i = 0; i < stop; i++) {
            try (DeviceBatch batch = loader.get(patience())) {
              saved = batch.position();
            }
          }
        }
        Asked asked = new Asked(3);
        List<Long> rest =
            drain(source(asked, declared).startAt(Position.parse(String.valueOf(saved))));
        assertEquals(whole.subList(stop, 6), rest, "stopped after " + stop);
        if (declared) {
          assertEquals(6 - stop, asked.places.size(), asked.places.toString());
        }
      }
    }
  }

  @ParameterizedTest(name = "declared: {0}")
  @ValueSource(booleans = {true, false})
  @DisplayName(
      "behind the last batch there is nothing to infer from: refused, saying where that is")
  void behindTheLastBatch(boolean declared) throws Exception {
    Position end = null;
    try (BackgroundLoader loader = source(new Asked(3), declared).start()) {
      for (DeviceBatch batch : loader.batches()) {
        end = batch.position();
      }
    }
    Asked asked = new Asked(3);
    assertRefused(
        source(asked, declared).startAt(Position.parse(String.valueOf(end))),
        declared ? "after the last batch of 2 epochs" : "no arrays at index 3 of epoch 1",
        "nothing");
    assertEquals(declared ? List.of() : List.of("1.3"), asked.places);
  }

  private BackgroundLoader.InferBuilder source(Asked asked, boolean declared) {
    BackgroundLoader.InferBuilder builder = infer(asked).seed(9).epochs(2);
    return declared ? builder.batchesPerEpoch(3) : builder;
  }

  @Test
  @DisplayName("a trial that fails fails start, as a TargetException; nothing is allocated")
  void trialFails() {
    IOException failure = new IOException("no such volume");
    TargetException e =
        assertThrows(
            TargetException.class,
            () ->
                infer(
                        context -> {
                          throw failure;
                        })
                    .start());
    assertSame(failure, e.getCause());
    assertEquals(0, e.index());
  }

  @Test
  @DisplayName(
      "epochs without a batch: the arrays are inferred from the first batch of a later one")
  void emptyEpochsFirst() throws Exception {
    ArraySource source =
        context -> {
          if (context.epoch() < 3) {
            context.endOfEpoch();
            return new Object[0];
          }
          return new Asked(2).arrays(context);
        };
    assertEquals(2, drain(infer(source).epochs(4)).size());
    assertRefused(infer(source).epochs(3), "no arrays at index 0 of epoch 2", "nothing to infer");
    assertRefused(infer(source).batchesPerEpoch(2), "no arrays at index 0 of epoch 0");
  }

  @Test
  @DisplayName("\"no more\" at once leaves nothing to infer from")
  void noMoreInTheTrial() {
    assertRefused(infer(new Asked(0)), "no arrays at index 0 of epoch 0", "nothing to infer");
  }
}
