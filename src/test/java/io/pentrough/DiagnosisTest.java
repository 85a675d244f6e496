package io.pentrough;

import static io.pentrough.Messages.message;
import static io.pentrough.testkit.Numbered.check;
import static io.pentrough.testkit.Patience.await;
import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.Numbered;
import io.pentrough.testkit.Patience;
import io.pentrough.testkit.Threads;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceLock;

/** What a wait that was too long says about who waits for whom (I5). */
@OnEveryDevice
class DiagnosisTest {

  private final Device device = TestDevice.open();
  private final CountDownLatch stuck = new CountDownLatch(2);
  private final CountDownLatch gate = new CountDownLatch(1);

  /** A recognisable name in the stack. */
  private void readsFromAnOldTape(long index) throws InterruptedException {
    if (index >= 1 && index <= 2) {
      stuck.countDown();
      await(gate);
    }
  }

  private BackgroundLoader.Builder stuckLoader() {
    return BackgroundLoader.builder(
        device,
        Numbered.SPEC,
        (out, context) -> {
          readsFromAnOldTape(context.index());
          Numbered.fill(out, context);
        });
  }

  private static void assertHas(String regex, String text) {
    assertTrue(Pattern.compile(regex).matcher(text).find(), () -> "no " + regex + " in\n" + text);
  }

  @Test
  @DisplayName("stuck targets: time waited, index, slots by state, each worker with its stack")
  void stuckTargets() throws Exception {
    try (BackgroundLoader loader =
        stuckLoader().workers(3).hostSlots(5).deviceSlots(2).name("tapes").start()) {
      check(0, loader.get());
      await(stuck);
      // Indexes 3, 4 and 5 are filled by the third worker, and wait for 1: no host slot is left.
      List<Thread> workers = Threads.of("tapes-worker");
      Patience.until("all workers wait", () -> workers.stream().allMatch(Threads::isWaiting));
      String said =
          message(
              assertThrows(BatchTimeoutException.class, () -> loader.get(Duration.ofMillis(20))));
      Matcher waited = Pattern.compile("no batch after (\\d+\\.\\d+) s").matcher(said);
      assertTrue(waited.find(), said);
      assertTrue(Double.parseDouble(waited.group(1)) >= 0.020, said);
      assertHas("waiting for index 1\\b", said);
      assertHas("host slots: 5 = 2 filling, 3 filled", said);
      assertHas("device slots: 2 = 2 free", said);
      assertHas("worker \\d: in the target for index 1 of epoch 0 for \\d+\\.\\d+ s\\n", said);
      assertHas("worker \\d: in the target for index 2 of epoch 0 for \\d+\\.\\d+ s\\n", said);
      assertHas("worker \\d: waiting for a free host slot for \\d+\\.\\d+ s", said);
      assertEquals(3, said.split("readsFromAnOldTape", -1).length, said); // in two stacks
      gate.countDown();
      check(1, loader.get());
    }
  }

  @Test
  @DisplayName("other consumers hold every device slot: they are named, and so is the way out")
  void everySlotLeased() throws Exception {
    gate.countDown();
    try (BackgroundLoader loader = stuckLoader().deviceSlots(3).start()) {
      DeviceBatch first = leaseOf(loader, "trainer");
      DeviceBatch second = leaseOf(loader, "trainer");
      DeviceBatch third = leaseOf(loader, "validator");
      String said =
          message(assertThrows(BatchTimeoutException.class, () -> loader.get(Duration.ZERO)));
      assertHas("waiting for index 3\\b", said);
      assertHas("device slots: 3 = 3 leased", said);
      assertHas("every device slot is leased .*trainer=2.*validator=1", said);
      assertHas("close a batch, or raise deviceSlots", said);
      check(0, first);
      check(1, second);
      check(2, third);
      check(3, loader.get());
    }
  }

  private static DeviceBatch leaseOf(BackgroundLoader loader, String thread) throws Exception {
    return Caller.start(
            () -> {
              Thread.currentThread().setName(thread);
              return loader.get();
            })
        .result();
  }

  @Test
  @DisplayName("nobody has waited longer than the loader exists, not even a worker not yet running")
  void justStarted() throws Exception {
    for (int i = 0; i < 20; i++) {
      long before = System.nanoTime();
      try (BackgroundLoader loader = stuckLoader().workers(6).hostSlots(1).start()) {
        String said;
        try (DeviceBatch batch = loader.get(Duration.ZERO)) {
          said = ""; // too late to see anything
          assertEquals(0, batch.index());
        } catch (BatchTimeoutException e) {
          said = message(e);
        }
        double seconds = (System.nanoTime() - before) / 1e9;
        Matcher waits = Pattern.compile(" for (\\d+\\.\\d+) s").matcher(said);
        while (waits.find()) {
          assertTrue(Double.parseDouble(waits.group(1)) <= seconds + 0.001, said);
        }
        gate.countDown();
      }
    }
  }

  /** What the library logs while this is open. */
  private static final class Log extends Handler {

    private final Logger logger = Logger.getLogger("io.pentrough");
    private final boolean usedParents = logger.getUseParentHandlers();
    private final LinkedBlockingQueue<LogRecord> records = new LinkedBlockingQueue<>();

    Log() {
      logger.addHandler(this);
      logger.setUseParentHandlers(false);
    }

    LogRecord next() throws InterruptedException {
      LogRecord next = records.poll(patience().toMillis(), TimeUnit.MILLISECONDS);
      if (next == null) {
        throw new AssertionError("nothing was logged");
      }
      return next;
    }

    @Override
    public void publish(LogRecord logged) {
      records.add(logged);
    }

    @Override
    public void flush() {}

    @Override
    public void close() {
      logger.removeHandler(this);
      logger.setUseParentHandlers(usedParents);
    }
  }

  @Test
  @ResourceLock("java.util.logging")
  @DisplayName("a get without bound warns again and again, with the time since it began")
  void warns() throws Exception {
    Log log = new Log();
    try (BackgroundLoader loader =
        stuckLoader().workers(2).name("tapes").warnAfter(Duration.ofMillis(10)).start()) {
      check(0, loader.get(patience()));
      await(stuck);
      Caller<DeviceBatch> caller = Caller.start(loader::get);
      double waited = 0;
      for (int i = 1; i <= 3; i++) {
        LogRecord warning = log.next();
        assertEquals(Level.WARNING, warning.getLevel());
        String said = new SimpleFormatter().formatMessage(warning);
        Matcher head = Pattern.compile("^tapes: no batch after (\\d+\\.\\d+) s").matcher(said);
        assertTrue(head.find(), said);
        double now = Double.parseDouble(head.group(1));
        assertTrue(now >= i * 0.010 && now > waited, said);
        waited = now;
        assertHas("waiting for index 1\\b", said);
        assertHas("in the target for index 1", said);
        assertHas("readsFromAnOldTape", said);
      }
      gate.countDown();
      check(1, caller.result());
    } finally {
      log.close();
    }
  }
}
