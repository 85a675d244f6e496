package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.testkit.Numbered.check;
import static io.pentrough.testkit.Patience.await;
import static io.pentrough.testkit.Patience.patience;
import static io.pentrough.testkit.Patience.until;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.LogCapture;
import io.pentrough.testkit.Numbered;
import io.pentrough.testkit.Patience;
import io.pentrough.testkit.Threads;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is done about a target that throws: tell, try again, or leave out. */
@OnEveryDevice
class FailurePolicyTest {

  private final Device device = TestDevice.open();

  private BackgroundLoader.Builder loader(BatchTarget target, FailurePolicy policy) {
    return BackgroundLoader.builder(device, Numbered.SPEC, target).name("policy").onFailure(policy);
  }

  private static BatchTarget failingAt(long failing) {
    return (out, context) -> {
      if (context.index() == failing) {
        throw new IOException("no " + failing);
      }
      Numbered.fill(out, context);
    };
  }

  private record Skip(int epoch, long index, Throwable cause) {}

  @Test
  @DisplayName("I8: retry: the same random numbers, attempts counted from 0, every failure counted")
  void retry() throws Exception {
    List<String> attempts = new ArrayList<>(); // one worker, and read after the last get
    List<Long> drawn = new ArrayList<>();
    BatchTarget target =
        (out, context) -> {
          drawn.add(context.random().nextLong());
          attempts.add(context.index() + "/" + context.attempt());
          if (context.index() == 1 && context.attempt() < 2) {
            throw new IOException("busy");
          }
          Numbered.fill(out, context);
        };
    try (BackgroundLoader loader =
        loader(target, FailurePolicy.retry(2)).batchesPerEpoch(3).epochs(1).start()) {
      for (int i = 0; i < 3; i++) {
        check(i, loader.get(patience()));
      }
      assertThrows(NoSuchElementException.class, () -> loader.get(patience()));
      assertEquals(2, loader.stats().failures());
      assertEquals(0, loader.stats().skips());
      assertEquals(3, loader.stats().batches());
    }
    assertEquals(List.of("0/0", "1/0", "1/1", "1/2", "2/0"), attempts);
    assertEquals(drawn.get(1), drawn.get(2));
    assertEquals(drawn.get(1), drawn.get(3));
    assertEquals(3, drawn.stream().distinct().count());
  }

  @Test
  @DisplayName("I3: retry: if the last attempt fails, too, that failure is told at its place, once")
  void retriesRunOut() throws Exception {
    BatchTarget target =
        (out, context) -> {
          if (context.index() == 1) {
            throw new IOException("attempt " + context.attempt());
          }
          Numbered.fill(out, context);
        };
    try (BackgroundLoader loader = loader(target, FailurePolicy.retry(3)).workers(2).start()) {
      check(0, loader.get(patience()));
      TargetException e = assertThrows(TargetException.class, () -> loader.get(patience()));
      assertEquals(1, e.index());
      assertSays(Objects.requireNonNull(e.getCause()), "attempt 3");
      check(2, loader.get(patience()));
      assertEquals(4, loader.stats().failures());
    }
  }

  @Test
  @DisplayName("retry: \"no more\" from an attempt that then failed does not count")
  void noMoreOfAFailedAttempt() throws Exception {
    BatchTarget target =
        (out, context) -> {
          if (context.index() == 0 && context.attempt() == 0) {
            context.endOfEpoch();
            throw new IOException("first");
          }
          Numbered.fill(out, context);
        };
    try (BackgroundLoader loader = loader(target, FailurePolicy.retry(1)).start()) {
      check(0, loader.get(patience()));
      check(1, loader.get(patience()));
    }
  }

