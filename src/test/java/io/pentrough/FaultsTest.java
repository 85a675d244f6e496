package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.pentrough.Bench.LateReader;
import io.pentrough.Bench.Numbers;
import io.pentrough.ScriptedDevice.Stream;
import io.pentrough.ScriptedDevice.Trigger;
import io.pentrough.device.Collected;
import io.pentrough.device.DeviceException;
import io.pentrough.device.WorkFailedException;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.LogCapture;
import io.pentrough.testkit.Patience;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every call to the device failing in turn, and what is left then: nothing (I5, I6). */
class FaultsTest {

  private static final List<String> AT_START =
      List.of(
          "defaultStream",
          "newStream",
          "allocatePinned",
          "newEvent",
          "unsafeBuffer",
          "copiesInCaller");
  private static final List<String> AT_WORK = List.of("bindThread", "record", "isComplete");
  private static final List<String> AT_THE_END =
      List.of("close stream", "close pinned", "close event");

  private final LogCapture log = new LogCapture();

  @AfterEach
  void stopCapturing() {
    log.close();
  }

  @ParameterizedTest(name = "zero-copy: {0}")
  @ValueSource(booleans = {false, true})
  @DisplayName("I5, I6: whatever call fails, its cause arrives, nothing hangs, nothing stays live")
  void everyCallInTurn(boolean zeroCopy) throws Exception {
    List<String> names = new ArrayList<>(AT_START);
    names.addAll(AT_WORK);
    names.addAll(AT_THE_END);
    names.addAll(
        zeroCopy ? List.of("map") : List.of("allocate", "waitFor", "copyToDevice", "close memory"));
    for (String name : names) {
      for (boolean error : new boolean[] {false, true}) {
        int nth = 1;
        while (new Run(name, nth, error, zeroCopy).sprung()) {
          nth++;
        }
        assertTrue(nth > 1, name + " was never called");
      }
    }
  }

  /** One life of a loader in which one call fails. */
  private final class Run {
    private final String call;
    private final Throwable fault;
    private final boolean zeroCopy;
    private final ScriptedDevice device = new ScriptedDevice();
    private final AtomicBoolean closing = new AtomicBoolean();
    private final AtomicBoolean sprungInClose = new AtomicBoolean();
    private final Trigger trigger;
    private final List<Throwable> surfaced = new ArrayList<>();

    Run(String call, int nth, boolean error, boolean zeroCopy) throws Exception {
      this.call = call;
      this.zeroCopy = zeroCopy;
      String message = call + ", number " + nth + (error ? " (an Error)" : "");
      fault = error ? new Error(message) : new DeviceException(message);
      trigger =
          device.on(
              call,
              nth,
              () -> {
                sprungInClose.set(closing.get());
                sneakyThrow(fault);
              });
      try {
        live();
      } catch (Throwable t) {
        throw new AssertionError(message + (zeroCopy ? ", zero-copy" : ""), t);
      }
    }

    boolean sprung() {
      return trigger.sprung();
    }

    private void live() throws Exception {
      BackgroundLoader.Builder builder =
          Bench.loader(
                  device,
                  (out, context) -> {
                    if (context.index() >= 6) {
                      throw new EndOfData(); // so the work before close() is over, and countable
                    }
                    Bench.write(out, context);
                  })
              .hostSlots(2)
              .deviceSlots(2);
      if (zeroCopy) {
        builder.zeroCopy(true);
      }
      BackgroundLoader loader;
      try {
        loader = builder.start();
      } catch (Throwable t) {
        boolean toldWithThePlan = t instanceof DeviceException && t.getCause() == fault;
        assertSame(fault, toldWithThePlan ? t.getCause() : t, "what start() throws");
        Bench.assertAllGone(device);
        return;
      }
      try {
        work(loader);
      } catch (Throwable t) {
        surfaced.add(t);
        for (int i = 0; i < 2; i++) {
          assertSame(
              fault,
              assertThrows(DeviceException.class, () -> Bench.get(loader)).getCause(),
              "the cause of a later get");
        }
      }
      closing.set(true);
      loader.close();
      assertTold();
      assertLeft();
    }

