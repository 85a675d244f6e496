package io.pentrough;

import static io.pentrough.testkit.Patience.patience;
import static io.pentrough.testkit.Patience.until;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.Trace.Batch;
import io.pentrough.Trace.Event;
import io.pentrough.Trace.Result;
import io.pentrough.Trace.Step;
import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.Numbered;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@link Trace} says what the test did. */
@OnEveryDevice(everySchedule = false)
class TraceTest {

  private static final long HOUR = TimeUnit.HOURS.toNanos(1);
  private static final Duration LONG = Duration.ofDays(1000);

  private final Device device = TestDevice.open();
  private final SteppedTime time = new SteppedTime();

  /** One for each fill that may go on. */
  private final Semaphore fills = new Semaphore(0);

  private BackgroundLoader.Builder builder(BatchTarget target) {
    return BackgroundLoader.builder(device, Numbered.SPEC, target)
        .time(time)
        .warnAfter(LONG)
        .closeTimeout(Duration.ofSeconds(2));
  }

  private void fillWhenAllowed(HostBatch out, BatchContext context) throws Exception {
    fills.acquire();
    Numbered.fill(out, context);
  }

  /** So much happens in no time compared to an hour: in which hour each step was. */
  private static String hours(Batch batch) {
    StringBuilder hours = new StringBuilder();
    for (Step step : Step.values()) {
      batch.at(step).ifPresentOrElse(at -> hours.append(at / HOUR), () -> hours.append('-'));
    }
    return hours.toString();
  }

  private static Batch batch(BatchLoader loader, int number) {
    return loader.trace().batches().get(number);
  }

  private static void untilReached(BatchLoader loader, int number, Step step) {
    until(
        step + " of " + number,
        () -> {
          List<Batch> batches = loader.trace().batches();
          return number < batches.size() && batches.get(number).at(step).isPresent();
        });
  }

  private static List<Result> results(Trace trace) {
    return trace.batches().stream().map(Batch::result).toList();
  }

  private static List<Event.Kind> kinds(Trace trace) {
    return trace.events().stream().map(Event::kind).toList();
  }

  @Test
  @DisplayName("each step of a batch, at its time")
  void steps() throws Exception {
    try (BackgroundLoader loader =
        builder(this::fillWhenAllowed).hostSlots(1).deviceSlots(1).start()) {
      untilReached(loader, 0, Step.FILL_STARTED);
      time.pass(HOUR);
      assertEquals("000---------", hours(batch(loader, 0)));
      assertEquals(Result.UNDER_WAY, batch(loader, 0).result());
      fills.release();
      untilReached(loader, 0, Step.READY);
      assertEquals("00011111----", hours(batch(loader, 0)));
      untilReached(loader, 1, Step.FILL_STARTED);
      time.pass(HOUR);
      DeviceBatch first = loader.get();
      assertEquals("0001111122--", hours(batch(loader, 0)));
      assertEquals(Result.DELIVERED, batch(loader, 0).result());

      fills.release(); // the next one has no device slot until the first is closed
      untilReached(loader, 1, Step.FILLED);
      time.pass(HOUR);
      first.close();
      assertEquals("000111112233", hours(batch(loader, 0)));
      untilReached(loader, 1, Step.READY);
      loader.get().close();
      Caller<DeviceBatch> waits = Caller.start(loader::get);
      waits.untilWaiting();
      untilReached(loader, 2, Step.FILL_STARTED);
      time.pass(HOUR);
      waits.untilWaiting();
      fills.release();
      waits.result().close();

      Batch one = batch(loader, 1);
      assertEquals("111233333333", hours(one));
      assertEquals(Thread.currentThread().getName(), one.consumer().orElseThrow());
      Batch two = batch(loader, 2);
      assertEquals("233444443444", hours(two), "its worker waited for the only host slot");
      assertEquals("caller", two.consumer().orElseThrow());
      assertEquals(2, two.index());
      assertEquals(0, two.epoch());
      assertEquals(0, two.worker());
      assertEquals(0, two.hostSlot());
      assertEquals(OptionalInt.of(0), two.deviceSlot());
      assertEquals(1, two.attempts());
      assertEquals("batch 2 of epoch 0: DELIVERED", two.toString());
      assertEquals(4, loader.trace().elapsed().toHours());
      fills.release(1_000);
    }
  }

