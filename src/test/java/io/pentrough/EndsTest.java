package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.testkit.Numbered.check;
import static io.pentrough.testkit.Patience.await;
import static io.pentrough.testkit.Patience.patience;
import static io.pentrough.testkit.Patience.until;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.Numbered;
import io.pentrough.testkit.Threads;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Where a source of batches ends, and how an epoch follows another. */
@OnEveryDevice
class EndsTest {

  private final Device device = TestDevice.open();

  private BackgroundLoader.Builder loader(BatchTarget target) {
    return BackgroundLoader.builder(device, Numbered.SPEC, target).name("ends");
  }

  /** A target whose epochs have these lengths. */
  private static BatchTarget endingAfter(int... lengths) {
    return (out, context) -> {
      if (context.index() >= lengths[context.epoch()]) {
        context.endOfEpoch();
        return;
      }
      Numbered.fill(out, context);
    };
  }

  /** All batches up to the end, as "epoch.index". */
  private static List<String> drain(BackgroundLoader loader) throws Exception {
    List<String> places = new ArrayList<>();
    try {
      while (true) {
        try (DeviceBatch batch = loader.get(patience())) {
          assertEquals(batch.index(), Numbered.number(batch));
          places.add(batch.epoch() + "." + batch.index());
        }
      }
    } catch (NoSuchElementException end) {
      return places;
    }
  }

  private static List<String> places(int... lengths) {
    List<String> places = new ArrayList<>();
    for (int epoch = 0; epoch < lengths.length; epoch++) {
      for (int index = 0; index < lengths[epoch]; index++) {
        places.add(epoch + "." + index);
      }
    }
    return places;
  }

  private static boolean areWaiting(Thread... threads) {
    return Stream.of(threads).allMatch(Threads::isWaiting);
  }

  private static Throwable cause(TargetException e) {
    return Objects.requireNonNull(e.getCause());
  }

  @ParameterizedTest(name = "{0} workers, ordered: {1}, zero-copy: {2}")
  @CsvSource({
    "1, true, false",
    "4, true, false",
    "1, false, false",
    "4, false, false",
    "4, true, true",
    "4, false, true"
  })
  @DisplayName("I3: declared epochs, and those the target ends, come whole; then there is no more")
  void wholeEpochs(int workers, boolean ordered, boolean zeroCopy) throws Exception {
    int[][] lengthsOfRuns = {{3}, {0}, {5, 0, 1, 7}, {0, 0, 2}, {1, 1, 1, 1, 1, 1, 1, 1}, {4, 0}};
    for (int[] lengths : lengthsOfRuns) {
      BackgroundLoader.Builder undeclared =
          loader(endingAfter(lengths)).workers(workers).epochs(lengths.length);
      BackgroundLoader.Builder atMostFive =
          loader(endingAfter(lengths)).workers(workers).batchesPerEpoch(5).epochs(lengths.length);
      int[] cut = lengths.clone();
      for (int i = 0; i < cut.length; i++) {
        cut[i] = Math.min(5, cut[i]);
      }
      assertAllCome(undeclared, ordered, zeroCopy, places(lengths));
      assertAllCome(atMostFive, ordered, zeroCopy, places(cut));
    }
  }

  private static void assertAllCome(
      BackgroundLoader.Builder builder, boolean ordered, boolean zeroCopy, List<String> expected)
      throws Exception {
    if (!ordered) {
      builder.ordered(false);
    }
    if (zeroCopy) {
      builder.zeroCopy(true);
    }
    try (BackgroundLoader loader = builder.start()) {
      List<String> got = drain(loader);
      if (ordered) {
        assertEquals(expected, got);
      } else {
        assertEquals(expected.size(), got.size(), "I3: " + got);
        assertEquals(new HashSet<>(expected), new HashSet<>(got));
      }
      assertThrows(NoSuchElementException.class, () -> loader.get(Duration.ZERO), "still no more");
      NoSuchElementException end = assertThrows(NoSuchElementException.class, loader::get);
      assertSays(end, "ends has no more batches", "end", "poll(...)", "epoch()", "epochs(...)");
    }
  }

