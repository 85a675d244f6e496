package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.testkit.Numbered.check;
import static io.pentrough.testkit.Patience.await;
import static io.pentrough.testkit.Patience.until;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.Numbered;
import io.pentrough.testkit.Threads;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What a caller of {@code get} gets, and what it does not. */
@OnEveryDevice
class LoaderGetTest {

  private static final Duration FOREVER = Duration.ofSeconds(Long.MAX_VALUE);
  private static final Duration SHORT = Duration.ofMillis(2);

  private final Device device = TestDevice.open();

  /** Opens the target for index 0. */
  private final CountDownLatch gate = new CountDownLatch(1);

  private final CountDownLatch entered = new CountDownLatch(1);

  private BackgroundLoader.Builder loader() {
    return BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill);
  }

  private BackgroundLoader.Builder gatedLoader() {
    return BackgroundLoader.builder(device, Numbered.SPEC, this::fillBehindGate);
  }

  private void fillBehindGate(HostBatch out, BatchContext context) throws InterruptedException {
    if (context.index() == 0) {
      entered.countDown();
      await(gate);
    }
    Numbered.fill(out, context);
  }

  @ParameterizedTest(name = "{0} workers, {1} host slots, {2} device slots")
  @CsvSource({"1,1,1", "8,1,1", "1,8,1", "1,1,8", "8,2,3", "2,8,1", "3,5,2"})
  @DisplayName("I3: order does not depend on workers and depths, each of which may be 1")
  void order(int workers, int hostSlots, int deviceSlots) throws Exception {
    try (BackgroundLoader loader =
        loader().workers(workers).hostSlots(hostSlots).deviceSlots(deviceSlots).start()) {
      for (int i = 0; i < 300; i++) {
        check(i, i % 2 == 0 ? loader.get() : loader.get(FOREVER));
      }
    }
  }

  @Test
  @DisplayName("I3: several consumers get each index exactly once, each of them in rising order")
  void severalConsumers() throws Exception {
    int batches = TestDevice.effort(2_000);
    try (BackgroundLoader loader = loader().workers(2).deviceSlots(6).start()) {
      AtomicInteger left = new AtomicInteger(batches);
      List<Caller<List<Long>>> consumers = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        consumers.add(
            Caller.start(
                () -> {
                  List<Long> mine = new ArrayList<>();
                  while (left.getAndDecrement() > 0) {
                    try (DeviceBatch batch = loader.get(FOREVER)) {
                      assertEquals(batch.index(), Numbered.number(batch));
                      mine.add(batch.index());
                    }
                  }
                  return mine;
                }));
      }
      List<Long> all = new ArrayList<>();
      for (Caller<List<Long>> consumer : consumers) {
        List<Long> mine = consumer.result();
        assertEquals(mine.stream().sorted().distinct().toList(), mine);
        all.addAll(mine);
      }
      assertEquals(LongStream.range(0, batches).boxed().toList(), all.stream().sorted().toList());
    }
  }

  static Stream<Duration> shortTimeouts() {
    return Stream.of(
        Duration.ZERO, SHORT, Duration.ofNanos(-1), Duration.ofSeconds(Long.MIN_VALUE));
  }

  @ParameterizedTest
  @MethodSource("shortTimeouts")
  @DisplayName("I5: a timeout, also none or a negative one, ends the wait and takes nothing")
  void timeoutTakesNothing(Duration timeout) throws Exception {
    try (BackgroundLoader loader = gatedLoader().workers(2).start()) {
      assertThrows(BatchTimeoutException.class, () -> loader.get(timeout));
      assertThrows(BatchTimeoutException.class, () -> loader.get(device.defaultStream(), timeout));
      gate.countDown();
      check(0, loader.get());
      check(1, loader.get());
    }
  }

  @Test
  @DisplayName("a timeout of zero takes a batch that is ready")
  void zeroLooksOnce() {
    try (BackgroundLoader loader = loader().start()) {
      for (int i = 0; i < 20; i++) {
        AtomicInteger index = new AtomicInteger(i);
        until("batch " + i + " to be ready", () -> takes(loader, index.get()));
      }
    }
  }

  private static boolean takes(BackgroundLoader loader, long index) {
    try {
      check(index, loader.get(Duration.ZERO));
      return true;
    } catch (BatchTimeoutException e) {
      return false;
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  @DisplayName("I5: a timeout longer than the clock reaches waits until the batch comes")
  void hugeTimeout() throws Exception {
    try (BackgroundLoader loader = gatedLoader().start()) {
      Caller<DeviceBatch> caller = Caller.start(() -> loader.get(FOREVER)).untilWaiting();
      gate.countDown();
      check(0, caller.result());
    }
  }

  @Test
  @DisplayName("I5: an interrupted thread takes nothing, even if a batch is ready")
  void interruptedBefore() throws Exception {
    try (BackgroundLoader loader = loader().start()) {
      check(0, loader.get());
      until("a batch", () -> takes(loader, 1));
      Thread.currentThread().interrupt();
      assertThrows(InterruptedException.class, loader::get);
      assertFalse(Thread.interrupted(), "the exception stands for the flag");
      Thread.currentThread().interrupt();
      assertThrows(InterruptedException.class, () -> loader.get(Duration.ZERO));
      assertFalse(Thread.interrupted());
      check(2, loader.get());
    }
  }

  @Test
  @DisplayName("I5: an interrupt ends the wait and takes nothing; the others go on waiting")
  void interruptedWhileWaiting() throws Exception {
    try (BackgroundLoader loader = gatedLoader().start()) {
      Caller<DeviceBatch> bounded = Caller.start(() -> loader.get(FOREVER)).untilWaiting();
      Caller<DeviceBatch> unbounded = Caller.start(loader::get).untilWaiting();
      Caller<DeviceBatch> other = Caller.start(loader::get).untilWaiting();
      bounded.thread.interrupt();
      unbounded.thread.interrupt();
      bounded.failure(InterruptedException.class);
      unbounded.failure(InterruptedException.class);
      gate.countDown();
      check(0, other.result());
      check(1, loader.get());
    }
  }

  @Test
  @DisplayName("I5: a thread that holds every device slot is told at once that it waits for itself")
  void holdsEverySlot() throws Exception {
    try (BackgroundLoader loader = loader().deviceSlots(2).start();
        DeviceBatch first = loader.get()) {
      try (DeviceBatch second = loader.get()) {
        assertEquals(1, second.index());
        AllSlotsHeldException e = assertThrows(AllSlotsHeldException.class, loader::get);
        assertSays(e, "all 2 device slots");
        assertThrows(AllSlotsHeldException.class, () -> loader.get(FOREVER));
        assertThrows(
            AllSlotsHeldException.class, () -> loader.get(device.defaultStream(), Duration.ZERO));
        assertThrows(AllSlotsHeldException.class, () -> loader.poll(FOREVER));
        assertThrows(AllSlotsHeldException.class, loader::getQueued);
      }
      check(2, loader.get());
      assertEquals(0, Numbered.number(first));
    }
  }

  @Test
  @DisplayName("I5: if another thread holds one of the slots, get waits for it")
  void anotherHoldsASlot() throws Exception {
    try (BackgroundLoader loader = loader().deviceSlots(2).start()) {
      DeviceBatch theirs = Caller.start(() -> loader.get()).result();
      try (DeviceBatch mine = loader.get()) {
        assertEquals(1, mine.index());
        assertThrows(BatchTimeoutException.class, () -> loader.get(Duration.ZERO));
        assertThrows(BatchTimeoutException.class, () -> loader.get(SHORT));
        check(0, theirs);
        check(2, loader.get());
      }
    }
  }

  @Test
  @DisplayName("a closed loader says so, in every method but stats and close")
  void afterClose() {
    BackgroundLoader loader = loader().name("morning").start();
    loader.close();
    loader.close();
    for (Executable call :
        List.<Executable>of(
            loader::get,
            () -> loader.get(FOREVER),
            () -> loader.get(device.defaultStream(), Duration.ZERO),
            loader::reset)) {
      LoaderClosedException e = assertThrows(LoaderClosedException.class, call);
      assertSays(e, "morning");
    }
    assertEquals(0, loader.stats().batches());
  }

  @Test
  @DisplayName("I5: closing ends every wait with a LoaderClosedException")
  void closedWhileWaiting() throws Exception {
    BackgroundLoader loader = gatedLoader().workers(2).start();
    Caller<DeviceBatch> bounded = Caller.start(() -> loader.get(FOREVER)).untilWaiting();
    Caller<DeviceBatch> unbounded = Caller.start(loader::get).untilWaiting();
    Caller<Boolean> closer =
        Caller.start(
            () -> {
              loader.close();
              return true;
            });
    bounded.failure(LoaderClosedException.class); // while close still waits for the target
    unbounded.failure(LoaderClosedException.class);
    gate.countDown();
    assertTrue(closer.result());
  }

  @Test
  @DisplayName("I7: two threads that close at once both return when all is given back")
  void closedTwiceAtOnce() throws Exception {
    BackgroundLoader loader = gatedLoader().start();
    await(entered);
    List<Caller<Boolean>> closers = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      closers.add(
          Caller.start(
              () -> {
                loader.close();
                return TestDevice.nothingLive(device);
              }));
    }
    for (Caller<Boolean> closer : closers) {
      until("close to wait", () -> Threads.isWaiting(closer.thread));
    }
    gate.countDown();
    for (Caller<Boolean> closer : closers) {
      assertTrue(closer.result(), TestDevice.live(device));
    }
  }

  @Test
  @DisplayName("a stream of another device is refused, and nothing is taken")
  void foreignStream() throws Exception {
    try (Device other = TestDevice.open();
        DeviceStream foreign = other.newStream();
        BackgroundLoader loader = loader().start()) {
      check(0, loader.get());
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> loader.get(foreign, FOREVER));
      assertSays(e, "another device");
      check(1, loader.get());
    }
  }

  @Test
  @DisplayName("null is refused by name, and nothing is taken")
  @SuppressWarnings("NullAway") // that is what is tried
  void nullArguments() throws Exception {
    try (BackgroundLoader loader = loader().start()) {
      NullPointerException e =
          assertThrows(NullPointerException.class, () -> loader.get((Duration) null));
      assertSays(e, "timeout");
      e = assertThrows(NullPointerException.class, () -> loader.get(device.defaultStream(), null));
      assertSays(e, "timeout");
      e = assertThrows(NullPointerException.class, () -> loader.get(null, FOREVER));
      assertSays(e, "stream");
      check(0, loader.get());
    }
  }

  @Test
  @DisplayName("a lease may be read and closed on another thread than the one that got it")
  void leaseHandedOn() throws Exception {
    try (BackgroundLoader loader = loader().deviceSlots(3).start()) {
      SynchronousQueue<DeviceBatch> handedOn = new SynchronousQueue<>();
      Caller<Long> reader =
          Caller.start(
              () -> {
                long next = 0;
                while (next < 300) {
                  check(next++, handedOn.take());
                }
                return next;
              });
      for (int i = 0; i < 300; i++) {
        handedOn.put(loader.get(FOREVER));
      }
      assertEquals(300, reader.result());
    }
  }
}