  @Test
  @DisplayName("zero-copy: no copy, and the slot is free when the work on it has run")
  void mapped() throws Exception {
    try (BackgroundLoader loader =
        builder(this::fillWhenAllowed).zeroCopy(true).hostSlots(1).deviceSlots(1).start()) {
      untilReached(loader, 0, Step.FILL_STARTED);
      time.pass(HOUR);
      fills.release();
      DeviceBatch first = loader.get();
      time.pass(HOUR);
      first.close();
      untilReached(loader, 0, Step.FREED);
      Batch batch = batch(loader, 0);
      assertEquals("0001---1", hours(batch).substring(0, 8));
      assertEquals("122", hours(batch).substring(9));
      assertEquals(OptionalInt.of(batch.hostSlot()), batch.deviceSlot());
      fills.release(1_000);
    }
  }

  @Test
  @DisplayName("retries, a failure, one that is left out, and their causes")
  void failures() throws Exception {
    AtomicInteger calls = new AtomicInteger();
    try (BackgroundLoader loader =
        builder(
                (out, context) -> {
                  fills.acquire();
                  if (calls.getAndIncrement() == 0) {
                    throw new IOException("once");
                  }
                  if (context.index() == 1) {
                    throw new IllegalArgumentException("always");
                  }
                  Numbered.fill(out, context);
                })
            .onFailure(FailurePolicy.retry(1))
            .start()) {
      untilReached(loader, 0, Step.FILL_STARTED);
      time.pass(HOUR);
      fills.release(); // throws
      until("the retry", () -> batch(loader, 0).attempts() == 2);
      time.pass(HOUR);
      fills.release();
      loader.get().close();
      fills.release(2); // throws, throws
      assertThrows(TargetException.class, loader::get);

      Trace trace = loader.trace();
      assertEquals("0002", hours(trace.batches().get(0)).substring(0, 4));
      Event retry = trace.events().get(0);
      assertEquals(List.of(Event.Kind.RETRY, Event.Kind.RETRY), kinds(trace));
      assertEquals(1, retry.at() / HOUR);
      assertEquals(0, retry.index().orElseThrow());
      assertEquals(0, retry.epoch().orElseThrow());
      assertEquals(0, retry.worker().orElseThrow());
      assertEquals("java.io.IOException", retry.cause().orElseThrow());
      Batch failed = trace.batches().get(1);
      assertEquals(Result.FAILED, failed.result());
      assertEquals("java.lang.IllegalArgumentException", failed.cause().orElseThrow());
      assertEquals(2, failed.attempts());
      assertEquals(OptionalInt.empty(), failed.deviceSlot());
      assertTrue(failed.at(Step.TAKEN).isPresent());
      assertEquals(Thread.currentThread().getName(), failed.consumer().orElseThrow());
      fills.release(1_000);
    }
  }

  @Test
  @DisplayName("what a policy leaves out is SKIPPED, and the next one is delivered")
  void skips() throws Exception {
    try (BackgroundLoader loader =
        builder(
                (out, context) -> {
                  if (context.index() == 1) {
                    throw new IOException("no such file");
                  }
                  Numbered.fill(out, context);
                })
            .onFailure(FailurePolicy.skip(1, (epoch, index, cause) -> {}))
            .start()) {
      loader.get().close();
      loader.get().close();
      List<Batch> batches = loader.trace().batches();
      assertEquals(
          List.of(Result.DELIVERED, Result.SKIPPED, Result.DELIVERED),
          results(loader.trace()).subList(0, 3));
      assertEquals("java.io.IOException", batches.get(1).cause().orElseThrow());
      assertEquals(2, batches.get(2).index());
    }
  }

  @Test
  @DisplayName("a stage that fails: the batch has a device slot, and FAILED")
  void stageFails() throws Exception {
    try (BackgroundLoader loader =
        builder(Numbered::fill)
            .stage(new TestStages.HandOn(Numbered.SPEC, index -> index == 0))
            .start()) {
      assertThrows(TargetException.class, loader::get);
      loader.get().close();
      List<Batch> batches = loader.trace().batches();
      assertEquals(Result.FAILED, batches.get(0).result());
      assertTrue(batches.get(0).cause().isPresent());
      assertTrue(batches.get(0).deviceSlot().isPresent());
      assertEquals(Result.DELIVERED, batches.get(1).result());
    }
  }

