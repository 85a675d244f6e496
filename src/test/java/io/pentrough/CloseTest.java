package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.Bench.LateReader;
import io.pentrough.Bench.Numbers;
import io.pentrough.ScriptedDevice.Stream;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.LogCapture;
import io.pentrough.testkit.Patience;
import io.pentrough.testkit.Threads;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** close(): bounded, says who is in the way, and frees nothing that is in use (I7). */
class CloseTest {

  /** It is over only if a test lets time pass. */
  private static final Duration BOUND = Duration.ofHours(1);

  private final ScriptedDevice device = new ScriptedDevice();
  private final SteppedTime time = new SteppedTime();
  private final LogCapture log = new LogCapture();
  private final CountDownLatch go = new CountDownLatch(1);
  private final CountDownLatch inTarget = new CountDownLatch(1);

  private BackgroundLoader.Builder loader(BatchTarget target) {
    return Bench.loader(device, target).closeTimeout(BOUND).time(time);
  }

  @AfterEach
  void letEverythingGo() {
    go.countDown();
    device.runAll();
    Bench.assertAllGone(device);
    log.close();
  }

  @Test
  @DisplayName("close() waits for a worker that holds nothing and still runs")
  void waitsForAnIdleWorker() throws Exception {
    ScriptedDevice scripted = new ScriptedDevice();
    CountDownLatch go = new CountDownLatch(1);
    Runnable holdsWorker =
        () -> {
          if (Thread.currentThread().getName().contains("worker")) {
            Patience.until("the test lets it go on", () -> go.getCount() == 0);
          }
        };
    scripted.on("bindThread", 1, holdsWorker);
    scripted.on("bindThread", 2, holdsWorker);
    BackgroundLoader loader = Bench.loader(scripted, new Bench.Numbers()).start();
    Caller<Boolean> closer =
        Caller.start(
            () -> {
              loader.close();
              return Bench.threads().isEmpty();
            });
    Patience.until(
        "the copy thread has given everything back",
        () -> Bench.threads().stream().noneMatch(thread -> thread.getName().endsWith("copy")));
    Patience.until(
        "close() waits for the worker, or has returned",
        () -> Threads.isWaiting(closer.thread) || !closer.thread.isAlive());
    go.countDown();
    assertTrue(closer.result(), "no thread of the loader is left when close() returns");
    Bench.assertAllGone(scripted);
  }

  @Test
  @DisplayName("I7: a queued copy keeps both of its slots; they are freed when it has run")
  void copyQueued() throws Exception {
    device.holdNewStreams();
    BackgroundLoader loader = loader(new Numbers()).hostSlots(3).deviceSlots(2).start();
    Patience.until("two copies are queued", () -> device.queuedOn(device.newestStream()) == 2);
    Patience.until("the worker has filled the third slot", () -> Bench.workersWait(loader));

    closeInTime(loader, 0);

    assertTrue(device.live("pinned") >= 2 && device.live("memory") == 2, () -> "" + device.live());
    assertTrue(report().contains("host slots: 3 = 2 copying"), this::report);
    assertTrue(report().contains("device slots: 2 = 2 copying"), this::report);
  }

  @Test
  @DisplayName("I7: a target that heeds interrupts ends after half the bound; everything is freed")
  void targetInterruptible() throws Exception {
    AtomicBoolean interrupted = new AtomicBoolean();
    BackgroundLoader loader =
        loader(
                (out, context) -> {
                  inTarget.countDown();
                  try {
                    go.await();
                  } catch (InterruptedException e) {
                    interrupted.set(true);
                    throw e;
                  }
                })
            .start();
    Patience.await(inTarget);
    Caller<Boolean> closing = Caller.run(loader::close);
    Duration early = BOUND.dividedBy(2).minusSeconds(60);
    untilWaitingOrDone(closing);
    time.pass(early.toNanos());
    untilWaitingOrDone(closing);
    assertFalse(interrupted.get() || closing.isDone(), "interrupted too early");

    time.pass(BOUND.dividedBy(2).minus(early).toNanos());

    closing.result();
    assertTrue(interrupted.get());
    Bench.assertNoThreads(); // though nobody let the target go
  }

