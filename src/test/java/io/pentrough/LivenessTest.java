package io.pentrough;

import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Patience;
import io.pentrough.testkit.Threads;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** I5: as long as somebody can go on, somebody does. */
@OnEveryDevice
class LivenessTest {

  private static final BatchSpec SPEC = BatchSpec.builder().array("index", DType.INT64, 1).build();

  private final Device device = TestDevice.open();
  private final ExecutorService consumers = Executors.newCachedThreadPool();

  @AfterEach
  void end() {
    consumers.shutdownNow();
    device.close();
  }

  private static long read(DeviceBatch batch) {
    return TestDevice.bytes(batch.array(0).buffer()).getLong(0);
  }

  @ParameterizedTest(name = "ordered: {0}, zero-copy: {1}")
  @CsvSource({"true, false", "false, false", "true, true", "false, true"})
  @DisplayName("I3, I5: 8 workers and 3 consumers get 10,000 batches through one slot each")
  void narrowestRings(boolean ordered, boolean zeroCopy) throws Exception {
    int batches = TestDevice.effort(10_000);
    BackgroundLoader.Builder builder =
        BackgroundLoader.builder(
                device, SPEC, (out, context) -> out.array(0).setLong(0, context.index()))
            .workers(8)
            .hostSlots(1)
            .deviceSlots(1)
            .time(SteppedTime.withoutBounds()); // a consumer that nobody wakes would wait for ever
    if (!ordered) {
      builder.ordered(false);
    }
    if (zeroCopy) {
      builder.zeroCopy(true);
    }
    Set<Long> told = ConcurrentHashMap.newKeySet();
    AtomicInteger left = new AtomicInteger(batches);
    try (BackgroundLoader loader = builder.start()) {
      List<Future<?>> ends = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        ends.add(
            consumers.submit(
                () -> {
                  while (left.getAndDecrement() > 0) {
                    try (DeviceBatch batch = loader.get(patience())) {
                      assertEquals(batch.index(), read(batch));
                      assertTrue(told.add(batch.index()), "told twice");
                    }
                  }
                  return null;
                }));
      }
      for (Future<?> end : ends) {
        Patience.result(end);
      }
      assertEquals(batches, loader.stats().batches());
    }
    assertEquals(batches, told.size());
    assertTrue(!ordered || told.stream().allMatch(index -> index < batches), "one is missing");
  }

  @Test
  @DisplayName("unordered, a stuck index is overtaken by the whole window, and then waited for")
  void stuckIndex() throws Exception {
    long stuck = 3;
    long end = stuck + DeliveredWindow.SIZE; // the first index beyond the window
    CountDownLatch gate = new CountDownLatch(1);
    AtomicLong highest = new AtomicLong();
    BatchTarget target =
        (out, context) -> {
          highest.accumulateAndGet(context.index(), Math::max);
          if (context.index() == stuck) {
            gate.await();
          }
          out.array(0).setLong(0, context.index());
        };
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, SPEC, target)
            .workers(4)
            .name("stuck")
            .ordered(false)
            .start()) {
      BitSet told = new BitSet();
      get(loader, told, (int) end - 1);
      assertTrue(!told.get((int) stuck) && told.length() == end, "all others of the window");

      Patience.until(
          "the workers rest, but for the one in the target, which waits too",
          () -> Threads.of("stuck-worker").stream().allMatch(Threads::isWaiting));
      assertThrows(BatchTimeoutException.class, () -> loader.get(Duration.ZERO));
      assertEquals(end - 1, highest.get(), "a worker went beyond the window");

      gate.countDown();
      long windows = TestDevice.IS_CUDA ? 0 : 2;
      get(loader, told, (int) (windows + 1) * DeliveredWindow.SIZE);
      assertTrue(told.nextClearBit(0) >= end + windows * DeliveredWindow.SIZE - 1, "stuck again");
    }
  }

  private static void get(BackgroundLoader loader, BitSet told, int batches) throws Exception {
    for (int i = 0; i < batches; i++) {
      try (DeviceBatch batch = loader.get(patience())) {
        int index = (int) batch.index();
        if (!TestDevice.IS_CUDA || i % 8 == 0) { // there, each look is a copy that is waited for
          assertEquals(index, read(batch));
        }
        assertTrue(!told.get(index), "told twice");
        told.set(index);
      }
    }
  }
}