  @Test
  @DisplayName("the end of an epoch that the target declares: EMPTY")
  void empty() throws Exception {
    try (BackgroundLoader loader =
        builder(
                (out, context) -> {
                  if (context.index() == 1) {
                    context.endOfEpoch();
                  }
                  Numbered.fill(out, context);
                })
            .epochs(1)
            .start()) {
      loader.get().close();
      assertEquals(null, loader.poll(patience()));
      assertEquals(List.of(Result.DELIVERED, Result.EMPTY), results(loader.trace()).subList(0, 2));
    }
  }

  @Test
  @DisplayName("a reset and a close: what they drop, and when")
  void resetAndClose() throws Exception {
    BackgroundLoader loader = builder(this::fillWhenAllowed).deviceSlots(1).start();
    try (loader) {
      fills.release();
      untilReached(loader, 0, Step.READY);
      untilReached(loader, 1, Step.FILL_STARTED);
      time.pass(HOUR);
      loader.reset();
      assertEquals(List.of(Event.Kind.RESET), kinds(loader.trace()));
      assertEquals(1, loader.trace().events().get(0).at() / HOUR);
      assertEquals(Result.DROPPED, batch(loader, 0).result());
      assertEquals(Result.UNDER_WAY, batch(loader, 1).result(), "its target still runs");
      time.pass(HOUR);
      fills.release(2); // the one that is dropped, then the first again
      DeviceBatch again = loader.get();
      assertEquals(Result.DROPPED, batch(loader, 1).result());
      assertEquals(2, batch(loader, 1).at(Step.FREED).orElseThrow() / HOUR);
      assertEquals(0, batch(loader, 2).index());
      again.close();
      untilReached(loader, 3, Step.FILL_STARTED);
      time.pass(HOUR);
      fills.release(1_000);
    }
    Trace closed = loader.trace();
    assertEquals(List.of(Event.Kind.RESET, Event.Kind.STOPPED), kinds(closed));
    assertEquals(3, closed.events().get(1).at() / HOUR);
    assertTrue(closed.batches().stream().allMatch(b -> b.at(Step.FREED).isPresent()));
    assertTrue(closed.batches().stream().noneMatch(b -> b.result() == Result.UNDER_WAY));
    assertEquals(1, closed.stats().batches());
  }

