package io.pentrough;

import static io.pentrough.testkit.Patience.patience;
import static io.pentrough.testkit.Patience.until;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Device;
import io.pentrough.testkit.LogCapture;
import io.pentrough.testkit.Numbered;
import io.pentrough.testkit.Patience;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceLock;

/** When a lease that is held too long is named: on time, however busy the copy thread is. */
class LeaseWatchTest {

  private static final long BOUND = TimeUnit.SECONDS.toNanos(30);
  private static final String OVERDUE = "index 0 of epoch 0 has been leased for";

  /** Near its wrap, as {@link System#nanoTime} may be. */
  private long now = Long.MAX_VALUE - BOUND / 2;

  private final List<String> warnings = new ArrayList<>();
  private final List<DeviceSlot> slots =
      List.of(new DeviceSlot(0), new DeviceSlot(1), new DeviceSlot(2));

  private LeaseWatch watch(long bound) {
    return watch(bound, false);
  }

  private LeaseWatch watch(long bound, boolean leakDetection) {
    return new LeaseWatch(
        bound,
        leakDetection,
        () -> now,
        this,
        slots,
        Schedules.schedule(Schedule.ENDLESS, Schedule.FOR_EVER, 0, 1),
        (overdue, leasedAt) -> warnings.add(overdue));
  }

  private void lease(int slot) {
    slots.get(slot).index = slot;
    slots.get(slot).leaseTo(Thread.currentThread());
    slots.get(slot).enter(DeviceSlot.State.LEASED, now);
  }

  @Test
  @DisplayName(
      "each lease is named once, in the nanosecond it is due, by whoever asks when told to")
  void onTime() {
    LeaseWatch watch = watch(BOUND);
    now += BOUND - 1;
    assertEquals(1, watch.look());
    lease(0); // taken between two looks, and nobody told of it
    now += 1;
    assertEquals(BOUND - 1, watch.look());
    now += 10;
    lease(1);
    assertEquals(BOUND - 11, watch.look());
    now += BOUND - 12;
    assertEquals(1, watch.look());
    assertEquals(List.of(), warnings);
    now += 1;
    assertEquals(11, watch.look());
    assertEquals(1, warnings.size(), warnings::toString);
    assertTrue(warnings.get(0).startsWith(OVERDUE + " 30.0 s by thread "), warnings.get(0));
    slots.get(1).closeLease(slots.get(1).lease()); // in time
    now += 11;
    assertEquals(BOUND, watch.look());
    now += 100 * BOUND;
    assertEquals(BOUND, watch.look());
    assertEquals(1, warnings.size(), warnings::toString);
  }

  @Test
  @DisplayName("without a bound nobody is named, ever; a tiny one leaves the thread its rest")
  void costs() {
    LeaseWatch none = watch(LeaseWatch.NEVER);
    lease(0);
    assertEquals(LeaseWatch.NEVER, none.look());
    now += 100 * BOUND;
    assertEquals(LeaseWatch.NEVER, none.look());
    assertEquals(List.of(), warnings);

    LeaseWatch tiny = watch(1);
    now += 1_000_000;
    assertEquals(1_000_000, tiny.look());
    assertEquals(1, warnings.size());
  }

  @Test
  @DisplayName("with leak detection a lease is named when it is known where it was taken")
  void leaseInTheMaking() {
    LeaseWatch watch = watch(1, true);
    lease(0);
    now += 1_000_000;
    assertEquals(1_000_000, watch.look());
    assertEquals(List.of(), warnings);
    LeakReport report = LeakReport.watch(this, "lease", new LeakReport.MadeHere(true), () -> {});
    slots.get(0).leakReport = report;
    now += 1_000_000;
    watch.look();
    assertEquals(1, warnings.size());
    report.closed();
  }

  @Test
  @DisplayName("what is kept for a step is not named; its holder is, a bound after it got it")
  void keptForAStep() {
    LeaseWatch watch = watch(BOUND);
    lease(0);
    slots.get(0).forgetHolder();
    now += 10 * BOUND;
    assertEquals(BOUND, watch.look());
    assertEquals(List.of(), warnings);
    slots.get(0).passTo(Thread.currentThread(), now);
    now += BOUND - 1;
    watch.look();
    assertEquals(List.of(), warnings);
    now += 1;
    watch.look();
    assertEquals(1, warnings.size());
    assertTrue(warnings.get(0).startsWith(OVERDUE + " 30.0 s by thread "), warnings.get(0));
  }

  private static BackgroundLoader start(Device device, Duration bound, CountDownLatch gate) {
    return BackgroundLoader.builder(device, Numbered.SPEC, (out, context) -> Patience.await(gate))
        .name("lease")
        .leaseWarnAfter(bound)
        .deviceSlots(3)
        .start();
  }

  @Test
  @ResourceLock("java.util.logging")
  @DisplayName("a copy that does not end delays no warning")
  void whileACopyIsUnderWay() throws Exception {
    ScriptedDevice device = new ScriptedDevice().holdNewStreams();
    try (LogCapture log = new LogCapture();
        BackgroundLoader loader = start(device, Duration.ofMillis(1), new CountDownLatch(0))) {
      until("the first copy", () -> device.step(device.newestStream()));
      DeviceBatch lease = loader.get(patience());
      // The next copies are queued and stay so: from here on the copy thread always has one to
      // watch.
      until("two copies to be queued", () -> device.queuedOn(device.newestStream()) == 2);
      until("the warning", () -> !log.containing(OVERDUE).isEmpty());
      device.runAll();
      lease.close();
    }
    assertEquals(List.of(), device.violations());
    assertEquals(List.of(), device.live());
  }

  @Test
  @ResourceLock("java.util.logging")
  @DisplayName("a copy thread that finds another batch to copy each time round still warns on time")
  void underConstantCopying() throws Exception {
    Duration bound = Duration.ofMillis(1);
    ScriptedDevice device = new ScriptedDevice();
    AtomicLong leasedAt = new AtomicLong();
    AtomicInteger closed = new AtomicInteger();
    AtomicInteger warned = new AtomicInteger(-1);
    CountDownLatch started = new CountDownLatch(1);
    try (LogCapture log = new LogCapture();
        BackgroundLoader loader = start(device, bound, started)) {
      for (int copy = 0; copy < 4; copy++) {
        int batch = copy;
        device.on(
            "copyToDevice",
            copy + 1,
            () -> {
              if (batch == 3) { // the copy thread has been round once since the lease is overdue
                warned.set(log.containing(OVERDUE).size());
                return;
              }
              // Lets the copy thread go on only when it will find the next batch to copy.
              until("the next batch", () -> loader.stats().fillTime().count() >= batch + 2);
              until("a free device slot", () -> closed.get() >= batch - 1);
              until("the lease", () -> batch == 0 || leasedAt.get() != 0);
              until(
                  "the lease to be overdue",
                  () -> batch < 2 || System.nanoTime() - leasedAt.get() > bound.toNanos());
            });
      }
      started.countDown();
      DeviceBatch lease = loader.get(patience());
      leasedAt.set(System.nanoTime());
      for (int i = 1; i <= 3; i++) {
        loader.get(patience()).close();
        closed.set(i);
      }
      lease.close();
      assertEquals(1, warned.get());
    }
    assertEquals(List.of(), device.violations());
    assertEquals(List.of(), device.live());
  }
}
