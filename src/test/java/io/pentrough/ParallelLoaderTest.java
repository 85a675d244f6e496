package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.testkit.Patience.await;
import static io.pentrough.testkit.Patience.patience;
import static io.pentrough.testkit.Patience.until;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Collected;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.LogCapture;
import io.pentrough.testkit.Numbered;
import io.pentrough.testkit.Patience;
import io.pentrough.testkit.Threads;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Several devices in step: what a step is made of, and what cannot tear one apart. */
@OnEveryDevice(everySchedule = false)
class ParallelLoaderTest {

  private static final Duration SOON = Duration.ofMillis(1);

  private final List<Device> devices = TestDevice.open(2);

  private ParallelLoader.Builder loader(BatchTarget target) {
    return ParallelLoader.builder(devices, Numbered.SPEC, target).batchesPerEpoch(12).epochs(1);
  }

  private ParallelLoader.Builder loader() {
    return loader(Numbered::fill);
  }

  /** A target that makes all batches but one at once, and that one when it is let. */
  private static BatchTarget heldAt(long index, CountDownLatch gate) {
    return (out, context) -> {
      if (context.index() == index) {
        await(gate);
      }
      Numbered.fill(out, context);
    };
  }

  private static BatchTarget failingAt(long index) {
    return (out, context) -> {
      if (context.index() == index) {
        throw new IllegalStateException("bad sample");
      }
      Numbered.fill(out, context);
    };
  }

  /** The step's batches, as "epoch.index", those that repeat marked by a star; closes it. */
  private String indexes(ParallelBatch step) {
    try (step) {
      List<String> all = new ArrayList<>();
      for (int i = 0; i < devices.size(); i++) {
        DeviceBatch batch = step.batch(i);
        assertSame(devices.get(i), batch.stream().device());
        assertSame(devices.get(i), batch.array(0).buffer().device());
        assertEquals(step.epoch(), batch.epoch());
        assertEquals(batch.index(), Numbered.number(batch));
        all.add(batch.index() + (batch.isRepeat() ? "*" : ""));
      }
      return String.join("+", all);
    }
  }

  private String next(ParallelLoader loader) throws Exception {
    return indexes(loader.get(patience()));
  }

  private List<String> drain(ParallelLoader loader) throws Exception {
    List<String> all = new ArrayList<>();
    ParallelBatch step;
    while ((step = loader.poll(patience())) != null) {
      all.add(indexes(step));
    }
    return all;
  }

  // ---- the three ways in which a naive group breaks

  @ParameterizedTest
  @CsvSource({
    "DROP, 0+1 2+3 4+5 6+7 8+9 0+1 2+3 4+5 6+7 8+9",
    "PAD, 0+1 2+3 4+5 6+7 8+9 10+0* 0+1 2+3 4+5 6+7 8+9 10+0*"
  })
  @DisplayName("11 batches on 2 devices: none is taken for a step that cannot be completed")
  void remainder(Remainder remainder, String steps) throws Exception {
    try (ParallelLoader loader =
        loader().batchesPerEpoch(11).epochs(2).remainder(remainder).start()) {
      assertEquals(List.of(steps.split(" ")), drain(loader));
      assertSays(
          assertThrows(NoSuchElementException.class, () -> next(loader)),
          loader.name() + " has no more steps");
      ParallelStats stats = loader.stats();
      assertEquals(steps.split(" ").length, stats.steps());
      for (int i = 0; i < 2; i++) {
        assertEquals(stats.steps(), stats.devices().get(i).batches());
        assertEquals(0, stats.dropped(i));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"2, 1", "3, 0"})
  @DisplayName("a batch that is left out costs the whole step, and the devices stay in step")
  void skipped(long index, int other) throws Exception {
    AtomicInteger told = new AtomicInteger();
    FailurePolicy policy = FailurePolicy.skip(5, (e, i, cause) -> told.incrementAndGet());
    try (ParallelLoader loader = loader(failingAt(index)).onFailure(policy).start()) {
      assertEquals(List.of("0+1", "4+5", "6+7", "8+9", "10+11"), drain(loader));
      assertEquals(1, told.get());
      ParallelStats stats = loader.stats();
      assertEquals(1, stats.dropped(other));
      assertEquals(0, stats.dropped(1 - other));
      assertEquals(5, stats.devices().get(1 - other).batches());
      assertEquals(6, stats.devices().get(other).batches());
    }
  }

  @Test
  @DisplayName("a timeout keeps what is there of the step; the next get has it, on any thread")
  void timeout() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    try (ParallelLoader loader = loader(heldAt(3, gate)).name("train").start()) {
      assertEquals("0+1", next(loader));
      untilTaken(loader, 0, 2);
      BatchTimeoutException e =
          assertThrows(BatchTimeoutException.class, () -> loader.get(SOON).close());
      assertSays(e, "train waits for train-1 on " + devices.get(1).name(), "keeps", "index 3");
      gate.countDown();
      ParallelBatch step = Caller.start(() -> loader.get(patience())).result();
      assertEquals("2+3", indexes(step));
      assertEquals("4+5", next(loader));
    }
  }