    private void work(BackgroundLoader loader) throws Exception {
      Stream second = device.stream("second");
      for (int i = 0; i < 3; i++) {
        take(Bench.get(loader), i);
      }
      take(Bench.get(loader, second), 3);
      loader.reset();
      take(Bench.get(loader, second), 4);
      take(Bench.get(loader), 5);
      TargetException end = assertThrowsUnlessBroken(loader);
      assertEquals(6, end.index());
    }

    private void take(DeviceBatch batch, int expected) {
      try (batch) {
        assertEquals(expected, batch.index());
      }
    }

    /** Not assertThrows: a DeviceException has to come out as it is. */
    private TargetException assertThrowsUnlessBroken(BackgroundLoader loader) throws Exception {
      try (DeviceBatch batch = Bench.get(loader)) {
        return fail("got " + batch);
      } catch (TargetException e) {
        return e;
      }
    }

    private void assertTold() {
      for (Throwable t : surfaced) {
        assertTrue(causes(t).contains(fault), () -> "another failure than ours: " + t);
      }
      if (sprung() && !sprungInClose.get()) {
        assertTrue(log.thrown().contains(fault), "the log says why the loader broke");
        // The last mapped slots come back when nobody calls get any more.
        assertTrue(!surfaced.isEmpty() || (zeroCopy && call.equals("isComplete")), "silence");
      }
    }

    private void assertLeft() {
      Bench.assertNoThreads();
      assertEquals(List.of(), device.violations());
      List<String> left = device.live();
      boolean named = log.containing("not given back").stream().anyMatch(this::namesFault);
      assertEquals(named ? 1 : 0, left.size(), () -> "not freed: " + left);
      if (call.startsWith("close")) {
        assertEquals(sprung(), named, "what could not be freed is named");
      } else if (named) {
        // Asked in vain whether a consumer still works there, close() leaves the slot alone.
        assertTrue(call.equals("isComplete") && fault instanceof Error, () -> "left: " + left);
      }
    }

    private boolean namesFault(String message) {
      return message.contains(fault.getMessage() + ")");
    }
  }

  @Test
  @DisplayName("I6: if giving back fails as well, start() still throws the first failure")
  void allocationAndCleanUpFail() {
    ScriptedDevice device = new ScriptedDevice();
    Error first = new Error("no more memory");
    Error second = new Error("not freed");
    device.on("allocate", 2, () -> sneakyThrow(first));
    device.on("close pinned", 2, () -> sneakyThrow(second));

    Error thrown = assertThrows(Error.class, () -> Bench.loader(device, new Numbers()).start());

    assertSame(first, thrown);
    assertEquals(List.of(second), List.of(thrown.getSuppressed()));
    assertEquals(1, device.live().size(), "all but one is freed: " + device.live());
    Bench.assertNoThreads();
  }

  @ParameterizedTest
  @ValueSource(strings = {"the copy", "the consumer's kernel"})
  @DisplayName("I5: work that fails when it runs breaks the loader, with the cause for every get")
  void queuedWorkFails(String what) throws Exception {
    ScriptedDevice device = new ScriptedDevice();
    RuntimeException cause = new DeviceException("misaligned address");
    try (BackgroundLoader loader = Bench.loader(device, new Numbers()).deviceSlots(1).start()) {
      Stream consumer = device.heldStream("consumer");
      DeviceBatch batch = Bench.get(loader, consumer);
      if (what.equals("the copy")) {
        device.failNextCopyWhenItRuns(cause);
      } else {
        device.launch(consumer, batch.array(0).buffer(), bytes -> sneakyThrow(cause));
      }
      batch.close();
      device.runAll();
      for (int i = 0; i < 3; i++) {
        DeviceException thrown = assertThrows(DeviceException.class, () -> Bench.get(loader));
        assertTrue(causes(thrown).contains(cause), () -> "the cause of " + thrown);
      }
      assertThrows(DeviceException.class, loader::reset);
    }
    Bench.assertAllGone(device);
  }

