package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.Messages.message;
import static io.pentrough.testkit.Patience.await;
import static io.pentrough.testkit.Patience.patience;
import static io.pentrough.testkit.Patience.until;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.ScriptedDevice.Stream;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.LogCapture;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What becomes of samples that a target reports as bad, and when. */
class BadSamplesTest {

  private final ScriptedDevice device = new ScriptedDevice();

  /** Batches of four samples; {@code bad[index]} of them are bad. */
  private static class Target implements EpochTarget {
    final List<String> told = Collections.synchronizedList(new ArrayList<>());
    private final int[] bad;
    private final long max;

    Target(long max, int... bad) {
      this.max = max;
      this.bad = bad;
    }

    @Override
    public void fill(HostBatch out, BatchContext context) throws Exception {
      Bench.write(out, context);
      int bads = bad[(int) context.index()];
      for (int i = 0; i < bads; i++) {
        out.badSample(10 * context.index() + i, new IOException("bad"));
      }
      out.size(4 - bads);
    }

    @Override
    public long batchesPerEpoch() {
      return bad.length;
    }

    @Override
    public String description() {
      return "bad";
    }

    @Override
    public long maxBadSamples() {
      return max;
    }

    @Override
    public void badSample(int epoch, long index, BadSample sample) {
      told.add(index + ": " + sample.index());
    }
  }

  private static List<Long> bad(DeviceBatch batch) {
    return batch.badSamples().stream().map(BadSample::index).toList();
  }

  @ParameterizedTest(name = "without a good one: {0}")
  @ValueSource(booleans = {false, true})
  @DisplayName("they count when their batch is delivered: not before, and once if it is made again")
  void countedAtDelivery(boolean none) throws Exception {
    Target target = new Target(9, 0, none ? 4 : 2, 0);
    try (BackgroundLoader loader = Bench.loader(device, target).epochs(1).start()) {
      int copies = none ? 2 : 3;
      for (int i = 1; i <= 3; i++) {
        long made = (long) i * copies;
        until("all batches to be made", () -> loader.stats().copyTime().count() >= made);
        assertEquals(0, loader.stats().badSamples());
        assertEquals(0, loader.stats().skips());
        loader.reset();
      }
      Bench.get(loader).close();
      assertEquals(List.of(), target.told);
      try (DeviceBatch batch = Bench.get(loader)) {
        assertEquals(none ? 2 : 1, batch.index());
        assertEquals(none ? List.of() : List.of(10L, 11L), bad(batch));
        assertEquals(none ? 4 : 2, batch.size());
      }
      assertEquals(none ? 4 : 2, target.told.size());
      assertEquals(target.told.size(), loader.stats().badSamples());
      assertEquals(none ? 1 : 0, loader.stats().skips());
      assertEquals(0, loader.stats().failures());
    }
    Bench.assertAllGone(device);
  }

  @Test
  @DisplayName("I3, I5: beyond the bound a batch taken in flight fails once its copy has ended")
  void refusedInFlight() throws Exception {
    Target target = new Target(1, 2, 1);
    try (BackgroundLoader loader =
        Bench.loader(device.holdNewStreams(), target).epochs(1).start()) {
      Stream consumer = device.stream("consumer");
      Caller<DeviceBatch> caller =
          Caller.start(() -> loader.getQueued(consumer, patience())).untilWaiting();
      device.runAll();
      Throwable e = assertThrows(Exception.class, caller::result);
      while (!(e instanceof TargetException)) {
        e = Objects.requireNonNull(e.getCause());
      }
      assertEquals(0, ((TargetException) e).index());
      assertSays(
          assertInstanceOf(BadSamplesException.class, e.getCause()),
          "2 bad samples in this batch and 0 before are more than the 1 allowed",
          "sample 0: java.io.IOException: bad");
      try (DeviceBatch batch = loader.getQueued(consumer, patience())) {
        assertEquals(List.of(10L), bad(batch));
      }
      device.runAll();
    }
    Bench.assertAllGone(device);
  }

