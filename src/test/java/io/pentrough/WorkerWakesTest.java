package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WorkerWakesTest {

  @ParameterizedTest(name = "{0} of {1} free, each worth it {2}: {3}")
  @CsvSource({
    "0, 4, true, false",
    "1, 4, true, true",
    "0, 1, false, false",
    "1, 1, false, true",
    "1, 4, false, false",
    "2, 4, false, true",
    "2, 5, false, false",
    "3, 5, false, true",
  })
  @DisplayName("a worker is woken for one slot if that is worth it, else for half of them")
  void areEnough(int free, int all, boolean eachIsWorthIt, boolean wakes) {
    assertEquals(wakes, WorkerWakes.areEnough(free, all, eachIsWorthIt));
  }

  @Test
  @Timeout(60)
  @DisplayName(
      "every worker gets to work that has a slot, however short the fills have been so far")
  void fillsThatGetLong() throws Exception {
    int workers = 4;
    AtomicBoolean blocks = new AtomicBoolean();
    AtomicInteger blocked = new AtomicInteger();
    AtomicInteger fills = new AtomicInteger();
    CountDownLatch go = new CountDownLatch(1);
    BatchTarget target =
        (out, context) -> {
          if (blocks.get()) {
            blocked.incrementAndGet();
            go.await();
          }
          fills.incrementAndGet();
        };
    ScriptedDevice device = new ScriptedDevice();
    try (BackgroundLoader loader =
        Bench.loader(device, target).workers(workers).hostSlots(workers).deviceSlots(1).start()) {
      int taken = 0;
      for (; taken < 500; taken++) { // until a fill is known to be short
        Bench.get(loader).close();
      }
      Bench.until(
          "all workers rest",
          () -> Bench.threads().stream().filter(WorkerWakesTest::rests).count() == workers);
      blocks.set(true);
      for (; taken < fills.get(); taken++) {
        Bench.get(loader).close();
      }
      Bench.until("all workers are in the target", () -> blocked.get() == workers);
      go.countDown();
    }
    Bench.assertAllGone(device);
  }

  private static boolean rests(Thread thread) {
    return thread.getName().contains("worker") && thread.getState() == Thread.State.WAITING;
  }
}