  @Test
  @DisplayName("I7: a stuck target keeps all memory, and close() names it with its stack")
  void targetStuck() throws Exception {
    AtomicBoolean intact = new AtomicBoolean();
    BackgroundLoader loader =
        loader(
                (out, context) -> {
                  if (context.index() == 1) {
                    ByteBuffer bytes = out.array(0).unsafeBuffer();
                    bytes.putInt(0, 4711);
                    inTarget.countDown();
                    sitInTheWay();
                    intact.set(bytes.getInt(0) == 4711);
                  }
                })
            .start();
    Patience.await(inTarget);
    Threads.untilWaiting(Threads.worker(Bench.NAME, 0)); // in sitInTheWay
    Patience.until("batch 0 is copied", () -> loader.stats().copyTime().count() == 1);
    long memory = device.live("memory");
    long pinned = device.live("pinned");

    closeInTime(loader, 5);

    assertTrue(report().contains("worker 0: in the target for index 1"), this::report);
    assertTrue(report().contains("CloseTest.sitInTheWay"), this::report);
    assertTrue(report().contains("1 filling"), this::report);
    assertTrue(report().contains("host slots: 3 = 1 filling, 2 no longer used"), this::report);
    assertTrue(report().contains("device slots: all 3 no longer used"), this::report);
    assertEquals(memory, device.live("memory"), "nothing is freed while a slot is in use");
    assertEquals(pinned, device.live("pinned"), "nothing is freed while a slot is in use");
    go.countDown();
    Bench.assertAllGone(device);
    assertTrue(intact.get(), "the target's memory stayed as it was");
  }