  @Test
  @DisplayName("declared epochs are not asked for an index behind their end, and start at 0 again")
  void declaredLength() throws Exception {
    Set<String> asked = ConcurrentHashMap.newKeySet();
    BatchTarget target =
        (out, context) -> {
          assertTrue(asked.add(context.epoch() + "." + context.index()), "asked twice");
          Numbered.fill(out, context);
        };
    try (BackgroundLoader loader = loader(target).workers(3).batchesPerEpoch(4).epochs(3).start()) {
      assertEquals(places(4, 4, 4), drain(loader));
    }
    assertEquals(new HashSet<>(places(4, 4, 4)), asked);
  }

  @Test
  @DisplayName("without a number of epochs, declared ones go on for ever")
  void foreverByDefault() throws Exception {
    try (BackgroundLoader loader = loader(Numbered::fill).batchesPerEpoch(1).start()) {
      for (int epoch = 0; epoch < DeliveredWindow.SIZE + 100; epoch++) {
        try (DeviceBatch batch = loader.get(patience())) {
          assertEquals(epoch, batch.epoch());
          assertEquals(0, batch.index());
        }
      }
    }
  }

  @Test
  @DisplayName("epochs run on: the next one is on the device before this one's last is delivered")
  void noPauseBetweenEpochs() throws Exception {
    try (BackgroundLoader loader =
        loader(Numbered::fill).batchesPerEpoch(3).epochs(2).deviceSlots(4).start()) {
      for (int i = 0; i < 2; i++) {
        check(i, loader.get(patience()));
      }
      // 0.2 and all of epoch 1 fill the device's slots.
      until("the next epoch to be made", () -> loader.stats().copyTime().count() == 6);
      assertEquals(2, loader.stats().batches());
      assertEquals(List.of("0.2", "1.0", "1.1", "1.2"), drain(loader));
    }
  }

  @Test
  @DisplayName("epochs that the target ends run on, too, as far as host slots are left")
  void noPauseAtAnUnknownEnd() throws Exception {
    try (BackgroundLoader loader =
        loader(endingAfter(3, 2)).epochs(2).hostSlots(5).deviceSlots(5).start()) {
      until("the next epoch to be made", () -> loader.stats().copyTime().count() == 5);
      assertEquals(0, loader.stats().batches());
      assertEquals(places(3, 2), drain(loader));
    }
  }

