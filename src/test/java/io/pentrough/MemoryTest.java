package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.testkit.Patience.patience;
import static io.pentrough.testkit.Patience.until;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Collected;
import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.LogCapture;
import io.pentrough.testkit.Patience;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.api.parallel.Resources;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Memory that is known beforehand, and given back though nobody closes (I6, I7). */
@OnEveryDevice
@ResourceLock("java.util.logging")
@ResourceLock(Resources.SYSTEM_PROPERTIES)
class MemoryTest {

  private static final BatchSpec SPEC = BatchSpec.builder().array("x", DType.UINT8, 1024).build();

  private final Device device = TestDevice.open();
  @RegisterExtension final LogCapture log = new LogCapture();

  @AfterEach
  void forgetLeakDetection() {
    System.clearProperty("pentrough.leakDetection");
  }

  private BackgroundLoader.Builder loader() {
    return loader((out, context) -> {});
  }

  private BackgroundLoader.Builder loader(BatchTarget target) {
    return BackgroundLoader.builder(device, SPEC, target).name("memory");
  }

  @Test
  @DisplayName("I6: the plan counts both rings, allocates nothing, and is what start allocates")
  void plan() {
    BackgroundLoader.Builder builder = loader().hostSlots(5).deviceSlots(2).memoryBudget(1);
    MemoryPlan plan = builder.plan();
    TestDevice.assertNothingLive(device);
    assertEquals(new MemoryPlan(5, 1024, 2, 1024, 0), plan);
    assertEquals(5 * 1024, plan.pinnedBytes());
    assertEquals(2 * 1024, plan.deviceBytes());
    assertEquals(7 * 1024, plan.totalBytes());
    assertEquals(
        new MemoryPlan(7, 1024, 7, 0, 0),
        loader().hostSlots(5).deviceSlots(2).zeroCopy(true).plan());
    assertEquals(
        new MemoryPlan(6, 500, 3, 500, 0), BatchQueue.builder(device, 500).workers(4).plan());
    assertSays(new Throwable(plan.toString()), "5 slots", "2 slots");
  }

  @Test
  @DisplayName("a plan that makes no sense cannot be made, so no sum of it overflows")
  void badPlans() {
    long max = Long.MAX_VALUE;
    assertSays(
        assertThrows(IllegalArgumentException.class, () -> new MemoryPlan(1, 1, 1, 1, -1)),
        "no negative numbers");
    for (Executable bad :
        List.<Executable>of(
            () -> new MemoryPlan(2, max / 2 + 1, 0, 0, 0),
            () -> new MemoryPlan(0, 0, 3, max / 2, 0),
            () -> new MemoryPlan(1, max / 2, 1, max / 2, 2),
            () -> new MemoryPlan(1, 1, 0, 0, max))) {
      assertSays(assertThrows(IllegalArgumentException.class, bad), "2^63", "plan with less");
    }
    assertEquals(max, new MemoryPlan(0, 0, 0, 0, max).totalBytes());
    assertEquals(max, new MemoryPlan(1, max / 2, 1, max / 2, 1).totalBytes());
  }