  @Test
  @DisplayName(
      "I7: a kernel that has failed before its slot is reserved again leaves nothing behind")
  void kernelFailsBeforeTheNextCopy() throws Exception {
    ScriptedDevice device = new ScriptedDevice().copyInCaller();
    RuntimeException cause = new DeviceException("misaligned address");
    CountDownLatch hasFailed = new CountDownLatch(1);
    BatchTarget target =
        (out, context) -> {
          if (context.index() == 1) {
            hasFailed.await();
          }
          Bench.write(out, context);
        };
    try (BackgroundLoader loader = Bench.loader(device, target).deviceSlots(1).start()) {
      Stream consumer = device.heldStream("consumer");
      DeviceBatch batch = Bench.get(loader, consumer);
      device.launch(consumer, batch.array(0).buffer(), bytes -> sneakyThrow(cause));
      batch.close();
      device.runAll();
      hasFailed.countDown();
      DeviceException thrown = assertThrows(DeviceException.class, () -> Bench.get(loader));
      assertTrue(causes(thrown).contains(cause), () -> "the cause of " + thrown);
    }
    Bench.assertAllGone(device);
  }

  @Test
  @DisplayName("I5: a copy that fails ends the wait of a consumer, though the only worker is stuck")
  void endsAWait() throws Exception {
    ScriptedDevice device = new ScriptedDevice().holdNewStreams();
    RuntimeException cause = new DeviceException("misaligned address");
    device.failNextCopyWhenItRuns(cause);
    CountDownLatch stuck = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    BatchTarget target =
        (out, context) -> {
          if (context.index() == 1) {
            stuck.countDown();
            go.await();
          }
        };
    BackgroundLoader.Builder builder =
        Bench.loader(device, target).warnAfter(Duration.ofHours(1)); // a get looks again then
    try (BackgroundLoader loader = builder.start()) {
      Caller<DeviceBatch> caller = Caller.start(() -> loader.get()).untilWaiting();
      stuck.await();
      Patience.until("batch 0 is queued", () -> device.queuedOn(device.newestStream()) == 1);
      device.runAll();
      assertTrue(causes(caller.failure(DeviceException.class)).contains(cause));
      go.countDown();
    }
    Bench.assertAllGone(device);
  }

  @Test
  @DisplayName("I7: a copy that fails behind a consumer's work does not free what that work uses")
  void copyFailsBehindPendingWork() throws Exception {
    ScriptedDevice device = new ScriptedDevice();
    Stream consumer = device.heldStream("consumer");
    DeviceException cause = new DeviceException("no copy");
    BackgroundLoader loader =
        Bench.loader(device, new Numbers()).deviceSlots(1).closeTimeout(Bench.SHORT).start();
    DeviceBatch batch = Bench.get(loader, consumer);
    LateReader reader = Bench.lateReader(device, batch);
    failNext(device, "copyToDevice", cause);
    failNext(device, "synchronize", new WorkFailedException("the copy stream has failed"));
    batch.close();
    assertSame(cause, assertThrows(DeviceException.class, () -> Bench.get(loader)).getCause());

    loader.close();

    assertEquals(1, device.live("memory"), () -> "" + device.live());
    assertTrue(device.step(consumer));
    assertEquals(0, reader.seen);
    Bench.assertAllGone(device);
  }

  @Test
  @DisplayName("I7: what a copy uses is leaked, and named, if the device does not say it has ended")
  void copyOfWhichNobodyKnows() throws Exception {
    ScriptedDevice device = new ScriptedDevice().holdNewStreams();
    failNext(device, "isComplete", new DeviceException("no answer"));
    failNext(device, "synchronize", new DeviceException("no answer either"));
    BackgroundLoader loader = Bench.loader(device, new Numbers()).start();
    Stream copies = device.newestStream();
    assertThrows(DeviceException.class, () -> Bench.get(loader));

    loader.close();

    Bench.assertNoThreads();
    assertEquals(List.of(), device.violations());
    assertEquals(device.queuedOn(copies), device.live("pinned"), () -> "" + device.live());
    assertEquals(device.queuedOn(copies), device.live("memory"), () -> "" + device.live());
    assertEquals(1, log.containing("no answer either").size());
    device.runAll();
    assertEquals(List.of(), device.violations());
  }