  @Test
  @DisplayName("retry: not after a reset or a close, which want nothing of it any more")
  void noRetryWhenUnwanted() throws Exception {
    CountDownLatch inTarget = new CountDownLatch(1);
    CountDownLatch gate = new CountDownLatch(1);
    AtomicInteger calls = new AtomicInteger();
    BatchTarget target =
        (out, context) -> {
          if (calls.getAndIncrement() == 0) {
            inTarget.countDown();
            await(gate);
            throw new IOException("late");
          }
          assertEquals(0, context.attempt());
          Numbered.fill(out, context);
        };
    try (BackgroundLoader loader = loader(target, FailurePolicy.retry(Integer.MAX_VALUE)).start()) {
      await(inTarget);
      loader.reset();
      gate.countDown();
      check(0, loader.get(patience()));
    }
    BatchTarget hopeless =
        (out, context) -> {
          throw new IOException("for ever");
        };
    BackgroundLoader loader = loader(hopeless, FailurePolicy.retry(Integer.MAX_VALUE)).start();
    until("many attempts", () -> loader.stats().failures() > 100);
    loader.close(); // returns, with nothing left
  }

  @ParameterizedTest(name = "ordered: {0}")
  @ValueSource(booleans = {true, false})
  @DisplayName("I3: skip: gaps in the indexes, listener told, counted; beyond the bound it fails")
  void skip(boolean ordered) throws Exception {
    List<Skip> skips = Collections.synchronizedList(new ArrayList<>());
    IllegalArgumentException failure = new IllegalArgumentException("no such patch");
    BatchTarget target =
        (out, context) -> {
          if (context.index() % 3 == 1) {
            throw failure;
          }
          Numbered.fill(out, context);
        };
    BackgroundLoader.Builder builder =
        loader(target, FailurePolicy.skip(2, (e, i, cause) -> skips.add(new Skip(e, i, cause))))
            .batchesPerEpoch(9)
            .epochs(1);
    if (!ordered) {
      builder.ordered(false);
    }
    try (BackgroundLoader loader = builder.start()) {
      List<Long> got = new ArrayList<>();
      List<Long> failed = new ArrayList<>();
      try {
        while (true) {
          try (DeviceBatch batch = loader.get(patience())) {
            got.add(batch.index());
          } catch (TargetException e) {
            assertSame(failure, e.getCause());
            failed.add(e.index());
          }
        }
      } catch (NoSuchElementException end) {
        got.sort(null);
        assertEquals(List.of(0L, 2L, 3L, 5L, 6L, 8L), got);
      }
      assertEquals(List.of(7L), failed);
      assertEquals(List.of(new Skip(0, 1, failure), new Skip(0, 4, failure)), skips);
      LoaderStats stats = loader.stats();
      assertEquals(3, stats.failures());
      assertEquals(2, stats.skips());
      assertEquals(6, stats.batches());
    }
  }

  @ParameterizedTest(name = "{0} workers, reset every {1}")
  @CsvSource({"1, 0", "4, 0", "4, 3"})
  @DisplayName("retry, then skip: every attempt is used, then the batch is left out, to the bound")
  void retryThenSkip(int workers, int resetEvery) throws Exception {
    List<Skip> skips = new ArrayList<>(); // the consumer's
    List<Long> failed = new ArrayList<>();
    List<Long> got = new ArrayList<>();
    BatchTarget target =
        (out, context) -> {
          boolean hopeless = context.index() % 4 == 1;
          if (hopeless || (context.index() % 4 == 2 && context.attempt() < 2)) {
            throw new IOException(context.index() + "/" + context.attempt());
          }
          Numbered.fill(out, context);
        };
    FailurePolicy policy =
        FailurePolicy.retry(2).thenSkip(2, (e, i, cause) -> skips.add(new Skip(e, i, cause)));
    try (BackgroundLoader loader =
        loader(target, policy).workers(workers).batchesPerEpoch(12).epochs(1).start()) {
      try {
        for (int gets = 1; ; gets++) {
          try (DeviceBatch batch = loader.get(patience())) {
            got.add(batch.index());
          } catch (TargetException e) {
            failed.add(e.index());
          }
          if (resetEvery > 0 && gets % resetEvery == 0) {
            loader.reset();
          }
        }
      } catch (NoSuchElementException end) {
        assertEquals(List.of(0L, 2L, 3L, 4L, 6L, 7L, 8L, 10L, 11L), got);
      }
      assertEquals(2, loader.stats().skips());
    }
    assertEquals(List.of(9L), failed);
    assertEquals(List.of(1L, 5L), skips.stream().map(Skip::index).toList());
    assertEquals(
        List.of("1/2", "5/2"), skips.stream().map(skip -> skip.cause.getMessage()).toList());
  }

