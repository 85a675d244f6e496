package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.Messages.message;
import static io.pentrough.testkit.Patience.await;
import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** I8: whoever stops and goes on, shares the work, fails or overtakes: the batches are the same. */
@OnEveryDevice(everySchedule = false) // positions know no device
class PositionTest {

  private static final int[] LENGTHS = {7, 0, 4, 9};

  private static final BatchSpec SPEC =
      BatchSpec.builder().array("noise", DType.INT64, 4).array("flag", DType.INT8, 1).build();

  private final Device device = TestDevice.open();

  private static void fill(HostBatch out, BatchContext context) {
    if (context.index() >= LENGTHS[context.epoch()]) {
      context.endOfEpoch();
      return;
    }
    for (int i = 0; i < 4; i++) {
      out.array(0).setLong(i, context.random().nextLong());
    }
    out.array(1).setByte(0, (byte) 1);
  }

  private BackgroundLoader.Builder loader(BatchTarget target) {
    return BackgroundLoader.builder(device, SPEC, target).seed(77).epochs(LENGTHS.length);
  }

  private BackgroundLoader.Builder loader() {
    return loader(PositionTest::fill);
  }

  /** What was delivered, bit for bit, by "epoch.index"; nothing may come twice. */
  private static final class Delivered {
    private final Map<String, String> bits = new TreeMap<>();

    void add(DeviceBatch batch) {
      ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES * 4);
      batch.array(0).copyTo(bytes);
      String place = batch.epoch() + "." + batch.index();
      assertNull(bits.put(place, HexFormat.of().formatHex(bytes.array())), place + " came twice");
    }