  @ParameterizedTest(name = "ordered: {0}, zero-copy: {1}")
  @CsvSource({"true, false", "false, false", "true, true", "false, true"})
  @DisplayName("what is refused may be skipped by a policy; the rest is delivered")
  void refusedAndSkipped(boolean ordered, boolean zeroCopy) throws Exception {
    Target target = new Target(3, 1, 4, 2, 0, 1, 3);
    List<Long> skipped = new ArrayList<>();
    List<Long> got = new ArrayList<>();
    try (BackgroundLoader loader =
        Bench.loader(device, target)
            .ordered(ordered)
            .zeroCopy(zeroCopy)
            .onFailure(FailurePolicy.retry(2).thenSkip(9, (e, index, cause) -> skipped.add(index)))
            .epochs(1)
            .start()) {
      for (DeviceBatch batch : loader.batches()) {
        got.add(batch.index());
      }
      assertEquals(3, loader.stats().badSamples());
      assertEquals(3, loader.stats().skips());
      assertEquals(0, loader.stats().failures(), "the target has not thrown");
    }
    if (ordered) {
      assertEquals(List.of(0L, 2L, 3L), got);
      assertEquals(List.of(1L, 4L, 5L), skipped);
      assertEquals(List.of("0: 0", "2: 20", "2: 21"), target.told);
    }
    assertEquals(6, got.size() + skipped.size());
    Bench.assertAllGone(device);
  }

  @Test
  @ResourceLock("io.pentrough's log")
  @DisplayName("a listener that throws costs no other call; it runs before get goes on waiting")
  void listener() throws Exception {
    CountDownLatch all = new CountDownLatch(1);
    Target target =
        new Target(9, 4, 0) {
          @Override
          public void fill(HostBatch out, BatchContext context) throws Exception {
            if (context.index() == 1) {
              await(all);
            }
            super.fill(out, context);
          }

          @Override
          public void badSample(int epoch, long index, BadSample sample) {
            super.badSample(epoch, index, sample);
            if (sample.index() == 3) {
              all.countDown();
            }
            throw new IllegalStateException("in the listener");
          }
        };
    try (LogCapture log = new LogCapture();
        BackgroundLoader loader = Bench.loader(device, target).epochs(1).start()) {
      try (DeviceBatch batch = Bench.get(loader)) {
        assertEquals(1, batch.index());
      }
      assertEquals(4, target.told.size());
      assertEquals(4, log.containing("the listener for skipped batches or bad samples").size());
    }
  }

  @ParameterizedTest(name = "without a good one: {0}, in a loop: {1}")
  @CsvSource({"false, false", "false, true", "true, false", "true, true"})
  @ResourceLock("io.pentrough's log")
  @DisplayName("a listener may close the loader: get returns what it has taken, and a loop ends")
  void listenerThatCloses(boolean none, boolean inLoop) throws Exception {
    AtomicReference<BackgroundLoader> toClose = new AtomicReference<>();
    CountDownLatch listening = new CountDownLatch(1);
    Target target =
        new Target(9, none ? 4 : 1, 0) {
          @Override
          public void fill(HostBatch out, BatchContext context) throws Exception {
            if (context.index() == 1) {
              await(listening); // so that there is nothing else to deliver
            }
            super.fill(out, context);
          }

          @Override
          public void badSample(int epoch, long index, BadSample sample) {
            super.badSample(epoch, index, sample);
            listening.countDown();
            Objects.requireNonNull(toClose.get()).close();
          }
        };
    try (LogCapture log = new LogCapture();
        BackgroundLoader loader = Bench.loader(device, target).epochs(1).start()) {
      toClose.set(loader);
      Callable<DeviceBatch> next =
          inLoop ? () -> loader.epoch().iterator().next() : () -> Bench.get(loader);
      if (none || inLoop) {
        assertThrows(LoaderClosedException.class, next::call);
      } else {
        try (DeviceBatch batch = next.call()) {
          assertEquals(List.of(0L), bad(batch));
          assertEquals(3, batch.size());
        }
      }
      assertThrows(LoaderClosedException.class, () -> Bench.get(loader));
      assertEquals(none ? 4 : 1, target.told.size(), "all of the batch, with the loader closed");
      assertEquals(target.told.size(), loader.stats().badSamples());
      int held = none || inLoop ? 0 : 1; // what get was about to return; there is no other word
      assertEquals(held, log.containing("closed with memory still in use").size());
      assertEquals(held, log.containing("").size());
    }
    Bench.assertAllGone(device);
  }