  @Test
  @DisplayName(
      "I7: a consumer's work of which the device does not say that it has ended is awaited")
  void releaseOfWhichNobodyKnows() throws Exception {
    ScriptedDevice device = new ScriptedDevice();
    Stream consumer = device.heldStream("consumer");
    BackgroundLoader loader =
        Bench.loader(
                device,
                (out, context) -> {
                  if (context.index() > 0) {
                    context.endOfEpoch();
                  }
                })
            .closeTimeout(Duration.ZERO)
            .start();
    DeviceBatch batch = Bench.get(loader, consumer);
    LateReader reader = Bench.lateReader(device, batch);
    assertThrows(NoSuchElementException.class, () -> Bench.get(loader));
    batch.close();
    failNext(device, "isComplete", new DeviceException("no answer"));

    loader.close();

    Patience.until("it waits", () -> device.synchronizing() == 1);
    assertEquals(3, device.live("memory"), () -> "" + device.live());
    assertTrue(device.step(consumer));
    assertEquals(0, reader.seen);
    Bench.assertAllGone(device);
  }

  @Test
  @DisplayName("I7: when a copy is refused, those that are still queued keep their slots")
  void copyFailsBehindQueuedCopies() throws Exception {
    ScriptedDevice device = new ScriptedDevice().holdNewStreams();
    DeviceException cause = new DeviceException("no copy");
    device.on("copyToDevice", 3, () -> sneakyThrow(cause));
    BackgroundLoader loader = Bench.loader(device, new Numbers()).closeTimeout(Bench.SHORT).start();
    assertSame(cause, assertThrows(DeviceException.class, () -> Bench.get(loader)).getCause());

    loader.close();

    assertTrue(device.live("memory") >= 2 && device.live("pinned") >= 2, () -> "" + device.live());
    device.runAll();
    Bench.assertAllGone(device);
  }

  @Test
  @DisplayName("I2, I7: a lost slot is waited for last, and keeps all memory until it is over")
  void lostSlotAndLateTarget() throws Exception {
    ScriptedDevice device = new ScriptedDevice();
    Stream consumer = device.heldStream("consumer");
    CountDownLatch runs = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    BackgroundLoader loader =
        Bench.loader(
                device,
                (out, context) -> {
                  if (context.index() == 1) {
                    runs.countDown();
                    go.await();
                  }
                })
            .closeTimeout(Bench.SHORT)
            .interruptTargets(false)
            .start();
    DeviceBatch batch = Bench.get(loader, consumer);
    Patience.await(runs);
    Bench.lateReader(device, batch);
    failNext(device, "record on consumer", new DeviceException("no mark"));
    assertThrows(DeviceException.class, batch::close);
    loader.close();
    assertEquals(0, device.synchronizing(), "it waits though a target runs");
    go.countDown();

    Patience.until("the lost slot is waited for", () -> device.synchronizing() == 1);
    assertEquals(3, device.live("memory"), () -> "" + device.live());
    assertEquals(3, device.live("pinned"), () -> "" + device.live());
    assertTrue(device.step(consumer));
    Bench.assertAllGone(device);
  }