  @Test
  @DisplayName("what another thread's get has left counts for the thread that gets the step")
  void countsForTheCaller() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    try (ParallelLoader loader = loader(heldAt(1, gate)).deviceSlots(1).start()) {
      Caller.run(() -> untilTaken(loader, 0, 1)).result();
      gate.countDown();
      try (ParallelBatch step = loader.get(patience())) {
        assertThrows(AllSlotsHeldException.class, () -> loader.get(patience()).close());
        assertEquals("0+1", indexes(step));
      }
      assertEquals("2+3", next(loader));
    }
  }

  /** Until a get has taken so many batches of a device; it gives up waiting for the other one. */
  private static void untilTaken(ParallelLoader loader, int device, long batches) {
    untilTaken(loader, device, batches, () -> loader.get(SOON));
  }

  private static void untilTaken(
      ParallelLoader loader, int device, long batches, Callable<ParallelBatch> get) {
    until(
        "the device's batch is taken",
        () -> {
          assertThrows(BatchTimeoutException.class, () -> get.call().close());
          return loader.stats().devices().get(device).batches() == batches;
        });
  }

  // ---- more ways

  @ParameterizedTest
  @CsvSource({"2", "3"})
  @DisplayName("a failure is thrown once, and the step is left out on all devices")
  void failure(long index) throws Exception {
    try (ParallelLoader loader = loader(failingAt(index)).start()) {
      assertEquals("0+1", next(loader));
      Position before = loader.position();
      TargetException e = assertThrows(TargetException.class, () -> next(loader));
      assertEquals(index, e.index());
      assertEquals(before, loader.position(), "a loader that starts there tries the step again");
      assertEquals(List.of("4+5", "6+7", "8+9", "10+11"), drain(loader));
    }
  }

  @Test
  @DisplayName("the last step lacks a batch: the end is told, and nothing stays behind")
  void lastStepIsLeftOut() throws Exception {
    FailurePolicy policy = FailurePolicy.skip(5, (e, i, cause) -> {});
    for (long index = 10; index < 12; index++) {
      try (ParallelLoader loader = loader(failingAt(index)).onFailure(policy).start()) {
        assertEquals(List.of("0+1", "2+3", "4+5", "6+7", "8+9"), drain(loader));
        assertThrows(NoSuchElementException.class, () -> next(loader));
        assertEquals(0, leased(loader));
      }
    }
  }

  private static long leased(ParallelLoader loader) {
    return loader.snapshots().stream()
        .flatMap(snapshot -> snapshot.deviceSlots().stream())
        .filter(slot -> slot.state() == LoaderSnapshot.SlotState.LEASED)
        .count();
  }

  @Test
  @DisplayName("reset keeps what is there of a step, and the position is that of the last step")
  void reset() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    Position saved;
    try (ParallelLoader loader = loader(heldAt(3, gate)).start()) {
      Position first = loader.position();
      assertEquals(0, first.index());
      try (ParallelBatch step = loader.get(patience())) {
        assertEquals(loader.position(), step.position());
      }
      saved = loader.position();
      assertEquals(2, saved.index());
      untilTaken(loader, 0, 2);
      assertEquals(saved, loader.position());
      loader.reset();
      assertEquals(saved, loader.position());
      gate.countDown();
      assertEquals(List.of("2+3", "4+5", "6+7", "8+9", "10+11"), drain(loader));
      assertEquals(6, loader.stats().devices().get(0).batches());
    }
    try (ParallelLoader loader = loader().startAt(Position.parse(saved.toString())).start()) {
      assertEquals(List.of("2+3", "4+5", "6+7", "8+9", "10+11"), drain(loader));
    }
    try (BackgroundLoader one =
        BackgroundLoader.builder(devices.get(0), Numbered.SPEC, Numbered::fill)
            .batchesPerEpoch(12)
            .startAt(saved)
            .start()) {
      Numbered.check(2, one.get(patience()));
    }
  }

  @Test
  @DisplayName("an interrupt keeps what is there of the step")
  void interrupted() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    try (ParallelLoader loader = loader(heldAt(1, gate)).start()) {
      Caller<ParallelBatch> waits = Caller.start(loader::get).untilWaiting();
      until("its first batch is taken", () -> leased(loader) == 1);
      waits.thread.interrupt();
      waits.failure(InterruptedException.class);
      gate.countDown();
      assertEquals("0+1", next(loader));
    }
  }

  @Test
  @DisplayName("several threads get whole steps, each once")
  void threads() throws Exception {
    try (ParallelLoader loader = loader().batchesPerEpoch(400).workers(2).start()) {
      List<Caller<List<String>>> callers = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        callers.add(Caller.start(() -> drain(loader)));
      }
      List<String> all = new ArrayList<>();
      for (Caller<List<String>> caller : callers) {
        all.addAll(caller.result()); // perhaps none: the others were faster
      }
      List<String> steps =
          IntStream.range(0, 200).mapToObj(i -> 2 * i + "+" + (2 * i + 1)).sorted().toList();
      assertEquals(steps, all.stream().sorted().toList());
    }
  }

  @Test
  @DisplayName("who waits for another thread's step has a time limit, too")
  void turn() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    try (ParallelLoader loader = loader(heldAt(1, gate)).start()) {
      Caller<ParallelBatch> waits = Caller.start(loader::get).untilWaiting();
      assertSays(
          assertThrows(BatchTimeoutException.class, () -> loader.get(SOON).close()), loader.name());
      assertThrows(BatchTimeoutException.class, () -> loader.get(Duration.ZERO).close());
      gate.countDown();
      assertEquals("0+1", indexes(waits.result()));
    }
  }

  @Test
  @DisplayName("who holds all slots is told so, also while another thread waits for them")
  void allSlotsHeld() throws Exception {
    try (ParallelLoader loader = loader().deviceSlots(1).start()) {
      ParallelBatch held = loader.get(patience());
      Caller<ParallelBatch> waits = Caller.start(loader::get).untilWaiting();
      assertThrows(AllSlotsHeldException.class, () -> loader.get(patience()).close());
      held.close();
      assertEquals("2+3", indexes(waits.result()));
    }
  }

  @Test
  @DisplayName("where it is stays known, however many steps are left out behind it")
  void positionFarBehind() throws Exception {
    long most = 2L * DeliveredWindow.SIZE + 100; // of each device
    BatchTarget target =
        (out, context) -> {
          if (context.index() > 1 && context.index() < 2 * most) {
            throw new IllegalStateException("bad sample");
          }
          Numbered.fill(out, context);
        };
    try (ParallelLoader loader =
        loader(target)
            .batchesPerEpoch(2 * most + 4)
            .onFailure(FailurePolicy.skip(Long.MAX_VALUE, (e, i, cause) -> {}))
            .start()) {
      try (ParallelBatch first = loader.get(patience())) {
        try (ParallelBatch second = loader.get(patience())) {
          assertEquals(2 * most, second.batch(0).index());
          assertEquals(2 * most + 2, second.position().index());
        }
        assertEquals(2, first.position().index());
      }
    }
  }

  @Test
  @DisplayName("a position is made when it is asked for: a step takes little Java heap")
  void heapPerStep() throws Exception {
    try (ParallelLoader loader = loader().batchesPerEpoch(1 << 20).start()) {
      int steps = 100;
      Duration patience = patience();
      long plain = Allocations.bytesOf(() -> take(loader, patience, steps)) / steps;
      assertTrue(plain <= 960, "a step takes " + plain + " bytes");
    }
  }

  private static void take(ParallelLoader loader, Duration patience, int steps) throws Exception {
    for (int i = 0; i < steps; i++) {
      loader.get(patience).close();
    }
  }

  // ---- copies that are still under way

  @Test
  @DisplayName("getQueued delivers the same steps")
  void queued() throws Exception {
    try (ParallelLoader loader = loader().start()) {
      for (int i = 0; i < 12; i += 2) {
        ParallelBatch step =
            i < 6 ? loader.getQueued() : loader.getQueued(patience()); // with and without a bound
        step.batches().forEach(batch -> batch.stream().synchronize());
        assertEquals(i + "+" + (i + 1), indexes(step));
      }
      assertThrows(NoSuchElementException.class, () -> loader.getQueued(patience()));
      assertThrows(NoSuchElementException.class, loader::getQueued);
    }
  }

  @Test
  @DisplayName("a get waits for the copies of what a getQueued has left")
  void queuedThenReady() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    ScriptedDevice scripted = new ScriptedDevice().holdNewStreams();
    try (ParallelLoader loader =
        ParallelLoader.builder(List.of(scripted, devices.get(0)), Numbered.SPEC, heldAt(1, gate))
            .batchesPerEpoch(12)
            .epochs(1)
            .name("train")
            .start()) {
      untilTaken(loader, 0, 1, () -> loader.getQueued(SOON)); // while its copy is under way
      gate.countDown();
      untilTaken(loader, 1, 1);
      assertSays(
          assertThrows(BatchTimeoutException.class, () -> loader.get(SOON).close()),
          "train waits for train-0");
      Caller<ParallelBatch> waits = Caller.start(loader::get).untilWaiting();
      until("the copy", () -> scripted.step(scripted.streamsOfLoader().get(0)));
      try (ParallelBatch step = waits.result()) {
        assertEquals(0, step.batch(0).index());
        assertEquals(1, step.batch(1).index());
      }
      scripted.runAll();
    }
    assertEquals(List.of(), scripted.violations());
    assertEquals(List.of(), scripted.live());
  }

  // ---- loops

  private List<String> all(Iterable<ParallelBatch> steps) {
    List<String> all = new ArrayList<>();
    for (ParallelBatch step : steps) {
      String indexes =
          String.join("+", step.batches().stream().map(b -> "" + Numbered.number(b)).toList());
      all.add(step.epoch() + ": " + indexes);
    }
    return all;
  }

  @ParameterizedTest
  @CsvSource({
    "DROP, 0+1 2+3, 0+1 2+3",
    "PAD, 0+1 2+3 4+0, 0+1 2+3 4+0",
  })
  @DisplayName("a loop over one epoch ends where the epoch does, and takes nothing of the next")
  void epochs(Remainder remainder, String first, String second) throws Exception {
    try (ParallelLoader loader =
        loader().batchesPerEpoch(5).epochs(2).remainder(remainder).start()) {
      assertEquals(inEpoch(0, first), all(loader.epoch()));
      long steps = first.split(" ").length;
      assertEquals(steps, loader.stats().steps());
      loader.stats().devices().forEach(device -> assertEquals(steps, device.batches()));
      loader.reset();
      assertEquals(inEpoch(1, second), all(loader.epoch()));
      assertEquals(List.of(), all(loader.epoch()));
      assertEquals(List.of(), all(loader.steps()));
    }
  }

  private static List<String> inEpoch(int epoch, String steps) {
    return Stream.of(steps.split(" ")).map(step -> epoch + ": " + step).toList();
  }

  /** Holds the second batch of the second epoch, which the second device gets. */
  private static BatchTarget heldInNextEpoch(CountDownLatch gate) {
    return (out, context) -> {
      if (context.epoch() == 1 && context.index() == 1) {
        await(gate);
      }
      Numbered.fill(out, context);
    };
  }

  @Test
  @DisplayName("a loop that is left early, and a timeout within an epoch: the rest comes next")
  void epochInParts() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    BatchTarget target = heldInNextEpoch(gate);
    try (ParallelLoader loader = loader(target).batchesPerEpoch(4).epochs(2).start()) {
      for (ParallelBatch step : loader.epoch()) {
        step.close();
        break;
      }
      assertEquals(List.of("0: 2+3"), all(loader.epoch()));
      Iterator<ParallelBatch> over = loader.epoch().iterator(); // for epoch 1
      untilTaken(loader, 0, 3); // the first one's batch of epoch 1 is kept
      gate.countDown();
      assertEquals("1: 0+1", all(() -> over).get(0));
      assertEquals(List.of(), all(loader.epoch()));
    }
  }

  @Test
  @DisplayName("a loop that comes to its end leaves what is kept of the next epoch")
  void epochOverWithAnother() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    BatchTarget target = heldInNextEpoch(gate);
    try (ParallelLoader loader = loader(target).batchesPerEpoch(2).epochs(2).start()) {
      Iterator<ParallelBatch> first = loader.epoch().iterator();
      first.next();
      untilTaken(loader, 0, 2);
      assertFalse(first.hasNext());
      assertEquals(1, leased(loader), "what is kept of epoch 1");
      gate.countDown();
      assertEquals(List.of("1: 0+1"), all(loader.epoch()));
      assertEquals(0, loader.stats().dropped(0));
    }
  }

  @Test
  @DisplayName("a loop over one epoch leaves a whole step of the next one to others")
  void wholeStepOfNextEpoch() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    ScriptedDevice scripted = new ScriptedDevice().holdNewStreams();
    try (ParallelLoader loader =
        ParallelLoader.builder(
                List.of(scripted, devices.get(0)), Numbered.SPEC, heldInNextEpoch(gate))
            .batchesPerEpoch(2)
            .epochs(2)
            .start()) {
      Iterator<ParallelBatch> first = loader.epoch().iterator();
      loader.getQueued().close();
      untilTaken(loader, 0, 2, () -> loader.getQueued(SOON)); // of epoch 1, its copy held
      gate.countDown();
      untilTaken(loader, 1, 2);
      scripted.runAll();
      assertFalse(first.hasNext());
      Caller<ParallelBatch> next = Caller.start(() -> loader.epoch().iterator().next());
      try (ParallelBatch step = next.result()) {
        assertEquals(1, step.epoch());
        assertEquals(0, step.batch(0).index());
        assertEquals(1, step.batch(1).index());
        assertEquals(OptionalInt.of(0), step.waitedFor(), "the loop has not asked for it");
      }
      scripted.runAll();
    }
    assertEquals(List.of(), scripted.violations());
  }

  @ParameterizedTest
  @CsvSource({"2, 1", "3, 0"})
  @DisplayName("a failure in the last step of an epoch is told in its loop, and ends it")
  void failureEndsEpoch(long index, int other) throws Exception {
    BatchTarget target =
        (out, context) -> {
          if (context.epoch() == 0 && context.index() == index) {
            throw new IllegalStateException("bad sample");
          }
          Numbered.fill(out, context);
        };
    try (ParallelLoader loader = loader(target).batchesPerEpoch(4).epochs(2).start()) {
      Iterator<ParallelBatch> first = loader.epoch().iterator();
      first.next();
      assertThrows(TargetException.class, first::hasNext);
      assertEquals(List.of("1: 0+1", "1: 2+3"), all(loader.epoch()));
      assertFalse(first.hasNext());
      assertEquals(1, loader.stats().dropped(other));
    }
  }

  @Test
  @DisplayName("the message for a batch kept beyond its step says that the loop has closed it")
  void keptBeyondItsStep() {
    try (ParallelLoader loader = loader().start()) {
      List<DeviceBatch> kept = new ArrayList<>();
      for (ParallelBatch step : loader.steps()) {
        kept.addAll(step.batches());
        if (kept.size() == 4) {
          step.close();
          break;
        }
      }
      for (int i = 0; i < kept.size(); i++) {
        DeviceBatch batch = kept.get(i);
        assertSays(
            assertThrows(IllegalStateException.class, () -> batch.array(0)),
            i < 2 ? "a loop's batch is closed when the loop takes" : "use it before close()");
      }
    }
  }

  @Test
  @DisplayName("a failure of an epoch is told in its loop, also if a get has begun with the next")
  void failureBesideNextEpoch() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    BatchTarget target =
        (out, context) -> {
          if (context.epoch() == 0 && context.index() >= 2) {
            if (context.index() == 3) {
              await(gate);
            }
            throw new IllegalStateException("bad sample");
          }
          Numbered.fill(out, context);
        };
    try (ParallelLoader loader = loader(target).batchesPerEpoch(4).epochs(2).start()) {
      Iterator<ParallelBatch> first = loader.epoch().iterator();
      first.next();
      assertEquals(2, assertThrows(TargetException.class, first::hasNext).index());
      untilTaken(loader, 0, 2); // of epoch 1
      gate.countDown();
      assertEquals(3, assertThrows(TargetException.class, first::hasNext).index());
      assertFalse(first.hasNext());
      assertEquals(List.of("1: 0+1", "1: 2+3"), all(loader.epoch()));
    }
  }

  @Test
  @DisplayName("closing the loader closes the step of a loop on that thread, but no other step")
  void closeAfterBreak() throws Exception {
    ParallelLoader loader = loader().closeTimeout(Duration.ofMinutes(10)).start();
    ParallelBatch own = loader.get(patience());
    ParallelBatch left = loader.steps().iterator().next();
    loader.close();
    assertEquals("0+1", indexes(own));
    left.batches().forEach(b -> assertThrows(IllegalStateException.class, () -> b.array(0)));
    until("all is given back", () -> devices.stream().allMatch(TestDevice::nothingLive));
  }

  @Test
  @DisplayName("what a loop has left of a step is no loop's any more when a get completes it")
  void leftByALoop() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    ParallelLoader loader = loader(heldAt(1, gate)).closeTimeout(Duration.ofMinutes(10)).start();
    Caller<Boolean> interrupted =
        Caller.start(() -> loader.steps().iterator().hasNext()).untilWaiting();
    until("its first batch is taken", () -> leased(loader) == 1);
    interrupted.thread.interrupt();
    interrupted.failure(CancellationException.class);
    gate.countDown();
    ParallelBatch step = loader.get(patience());
    loader.close();
    assertEquals("0+1", indexes(step));
    until("all is given back", () -> devices.stream().allMatch(TestDevice::nothingLive));
  }

  @Test
  @DisplayName("threads that share a loop get whole steps, and who waits learns of the end")
  void sharedLoop() throws Exception {
    try (ParallelLoader loader = loader().batchesPerEpoch(100).epochs(2).start()) {
      Iterator<ParallelBatch> shared = loader.epoch().iterator();
      List<Caller<List<String>>> callers = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        callers.add(Caller.start(() -> all(() -> shared)));
      }
      List<String> all = new ArrayList<>();
      for (Caller<List<String>> caller : callers) {
        all.addAll(caller.result());
      }
      assertEquals(50, all.stream().distinct().filter(step -> step.startsWith("0: ")).count());
      assertEquals(50, all.size());
    }
  }

  // ---- whose leases they are

  /** Counts how often the copy thread of one device looks at the clock. */
  private static final class Looks implements Time {
    private final String thread;
    private final AtomicLong looks = new AtomicLong();

    Looks(String thread) {
      this.thread = thread;
    }

    @Override
    public long now() {
      if (Thread.currentThread().getName().equals(thread)) {
        looks.incrementAndGet();
      }
      return SYSTEM.now();
    }

    @Override
    public void park(Object blocker, long nanos) {
      SYSTEM.park(blocker, nanos);
    }

    @Override
    public void await(Object lock, long nanos) throws InterruptedException {
      SYSTEM.await(lock, nanos);
    }
  }

  @Test
  @DisplayName("a batch that is kept for a step is nobody's: no thread is blamed for it")
  void keptIsNobodys() throws Exception {
    Duration bound = Duration.ofMillis(1);
    CountDownLatch gate = new CountDownLatch(1);
    Looks time = new Looks("pentrough-train-0-copy");
    try (LogCapture log = new LogCapture();
        ParallelLoader loader =
            loader(heldAt(1, gate)).name("train").leaseWarnAfter(bound).time(time).start()) {
      untilTaken(loader, 0, 1);
      long kept = System.nanoTime();
      until("it would be overdue", () -> System.nanoTime() - kept > bound.toNanos());
      long before = time.looks.get();
      until("its copy thread has looked", () -> time.looks.get() > before + 100);
      assertEquals(List.of(), log.containing("has been leased"));
      LoaderSnapshot.Slot slot =
          loader.snapshots().get(0).deviceSlots().stream()
              .filter(s -> s.state() == LoaderSnapshot.SlotState.LEASED)
              .findFirst()
              .orElseThrow();
      assertEquals(Optional.empty(), slot.holder());
      gate.countDown();
      Caller<ParallelBatch> gets = Caller.start(() -> loader.get(patience()));
      ParallelBatch step = gets.result();
      until("its new holder is named", () -> log.containing("has been leased").size() >= 2);
      log.containing("has been leased")
          .forEach(text -> assertTrue(text.contains("by thread caller"), text));
      assertEquals("0+1", indexes(step));
    }
  }

  // ---- the end

  private static Stream<Thread> copyThreads(String loader) {
    return Threads.of(loader + "-copy").stream();
  }

  @Test
  @DisplayName("a loader that breaks while the next one is started ends that one, too")
  void brokenWhileStarted() throws Exception {
    DeviceException cause = new DeviceException("the first copy fails");
    ScriptedDevice first = new ScriptedDevice();
    Device second = devices.get(1);
    try (LogCapture log = new LogCapture()) {
      CountDownLatch firstIsThere = new CountDownLatch(1);
      first.on(
          "copyToDevice",
          1,
          () -> {
            Patience.awaitUnchecked(firstIsThere);
            throw cause;
          });
      try (ParallelLoader loader =
          ParallelLoader.builder(List.of(first, second), Numbered.SPEC, Numbered::fill)
              .batchesPerEpoch(12)
              .name("early")
              .threadFactory(
                  second,
                  runnable -> {
                    firstIsThere.countDown();
                    until("the first one is broken", () -> log.thrown().contains(cause));
                    until(
                        "it has said so",
                        () -> copyThreads("early-0").allMatch(Threads::isWaiting));
                    return new Thread(runnable);
                  })
              .start()) {
        assertSame(cause, assertThrows(DeviceException.class, loader::get).getCause());
        until("the second one's workers end", () -> Threads.of("early-1-worker").isEmpty());
      }
    }
  }

  @Test
  @DisplayName("one broken loader ends all, also for who waits for another one's batch")
  void broken() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    CountDownLatch breaks = new CountDownLatch(1);
    DeviceException cause = new DeviceException("the second copy fails");
    ScriptedDevice scripted = new ScriptedDevice();
    scripted.on(
        "copyToDevice",
        2,
        () -> {
          Patience.awaitUnchecked(breaks);
          throw cause;
        });
    try (LogCapture log = new LogCapture();
        ParallelLoader loader =
            ParallelLoader.builder(
                    List.of(devices.get(0), scripted), Numbered.SPEC, heldAt(2, gate))
                .batchesPerEpoch(12)
                .name("train")
                .start()) {
      loader.get(patience()).close();
      Caller<ParallelBatch> waits = Caller.start(loader::get).untilWaiting(); // for device 0
      Caller<ParallelBatch> waitsForItsTurn = Caller.start(loader::get).untilWaiting();
      breaks.countDown();
      DeviceException e = waits.failure(DeviceException.class);
      assertSays(e, "train is broken: train-1 is broken", "the second copy fails");
      assertSame(cause, e.getCause());
      assertSame(cause, waitsForItsTurn.failure(DeviceException.class).getCause());
      assertSame(cause, assertThrows(DeviceException.class, loader::get).getCause());
      assertSame(cause, assertThrows(DeviceException.class, loader::reset).getCause());
      assertSame(cause, assertThrows(DeviceException.class, () -> loader.poll(SOON)).getCause());
      assertTrue(log.thrown().contains(cause));
      gate.countDown();
    }
    assertEquals(List.of(), scripted.live());
  }

  @Test
  @DisplayName("close() ends who waits, and gives back what belongs to nobody")
  void close() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    try (LogCapture log = new LogCapture()) {
      ParallelLoader loader = loader(heldAt(3, gate)).name("train").start();
      assertEquals("0+1", next(loader));
      Caller<Boolean> left = Caller.run(() -> untilTaken(loader, 0, 2));
      left.result();
      Caller<ParallelBatch> waits = Caller.start(loader::get).untilWaiting();
      Caller<ParallelBatch> waitsForItsTurn = Caller.start(loader::get).untilWaiting();
      gate.countDown(); // for the worker, which may go before the close or behind it
      Caller<Boolean> closer = Caller.run(loader::close);
      try {
        waits.result().close();
      } catch (ExecutionException e) {
        assertSays(Objects.requireNonNull(e.getCause()), "train is closed: start another one");
      }
      try {
        waitsForItsTurn.result().close();
      } catch (ExecutionException e) {
        assertSays(Objects.requireNonNull(e.getCause()), "train is closed: start another one");
      }
      closer.result();
      assertEquals(List.of(), log.containing("still in use"));
      assertThrows(LoaderClosedException.class, loader::get);
      assertThrows(LoaderClosedException.class, loader::reset);
      loader.close();
      devices.forEach(TestDevice::assertNothingLive);
    }
  }

  @Test
  @DisplayName("close() gives back the batches of a step that a living thread has not got")
  void closeGivesBack() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    CountDownLatch left = new CountDownLatch(1);
    ParallelLoader loader = loader(heldAt(1, gate)).closeTimeout(Duration.ofMillis(200)).start();
    Caller<Boolean> lives =
        Caller.run(
            () -> {
              untilTaken(loader, 0, 1);
              left.countDown();
              await(end);
            });
    await(left);
    assertEquals(1, leased(loader));
    gate.countDown();
    try (LogCapture log = new LogCapture()) {
      loader.close();
      assertEquals(List.of(), log.containing("still in use"));
    }
    devices.forEach(TestDevice::assertNothingLive);
    end.countDown();
    lives.result();
  }

  @Test
  @DisplayName("a batch that arrives while the loader is closed is given back at once")
  void closeMeanwhile() throws Exception {
    AtomicReference<ParallelLoader> self = new AtomicReference<>();
    AtomicReference<Caller<Boolean>> closer = new AtomicReference<>();
    FailurePolicy policy =
        FailurePolicy.skip(
            1,
            (epoch, index, cause) -> { // between two batches of one get
              ParallelLoader loader = Objects.requireNonNull(self.get());
              closer.set(Caller.run(loader::close));
              until(
                  "it is closed",
                  () -> {
                    try {
                      loader.reset();
                      return false;
                    } catch (LoaderClosedException e) {
                      return true;
                    }
                  });
            });
    try (LogCapture log = new LogCapture();
        ParallelLoader loader = loader(failingAt(0)).onFailure(policy).start()) {
      self.set(loader);
      untilReady(loader, 1); // so that the get that leaves a batch out finds the next one
      assertThrows(LoaderClosedException.class, () -> loader.get(patience()).close());
      assertTrue(Objects.requireNonNull(closer.get()).result());
      assertEquals(List.of(), log.containing("still in use"));
      devices.forEach(TestDevice::assertNothingLive);
    }
  }

  /** A clock on which waits of one thread take no time, but are counted. */
  private static final class Skipping implements Time {
    private final Thread thread = Thread.currentThread();
    private volatile long ahead;

    @Override
    public long now() {
      return SYSTEM.now() + ahead;
    }

    @Override
    public void park(Object blocker, long nanos) {
      SYSTEM.park(blocker, nanos);
    }

    @Override
    @SuppressWarnings("NonAtomicVolatileUpdate") // by that thread only
    public void await(Object lock, long nanos) throws InterruptedException {
      if (Thread.currentThread() == thread) {
        ahead += nanos;
      } else {
        SYSTEM.await(lock, nanos);
      }
    }
  }

  @Test
  @DisplayName("close() takes one bound for all devices, and interrupts all targets after half")
  void oneBound() throws Exception {
    Duration bound = Duration.ofMinutes(10);
    Semaphore stuck = new Semaphore(0);
    AtomicInteger filling = new AtomicInteger();
    List<Long> interrupted = new ArrayList<>();
    Skipping time = new Skipping();
    BatchTarget deaf =
        (out, context) -> {
          filling.incrementAndGet();
          boolean acquired = false;
          while (!acquired) {
            try {
              stuck.acquire();
              acquired = true;
            } catch (InterruptedException e) {
              synchronized (interrupted) {
                interrupted.add(time.ahead);
              }
            }
          }
        };
    try (LogCapture log = new LogCapture()) {
      ParallelLoader loader = loader(deaf).closeTimeout(bound).time(time).start();
      until("both targets run", () -> filling.get() == 2);
      loader.close();
      assertTrue(time.ahead >= bound.toNanos() - Duration.ofMinutes(1).toNanos());
      assertTrue(time.ahead <= bound.toNanos(), "it took " + Duration.ofNanos(time.ahead));
      assertEquals(2, log.containing("still in use").size());
      until("both were interrupted", () -> count(interrupted) == 2);
      for (long at : interrupted) {
        assertTrue(at >= bound.toNanos() / 2 - Duration.ofMinutes(1).toNanos());
      }
      stuck.release(1000);
      until("all is given back", () -> devices.stream().allMatch(TestDevice::nothingLive));
    }
  }

  private static int count(List<?> list) {
    synchronized (list) {
      return list.size();
    }
  }

  @Test
  @DisplayName("targets of two devices that close the loader do not wait for each other")
  void targetsClose() throws Exception {
    AtomicReference<ParallelLoader> self = new AtomicReference<>();
    CountDownLatch started = new CountDownLatch(1);
    CountDownLatch both = new CountDownLatch(2);
    CountDownLatch closed = new CountDownLatch(2);
    BatchTarget closing =
        (out, context) -> {
          await(started);
          both.countDown();
          await(both);
          Objects.requireNonNull(self.get()).close();
          closed.countDown();
        };
    ParallelLoader loader = loader(closing).closeTimeout(Duration.ofMinutes(10)).start();
    self.set(loader);
    started.countDown();
    await(closed);
    loader.close();
    until("all is given back", () -> devices.stream().allMatch(TestDevice::nothingLive));
  }

  @Test
  @DisplayName("steps that the closing thread holds are not waited for, and give their memory back")
  void closeWithOpenStep() throws Exception {
    ParallelLoader loader = loader().closeTimeout(Duration.ofMinutes(10)).start();
    ParallelBatch step = loader.get(patience());
    loader.close();
    assertEquals("0+1", indexes(step));
    until("all is given back", () -> devices.stream().allMatch(TestDevice::nothingLive));
    step.close();
  }

  @Test
  @DisplayName("a start that fails on the second device gives back what the first one had")
  void startFails() throws Exception {
    DeviceStream stream = devices.get(1).newStream();
    ParallelLoader.Builder builder = loader().consumerStream(stream);
    stream.close();
    assertThrows(IllegalStateException.class, builder::start);
    devices.forEach(TestDevice::assertNothingLive);
  }

  // ---- what it says

  @Test
  @DisplayName("workers are numbered through all devices, in contexts, failures and pictures")
  void workers() throws Exception {
    CountDownLatch all = new CountDownLatch(6);
    Map<Integer, String> seen = new ConcurrentHashMap<>();
    BatchTarget target =
        (out, context) -> {
          seen.put(context.worker(), Thread.currentThread().getName());
          all.countDown();
          await(all);
          if (context.index() == 1) {
            throw new IllegalStateException("bad sample");
          }
          Numbered.fill(out, context);
        };
    try (ParallelLoader loader = loader(target).workers(3).name("train").start()) {
      TargetException e = assertThrows(TargetException.class, () -> next(loader));
      String message = Messages.message(e);
      assertTrue(message.matches("(?s).* on worker [345]: .*"), message);
      assertEquals(Set.of(0, 1, 2, 3, 4, 5), seen.keySet());
      assertEquals("pentrough-train-0-worker-2", seen.get(2));
      assertEquals("pentrough-train-1-worker-3", seen.get(3));
      assertEquals(3, loader.snapshots().get(1).workers().get(0).number());
      for (Trace.Batch batch : loader.traces().get(1).batches()) {
        assertTrue(batch.worker() >= 3 && batch.worker() < 6, batch::toString);
      }
    }
  }

  @Test
  @DisplayName("statistics and steps say which device was waited for")
  void waitedFor() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    try (ParallelLoader loader = loader(heldAt(3, gate)).name("train").start()) {
      untilReady(loader, 1);
      try (ParallelBatch step = loader.get(patience())) {
        assertEquals(OptionalInt.empty(), step.waitedFor());
      }
      ParallelStats before = loader.stats();
      untilTaken(loader, 0, 2);
      gate.countDown();
      try (ParallelBatch step = loader.get(patience())) {
        assertEquals(OptionalInt.of(1), step.waitedFor());
      }
      ParallelStats since = loader.stats().minus(before);
      assertEquals(1, since.steps());
      assertEquals(0, since.waitedFor(0));
      assertEquals(1, since.waitedFor(1));
      assertEquals(1, since.devices().get(0).batches());
      String text = since.toString();
      assertTrue(text.startsWith("1 steps on 2 devices"), text);
      assertTrue(text.contains("1 waited for train-1 on " + devices.get(1).name()), text);
    }
  }

  private static void untilReady(ParallelLoader loader, long batches) {
    until(
        "batches are ready on each device",
        () ->
            loader.snapshots().stream()
                .allMatch(
                    snapshot ->
                        snapshot.deviceSlots().stream()
                                .filter(s -> s.state() == LoaderSnapshot.SlotState.READY)
                                .count()
                            >= batches));
  }

  @Test
  @DisplayName("one page shows the timelines of all devices")
  void timeline(@TempDir Path folder) throws Exception {
    try (ParallelLoader loader = loader().workers(2).name("train").start()) {
      drain(loader);
      assertEquals(2, loader.traces().size());
      Path page = folder.resolve("timeline.html");
      Trace.writeHtml(page, loader.traces());
      String text = Files.readString(page);
      assertTrue(text.contains("\"train-0\"") && text.contains("\"train-1\""));
      Path chrome = folder.resolve("trace.json");
      Trace.writeChromeTrace(chrome, loader.traces());
      assertTrue(Files.readString(chrome).contains("\"worker 3\""));
    }
  }

  // ---- what it can be told, and what it refuses

  @Test
  @DisplayName("threads come from the factory of their device, named and as daemons")
  void threadFactories() throws Exception {
    List<Thread> ofFirst = new ArrayList<>();
    List<Thread> ofOthers = new ArrayList<>();
    try (ParallelLoader loader =
        loader()
            .workers(2)
            .name("train")
            .threadFactory(devices.get(0), keeping(ofFirst))
            .threadFactory(keeping(ofOthers))
            .start()) {
      assertEquals(6, drain(loader).size());
      assertEquals(
          List.of("pentrough-train-0-worker-0", "pentrough-train-0-worker-1"),
          ofFirst.stream().map(Thread::getName).toList());
      assertEquals(
          List.of("pentrough-train-1-worker-2", "pentrough-train-1-worker-3"),
          ofOthers.stream().map(Thread::getName).toList());
      assertTrue(ofFirst.stream().allMatch(Thread::isDaemon));
    }
    assertTrue(ofFirst.stream().noneMatch(Thread::isAlive));
  }

  @Test
  @DisplayName("a thread of one device that never begins to work ends the loader for all")
  void threadNeverBegins() throws Exception {
    UnsatisfiedLinkError cause = new UnsatisfiedLinkError("no library to bind threads with");
    try (LogCapture log = new LogCapture();
        ParallelLoader loader =
            loader()
                .name("train")
                .threadFactory(devices.get(1), runnable -> throwing(cause))
                .start()) {
      DeviceException e = assertThrows(DeviceException.class, () -> loader.get(patience()).close());
      assertSays(e, "train is broken", "threadFactory", "worker 1", "no library to bind threads");
      assertSame(cause, Objects.requireNonNull(e.getCause()).getCause());
      until("it is logged", () -> log.thrown().contains(e.getCause()));
    }
    devices.forEach(TestDevice::assertNothingLive);
  }

  private static Thread throwing(Error cause) {
    Thread thread =
        new Thread(
            () -> {
              throw cause;
            });
    thread.setUncaughtExceptionHandler((t, e) -> {});
    return thread;
  }

  private static ThreadFactory keeping(List<Thread> made) {
    return runnable -> {
      Thread thread = new Thread(runnable);
      made.add(thread);
      return thread;
    };
  }

  private static void assertRefused(Executable call, String... words) {
    assertSays(assertThrows(IllegalArgumentException.class, call), words);
  }

  private static void assertRefused(
      ParallelLoader.Builder builder, Consumer<ParallelLoader.Builder> call, String... words) {
    assertRefused(() -> call.accept(builder), words);
  }

  private static ParallelLoader.Builder on(List<Device> devices) {
    return ParallelLoader.builder(devices, Numbered.SPEC, Numbered::fill).batchesPerEpoch(12);
  }

  @Test
  @DisplayName("what cannot be done in step is refused by name, and nothing is left")
  void refused() throws Exception {
    Device one = devices.get(0);
    Device foreign = TestDevice.open();
    assertRefused(() -> on(List.of()), "devices", "none");
    assertRefused(() -> on(List.of(one, devices.get(1), one)), one.name() + " was given twice");
    if (TestDevice.IS_CUDA) { // there are several host devices on a machine, but no GPU twice
      assertRefused(() -> on(List.of(one, foreign)), "cuda:0 was given twice");
    }
    List<Device> withNull = new ArrayList<>(devices);
    withNull.add(null);
    assertSays(assertThrows(NullPointerException.class, () -> on(withNull)), "devices", "null");
    assertRefused(loader(), b -> b.ordered(false), "in order", "BackgroundLoader");
    assertRefused(loader(), b -> b.remainder(Remainder.UNEVEN), "UNEVEN", "DROP or PAD");
    assertRefused(
        loader(), b -> b.consumerStream(foreign.defaultStream()), "another device", one.name());
    assertRefused(loader(), b -> b.threadFactory(foreign, Thread::new), "another device");
    assertRefused(loader().batchesPerEpoch(1)::start, "1 batches", "2 devices");
    assertRefused(
        ParallelLoader.builder(devices, Numbered.SPEC, Numbered::fill)::start,
        "declare batchesPerEpoch");
    Position position;
    try (ParallelLoader loader = loader().start()) {
      next(loader);
      position = loader.position();
    }
    assertRefused(loader().seed(7).startAt(position)::start, "another seed (0 there, 7 here)");
    devices.forEach(TestDevice::assertNothingLive);
  }

  /** In a method of its own, so that nothing on the stack refers to the loader. */
  private void leak(CountDownLatch gate) throws Exception {
    ParallelLoader loader = loader(heldAt(1, gate)).name("forgotten").start();
    untilTaken(loader, 0, 1);
  }

  @Test
  @DisplayName("a loader collected unclosed is named, and its memory given back, with half a step")
  void leaked() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    try (LogCapture log = new LogCapture()) {
      leak(gate);
      gate.countDown();
      Collected.until("it is named", () -> !log.containing("forgotten was never closed").isEmpty());
      until("all is given back", () -> devices.stream().allMatch(TestDevice::nothingLive));
      assertEquals(1, log.containing("never closed").size());
    }
  }

  @Test
  @DisplayName("one device is a group, too; the target may say where an epoch ends")
  void oneDevice() throws Exception {
    BatchTarget three =
        (out, context) -> {
          if (context.index() == 3) {
            context.endOfEpoch();
          }
          Numbered.fill(out, context);
        };
    Position position;
    ParallelLoader.Builder builder =
        ParallelLoader.builder(devices.subList(0, 1), Numbered.SPEC, three).workers(1);
    try (ParallelLoader loader = builder.start()) {
      for (int i = 0; i < 2; i++) {
        Numbered.check(i, loader.get(patience()).batch(0));
      }
      position = loader.position();
    }
    try (ParallelLoader loader = builder.startAt(position).start()) {
      Numbered.check(2, loader.get(patience()).batch(0));
      assertNull(loader.poll(patience()));
    }
  }
}