  /** What consumers got together, and what else a loader says of it. */
  private List<String> consume(int consumers, long max, int... bad) throws Exception {
    Map<Long, Thread> toldOn = new ConcurrentHashMap<>();
    Target target =
        new Target(max, bad) {
          @Override
          public void badSample(int epoch, long index, BadSample sample) {
            super.badSample(epoch, index, sample);
            toldOn.put(sample.index(), Thread.currentThread());
          }
        };
    List<String> got = Collections.synchronizedList(new ArrayList<>());
    try (BackgroundLoader loader = Bench.loader(device, target).workers(2).epochs(1).start()) {
      List<Caller<Boolean>> callers = new ArrayList<>();
      for (int i = 0; i < consumers; i++) {
        callers.add(
            Caller.run(
                () -> {
                  while (true) {
                    try (DeviceBatch batch = loader.get(patience())) {
                      got.add(batch.index() + " without " + bad(batch));
                      for (long sample : bad(batch)) {
                        assertEquals(Thread.currentThread(), toldOn.get(sample), "of " + batch);
                      }
                    } catch (TargetException e) {
                      Throwable cause = e.getCause();
                      got.add(
                          e.index()
                              + " failed: "
                              + message(assertInstanceOf(BadSamplesException.class, cause)));
                    } catch (NoSuchElementException end) {
                      return;
                    }
                  }
                }));
      }
      for (Caller<Boolean> caller : callers) {
        assertTrue(caller.result());
      }
      got.add("badSamples " + loader.stats().badSamples());
      got.add("skips " + loader.stats().skips());
      target.told.forEach(told -> got.add("told " + told));
    }
    Bench.assertAllGone(device);
    got.sort(null);
    return got;
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1, 2, 3, 4, 5, 6, 7})
  @DisplayName("several consumers: the counts of one, and each is told by who got the batch, first")
  void severalConsumers(long seed) throws Exception {
    Random random = new Random(seed);
    int[] bad = random.ints(60, 0, 5).toArray();
    int all = IntStream.of(bad).sum();
    long max = seed % 2 == 0 ? all : random.nextInt(all);
    List<String> alone = consume(1, max, bad);
    assertTrue(seed % 2 != 0 || alone.contains("badSamples " + all), alone::toString);
    assertEquals(alone, consume(4, max, bad));
  }

  @Test
  @DisplayName("where all samples are bad and no bound is set, a timeout says what is left out")
  void nothingButBadSamples() throws Exception {
    try (BackgroundLoader loader = Bench.loader(device, new Target(Long.MAX_VALUE, 4)).start()) {
      Executable get = () -> loader.get(Duration.ofMillis(1));
      until(
          "batches to be left out",
          () -> {
            assertThrows(BatchTimeoutException.class, get);
            return loader.stats().skips() > 0;
          });
      String headline =
          message(assertThrows(BatchTimeoutException.class, get)).lines().findFirst().orElseThrow();
      Matcher says =
          Pattern.compile(".* has left out (\\d+) batches and (\\d+) bad samples")
              .matcher(headline);
      assertTrue(says.matches(), headline);
      assertEquals(4 * Long.parseLong(says.group(1)), Long.parseLong(says.group(2)), headline);
    }
    Bench.assertAllGone(device);
  }

  @Test
  @DisplayName("a target without epochs may report them too: without a bound, and a queue's job")
  void plainTargets() throws Exception {
    Target target = new Target(0, 1, 4, 0);
    BatchTarget plain = (out, context) -> target.fill(out, context); // and no EpochTarget
    try (BackgroundLoader loader =
        Bench.loader(device, plain).batchesPerEpoch(3).epochs(1).start()) {
      try (DeviceBatch batch = Bench.get(loader)) {
        assertEquals(List.of(0L), bad(batch));
        assertThrows(UnsupportedOperationException.class, () -> batch.badSamples().remove(0));
      }
      try (DeviceBatch batch = Bench.get(loader)) {
        assertEquals(2, batch.index());
      }
      assertEquals(5, loader.stats().badSamples());
    }
    try (BatchQueue queue =
        BatchQueue.builder(device, Bench.SPEC.slotBytes()).name(Bench.NAME).start()) {
      queue.submit(Bench.SPEC, plain);
      queue.submit(Bench.SPEC, plain);
      queue.endSubmissions();
      try (DeviceBatch batch = queue.get(patience())) {
        assertEquals(List.of(0L), bad(batch));
      }
      assertEquals(null, queue.poll(patience()));
      assertEquals(1, queue.stats().skips());
    }
    assertEquals(List.of(), target.told);
  }

  @Test
  @DisplayName("what a failed attempt has reported is forgotten")
  void failedAttempt() throws Exception {
    BatchTarget target =
        (out, context) -> {
          Bench.write(out, context);
          if (context.attempt() == 0) {
            out.badSample(1, new IOException("at first"));
            out.padded(2);
            out.size(0);
            throw new IOException("once");
          }
        };
    try (BackgroundLoader loader =
            Bench.loader(device, target).onFailure(FailurePolicy.retry(1)).start();
        DeviceBatch batch = Bench.get(loader)) {
      assertEquals(4, batch.size());
      assertEquals(0, batch.padded());
      assertEquals(List.of(), batch.badSamples());
    }
  }

  /** Says whether it is asked for its words under a lock. */
  private static final class Asked extends IOException {
    private static final long serialVersionUID = 1;

    private final transient List<Object> locks = Collections.synchronizedList(new ArrayList<>());
    private final transient List<Boolean> held = Collections.synchronizedList(new ArrayList<>());

    @Override
    public String getMessage() {
      synchronized (locks) {
        locks.forEach(lock -> held.add(Thread.holdsLock(lock)));
      }
      return "unreadable";
    }
  }

  @ParameterizedTest(name = "beyond the bound: {0}")
  @ValueSource(booleans = {false, true})
  @DisplayName("what the dataset threw is asked for its words without the lock: they are user code")
  void wordsWithoutTheLock(boolean beyond) throws Exception {
    Asked thrown = new Asked();
    CountDownLatch mayFill = new CountDownLatch(1);
    Target target =
        new Target(beyond ? 1 : 9, 4, 0) {
          @Override
          public void fill(HostBatch out, BatchContext context) throws Exception {
            await(mayFill);
            Bench.write(out, context);
            if (context.index() == 0) {
              for (int i = 0; i < (beyond ? 2 : 4); i++) {
                out.badSample(i, thrown);
              }
              out.size(beyond ? 2 : 0);
            }
          }
        };
    List<String> words = new ArrayList<>();
    FailurePolicy policy =
        FailurePolicy.skip(9, (epoch, index, cause) -> words.add(String.valueOf(cause)));
    try (BackgroundLoader loader =
        Bench.loader(device, target).onFailure(policy).epochs(1).start()) {
      thrown.locks.add(loader.engine.core);
      mayFill.countDown();
      try (DeviceBatch batch = Bench.get(loader)) {
        assertEquals(1, batch.index());
      }
      assertEquals(1, words.size());
      assertTrue(words.get(0).contains("unreadable"), words::toString);
      assertTrue(thrown.held.size() > 0);
      assertTrue(thrown.held.stream().noneMatch(held -> held), thrown.held::toString);
    }
  }

  @Test
  @DisplayName("a fill that says that more samples repeat others than count fails")
  void morePaddedThanCount() throws Exception {
    Target target =
        new Target(0, 0) {
          @Override
          public void fill(HostBatch out, BatchContext context) throws Exception {
            Bench.write(out, context);
            out.padded(3);
            out.size(2);
          }
        };
    try (BackgroundLoader loader = Bench.loader(device, target).epochs(1).start()) {
      TargetException e = assertThrows(TargetException.class, () -> Bench.get(loader));
      assertSays(
          Objects.requireNonNull(e.getCause()),
          "padded(3)",
          "more samples repeat others than the 2 that count");
    }
  }

  @Test
  @DisplayName("bad input: no sample but none is bad; more repeats than fit")
  void badInput() {
    HostBatch batch = new HostBatch(Bench.SPEC, new TestMemory(Bench.SPEC.slotBytes()), 0, null);
    batch.open();
    assertSays(
        assertThrows(IllegalArgumentException.class, () -> batch.size(0)), "not 0", "endOfEpoch()");
    batch.badSample(7, new IOException("unreadable"));
    batch.size(0);
    assertThrows(IllegalArgumentException.class, () -> batch.size(-1));
    for (int padded : new int[] {-1, 4}) {
      assertSays(
          assertThrows(IllegalArgumentException.class, () -> batch.padded(padded)),
          "of 4 samples 0 to 3 can repeat others, not " + padded);
    }
    assertEquals(1, batch.badSamples().size());
    batch.close();
    assertThrows(IllegalStateException.class, () -> batch.badSample(8, new IOException()));
    assertThrows(IllegalStateException.class, () -> batch.padded(1));
    batch.open();
    assertTrue(batch.badSamples().isEmpty());
  }
}