  @Test
  @DisplayName("thenSkip: in words; refused twice, or for no batch at all")
  void thenSkip() {
    FailurePolicy.SkipListener nobody = (epoch, index, cause) -> {};
    assertEquals("fail", FailurePolicy.fail().toString());
    assertEquals("retry 3", FailurePolicy.retry(3).toString());
    assertEquals("skip at most 4", FailurePolicy.fail().thenSkip(4, nobody).toString());
    FailurePolicy both = FailurePolicy.retry(3).thenSkip(4, nobody);
    assertEquals("retry 3, then skip at most 4", both.toString());
    assertSays(
        assertThrows(IllegalStateException.class, () -> both.thenSkip(1, nobody)),
        "retry 3, then skip at most 4");
    assertSays(
        assertThrows(
            IllegalArgumentException.class, () -> FailurePolicy.retry(1).thenSkip(0, nobody)),
        "atMost must be at least 1, not 0");
  }

  @Test
  @ResourceLock("java.util.logging")
  @DisplayName("skip: what the listener throws is logged, and nothing else comes of it")
  void listenerThrows() throws Exception {
    LogCapture log = new LogCapture();
    AssertionError wrong = new AssertionError("in the listener");
    BatchTarget target =
        (out, context) -> {
          if (context.index() == 0) {
            throw new IOException("zero");
          }
          Numbered.fill(out, context);
        };
    try (log;
        BackgroundLoader loader =
            loader(
                    target,
                    FailurePolicy.skip(
                        5,
                        (epoch, index, cause) -> {
                          throw wrong;
                        }))
                .start()) {
      check(1, loader.get(patience()));
      check(2, loader.get(patience()));
      assertEquals(
          1,
          log.containing("policy: the listener for skipped batches or bad samples threw").size());
      assertEquals(List.of(wrong), log.thrown());
    }
  }