  @Test
  @DisplayName("a get that timed out, and one that waits")
  void waits() throws Exception {
    try (BackgroundLoader loader = builder(this::fillWhenAllowed).name("waits").start()) {
      untilReached(loader, 0, Step.FILL_STARTED);
      Caller<DeviceBatch> timesOut = Caller.start(() -> loader.get(Duration.ofHours(1)));
      until("it waits", () -> kinds(loader.trace()).equals(List.of(Event.Kind.WAITING)));
      time.pass(2 * HOUR);
      timesOut.failure(BatchTimeoutException.class);
      Event timeout = loader.trace().events().get(0);
      assertEquals(Event.Kind.TIMEOUT, timeout.kind());
      assertEquals(0, timeout.since() / HOUR);
      assertEquals(2, timeout.at() / HOUR);
      assertEquals("caller", timeout.thread().orElseThrow());
      assertEquals(List.of(Event.Kind.TIMEOUT), kinds(loader.trace()), "nobody waits now");

      List<Caller<Boolean>> waiting = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        waiting.add(Caller.run(() -> loader.get().close()));
      }
      until("they wait", () -> loader.trace().events().size() == 6);
      time.pass(HOUR);
      until("they wait on", () -> loader.trace().events().size() == 6);
      for (Event event : loader.trace().events().subList(1, 6)) {
        assertEquals(Event.Kind.WAITING, event.kind());
        assertEquals("2 3", event.since() / HOUR + " " + event.at() / HOUR);
      }
      fills.release(1_000);
      for (Caller<Boolean> caller : waiting) {
        caller.result();
      }
      assertEquals(List.of(Event.Kind.TIMEOUT), kinds(loader.trace()), "nobody waits any more");
    }
  }

  @Test
  @DisplayName("an interrupt and a close end a wait")
  void waitsEndUnserved() throws Exception {
    BackgroundLoader loader = builder(this::fillWhenAllowed).start();
    try (loader) {
      Caller<DeviceBatch> interrupted = Caller.start(loader::get);
      until("it waits", () -> loader.trace().events().size() == 1);
      interrupted.thread.interrupt();
      interrupted.failure(InterruptedException.class);
      assertEquals(List.of(), loader.trace().events());
      Caller<DeviceBatch> closed = Caller.start(loader::get);
      until("it waits", () -> loader.trace().events().size() == 1);
      fills.release(1_000);
      closed.result().close();
      Caller<DeviceBatch> rest = Caller.start(loader::get);
      rest.result().close();
    }
    assertEquals(List.of(Event.Kind.STOPPED), kinds(loader.trace()));
  }

  @Test
  @DisplayName("the ring keeps the last ones that are over, and all that are open, however old")
  void ring() throws Exception {
    try (BackgroundLoader loader = builder(Numbered::fill).trace(4).start()) {
      DeviceBatch held = loader.get();
      for (int i = 0; i < 20; i++) {
        loader.get().close();
      }
      List<Batch> batches = loader.trace().batches();
      assertEquals(0, batches.get(0).index());
      assertTrue(batches.get(0).at(Step.CLOSED).isEmpty());
      List<Long> over =
          batches.stream()
              .filter(batch -> batch.at(Step.FREED).isPresent())
              .map(Batch::index)
              .toList();
      assertEquals(List.of(17L, 18L, 19L, 20L), over);
      held.close();
      for (int i = 0; i < 6; i++) {
        loader.reset();
      }
      assertEquals(4, loader.trace().events().size());
    }
  }

  @Test
  @DisplayName("off: only what is under way")
  void off() throws Exception {
    BackgroundLoader loader = builder(this::fillWhenAllowed).trace(0).start();
    try (loader) {
      fills.release(2);
      loader.get().close();
      DeviceBatch held = loader.get();
      until("the next fill", () -> loader.trace().batches().size() == 2);
      Trace trace = loader.trace();
      assertEquals(List.of(Result.DELIVERED, Result.UNDER_WAY), results(trace));
      assertEquals(1, trace.batches().get(0).index());
      loader.reset();
      held.close();
      fills.release(1_000);
    }
    Trace trace = loader.trace();
    assertEquals(List.of(), trace.batches());
    assertEquals(List.of(), trace.events());
    assertEquals(2, trace.stats().batches());
  }

  @Test
  @DisplayName("a number of batches that cannot be is refused")
  void refused() {
    for (int wrong : new int[] {-1, 65_537}) {
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> builder(Numbered::fill).trace(wrong));
      assertEquals(
          "trace must be 0 to 65536 batches, not " + wrong + ": 0 turns it off", e.getMessage());
    }
  }

  @Test
  @DisplayName("a queue: the jobs' numbers, and when a worker began to wait for one")
  void queue() throws Exception {
    try (BatchQueue queue = BatchQueue.builder(device, 1024).time(time).warnAfter(LONG).start()) {
      until("the worker waits", () -> queue.stats().workerStarvedShare() > 0);
      time.pass(HOUR);
      queue.submit(Numbered.SPEC, Numbered::fill);
      queue.get().close();
      Batch batch = batch(queue, 0);
      assertEquals("011111111111", hours(batch));
      assertEquals(0, batch.index());
    }
  }

  private static long sum(Trace trace, Step from, Step to) {
    ToLongFunction<Batch> length =
        batch -> batch.at(to).orElseThrow() - batch.at(from).orElseThrow();
    return trace.batches().stream()
        .filter(batch -> batch.at(from).isPresent() && batch.at(to).isPresent())
        .mapToLong(length)
        .sum();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  @DisplayName("the sums of a whole run are those of the statistics: the same clock reads")
  void agreesWithTheStatistics(boolean staged) throws Exception {
    int batches = 300;
    BackgroundLoader.Builder builder =
        BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill)
            .workers(3)
            .batchesPerEpoch(batches)
            .epochs(1)
            .trace(1_000);
    if (staged) { // else workers may run the copies
      builder.stage(new TestStages.HandOn(Numbered.SPEC, index -> false));
    }
    BackgroundLoader loader = builder.start();
    try (loader) {
      int got = 0;
      for (DeviceBatch batch : loader.batches()) {
        got += batch.isOpen() ? 1 : 0;
      }
      assertEquals(batches, got);
    }
    Trace trace = loader.trace();
    LoaderStats stats = trace.stats();
    assertEquals(batches, trace.batches().size());
    assertEquals(stats.fillTime().sumNanos(), sum(trace, Step.FILL_STARTED, Step.FILLED));
    assertEquals(stats.slotWait().sumNanos(), sum(trace, Step.REQUESTED, Step.CLAIMED));
    assertEquals(stats.copyTime().sumNanos(), sum(trace, Step.COPY_STARTED, Step.COPIED));
    assertEquals(stats.consumerWait().sumNanos(), sum(trace, Step.ASKED, Step.TAKEN));
    assertStepsInOrder(trace);
    assertNoOverlap(trace, batch -> "worker " + batch.worker(), Step.CLAIMED, Step.FILLED);
    assertNoOverlap(trace, batch -> "host " + batch.hostSlot(), Step.CLAIMED, Step.COPIED);
    assertNoOverlap(trace, batch -> "device " + batch.deviceSlot(), Step.RESERVED, Step.FREED);
    assertNoOverlap(trace, batch -> "copy", Step.COPY_STARTED, Step.COPIED);
  }

  private static void assertStepsInOrder(Trace trace) {
    Set<Step> ofTheConsumer = Set.of(Step.ASKED);
    for (Batch batch : trace.batches()) {
      List<Step> reached =
          Stream.of(Step.values())
              .filter(step -> batch.at(step).isPresent() && !ofTheConsumer.contains(step))
              .toList();
      for (int i = 1; i < reached.size(); i++) {
        long before = batch.at(reached.get(i - 1)).orElseThrow();
        long at = batch.at(reached.get(i)).orElseThrow();
        assertTrue(before <= at, batch + ": " + reached.get(i) + " " + at + " after " + before);
      }
    }
  }

  private static void assertNoOverlap(
      Trace trace, Function<Batch, String> track, Step from, Step to) {
    List<Batch> sorted = new ArrayList<>(trace.batches());
    sorted.sort((a, b) -> Long.compare(a.at(from).orElseThrow(), b.at(from).orElseThrow()));
    Map<String, Long> until = new HashMap<>();
    for (Batch batch : sorted) {
      long begin = batch.at(from).orElseThrow();
      Long end = until.put(track.apply(batch), batch.at(to).orElseThrow());
      assertTrue(end == null || end <= begin, track.apply(batch) + " at " + batch);
    }
  }

  @Test
  @DisplayName("taken in flight: TAKEN before READY, and the slot is free when the copy has ended")
  void takenInFlight() throws Exception {
    try (BackgroundLoader loader = builder(Numbered::fill).start()) {
      for (int i = 0; i < 50; i++) {
        loader.getQueued().close();
      }
      device.defaultStream().synchronize();
      for (int i = 0; i < 50; i++) {
        untilReached(loader, i, Step.FREED);
        Batch batch = batch(loader, i);
        assertEquals(Result.DELIVERED, batch.result());
        for (Step step : List.of(Step.READY, Step.CLOSED)) {
          assertTrue(batch.at(step).orElseThrow() <= batch.at(Step.FREED).orElseThrow());
        }
      }
    }
  }

  @Test
  @DisplayName("the wall clock: of the moment at which the trace was taken")
  void wallClock() throws Exception {
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill).start()) {
      Instant before = Instant.now();
      Trace trace = loader.trace();
      Instant after = Instant.now();
      assertTrue(!trace.takenAt().isBefore(before.minusMillis(1)), before + " " + trace.takenAt());
      assertTrue(!trace.takenAt().isAfter(after.plusMillis(1)), after + " " + trace.takenAt());
      assertEquals(loader.name(), trace.loader());
      assertTrue(trace.toString().startsWith("trace of " + loader.name() + ": "));
    }
  }
}