    /** Takes all that is left. */
    Delivered drain(BackgroundLoader.Builder builder) throws Exception {
      try (BackgroundLoader loader = builder.start()) {
        while (true) {
          try (DeviceBatch batch = loader.get(patience())) {
            add(batch);
          }
        }
      } catch (NoSuchElementException end) {
        return this;
      }
    }
  }

  private Map<String, String> whole() throws Exception {
    Map<String, String> whole = new Delivered().drain(loader()).bits;
    assertEquals(20, whole.size());
    assertEquals(20, whole.values().stream().distinct().count(), "two batches are the same");
    return whole;
  }

  @ParameterizedTest(name = "declared length: {0}, resumed {1}")
  @CsvSource({"false, false", "true, false", "false, true", "true, true"})
  @DisplayName("I8: resumed behind any batch, by text, it goes on with the same bits")
  void resumedAnywhere(boolean declared, boolean resumedUnordered) throws Exception {
    UnaryOperator<BackgroundLoader.Builder> epochs =
        builder -> declared ? builder.batchesPerEpoch(5) : builder;
    Map<String, String> whole = new Delivered().drain(epochs.apply(loader())).bits;
    for (int stop = 1; stop <= whole.size(); stop++) {
      Delivered both = new Delivered();
      String saved = "";
      try (BackgroundLoader loader = epochs.apply(loader()).workers(3).start()) {
        for (int i = 0; i < stop; i++) {
          try (DeviceBatch batch = loader.get(patience())) {
            both.add(batch);
            saved = batch.position().toString();
          }
        }
      }
      BackgroundLoader.Builder rest = epochs.apply(loader()).startAt(Position.parse(saved));
      both.drain(resumedUnordered ? rest.ordered(false).workers(4) : rest);
      assertEquals(whole, both.bits, "resumed at " + saved);
    }
  }

  @ParameterizedTest(name = "declared length: {0}, {1} leases")
  @CsvSource({"false, 1", "true, 1", "false, 4", "true, 4"})
  @DisplayName("I8: unordered, with leases in flight: each position knows what came before it")
  void resumedUnordered(boolean declared, int leases) throws Exception {
    UnaryOperator<BackgroundLoader.Builder> epochs =
        builder -> declared ? builder.batchesPerEpoch(6) : builder;
    Map<String, String> whole = new Delivered().drain(epochs.apply(loader())).bits;
    for (int stop = 1; stop <= whole.size(); stop++) {
      // A few indexes are slow: others overtake them, also from the epochs behind.
      CountDownLatch gate = new CountDownLatch(1);
      int slow = stop % 4;
      BatchTarget target =
          (out, context) -> {
            if (context.epoch() == 0 && context.index() == slow) {
              await(gate);
            }
            fill(out, context);
          };
      Delivered both = new Delivered();
      Position saved;
      try (BackgroundLoader loader =
          epochs.apply(loader(target)).ordered(false).workers(3).deviceSlots(leases + 1).start()) {
        Deque<DeviceBatch> held = new ArrayDeque<>();
        int got = 0;
        while (got < stop) {
          if (got == whole.size() - 1) {
            gate.countDown(); // nothing else is left
          }
          DeviceBatch batch = loader.get(patience());
          both.add(batch);
          held.add(batch);
          if (++got < stop && held.size() >= leases) {
            held.remove().close();
          }
        }
        DeviceBatch last = held.getLast();
        held.forEach(DeviceBatch::close);
        if (stop < whole.size() - 1) {
          loader.get(patience()).close(); // delivered later, and so not behind the position
        }
        saved = last.position();
        gate.countDown();
      }
      assertEquals(saved, Position.parse(saved.toString()));
      both.drain(epochs.apply(loader()).startAt(saved).workers(2).ordered(false).deviceSlots(2));
      assertEquals(whole, both.bits, "resumed at " + saved);
    }
  }

  @Test
  @DisplayName("I8: a position whose first open index turns out to lie behind the end")
  void openBehindTheEnd() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    CountDownLatch claimed = new CountDownLatch(1);
    BatchTarget target =
        (out, context) -> {
          if (context.epoch() == 0 && context.index() == 7) {
            await(claimed);
          }
          if (context.epoch() == 0 && context.index() == 8) {
            claimed.countDown();
            await(gate);
          }
          fill(out, context);
        };
    Map<String, String> whole = whole();
    Delivered both = new Delivered();
    Position saved = null;
    try (BackgroundLoader loader = loader(target).ordered(false).workers(2).start()) {
      for (int i = 0; i < 9; i++) { // all of epoch 0, and two of epoch 2
        try (DeviceBatch batch = loader.get(patience())) {
          both.add(batch);
          saved = batch.position();
        }
      }
      assertTrue(both.bits.containsKey("2.0"));
      gate.countDown();
    }
    both.drain(loader().startAt(Position.parse(String.valueOf(saved))));
    assertEquals(whole, both.bits);
  }

  @ParameterizedTest(name = "{0} shards, declared length: {1}")
  @CsvSource({"1, false", "2, false", "3, false", "5, false", "2, true", "3, true"})
  @DisplayName("I8: the shards together are the whole, also when each is resumed halfway")
  void shards(int stride, boolean declared) throws Exception {
    UnaryOperator<BackgroundLoader.Builder> epochs =
        builder -> declared ? builder.batchesPerEpoch(6) : builder;
    Map<String, String> whole = new Delivered().drain(epochs.apply(loader())).bits;
    Delivered straight = new Delivered();
    Delivered resumed = new Delivered();
    for (int first = 0; first < stride; first++) {
      straight.drain(epochs.apply(loader()).shard(first, stride).workers(2));
      Position saved = null;
      try (BackgroundLoader loader = epochs.apply(loader()).shard(first, stride).start()) {
        for (int i = 0; i < 2; i++) {
          try (DeviceBatch batch = loader.get(patience())) {
            resumed.add(batch);
            saved = batch.position();
          }
        }
      }
      resumed.drain(
          epochs
              .apply(loader())
              .shard(first, stride)
              .ordered(false)
              .startAt(Position.parse(String.valueOf(saved))));
    }
    assertEquals(whole, straight.bits);
    assertEquals(whole, resumed.bits);
  }

  @Test
  @DisplayName("I8: retried, unordered and with any number of workers, the bits are the same")
  void retriedAndUnordered() throws Exception {
    Map<String, String> whole = whole();
    BatchTarget flaky =
        (out, context) -> {
          long drawn = context.random().nextLong();
          if ((context.index() + context.epoch()) % 3 > context.attempt()) {
            throw new IllegalStateException("not yet: " + drawn);
          }
          fill(out, context);
        };
    // What a failed attempt draws is drawn again by the next.
    BatchTarget drawsOneAhead =
        (out, context) -> {
          context.random().nextLong();
          fill(out, context);
        };
    Map<String, String> ahead = new Delivered().drain(loader(drawsOneAhead)).bits;
    Map<String, String> retried =
        new Delivered()
            .drain(loader(flaky).onFailure(FailurePolicy.retry(2)).workers(3).ordered(false))
            .bits;
    assertEquals(ahead, retried);
    assertNotEquals(whole, retried);
    for (int workers : new int[] {2, 5}) {
      assertEquals(whole, new Delivered().drain(loader().workers(workers).ordered(false)).bits);
      assertEquals(whole, new Delivered().drain(loader().workers(workers).zeroCopy(true)).bits);
    }
  }

  @Test
  @DisplayName("resumed with fewer epochs than the position has seen, there is no more, at once")
  void resumedBehindTheLastEpoch() throws Exception {
    Position saved = null;
    try (BackgroundLoader loader = loader().start()) {
      for (int i = 0; i < 9; i++) {
        try (DeviceBatch batch = loader.get(patience())) {
          saved = batch.position();
        }
      }
    }
    Position epochTwo = Position.parse(String.valueOf(saved));
    assertEquals(2, epochTwo.epoch());
    assertEquals(Map.of(), new Delivered().drain(loader().epochs(2).startAt(epochTwo)).bits);
  }

  @Test
  @DisplayName("text: what is written is read back, anything else is refused with what it is")
  void text() {
    int last = DeliveredWindow.SIZE - 1;
    Position position =
        new Position(Schedules.PRINT, null, 3, 1L << 40, new long[] {9, 0, 4}, Runs.of(1, last));
    assertEquals(position, Position.parse(position.toString()));
    assertEquals(position, Position.parse("  " + position + "\n"));
    assertEquals(position.hashCode(), Position.parse(position.toString()).hashCode());
    String good = position.toString();
    for (String bad :
        List.of(
            "",
            " ",
            "position",
            good + " 1",
            good.substring(0, good.lastIndexOf(' ')),
            good.replace("position-1", "position-2"),
            good.replace(" 3 ", " -3 "),
            good.replace(" 3 ", " 3000000000 "),
            good.replace(" 3 ", " three "),
            good.replace("9,0,4", "9,-1,4"),
            good.replace("9,0,4", "9,,4"),
            good.replace("1," + last, last + ",1"),
            good.replace("1," + last, "1,1"),
            good.replace("1," + last, "1," + DeliveredWindow.SIZE),
            good.replace("1," + last, "0,1"),
            good.replace("00000001-", ""),
            good.replace("00000001-", "xyz-"))) {
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> Position.parse(bad), bad);
      assertEquals(IllegalArgumentException.class, e.getClass());
      assertSays(e, "not a position: \"" + quoted(bad) + "\"");
    }
  }

  @Test
  @DisplayName("a loader resumed at the end of a finished run says where it is, and what to do")
  void resumedAtTheEnd() throws Exception {
    for (boolean isDeclared : new boolean[] {true, false}) {
      BatchTarget target =
          (out, context) -> {
            if (context.index() == 2) {
              context.endOfEpoch();
            }
          };
      BackgroundLoader.Builder builder = BackgroundLoader.builder(device, SPEC, target).epochs(2);
      if (isDeclared) {
        builder.batchesPerEpoch(2);
      }
      Position end;
      try (BackgroundLoader loader = builder.start()) {
        for (DeviceBatch batch : loader.batches()) {
          assertTrue(batch.isOpen());
        }
        end = loader.position();
      }
      try (BackgroundLoader loader = builder.startAt(end).start()) {
        assertSays(
            assertThrows(NoSuchElementException.class, loader::get),
            "has no more batches: the position to start at is the end of the last of 2 epochs",
            "raise epochs(...)");
      }
    }
  }

  private static String quoted(String text) {
    return text.length() <= 100 ? text : text.substring(0, 100) + "...";
  }

  private BackgroundLoader.Builder loader(BatchSpec spec) {
    return BackgroundLoader.builder(device, spec, PositionTest::fill).seed(77);
  }

  private static BatchSpec other(DType dtype, int length) {
    return BatchSpec.builder().array("noise", dtype, length).array("flag", DType.INT8, 1).build();
  }

  @Test
  @DisplayName("I8: what 0.1.0 wrote is read, resumed where it fits, and refused where it does not")
  void ofTheFirstRelease() throws Exception {
    String text = "pentrough-position-1 edfd31b6-03e1eeba-7ba55662-49f47833 0 3 - -";
    Position old = Position.parse(text);
    assertEquals(text, old.toString());
    BackgroundLoader.Builder same =
        BackgroundLoader.builder(device, SPEC, (out, context) -> {})
            .seed(77)
            .batchesPerEpoch(9)
            .shard(1, 2);
    Position next = firstPosition(same.startAt(old));
    assertEquals(5, next.index());
    assertTrue(next.toString().startsWith("pentrough-position-2 epoch=0 index=5 "));
    Map<String, BackgroundLoader.Builder> foreign =
        Map.of(
            "other arrays or stages, and another number of batches per epoch, and another shard",
            loader(other(DType.UINT64, 4)),
            "another seed, and another shard",
            loader().batchesPerEpoch(9).seed(78));
    foreign.forEach(
        (difference, builder) ->
            assertSays(
                assertThrows(IllegalArgumentException.class, () -> builder.startAt(old).start()),
                "a loader with " + difference + ";"));
  }

  private static Share share(long length, long first, long stride) {
    return new Share(length, first, stride, Remainder.UNEVEN, null);
  }

  @Test
  @DisplayName("text of format 2: any name and any number come back; anything else is refused")
  void textInTheClear() {
    BatchSpec odd =
        BatchSpec.builder()
            .array("Bild, größer = 100 %;+", DType.FLOAT16)
            .variableArray("a b", DType.INT8, 3, 1)
            .build();
    for (long length : new long[] {1, Schedule.ENDLESS}) {
      Fingerprint print = Fingerprint.of(odd, null, "", Long.MIN_VALUE, share(length, 1, 3));
      Position position = new Position(print, null, 3, 7, new long[] {9, 0}, Runs.of(1));
      assertTrue(position.toString().chars().allMatch(c -> c < 128), position::toString);
      Position read = Position.parse(position + "\n");
      assertEquals(position, read);
      assertEquals(position.hashCode(), read.hashCode());
      assertEquals(position.toString(), read.toString());
      read.requireSame(print);
    }
    Fingerprint print = Fingerprint.of(SPEC, null, "", 77, share(9, 0, 1));
    String good = new Position(print, null, 3, 7, new long[] {9, 0}, Runs.of(1, 3)).toString();
    assertEquals(
        "pentrough-position-2 epoch=3 index=7 steps=9,0 delivered=1,3 seed=77 length=9 shard=0/1"
            + " array=noise%3A+int64+%5B4%5D array=flag%3A+int8+%5B1%5D",
        good);
    for (String bad :
        List.of(
            "pentrough-position-2",
            good.replace(" length", "  length"),
            good + " more=1",
            good + " seed=77",
            good.replace("position-2", "position-3"),
            good.replace("epoch=3", "epoch=-3"),
            good.replace("epoch=3", "epoch=2147483647"),
            good.replace("epoch=3 index=7", "index=7 epoch=3"),
            good.replace("index=7", "index=9223372036854775807"),
            good.replace("steps=9,0", "steps=9223372036854775807,1"),
            good.replace(" steps=9,0", ""),
            good.replace("1,3", "3,1"),
            good.replace("seed=77", "seed=x"),
            good.replace(" seed=77", ""),
            good.replace("length=9", "length=0"),
            good.replace("shard=0/1", "shard=1/1"),
            good.replace("shard=0/1", "shard=0"),
            good.replace("%5B", "%x"),
            good.substring(0, good.indexOf(" array=")))) {
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> Position.parse(bad), bad);
      assertEquals(IllegalArgumentException.class, e.getClass());
      assertSays(e, "not a position: \"" + quoted(bad) + "\"", "Position.toString()");
    }
  }

  private Position firstPosition(BackgroundLoader.Builder builder) throws Exception {
    try (BackgroundLoader loader = builder.start();
        DeviceBatch batch = loader.get(patience())) {
      return batch.position();
    }
  }

  @Test
  @DisplayName("another configuration is refused, naming what differs, and takes no memory")
  void foreign() throws Exception {
    Position position = firstPosition(loader());
    Map<String, BackgroundLoader.Builder> foreign =
        Map.of(
            "other arrays (noise: int64 [4] there, noise: uint64 [4] here)",
            loader(other(DType.UINT64, 4)),
            "other arrays (noise: int64 [4] there, noise: int64 [3] here)",
            loader(other(DType.INT64, 3)),
            "other arrays (noise: int64 [4]; flag: int8 [1] there, noise: int64 [4] here)",
            loader(BatchSpec.builder().array("noise", DType.INT64, 4).build()),
            "another seed (77 there, 78 here)",
            loader().seed(78),
            "another number of batches per epoch (not declared there, 3 here)",
            loader().batchesPerEpoch(3),
            "another shard (0 of 1 there, 0 of 2 here)",
            loader().shard(0, 2),
            "another seed (77 there, 1 here), and another shard (0 of 1 there, 1 of 2 here)",
            loader().seed(1).shard(1, 2));
    foreign.forEach(
        (difference, builder) -> {
          for (Position from : List.of(position, Position.parse(position.toString()))) {
            IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> builder.startAt(from).start());
            assertSays(e, "a loader with " + difference + ";", "make this loader as that one was");
            assertFalse(message(e).contains("pentrough-position"), "in words only");
            TestDevice.assertNothingLive(device);
          }
        });
    // What does not make other batches may differ.
    loader()
        .startAt(position)
        .workers(3)
        .hostSlots(2)
        .deviceSlots(1)
        .ordered(false)
        .zeroCopy(true)
        .onFailure(FailurePolicy.retry(1))
        .epochs(9)
        .start()
        .close();
  }

  @ParameterizedTest(name = "ordered: {0}")
  @ValueSource(booleans = {true, false})
  @DisplayName("asked late, a position is the same; more than 4096 batches later it is refused")
  void askedLate(boolean ordered) throws Exception {
    BatchTarget endless = (out, context) -> out.array(1).setByte(0, (byte) 1);
    BackgroundLoader.Builder builder = BackgroundLoader.builder(device, SPEC, endless);
    if (!ordered) {
      builder.ordered(false);
    }
    try (BackgroundLoader loader = builder.start()) {
      List<DeviceBatch> first = new ArrayList<>();
      List<Position> positions = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        try (DeviceBatch batch = loader.get(patience())) {
          first.add(batch);
          positions.add(batch.position());
        }
      }
      for (int i = 0; i < DeliveredWindow.SIZE - 10; i++) {
        loader.get(patience()).close();
      }
      for (int i = 0; i < 3; i++) {
        assertEquals(positions.get(i), first.get(i).position());
        assertEquals(i + 1, positions.get(i).index());
      }
      for (int i = 0; i < 20; i++) {
        loader.get(patience()).close();
      }
      IllegalStateException e =
          assertThrows(IllegalStateException.class, () -> first.get(0).position());
      assertSays(e, "more than " + DeliveredWindow.SIZE + " batches", "earlier");
    }
  }
}