  /** Ignores interrupts. */
  private void sitInTheWay() {
    boolean interrupted = false;
    while (go.getCount() > 0) {
      try {
        go.await();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  @DisplayName("close() leaves targets alone if told to")
  void targetsNotInterrupted() throws Exception {
    AtomicBoolean interrupted = new AtomicBoolean(true);
    BackgroundLoader loader =
        loader(
                (out, context) -> {
                  inTarget.countDown();
                  sitInTheWay();
                  interrupted.set(Thread.currentThread().isInterrupted());
                })
            .interruptTargets(false)
            .start();
    Patience.await(inTarget);

    closeInTime(loader, 5);

    go.countDown();
    Bench.assertNoThreads();
    assertFalse(interrupted.get());
  }

  @Test
  @DisplayName("I7: another thread's lease keeps all memory, and close() names the thread")
  void leaseOpen() throws Exception {
    BackgroundLoader loader = loader(new Numbers()).start();
    DeviceBatch batch = Bench.get(loader);

    closeInTime(loader, 5);

    String holder = Thread.currentThread().getName();
    assertTrue(report().contains("1 leased"), this::report);
    assertTrue(report().contains("leases held by {" + holder + "=1}"), this::report);
    assertTrue(report().contains("device slots: 3 = 1 leased, 2 no longer used"), this::report);
    assertEquals(3, liveMemory().size(), "nothing is freed while a slot is in use");
    assertEquals(0, Bench.read(batch), "the lease is good as long as it is open");
    batch.close();
  }

  @Test
  @DisplayName("I7: a consumer's queued work on a closed lease keeps all memory until it has run")
  void releasePending() throws Exception {
    Stream consumer = device.heldStream("consumer");
    BackgroundLoader loader = loader(new Numbers()).consumerStream(consumer).start();
    DeviceBatch first = Bench.get(loader);
    LateReader reader = Bench.lateReader(device, first);
    // Closed while the loader closes, so that no copy queues up behind it.
    Caller<Boolean> closing = Caller.run(loader::close);
    Patience.until("the loader is closing", () -> isClosed(loader));
    first.close();
    untilOutOfUse(loader, 5);
    endsAtItsBound(closing);

    assertTrue(report().contains("1 waiting for queued work"), this::report);
    assertTrue(report().contains("2 no longer used"), this::report);
    assertEquals(3, liveMemory().size(), "nothing is freed while a slot is in use");
    assertTrue(device.step(consumer));
    assertEquals(0, reader.seen);
  }

  @Test
  @DisplayName("I7: leases of the closing thread are not waited for, and freed when it closes them")
  void ownLeases() throws Exception {
    BackgroundLoader loader = loader(new Numbers()).start();
    Caller.run(
            () -> {
              DeviceBatch first = Bench.get(loader);
              DeviceBatch second = Bench.get(loader);
              loader.close(); // to wait for itself would take an hour
              assertEquals(3, liveMemory().size(), "nothing is freed while a slot is in use");
              assertEquals(0, Bench.read(first));
              assertEquals(1, Bench.read(second));
              second.close();
              first.close();
            })
        .result();
  }

  @ParameterizedTest(name = "in {0} targets")
  @ValueSource(ints = {1, 2})
  @DisplayName("I5: close() in the target, or in two at once, returns without waiting for itself")
  void closeInTarget(int closers) throws Exception {
    AtomicReference<BackgroundLoader> self = new AtomicReference<>();
    CountDownLatch allThere = new CountDownLatch(closers + 1);
    AtomicInteger intact = new AtomicInteger();
    self.set(
        loader(
                (out, context) -> {
                  Bench.write(out, context);
                  if (context.index() < closers) {
                    allThere.countDown();
                    allThere.await();
                    Objects.requireNonNull(self.get())
                        .close(); // to wait for itself would take an hour
                    assertEquals(context.index(), out.array(0).getInt(0));
                    intact.incrementAndGet();
                  }
                })
            .workers(2)
            .start());
    allThere.countDown();
    Bench.assertNoThreads();
    assertEquals(closers, intact.get(), "targets that closed in time and kept their slot");
  }

  @Test
  @DisplayName("I5: a holder that closes is told when the other holder closes, too")
  void closeBySecondHolder() throws Exception {
    BackgroundLoader loader =
        Bench.loader(device, new Numbers())
            .interruptTargets(false)
            .time(SteppedTime.withoutBounds())
            .start();
    DeviceBatch mine = Bench.get(loader);
    Caller<Boolean> other =
        Caller.run(
            () -> {
              DeviceBatch batch = Bench.get(loader);
              loader.close();
              batch.close();
            });
    Patience.until(
        "the other one to wait for this one's lease",
        () -> Bench.threads().size() == 1 && Threads.isWaiting(other.thread));
    Threads.untilWaiting(Bench.threads().get(0)); // the copy thread has nothing more to tell
    loader.close();
    other.result();
    mine.close();
    Bench.assertAllGone(device);
  }

  @Test
  @DisplayName("I5: two threads that hold leases and both close do not wait for each other")
  void closeByTwoHolders() throws Exception {
    BackgroundLoader loader = loader(new Numbers()).start();
    CountDownLatch bothHold = new CountDownLatch(2);
    CountDownLatch bothClosed = new CountDownLatch(2);
    List<Caller<Boolean>> holders = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      holders.add(
          Caller.start(
              () -> {
                try (DeviceBatch batch = Bench.get(loader)) {
                  bothHold.countDown();
                  bothHold.await();
                  loader.close(); // to wait for itself would take an hour
                  bothClosed.countDown();
                  bothClosed.await();
                  return Bench.read(batch) == batch.index();
                }
              }));
    }
    for (Caller<Boolean> holder : holders) {
      assertTrue(holder.result(), "what a lease holds after close()");
    }
  }

  @Test
  @DisplayName("I5: every thread in close() or get() comes back, and the end is reported once")
  void manyCloses() throws Exception {
    BackgroundLoader loader =
        loader(
                (out, context) -> {
                  inTarget.countDown();
                  sitInTheWay();
                })
            .start();
    Patience.await(inTarget);
    Caller<DeviceBatch> waiting = Caller.start(() -> Bench.get(loader));
    List<Caller<Boolean>> closers = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      closers.add(Caller.run(loader::close));
    }
    closers.forEach(Caller::untilWaiting);
    time.pass(BOUND.toNanos());
    for (Caller<Boolean> closer : closers) {
      closer.result();
    }
    Caller.run(loader::close).result(); // does not wait again

    waiting.failure(LoaderClosedException.class);
    assertEquals(1, log.containing("closed with memory still in use").size());
    assertThrows(LoaderClosedException.class, loader::reset);
  }

  @Test
  @DisplayName(
      "I5, I7: a driver call that blocks holds up neither get() nor close(), and is waited for")
  void driverBlocks() throws Exception {
    device.on(
        "copyToDevice",
        1,
        () -> {
          inTarget.countDown();
          sitInTheWay();
        });
    BackgroundLoader loader = loader(new Numbers()).start();
    Patience.await(inTarget);
    assertThrows(BatchTimeoutException.class, () -> loader.get(Duration.ZERO));

    closeInTime(loader, 0);

    assertTrue(report().contains("1 copying"), this::report);
    assertTrue(device.live("memory") > 0 && device.live("pinned") > 0, () -> "" + device.live());
  }

  @ParameterizedTest(name = "{0}")
  @ValueSource(strings = {"pinned", "memory", "event", "stream"})
  @DisplayName("close() says once what a driver does not take back, though nobody uses it")
  void freeingBlocks(String what) throws Exception {
    device.on(
        "close " + what,
        1,
        () -> {
          inTarget.countDown();
          sitInTheWay();
        });
    BackgroundLoader loader = loader(new Numbers()).start();
    Bench.get(loader).close();
    Caller<Boolean> closing = Caller.run(loader::close);
    try {
      Patience.await(inTarget);
      time.pass(Duration.ofSeconds(2).toNanos());
      Patience.until("it is told", () -> !log.containing("close() is held up").isEmpty());
      assertFalse(closing.isDone());
    } finally {
      go.countDown();
    }
    closing.result();
    List<String> told = log.containing(" has not taken back ");
    assertEquals(1, told.size(), told::toString);
    assertTrue(told.get(0).contains("look for a kernel or a stream of others"), told::toString);
    assertEquals("", report());
  }

  @Test
  @DisplayName("close() that gives up while the driver takes memory back says so, once")
  void freeingOutlastsClose() throws Exception {
    device.on(
        "close memory",
        2,
        () -> {
          inTarget.countDown();
          sitInTheWay();
        });
    BackgroundLoader loader = loader(new Numbers()).start();
    Bench.get(loader).close();
    Caller<Boolean> closing = Caller.run(loader::close);
    Patience.await(inTarget);
    time.pass(BOUND.toNanos()); // at once, so that it has not said so before
    closing.result();
    Caller.run(loader::close).result();

    List<String> told = log.containing(" has not taken back the memory of device slot 1 since ");
    assertEquals(1, told.size(), told::toString);
    assertTrue(told.get(0).contains("closed with memory still to be freed"), told::toString);
    assertEquals("", report());
  }

  @Test
  @DisplayName("close() keeps the interrupt flag, and is not cut short by it")
  void interruptedClose() throws Exception {
    BackgroundLoader loader =
        loader(
                (out, context) -> {
                  inTarget.countDown();
                  sitInTheWay();
                })
            .interruptTargets(false)
            .start();
    Patience.await(inTarget);
    Caller<Boolean> closer =
        Caller.start(
            () -> {
              Thread.currentThread().interrupt();
              loader.close();
              return Thread.currentThread().isInterrupted();
            });
    endsAtItsBound(closer);
    assertTrue(closer.result(), "the flag");
  }

  private static boolean isClosed(BackgroundLoader loader) {
    try {
      loader.reset();
      return false;
    } catch (LoaderClosedException e) {
      return true;
    }
  }

  /**
   * For a loader that something keeps from its end.
   *
   * @param outOfUse how many slots, of the host and the device, nothing keeps in use
   */
  private void closeInTime(BackgroundLoader loader, int outOfUse) throws Exception {
    Caller<Boolean> closing = Caller.run(loader::close);
    untilOutOfUse(loader, outOfUse);
    endsAtItsBound(closing);
  }

  private static void untilOutOfUse(BackgroundLoader loader, int slots) {
    Patience.until(
        slots + " slots are out of use",
        () -> {
          LoaderSnapshot now = loader.snapshot();
          return java.util.stream.Stream.concat(
                      now.hostSlots().stream(), now.deviceSlots().stream())
                  .filter(slot -> slot.state() == LoaderSnapshot.SlotState.OUT_OF_USE)
                  .count()
              == slots;
        });
  }

  /** A close() that waits goes on to do so until its bound, and returns then. */
  private void endsAtItsBound(Caller<Boolean> closing) throws Exception {
    int steps = 4;
    for (int i = 0; i < steps; i++) {
      untilWaitingOrDone(closing);
      assertFalse(closing.isDone(), "close() gave up after " + i + " quarters of its bound");
      time.pass(BOUND.toNanos() / steps);
    }
    closing.result();
  }

  private static void untilWaitingOrDone(Caller<Boolean> closing) {
    Patience.until(
        "close() waits, or has returned",
        () -> Threads.isWaiting(closing.thread) || closing.isDone());
  }

  @Test
  @DisplayName(
      "I7: close() in a listener for skipped batches does not wait for the get that called it")
  void closeInListener() throws Exception {
    AtomicReference<@Nullable BackgroundLoader> loader = new AtomicReference<>();
    CountDownLatch closed = new CountDownLatch(1);
    FailurePolicy closing =
        FailurePolicy.skip(
            1,
            (epoch, index, cause) -> {
              Objects.requireNonNull(loader.get()).close();
              closed.countDown();
            });
    loader.set(
        Bench.loader(
                device,
                (out, context) -> {
                  throw new IllegalStateException("every batch fails");
                })
            .onFailure(closing)
            .closeTimeout(Duration.ofMinutes(5))
            .start());
    // Stepping over the first failure; what it tells then is the second, or that the loader is
    // closed.
    assertThrows(RuntimeException.class, () -> Objects.requireNonNull(loader.get()).get());
    assertEquals(0, closed.getCount());
    assertEquals(List.of(), device.live());
  }

  @Test
  @DisplayName("close() interrupts no target as long as it need not wait for one")
  void noEarlyInterrupt() throws Exception {
    AtomicReference<@Nullable BackgroundLoader> loader = new AtomicReference<>();
    CountDownLatch started = new CountDownLatch(1);
    AtomicBoolean interrupted = new AtomicBoolean();
    CountDownLatch closed = new CountDownLatch(2);
    CyclicBarrier both = new CyclicBarrier(2);
    loader.set(
        Bench.loader(
                device,
                (out, context) -> {
                  awaitUninterruptibly(started);
                  both.await();
                  Objects.requireNonNull(loader.get()).close();
                  if (Thread.currentThread().isInterrupted()) {
                    interrupted.set(true);
                  }
                  closed.countDown();
                })
            .workers(2)
            .closeTimeout(Duration.ofMinutes(5))
            .start());
    started.countDown();
    Patience.await(closed); // they do not wait for each other
    assertFalse(interrupted.get());
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private List<String> liveMemory() {
    return device.live().stream().filter(name -> name.startsWith("memory")).toList();
  }

  /** What close() said of what it had to leave behind. */
  private String report() {
    return String.join("\n", log.containing("closed with memory still in use"));
  }
}
