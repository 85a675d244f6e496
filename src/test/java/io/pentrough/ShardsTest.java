package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.data.Batches;
import io.pentrough.data.Dataset;
import io.pentrough.data.Sample;
import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Numbered;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Shards of a job, what becomes of the remainder, and positions of all of them merged into one. */
@OnEveryDevice(everySchedule = false)
class ShardsTest {

  private final Device device = TestDevice.open();

  private BackgroundLoader.Builder loader() {
    return BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill).epochs(2);
  }

  /** The batches a loader gives, as "epoch.index", those that repeat marked by a star. */
  private static List<String> take(BackgroundLoader loader, int most) throws Exception {
    List<String> taken = new ArrayList<>();
    try {
      while (taken.size() < most) {
        try (DeviceBatch batch = loader.get(patience())) {
          assertEquals(batch.index(), Numbered.number(batch));
          taken.add(batch.epoch() + "." + batch.index() + (batch.isRepeat() ? "*" : ""));
        }
      }
    } catch (NoSuchElementException end) {
      // That is all.
    }
    return taken;
  }

  private static List<String> drain(BackgroundLoader.Builder builder) throws Exception {
    try (BackgroundLoader loader = builder.start()) {
      return take(loader, Integer.MAX_VALUE);
    }
  }

  private static Position after(BackgroundLoader.Builder builder, int batches) throws Exception {
    try (BackgroundLoader loader = builder.start()) {
      assertEquals(batches, take(loader, batches).size());
      return loader.position();
    }
  }

  @ParameterizedTest(name = "{0} shard {1} of 4")
  @CsvSource({
    "UNEVEN, 0, 0.0 0.4 0.8 1.0 1.4 1.8",
    "UNEVEN, 1, 0.1 0.5 0.9 1.1 1.5 1.9",
    "UNEVEN, 2, 0.2 0.6 1.2 1.6",
    "UNEVEN, 3, 0.3 0.7 1.3 1.7",
    "DROP, 0, 0.0 0.4 1.0 1.4",
    "DROP, 1, 0.1 0.5 1.1 1.5",
    "DROP, 2, 0.2 0.6 1.2 1.6",
    "DROP, 3, 0.3 0.7 1.3 1.7",
    "PAD, 0, 0.0 0.4 0.8 1.0 1.4 1.8",
    "PAD, 1, 0.1 0.5 0.9 1.1 1.5 1.9",
    "PAD, 2, 0.2 0.6 0.0* 1.2 1.6 1.0*",
    "PAD, 3, 0.3 0.7 0.1* 1.3 1.7 1.1*"
  })
  @DisplayName("10 batches over 4 shards, by each remainder")
  void remainder(Remainder remainder, int shard, String batches) throws Exception {
    List<String> expected = List.of(batches.split(" "));
    assertEquals(expected, drain(loader().batchesPerEpoch(10).shard(shard, 4, remainder)));
    if (remainder == Remainder.UNEVEN) {
      assertEquals(expected, drain(loader().batchesPerEpoch(10).shard(shard, 4)));
    }
    // From its own position, behind any of them.
    for (int stop = 0; stop <= expected.size(); stop++) {
      Position own = after(loader().batchesPerEpoch(10).shard(shard, 4, remainder), stop);
      assertEquals(
          expected.subList(stop, expected.size()),
          drain(
              loader()
                  .batchesPerEpoch(10)
                  .shard(shard, 4, remainder)
                  .startAt(Position.parse(own.toString()))));
    }
  }

  @ParameterizedTest
  @CsvSource({"UNEVEN", "DROP", "PAD"})
  @DisplayName(
      "where the shards divide the epoch, and for one shard, nothing is left out or repeated")
  void noRemainder(Remainder remainder) throws Exception {
    assertEquals(
        List.of("0.1", "0.4", "1.1", "1.4"),
        drain(loader().batchesPerEpoch(6).shard(1, 3, remainder)));
    assertEquals(
        List.of("0.0", "0.1", "1.0", "1.1"),
        drain(loader().batchesPerEpoch(2).shard(0, 1, remainder)));
    Position position = after(loader().batchesPerEpoch(2).shard(0, 1, remainder), 1);
    assertEquals(List.of("0.1"), drain(loader().batchesPerEpoch(2).epochs(1).startAt(position)));
  }

  @Test
  @DisplayName("loader.position(): before the first batch, after each, and when it is closed")
  void positionOfALoader() throws Exception {
    BackgroundLoader.Builder builder = loader().batchesPerEpoch(10).shard(1, 4, Remainder.DROP);
    BackgroundLoader loader = builder.start();
    assertTrue(loader.position().toString().contains(" shard=1/4/drop"));
    assertTrue(loader.position().toString().contains(" length=10 "));
    assertEquals(0, loader.position().epoch());
    assertEquals(1, loader.position().index());
    for (int i = 0; i < 3; i++) {
      try (DeviceBatch batch = loader.get(patience())) {
        assertEquals(batch.position(), loader.position());
      }
    }
    Position open = loader.position();
    loader.close();
    assertEquals(open, loader.position());
    assertEquals(1, open.epoch());
    assertEquals(5, open.index());
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource({
    "UNEVEN, 0.3 0.5 0.7 0.9, 0.4 0.6 0.8",
    "DROP, 0.3 0.5 0.7, 0.4 0.6 0.8",
    "PAD, 0.3 0.5 0.7 0.9, 0.4 0.6 0.8 0.0*"
  })
  @DisplayName("what 3 shards have left of an epoch is shared by 2 as a whole epoch would be")
  void theRestIsShared(Remainder remainder, String first, String second) throws Exception {
    List<Position> three = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      three.add(after(loader().batchesPerEpoch(10).shard(i, 3, remainder), 1));
    }
    Position whole = Position.merge(three);
    assertEquals(0, whole.epoch());
    assertEquals(3, whole.index());
    BackgroundLoader.Builder next = loader().epochs(1).batchesPerEpoch(10).startAt(whole);
    assertEquals(List.of(first.split(" ")), drain(next.shard(0, 2, remainder)));
    assertEquals(List.of(second.split(" ")), drain(next.shard(1, 2, remainder)));
  }

  @Test
  @DisplayName("PAD: a repeat is not delivered twice, nor taken for the batch that it repeats")
  void repeatsDoNotCount() throws Exception {
    // Shard 3 of 4 is at the end, and has repeated 0.1; shard 1 has not begun.
    BackgroundLoader.Builder padded = loader().epochs(1).batchesPerEpoch(6);
    List<Position> four = new ArrayList<>();
    for (int batches : new int[] {2, 0, 2, 2}) {
      four.add(after(padded.shard(four.size(), 4, Remainder.PAD), batches));
    }
    assertEquals(
        List.of("0.1", "0.5"),
        drain(loader().epochs(1).batchesPerEpoch(6).startAt(Position.merge(four))));
  }

  @Test
  @DisplayName("DROP: what is left out stays out once all shards are through, and not before")
  void droppedForGood() throws Exception {
    BackgroundLoader.Builder dropping = loader().batchesPerEpoch(5);
    Position behind = after(dropping.shard(0, 2, Remainder.DROP), 1);
    Position through = after(dropping.shard(0, 2, Remainder.DROP), 2);
    Position ahead = after(dropping.shard(1, 2, Remainder.DROP), 3);
    BackgroundLoader.Builder one = loader().batchesPerEpoch(5);
    assertEquals(
        List.of("0.2", "0.4", "1.0", "1.2", "1.3", "1.4"),
        drain(one.startAt(Position.merge(List.of(behind, ahead)))));
    assertEquals(
        List.of("1.0", "1.2", "1.3", "1.4"),
        drain(one.startAt(Position.merge(List.of(through, ahead)))));
  }

  @Test
  @DisplayName("DROP: the few that are left of a later epoch stay open until all shards get there")
  void fewLeftOfALaterEpoch() throws Exception {
    BackgroundLoader.Builder builder = loader().epochs(3).batchesPerEpoch(6);
    String nothing = after(builder, 0).toString();
    Position whole =
        Position.parse(nothing.replace("steps=- delivered=-", "steps=6 delivered=6-10"));
    List<Position> oneIsThere = new ArrayList<>();
    List<Position> allAreThere = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      BackgroundLoader.Builder shard = builder.startAt(whole).shard(i, 3, Remainder.DROP);
      oneIsThere.add(after(shard, i == 0 ? 3 : 1)); // 1.5 alone is too few for three
      allAreThere.add(after(shard, i == 0 ? 3 : 2));
    }
    builder.shard(0, 1);
    assertEquals(
        List.of("0.4", "0.5", "1.5", "2.1", "2.2", "2.3", "2.4", "2.5"),
        drain(builder.startAt(Position.merge(oneIsThere))));
    assertEquals(
        List.of("2.1", "2.2", "2.3", "2.4", "2.5"),
        drain(builder.startAt(Position.merge(allAreThere))));
  }

  @Test
  @DisplayName("a shard may be ahead by any number of batches, far beyond what a loader remembers")
  void farAhead() throws Exception {
    int length = TestDevice.effort(30_000) + 2 * DeliveredWindow.SIZE;
    BackgroundLoader.Builder builder = loader().epochs(1).batchesPerEpoch(length);
    Position ahead = after(builder.shard(1, 2), length / 2 - 10);
    Position whole = Position.merge(List.of(after(builder.shard(0, 2), 3), ahead));
    assertEquals(whole, Position.parse(whole.toString()));
    for (boolean ordered : new boolean[] {true, false}) {
      BitSet seen = new BitSet();
      for (int i = 0; i < 3; i++) {
        for (String batch :
            drain(
                loader()
                    .epochs(1)
                    .batchesPerEpoch(length)
                    .ordered(ordered)
                    .shard(i, 3)
                    .startAt(whole))) {
          int index = Integer.parseInt(batch.substring(2));
          assertFalse(seen.get(index), () -> index + " came twice");
          seen.set(index);
        }
      }
      for (int i = 0; i < length; i++) {
        assertEquals(i % 2 == 0 ? i >= 6 : i >= 2 * (length / 2 - 10), seen.get(i), "index " + i);
      }
    }
  }

  @Test
  @DisplayName("arrays that are inferred: what is tried first is a batch of the shard's rest")
  void inferred() throws Exception {
    BackgroundLoader.Builder given = loader().batchesPerEpoch(7);
    Position whole =
        Position.merge(List.of(after(given.shard(0, 2), 5), after(given.shard(1, 2), 1)));
    AtomicInteger calls = new AtomicInteger();
    ArraySource source =
        context -> {
          calls.incrementAndGet();
          return new Object[] {new long[] {context.index()}};
        };
    List<String> all = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      try (BackgroundLoader loader =
          BackgroundLoader.infer(device, source)
              .names("number")
              .batchesPerEpoch(7)
              .epochs(2)
              .shard(i, 3)
              .startAt(whole)
              .start()) {
        all.addAll(take(loader, Integer.MAX_VALUE));
      }
    }
    assertEquals(
        List.of("0.3", "0.5", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6"),
        all.stream().sorted().toList());
    assertEquals(all.size(), calls.get());
  }

  @Test
  @DisplayName("epochs that end before their declared length: once each, also over legs")
  void shorterThanDeclared() throws Exception {
    BatchTarget shorter =
        (out, context) -> {
          if (context.index() >= 5 + context.epoch()) {
            context.endOfEpoch();
          }
          Numbered.fill(out, context);
        };
    UnaryOperator<BackgroundLoader.Builder> nine =
        builder -> builder.batchesPerEpoch(9).epochs(3).workers(2);
    List<String> all = new ArrayList<>();
    List<Position> positions = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      BackgroundLoader.Builder builder =
          nine.apply(BackgroundLoader.builder(device, Numbered.SPEC, shorter)).shard(i, 3);
      try (BackgroundLoader loader = builder.start()) {
        all.addAll(take(loader, 3 - i));
        positions.add(loader.position());
      }
    }
    Position whole = Position.merge(positions);
    for (int i = 0; i < 2; i++) {
      all.addAll(
          drain(
              nine.apply(BackgroundLoader.builder(device, Numbered.SPEC, shorter))
                  .shard(i, 2)
                  .startAt(Position.parse(whole.toString()))));
    }
    List<String> expected = new ArrayList<>();
    IntStream.range(0, 3)
        .forEach(e -> IntStream.range(0, 5 + e).forEach(i -> expected.add(e + "." + i)));
    assertEquals(expected, all.stream().sorted().toList());
  }

  // ---- what is refused

  private static void assertRefused(List<Position> positions, String... words) {
    assertSays(
        assertThrows(IllegalArgumentException.class, () -> Position.merge(positions)), words);
  }

  @Test
  @DisplayName("a merge of what is not all shards of one loader is refused, and says why")
  void refusedMerges() throws Exception {
    BackgroundLoader.Builder builder = loader().batchesPerEpoch(6);
    Position zero = after(builder.shard(0, 3), 1);
    Position one = after(builder.shard(1, 3), 0);
    Position two = after(builder.shard(2, 3), 2);
    Position whole = Position.merge(List.of(two, zero, one));
    assertEquals(whole, Position.merge(List.of(zero, one, two)));
    assertEquals(whole, Position.merge(List.of(whole)));
    assertRefused(List.of(), "no positions to merge", "one of each shard");
    assertRefused(List.of(zero, two), "shard 1 of 3 is missing", "loader.position()");
    assertRefused(List.of(zero, one), "shard 2 of 3 is missing");
    assertRefused(List.of(zero, one, two, one), "shard 1 of 3 was given twice");
    Position ofTwo = after(builder.shard(1, 2), 0);
    assertRefused(List.of(zero, ofTwo), "shard 0 of 3", "shard 1 of 2");
    Position dropping = after(builder.shard(1, 3, Remainder.DROP), 0);
    assertRefused(List.of(zero, dropping, two), "shard 0 of 3", "1 of 3 with Remainder.DROP");
    Position later = after(builder.startAt(whole).shard(1, 3), 0);
    assertRefused(
        List.of(zero, later, two), "did not start together", "shard 0 of 3", "shard 1 of 3");
    BackgroundLoader.Builder seeded = loader().batchesPerEpoch(6).seed(5);
    assertRefused(
        List.of(zero, after(seeded.shard(1, 3), 0), two), "another seed (0 there, 5 here)");
    Position longer = after(loader().batchesPerEpoch(7).shard(1, 3), 0);
    assertRefused(
        List.of(zero, longer, two), "another number of batches per epoch (6 there, 7 here)");
    List<Position> undeclared =
        List.of(after(loader().shard(0, 2), 1), after(loader().shard(1, 2), 1));
    assertRefused(undeclared, "undeclared length", "declare batchesPerEpoch");
    Position alone = after(loader(), 3);
    assertEquals(alone, Position.merge(List.of(alone)), "there is nothing to merge");
    Position old =
        Position.parse("pentrough-position-1 edfd31b6-03e1eeba-7ba55662-49f47833 0 3 - -");
    assertRefused(List.of(zero, old, two), "format 1 cannot be merged", "own shard only");
    assertRefused(List.of(old), "format 1 cannot be merged");
  }

  private Position ofData(int samples, int shard) throws Exception {
    Dataset numbers =
        new Dataset() {
          @Override
          public long size() {
            return samples;
          }

          @Override
          public void read(long index, Sample out) {
            out.array("number").setLong(0, index);
          }
        };
    BatchSpec spec = BatchSpec.builder().array("number", DType.INT64, 2, 1).build();
    BackgroundLoader.Builder builder =
        BackgroundLoader.builder(device, spec, Batches.of(numbers, 2)).shard(shard, 2);
    try (BackgroundLoader loader = builder.start()) {
      loader.get(patience()).close();
      return loader.position();
    }
  }

  @Test
  @DisplayName("shards of a data set know their epochs; other data are refused by name")
  void data() throws Exception {
    Position whole = Position.merge(List.of(ofData(99, 1), ofData(99, 0)));
    assertEquals(2, whole.index());
    assertRefused(List.of(ofData(99, 0), ofData(100, 1)), "other data", "99", "100");
  }

  @Test
  @DisplayName("a position of other shards, or of epochs of unknown length, is refused at start")
  void refusedStarts() throws Exception {
    Position one = after(loader().batchesPerEpoch(6).shard(1, 3), 1);
    Position dropping = after(loader().batchesPerEpoch(6).shard(1, 3, Remainder.DROP), 1);
    Position whole = after(loader().batchesPerEpoch(6), 1);
    Position unknown = after(loader(), 1);
    Map<String, BackgroundLoader.Builder> refused =
        Map.of(
            "another shard (1 of 3 there, 1 of 2 here)",
            loader().batchesPerEpoch(6).shard(1, 2).startAt(one),
            "another shard (1 of 3 there, 0 of 1 here)",
            loader().batchesPerEpoch(6).startAt(one),
            "another shard (1 of 3 with Remainder.DROP there, 1 of 3 here)",
            loader().batchesPerEpoch(6).shard(1, 3).startAt(dropping),
            "another shard (0 of 1 there, 0 of 2 here)",
            loader().shard(0, 2).startAt(unknown));
    refused.forEach(
        (difference, builder) ->
            assertSays(
                assertThrows(IllegalArgumentException.class, builder::start),
                "a loader with " + difference,
                "Position.merge",
                "batchesPerEpoch"));
    BackgroundLoader.Builder longer = loader().batchesPerEpoch(7).shard(0, 2).startAt(whole);
    assertSays(
        assertThrows(IllegalArgumentException.class, longer::start),
        "another number of batches per epoch (6 there, 7 here)");
  }

  @ParameterizedTest
  @CsvSource({"DROP", "PAD"})
  @DisplayName("equally many steps need epochs of known length, and as long as they were declared")
  void knownLengths(Remainder remainder) throws Exception {
    assertSays(
        assertThrows(IllegalArgumentException.class, loader().shard(0, 2, remainder)::start),
        "Remainder." + remainder + " needs to know",
        "batchesPerEpoch");
    BatchTarget shorter =
        (out, context) -> {
          if (context.index() == 4) {
            context.endOfEpoch();
          }
        };
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, Numbered.SPEC, shorter)
            .batchesPerEpoch(8)
            .shard(0, 2, remainder)
            .start()) {
      loader.get(patience()).close();
      loader.get(patience()).close();
      TargetException e = assertThrows(TargetException.class, () -> loader.get(patience()).close());
      assertSays(
          Objects.requireNonNull(e.getCause()),
          "endOfEpoch() at index 4",
          "all 8 batches",
          "Remainder.UNEVEN");
    }
  }

  @Test
  @DisplayName("shards that are too far apart for a computer's memory are told so, at once")
  void tooFarApart() throws Exception {
    BackgroundLoader.Builder builder = loader().batchesPerEpoch(1_000_000_000_000L);
    Position zero = after(builder.shard(0, 2), 1);
    Position one =
        Position.parse(after(builder.shard(1, 2), 1).toString().replace(" epoch=0 ", " epoch=1 "));
    assertRefused(List.of(zero, one), PositionMerge.MAX_APART + " batches apart", "catch up");
  }

  @Test
  @DisplayName("text: where shards went on from is written and read; what cannot be is refused")
  void text() throws Exception {
    BackgroundLoader.Builder builder = loader().epochs(9).batchesPerEpoch(10);
    Position whole =
        Position.merge(List.of(after(builder.shard(0, 2), 8), after(builder.shard(1, 2), 1)));
    assertEquals(0, whole.epoch());
    String start = whole.toString();
    assertTrue(start.contains(" index=3 steps=10 delivered=1,3,5,7,9,11 "), start);
    Position shard = after(builder.startAt(whole).shard(1, 3, Remainder.PAD), 2);
    String text = shard.toString();
    assertTrue(text.contains(" base=0:0-2,4,6,8,10,12,14 "), text);
    assertTrue(text.contains(" shard=1/3/pad "), text);
    assertEquals(shard, Position.parse(text));
    assertEquals(shard.hashCode(), Position.parse(text).hashCode());
    for (String bad :
        List.of(
            text.replace("base=0:", "base="),
            text.replace("base=0:", "base=-1:"),
            text.replace("base=0:0-2", "base=0:0-9"), // a complete epoch
            text.replace("base=0:", "base=7:"), // behind the position
            text.replace("base=0:0-2", "base=0:2-0"),
            text.replace("shard=1/3/pad", "shard=1/3/uneven"),
            text.replace("shard=1/3/pad", "shard=1/3/crop"),
            text.replace("shard=1/3/pad", "shard=0/1/pad"),
            text.replace("shard=1/3/pad", "shard=0/1"),
            text.replace("length=10", "length=-"),
            text.replace("delivered=-", "delivered=1-999"), // beyond the epochs that it knows
            start.replace("delivered=1,", "delivered=0-1,"),
            start.replace(",11", ",99"))) {
      assertSays(
          assertThrows(IllegalArgumentException.class, () -> Position.parse(bad), bad),
          "not a position: \"" + bad.substring(0, 100) + "...\"");
    }
  }

  @Test
  @DisplayName("a position in the middle of nothing is the same with and without a start")
  void nothingDelivered() throws Exception {
    Position whole = after(loader().batchesPerEpoch(10), 0);
    for (int shards : new int[] {1, 4, 2}) {
      List<Position> fresh = new ArrayList<>();
      List<Position> resumed = new ArrayList<>();
      for (int i = 0; i < shards; i++) {
        BackgroundLoader.Builder builder = loader().batchesPerEpoch(10).shard(i, shards);
        fresh.add(after(builder, 0));
        resumed.add(after(builder.startAt(whole), 0));
      }
      assertEquals(fresh, resumed);
      assertEquals(whole, Position.merge(fresh));
    }
    assertEquals(0, whole.index());
  }
}