  @Test
  @DisplayName("a lease collected unclosed is closed by the copy thread, not by the cleaner")
  void leakedLease() throws Exception {
    System.setProperty("pentrough.leakDetection", "true");
    ScriptedDevice device = new ScriptedDevice();
    Stream consumer = device.stream("consumer");
    AtomicReference<Thread> closer = new AtomicReference<>();
    device.on("record on consumer", 1, () -> closer.set(Thread.currentThread()));
    try (BackgroundLoader loader = Bench.loader(device, new Numbers()).start()) {
      leak(Bench.get(loader, consumer));
      Collected.until("the lease is collected", () -> closer.get() != null);
    } finally {
      System.clearProperty("pentrough.leakDetection");
    }
    String name = Objects.requireNonNull(closer.get()).getName();
    assertTrue(name.endsWith("-copy"), name);
    assertEquals(1, log.containing("was never closed").size());
    Bench.assertAllGone(device);
  }

  private static void leak(DeviceBatch batch) {
    assertEquals(0, batch.index());
  }

  // ---- leases whose close fails

  @Test
  @DisplayName(
      "I2: a slot whose release could not be recorded is never reused; freed when it runs dry")
  void recordFails() throws Exception {
    ScriptedDevice device = new ScriptedDevice();
    Stream consumer = device.heldStream("consumer");
    DeviceException cause = new DeviceException("no mark");
    BackgroundLoader loader = Bench.loader(device, new Numbers()).closeTimeout(Bench.SHORT).start();
    DeviceBatch batch = Bench.get(loader, consumer);
    String memory = batch.array(0).buffer().toString();
    LateReader reader = Bench.lateReader(device, batch);
    Patience.until("all slots are full", () -> loader.stats().copyTime().count() == 3);
    failNext(device, "record on consumer", cause);

    assertSame(cause, assertThrows(DeviceException.class, batch::close));
    batch.close(); // is closed all the same

    for (int i = 0; i < 2; i++) {
      assertSame(cause, assertThrows(DeviceException.class, () -> Bench.get(loader)).getCause());
    }
    loader.close();
    assertTrue(device.live().contains(memory), "the slot is kept while its kernel may run");
    Patience.until("the lost slot is waited for", () -> device.synchronizing() == 1);
    assertEquals(3, device.live("memory"), () -> "" + device.live());
    assertEquals(3, device.live("pinned"), () -> "" + device.live());
    assertEquals(1, log.containing("1 poisoned").size(), "the log tells what is left");
    assertTrue(device.step(consumer));
    assertEquals(0, reader.seen);
    Bench.assertAllGone(device);
    assertEquals(
        1, device.calls("copyToDevice").stream().filter(c -> c.with().contains(memory)).count());
  }

  @ParameterizedTest(name = "zero-copy: {0}")
  @ValueSource(booleans = {false, true})
  @DisplayName("I6: a lost slot whose stream cannot be asked stays live, and is named")
  void recordAndSynchronizeFail(boolean zeroCopy) throws Exception {
    ScriptedDevice device = new ScriptedDevice();
    DeviceException cause = new DeviceException("no mark");
    BackgroundLoader.Builder builder = Bench.loader(device, new Numbers());
    BackgroundLoader loader = (zeroCopy ? builder.zeroCopy(true) : builder).start();
    DeviceBatch batch = Bench.get(loader, device.heldStream("consumer"));
    String memory = batch.array(0).buffer().toString();
    failNext(device, "record on consumer", cause);
    assertSame(cause, assertThrows(DeviceException.class, batch::close));
    failNext(device, "synchronize", new DeviceException("cannot tell"));

    loader.close();

    Bench.assertNoThreads();
    assertEquals(List.of(memory), device.live());
    assertEquals(List.of(), device.violations());
    assertEquals(1, log.containing("cannot tell").size());
  }

  private static void failNext(ScriptedDevice device, String call, Throwable cause) {
    device.on(call, 1, () -> sneakyThrow(cause));
  }

  private static List<Throwable> causes(Throwable t) {
    List<Throwable> causes = new ArrayList<>();
    for (Throwable cause = t; cause != null; cause = cause.getCause()) {
      causes.add(cause);
    }
    return causes;
  }

  @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"})
  private static <T extends Throwable> void sneakyThrow(Throwable t) throws T {
    throw (T) t;
  }

  private static final class EndOfData extends Exception {
    private static final long serialVersionUID = 1L;
  }
}