  @Test
  @DisplayName(
      "skip: the listener runs with no lock held, on the thread of the get that steps over")
  void slowListener() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    CountDownLatch told = new CountDownLatch(1);
    List<Thread> threads = Collections.synchronizedList(new ArrayList<>());
    FailurePolicy policy =
        FailurePolicy.skip(
            1,
            (epoch, index, cause) -> {
              threads.add(Thread.currentThread());
              told.countDown();
              Patience.awaitUnchecked(gate);
            });
    try (BackgroundLoader loader = loader(failingAt(0), policy).start()) {
      until("batches 1 and 2 to be ready", () -> loader.stats().copyTime().count() >= 2);
      Caller<DeviceBatch> stepsOver = Caller.start(() -> loader.get(patience()));
      await(told);
      check(2, loader.get(patience())); // batch 1 is taken, by a get that has yet to return
      assertTrue(stepsOver.thread.isAlive());
      gate.countDown();
      check(1, stepsOver.result());
      assertEquals(List.of(stepsOver.thread), threads);
    }
  }

  @Test
  @DisplayName("I5: skip: the listener is told before the get goes on waiting")
  void toldBeforeWaiting() throws Exception {
    CountDownLatch told = new CountDownLatch(1);
    BatchTarget target =
        (out, context) -> {
          if (context.index() == 0) {
            throw new IOException("zero");
          }
          await(told);
          Numbered.fill(out, context);
        };
    FailurePolicy policy = FailurePolicy.skip(1, (epoch, index, cause) -> told.countDown());
    try (BackgroundLoader loader = loader(target, policy).start()) {
      check(1, loader.get(patience()));
      assertEquals(1, loader.stats().consumerWait().count(), "one get, one wait");
    }
  }

  @ParameterizedTest(name = "ordered: {0}, fails again: {1}")
  @CsvSource({"true, true", "true, false", "false, true", "false, false"})
  @DisplayName(
      "I3: skip: what a reset makes anew before its turn is counted and told once, or never")
  void resetBeforeTheTurn(boolean ordered, boolean failsAgain) throws Exception {
    List<Skip> skips = new ArrayList<>(); // the consumer's
    AtomicInteger attempts = new AtomicInteger();
    IOException last = new IOException("again");
    BatchTarget target =
        (out, context) -> {
          if (context.index() == 0) {
            int attempt = attempts.getAndIncrement();
            if (attempt == 0) {
              throw new IOException("at first");
            } else if (failsAgain) {
              throw last;
            }
          }
          Numbered.fill(out, context);
        };
    BackgroundLoader.Builder builder =
        loader(target, FailurePolicy.skip(1, (e, i, cause) -> skips.add(new Skip(e, i, cause))))
            .hostSlots(1);
    if (!ordered) {
      builder.ordered(false);
    }
    try (BackgroundLoader loader = builder.start()) {
      Thread worker = Threads.worker("policy", 0);
      until(
          "the failure to wait for its turn",
          () -> loader.stats().failures() == 1 && Threads.isWaiting(worker));
      assertEquals(0, loader.stats().skips(), "its turn has not come");
      loader.reset();
      check(failsAgain ? 1 : 0, loader.get(patience()));
      assertEquals(failsAgain ? List.of(new Skip(0, 0, last)) : List.of(), skips);
      assertEquals(skips.size(), loader.stats().skips());
      assertEquals(failsAgain ? 2 : 1, loader.stats().failures());
    }
  }

  @Test
  @DisplayName(
      "I3: skip: the bound is spent in the order of delivery, whichever worker fails first")
  void boundInOrder() throws Exception {
    CountDownLatch oneHasFailed = new CountDownLatch(1);
    List<Long> skipped = new ArrayList<>(); // the consumer's
    BatchTarget target =
        (out, context) -> {
          if (context.index() == 0) {
            await(oneHasFailed);
          }
          if (context.index() <= 1) {
            throw new IOException("no " + context.index());
          }
          Numbered.fill(out, context);
        };
    FailurePolicy policy = FailurePolicy.skip(1, (epoch, index, cause) -> skipped.add(index));
    try (BackgroundLoader loader = loader(target, policy).workers(2).start()) {
      until("batches behind 1 to be made", () -> loader.stats().fillTime().count() == 2);
      oneHasFailed.countDown();
      assertEquals(
          1,
          assertThrows(TargetException.class, () -> loader.get(patience())).index(),
          "beyond it");
      assertEquals(List.of(0L), skipped);
      check(2, loader.get(patience()));
      assertEquals(1, loader.stats().skips());
    }
  }

  @Test
  @DisplayName("I3: skip: what failed behind the end of its epoch is no gap; the last index is one")
  void behindTheEnd() throws Exception {
    CountDownLatch behindHasFailed = new CountDownLatch(1);
    List<Skip> skips = new ArrayList<>(); // the consumer's
    IOException failure = new IOException("the last");
    BatchTarget target =
        (out, context) -> {
          long index = context.index();
          if (context.epoch() == 0 && index == 1) {
            await(behindHasFailed);
            context.endOfEpoch();
          } else if (context.epoch() == 0 && index > 1) {
            throw new IOException("behind the end, as it will turn out");
          } else if (index == 1) {
            throw failure;
          } else if (index > 1) {
            context.endOfEpoch();
          } else {
            Numbered.fill(out, context);
          }
        };
    FailurePolicy policy = FailurePolicy.skip(9, (e, i, cause) -> skips.add(new Skip(e, i, cause)));
    try (BackgroundLoader loader = loader(target, policy).workers(2).epochs(2).start()) {
      check(0, loader.get(patience()));
      until("a failure behind the end", () -> loader.stats().failures() > 0);
      behindHasFailed.countDown();
      try (DeviceBatch batch = loader.get(patience())) {
        assertEquals(1, batch.epoch());
      }
      assertEquals(List.of(), skips);
      assertThrows(NoSuchElementException.class, () -> loader.get(patience()));
      assertEquals(List.of(new Skip(1, 1, failure)), skips);
      assertEquals(1, loader.stats().skips());
    }
  }

  @ParameterizedTest(name = "ordered: {0}")
  @ValueSource(booleans = {true, false})
  @DisplayName("skip: a target that always fails does not run ahead of whoever gets")
  void skipDoesNotRunAhead(boolean ordered) throws Exception {
    AtomicInteger fills = new AtomicInteger();
    BatchTarget target =
        (out, context) -> {
          throw new IOException("fill " + fills.incrementAndGet());
        };
    BackgroundLoader.Builder builder =
        loader(target, FailurePolicy.skip(Long.MAX_VALUE, (epoch, index, cause) -> {}))
            .workers(2)
            .hostSlots(4);
    if (!ordered) {
      builder.ordered(false);
    }
    try (BackgroundLoader loader = builder.start()) {
      for (int looks = 1; looks <= 5; looks++) {
        for (int i = 0; i < 2; i++) {
          Thread worker = Threads.worker("policy", i);
          until("a worker to rest", () -> Threads.isWaiting(worker));
        }
        assertEquals(4 * looks, fills.get());
        assertThrows(BatchTimeoutException.class, () -> loader.get(Duration.ZERO));
        int next = 4 * (looks + 1);
        until("the slots to be filled again", () -> fills.get() == next);
      }
    }
  }

  @Test
  @DisplayName("the last failure is the cause of a timeout; without one there is none")
  void causeOfATimeout() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    IOException last = new IOException("the last one");
    BatchTarget target =
        (out, context) -> {
          if (context.index() == 1) {
            throw context.attempt() == 0 ? new IOException("an earlier one") : last;
          }
          if (context.index() == 2) {
            await(gate);
          }
          Numbered.fill(out, context);
        };
    FailurePolicy policy = FailurePolicy.retry(1);
    try (BackgroundLoader loader = loader(target, policy).deviceSlots(2).start()) {
      DeviceBatch first = loader.get(patience());
      assertThrows(TargetException.class, () -> loader.get(patience()));
      BatchTimeoutException e =
          assertThrows(BatchTimeoutException.class, () -> loader.get(Duration.ofMillis(1)));
      assertSame(last, e.getCause());
      assertSays(e, "waiting for index 2");
      check(0, first);
      gate.countDown();
      check(2, loader.get(patience()));
    }
    CountDownLatch open = new CountDownLatch(1);
    BatchTarget slow =
        (out, context) -> {
          if (context.index() == 1) {
            await(open);
          }
        };
    try (BackgroundLoader loader = loader(slow, FailurePolicy.fail()).start()) {
      loader.get(patience()).close();
      assertNull(
          assertThrows(BatchTimeoutException.class, () -> loader.get(Duration.ofMillis(1)))
              .getCause());
      open.countDown();
    }
  }

  @Test
  @SuppressWarnings("NullAway") // that is what is tried
  @DisplayName("bad bounds are refused, naming them")
  void badBounds() {
    assertSays(
        assertThrows(IllegalArgumentException.class, () -> FailurePolicy.retry(0)),
        "retries must be at least 1, not 0");
    assertSays(
        assertThrows(
            IllegalArgumentException.class,
            () -> FailurePolicy.skip(-1, (epoch, index, cause) -> {})),
        "atMost must be at least 1, not -1");
    assertSays(
        assertThrows(NullPointerException.class, () -> FailurePolicy.skip(1, null)), "listener");
    assertEquals("retry 2", FailurePolicy.retry(2).toString());
    assertEquals("fail", FailurePolicy.fail().toString());
  }
}