  @Test
  @DisplayName("I6: over the budget start refuses, with the plan, and allocates nothing")
  void budget() {
    BackgroundLoader.Builder builder = loader().hostSlots(5).deviceSlots(2);
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class, () -> builder.memoryBudget(7 * 1024 - 1).start());
    assertSays(e, "memoryBudget", builder.plan().toString(), "hostSlots");
    TestDevice.assertNothingLive(device);
    builder.memoryBudget(7 * 1024).start().close();
    builder.zeroCopy(true).start().close();
    BatchQueue.Builder queue = BatchQueue.builder(device, 1024).memoryBudget(1024);
    assertThrows(IllegalArgumentException.class, queue::start);
    assertThrows(IllegalArgumentException.class, () -> loader().memoryBudget(0));
  }

  /** Until the collector has found what nobody refers to any more, and it has been told. */
  private void untilLogged(String text) {
    Collected.until(text, () -> !log.containing(text).isEmpty());
  }

  /** In a method of its own, so that nothing on the stack refers to the loader. */
  private void leakLoader() throws Exception {
    BackgroundLoader loader = loader().start();
    loader.get(patience()).close();
  }

  private void leakQueue() throws Exception {
    BatchQueue queue = BatchQueue.builder(device, 1024).name("memory").start();
    queue.submit(SPEC, (out, context) -> {});
    queue.get(patience()).close();
  }

  @ParameterizedTest(name = "leak detection: {0}")
  @ValueSource(booleans = {true, false})
  @DisplayName("a loader collected unclosed is named, and its memory given back")
  void leakedLoader(boolean detection) throws Exception {
    System.setProperty("pentrough.leakDetection", Boolean.toString(detection));
    leakLoader();
    assertFalse(TestDevice.nothingLive(device));
    untilLogged("memory was never closed, and is given back now");
    until("its memory to be given back", () -> TestDevice.nothingLive(device));
    if (detection) {
      assertTrue(wasMadeIn("leakLoader"));
      assertSays(log.thrown().get(0), "made here");
    } else {
      assertEquals(List.of(), log.thrown(), "nothing that looks like a failure");
      assertEquals(1, log.containing("-Dpentrough.leakDetection=true says where").size());
    }
  }

  @Test
  @DisplayName("a logger that throws does not keep a leaked loader's memory")
  void leakedLoaderAndBrokenLogger() throws Exception {
    Logger logger = Logger.getLogger("io.pentrough");
    Handler broken = new BrokenHandler();
    logger.addHandler(broken);
    try {
      leakLoader();
      Collected.until("its memory to be given back", () -> TestDevice.nothingLive(device));
    } finally {
      logger.removeHandler(broken);
    }
  }

  private static final class BrokenHandler extends Handler {
    @Override
    public void publish(LogRecord logged) {
      throw new IllegalStateException("no room on the disk");
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  }

  @Test
  @DisplayName("a queue collected unclosed likewise")
  void leakedQueue() throws Exception {
    leakQueue();
    untilLogged("memory was never closed, and is given back now");
    until("its memory to be given back", () -> TestDevice.nothingLive(device));
  }

  /** What a training loop often is: the object that has the target also has the loader. */
  private final class Owner {
    private final BackgroundLoader loader = loader(this::fill).start();
    private final BatchQueue queue = BatchQueue.builder(device, 1024).start();

    private void fill(HostBatch out, BatchContext context) {}

    private void useAndClose() throws Exception {
      queue.submit(SPEC, this::fill);
      queue.get(patience()).close();
      queue.close();
      loader.get(patience()).close();
      loader.close();
    }
  }

  private WeakReference<Owner> closedOwner() throws Exception {
    Owner owner = new Owner();
    owner.useAndClose();
    return new WeakReference<>(owner);
  }

  @ParameterizedTest(name = "leak detection: {0}")
  @ValueSource(booleans = {true, false})
  @DisplayName("a closed loader is collected, though its target refers to it")
  void closedIsCollected(boolean detection) throws Exception {
    System.setProperty("pentrough.leakDetection", Boolean.toString(detection));
    Collected.await(closedOwner());
  }

  private boolean wasMadeIn(String method) {
    return Arrays.stream(log.thrown().get(0).getStackTrace())
        .anyMatch(
            frame ->
                frame.getClassName().equals(MemoryTest.class.getName())
                    && frame.getMethodName().equals(method));
  }

  @Test
  @DisplayName("closed ones are not reported, whenever they are collected")
  void closedIsNotReported() throws Exception {
    System.setProperty("pentrough.leakDetection", "true");
    for (int i = 0; i < 20; i++) {
      try (BackgroundLoader loader = loader().start()) {
        loader.get(patience()).close();
      }
    }
    leakLoader(); // registered last: reported when the others have been collected, or with them
    untilLogged("memory was never closed");
    until("its memory to be given back", () -> TestDevice.nothingLive(device));
    assertEquals(1, log.containing("memory was never closed").size());
  }

  private static void leakLease(BackgroundLoader loader) throws Exception {
    assertEquals(0, loader.get(patience()).index());
  }

  @Test
  @DisplayName("with leak detection a lease collected unclosed is named, and its slot comes back")
  void leakedLease() throws Exception {
    System.setProperty("pentrough.leakDetection", "true");
    try (BackgroundLoader loader = loader().deviceSlots(1).start()) {
      leakLease(loader);
      untilLogged("memory: the lease of batch 0 of epoch 0 was never closed");
      assertTrue(wasMadeIn("leakLease"));
      for (int i = 1; i < 4; i++) {
        try (DeviceBatch batch = getFromAnotherThread(loader)) {
          assertEquals(i, batch.index());
        }
      }
    }
    assertEquals(1, log.containing("never closed").size());
  }

  /** The thread that lost the lease would be told at once that it holds every slot. */
  private static DeviceBatch getFromAnotherThread(BackgroundLoader loader) throws Exception {
    return Caller.start(() -> loader.get(patience())).result();
  }

  @ParameterizedTest(name = "leak detection: {0}")
  @ValueSource(booleans = {true, false})
  @DisplayName("a lease held longer than leaseWarnAfter is named with its thread, once")
  void leaseHeldLong(boolean detection) throws Exception {
    System.setProperty("pentrough.leakDetection", Boolean.toString(detection));
    try (BackgroundLoader loader =
        loader().deviceSlots(3).leaseWarnAfter(Duration.ofMillis(1)).start()) {
      CountDownLatch gate = new CountDownLatch(1);
      CountDownLatch held = new CountDownLatch(1);
      Caller<Long> holder =
          Caller.start(
              () -> {
                Thread.currentThread().setName("forgetful");
                try (DeviceBatch batch = loader.get(patience())) {
                  held.countDown();
                  Patience.await(gate);
                  return batch.index();
                }
              });
      Patience.await(held);
      String overdue = "index 0 of epoch 0 has been leased for";
      until("the warning", () -> !log.containing(overdue).isEmpty());
      List<String> others = new ArrayList<>();
      for (int i = 1; i <= 3; i++) { // each wakes the copy thread, which looks again
        try (DeviceBatch batch = loader.get(patience())) {
          String other = "index " + batch.index() + " of epoch 0 has been leased";
          others.add(other);
          until("the next warning", () -> log.containing(other).size() == 1);
        }
      }
      assertEquals(1, log.containing(overdue).size());
      assertTrue(log.containing(overdue).get(0).endsWith("by thread forgetful"));
      assertTrue(log.containing(overdue).get(0).startsWith("memory: "));
      assertEquals(3, others.size());
      assertEquals(detection ? 4 : 0, log.thrown().size());
      gate.countDown();
      assertEquals(0, holder.result());
    }
  }
}