  @ParameterizedTest(name = "ordered: {0}")
  @ValueSource(booleans = {true, false})
  @DisplayName("I5: the end is told to every consumer that waits")
  void everyWaitingConsumer(boolean ordered) throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    BatchTarget target =
        (out, context) -> {
          if (context.index() >= 1) {
            await(gate);
            context.endOfEpoch();
          }
          Numbered.fill(out, context);
        };
    BackgroundLoader.Builder builder = loader(target).workers(2);
    if (!ordered) {
      builder.ordered(false);
    }
    try (BackgroundLoader loader = builder.start()) {
      check(0, loader.get(patience()));
      List<Caller<DeviceBatch>> waiting = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        Caller<DeviceBatch> timed = Caller.start(() -> loader.get(patience()));
        waiting.add(timed.untilWaiting());
        waiting.add(Caller.start(loader::get).untilWaiting());
      }
      gate.countDown();
      for (Caller<DeviceBatch> caller : waiting) {
        caller.failure(NoSuchElementException.class);
      }
    }
  }

  @Test
  @DisplayName("I5: with the end known, the last batch ends the wait of all who do not get it")
  void lastBatchEndsTheWait() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    BatchTarget target =
        (out, context) -> {
          await(gate);
          Numbered.fill(out, context);
        };
    try (BackgroundLoader loader = loader(target).batchesPerEpoch(1).epochs(1).start()) {
      List<Caller<@Nullable DeviceBatch>> waiting = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        waiting.add(
            Caller.<@Nullable DeviceBatch>start(
                    () -> {
                      try {
                        return loader.get();
                      } catch (NoSuchElementException e) {
                        return null;
                      }
                    })
                .untilWaiting());
      }
      gate.countDown();
      int got = 0;
      for (Caller<@Nullable DeviceBatch> caller : waiting) {
        DeviceBatch batch = caller.result();
        if (batch != null) {
          check(0, batch);
          got++;
        }
      }
      assertEquals(1, got);
    }
  }

  @Test
  @DisplayName("a get with a timeout: \"not yet\" while the target has not answered, then the end")
  void timeoutAtTheEnd() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    BatchTarget target =
        (out, context) -> {
          if (context.index() == 1) {
            await(gate);
            context.endOfEpoch();
            return;
          }
          Numbered.fill(out, context);
        };
    try (BackgroundLoader loader = loader(target).start()) {
      check(0, loader.get(patience()));
      BatchTimeoutException notYet =
          assertThrows(BatchTimeoutException.class, () -> loader.get(Duration.ofMillis(1)));
      assertSays(notYet, "waiting for index 1 of epoch 0");
      assertNull(notYet.getCause());
      gate.countDown();
      assertThrows(NoSuchElementException.class, () -> loader.get(patience()));
    }
  }

  @Test
  @DisplayName("a partial last batch says its size, and only that one")
  void partialLastBatch() throws Exception {
    BatchSpec spec =
        BatchSpec.builder().array("x", DType.INT32, 8, 2).array("y", DType.INT8, 8).build();
    BatchTarget target =
        (out, context) -> {
          out.array("x").setInt(0, (int) context.index());
          if (context.index() == 2) {
            out.concurrentView().size(3);
          }
        };
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec, target)
            .hostSlots(1)
            .deviceSlots(1)
            .batchesPerEpoch(3)
            .epochs(2)
            .start()) {
      List<Integer> sizes = new ArrayList<>();
      for (DeviceBatch batch : loader.batches()) {
        sizes.add(batch.size());
        assertEquals(2 * batch.size(), batch.array("x").elements(), "only rows that count");
      }
      assertEquals(List.of(8, 8, 3, 8, 8, 3), sizes);
    }
  }

  @Test
  @DisplayName("batches(): closes each lease before the next, and the last one at the end")
  void iteration() throws Exception {
    try (BackgroundLoader loader = loader(endingAfter(4)).deviceSlots(1).hostSlots(1).start()) {
      List<DeviceBatch> seen = new ArrayList<>();
      for (DeviceBatch batch : loader.batches()) {
        for (DeviceBatch earlier : seen) {
          assertThrows(IllegalStateException.class, () -> earlier.array(0), "it is closed");
        }
        assertEquals(seen.size(), Numbered.number(batch));
        seen.add(batch);
      }
      assertEquals(4, seen.size());
      assertThrows(IllegalStateException.class, () -> seen.get(3).array(0), "closed at the end");
      Iterator<DeviceBatch> atTheEnd = loader.batches().iterator();
      assertFalse(atTheEnd.hasNext());
      assertThrows(NoSuchElementException.class, atTheEnd::next);
    }
  }

  @Test
  @DisplayName("batches(): a failure is thrown at its place, and iterating goes on behind it")
  void iterationPastAFailure() throws Exception {
    BatchTarget target =
        (out, context) -> {
          if (context.index() == 1) {
            throw new IllegalArgumentException("one");
          }
          Numbered.fill(out, context);
        };
    try (BackgroundLoader loader =
        loader(target).deviceSlots(1).batchesPerEpoch(3).epochs(1).start()) {
      Iterator<DeviceBatch> batches = loader.batches().iterator();
      assertEquals(0, batches.next().index());
      assertThrows(TargetException.class, batches::hasNext);
      assertTrue(batches.hasNext());
      assertTrue(batches.hasNext(), "asking again takes nothing");
      assertEquals(2, batches.next().index());
      assertFalse(batches.hasNext());
    }
  }

  @Test
  @DisplayName("batches(): an interrupt becomes a CancellationException, and the flag is kept")
  void iterationInterrupted() throws Exception {
    CountDownLatch began = new CountDownLatch(1);
    CountDownLatch gate = new CountDownLatch(1);
    BatchTarget target =
        (out, context) -> {
          if (context.index() == 1) {
            await(gate);
          }
          Numbered.fill(out, context);
        };
    try (BackgroundLoader loader = loader(target).start()) {
      Caller<Boolean> caller =
          Caller.start(
              () -> {
                Iterator<DeviceBatch> batches = loader.batches().iterator();
                DeviceBatch first = batches.next();
                began.countDown();
                assertThrows(CancellationException.class, batches::hasNext);
                assertThrows(IllegalStateException.class, () -> first.array(0), "it is closed");
                return Thread.currentThread().isInterrupted();
              });
      await(began);
      caller.untilWaiting().thread.interrupt();
      assertTrue(caller.result());
      gate.countDown();
      check(1, loader.get(patience()));
    }
  }

  @Test
  @DisplayName("\"no more\" below an index that has data is an error, told at its place")
  void noMoreBelowData() throws Exception {
    CountDownLatch made = new CountDownLatch(1);
    BatchTarget target =
        (out, context) -> {
          if (context.index() == 1) {
            await(made);
            context.endOfEpoch();
            return;
          }
          Numbered.fill(out, context);
          if (context.index() == 3) {
            made.countDown(); // this worker has made 2 before
          }
        };
    // One worker waits at index 1, the other makes 0, 2, 3, ... one after the other.
    try (BackgroundLoader loader = loader(target).workers(2).hostSlots(6).start()) {
      check(0, loader.get(patience()));
      TargetException e = assertThrows(TargetException.class, () -> loader.get(patience()));
      assertEquals(1, e.index());
      assertSays(
          cause(e), "called endOfEpoch() at index 1", "made a batch for a higher index of epoch 0");
      check(2, loader.get(patience()));
    }
  }

  @ParameterizedTest(name = "{0} epochs")
  @ValueSource(ints = {1, 2})
  @DisplayName("data behind \"no more\" is an error, and told though it lies behind the end")
  void dataBehindNoMore(int epochs) throws Exception {
    CountDownLatch claimed = new CountDownLatch(1);
    AtomicInteger calls = new AtomicInteger(); // of those that wait
    CountDownLatch ended = new CountDownLatch(1);
    BatchTarget target =
        (out, context) -> {
          if (context.epoch() == 0 && context.index() == 1) {
            await(claimed);
            calls.incrementAndGet();
            context.endOfEpoch();
            return;
          }
          if (context.epoch() == 0 && context.index() == 2) {
            claimed.countDown();
            await(ended);
            calls.incrementAndGet();
          }
          Numbered.fill(out, context);
          if (context.epoch() == 1 && context.index() >= 1) {
            context.endOfEpoch();
          }
        };
    try (BackgroundLoader loader = loader(target).workers(2).epochs(epochs).hostSlots(6).start()) {
      Thread[] workers = {Threads.worker("ends", 0), Threads.worker("ends", 1)};
      until("the other worker to find the end", () -> calls.get() == 1 && areWaiting(workers));
      ended.countDown();
      until("both to have returned", () -> calls.get() == 2 && areWaiting(workers));
      check(0, loader.get(patience()));
      TargetException e = assertThrows(TargetException.class, () -> loader.get(patience()));
      assertEquals(2, e.index());
      assertEquals(0, e.epoch());
      assertSays(
          cause(e), "made a batch for index 2", "called endOfEpoch() at a lower index of epoch 0");
      assertEquals(epochs == 1 ? List.of() : List.of("1.0"), drain(loader));
    }
  }

  @Test
  @DisplayName("a target that throws behind the end fails no batch: there is none")
  void throwsBehindTheEnd() throws Exception {
    CountDownLatch ended = new CountDownLatch(1);
    BatchTarget target =
        (out, context) -> {
          if (context.index() == 1) {
            context.endOfEpoch();
            ended.countDown();
            return;
          }
          if (context.index() > 1) {
            await(ended);
            throw new IllegalStateException("there is no such file");
          }
          Numbered.fill(out, context);
        };
    try (BackgroundLoader loader = loader(target).workers(4).epochs(1).start()) {
      assertEquals(places(1), drain(loader));
    }
  }

  @ParameterizedTest(name = "ordered: {0}")
  @ValueSource(booleans = {true, false})
  @DisplayName("I5: a reset right at the end of an epoch, or of all, loses no batch and no end")
  void resetNearTheEnd(boolean ordered) throws Exception {
    for (int resetAfter = 0; resetAfter <= 5; resetAfter++) {
      for (int epochs = 1; epochs <= 2; epochs++) {
        BackgroundLoader.Builder builder =
            loader(endingAfter(3, 2)).epochs(epochs).workers(3).hostSlots(8).deviceSlots(6);
        if (!ordered) {
          builder.ordered(false);
        }
        try (BackgroundLoader loader = builder.start()) {
          Thread[] workers = {
            Threads.worker("ends", 0), Threads.worker("ends", 1), Threads.worker("ends", 2)
          };
          List<String> got = new ArrayList<>();
          int all = epochs == 1 ? 3 : 5;
          for (int i = 0; i < Math.min(resetAfter, all); i++) {
            try (DeviceBatch batch = loader.get(patience())) {
              got.add(batch.epoch() + "." + batch.index());
            }
          }
          for (Thread worker : workers) { // the ends are known, and lie in slots
            until("a worker to rest", () -> Threads.isWaiting(worker));
          }
          loader.reset();
          got.addAll(drain(loader));
          assertEquals(all, got.size(), "reset after " + resetAfter + ": " + got);
          assertEquals(new HashSet<>(epochs == 1 ? places(3) : places(3, 2)), new HashSet<>(got));
        }
      }
    }
  }

  @Test
  @DisplayName("I5: a reset while a target behind the end still runs does not hide the end")
  void resetHidesNoEnd() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    AtomicInteger ends = new AtomicInteger();
    CountDownLatch claimed = new CountDownLatch(1);
    BatchTarget target =
        (out, context) -> {
          if (context.index() == 0) {
            Numbered.fill(out, context);
          } else if (context.epoch() == 0 && context.index() == 1) {
            await(claimed);
            ends.incrementAndGet();
            context.endOfEpoch();
          } else if (context.epoch() == 0 && context.index() == 2) {
            claimed.countDown(); // before the end is known
            await(gate);
            context.endOfEpoch();
          } else {
            context.endOfEpoch();
          }
        };
    try (BackgroundLoader loader = loader(target).workers(2).hostSlots(8).epochs(2).start()) {
      try (DeviceBatch first = loader.get(patience())) {
        assertEquals(0, first.epoch());
      }
      Thread[] workers = {Threads.worker("ends", 0), Threads.worker("ends", 1)};
      until("a worker to run out of numbers", () -> ends.get() > 0 && areWaiting(workers));
      Caller<DeviceBatch> waiting = Caller.start(loader::get).untilWaiting();
      loader.reset();
      try (DeviceBatch second = waiting.result()) {
        assertEquals(1, second.epoch());
      }
      assertThrows(NoSuchElementException.class, () -> loader.get(patience()));
      gate.countDown();
    }
  }

  @ParameterizedTest(name = "zero-copy: {0}")
  @ValueSource(booleans = {false, true})
  @DisplayName("I5: what was made ahead is copied when the end before it gets known at last")
  void endKnownLate(boolean zeroCopy) throws Exception {
    CountDownLatch claimed = new CountDownLatch(3);
    CountDownLatch beforeReset = new CountDownLatch(1);
    CountDownLatch overtaken = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    AtomicInteger calls = new AtomicInteger();
    AtomicReference<Thread> ahead = new AtomicReference<>();
    BatchTarget target =
        (out, context) -> {
          if (context.epoch() == 0 && context.index() > 0 && calls.incrementAndGet() <= 3) {
            claimed.countDown();
            // One of the three stays behind, so that its number is not claimed again.
            (context.index() == 3 ? end : beforeReset).await();
          } else if (context.epoch() == 0 && context.index() == 1) {
            await(overtaken);
          } else if (context.epoch() == 1) {
            ahead.set(Thread.currentThread());
          }
          endingAfter(1, 1).fill(out, context);
        };
    BackgroundLoader.Builder builder = loader(target).workers(3).hostSlots(6).epochs(2);
    if (zeroCopy) {
      builder.zeroCopy(true);
    }
    try (BackgroundLoader loader = builder.start()) {
      loader.get(patience()).close();
      await(claimed);
      loader.reset();
      beforeReset.countDown();
      until(
          "the last epoch to be made, while nobody knows the end of the first",
          () -> ahead.get() != null && Threads.isWaiting(ahead.get()));
      overtaken.countDown();
      assertEquals(List.of("1.0"), drain(loader));
      end.countDown();
    }
  }

  @Test
  @DisplayName("more shards than an epoch has batches are refused, not searched for ever")
  void emptyShard() {
    for (int shard = 0; shard < 3; shard++) {
      for (Remainder remainder : Remainder.values()) {
        BackgroundLoader.Builder builder =
            loader(Numbered::fill).batchesPerEpoch(2).shard(shard, 3, remainder);
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class, builder::start);
        assertSays(e, "2 batches, too few for 3 shards", "shard " + shard, "at most 2 shards");
      }
    }
  }
}
