package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import io.pentrough.testkit.Patience;
import io.pentrough.testkit.Threads;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class WorkerSignallerTest {

  @Test
  @DisplayName("a worker that somebody has taken and failed to wake is woken with all others")
  void takenAndNotWoken() throws Exception {
    WorkerState worker = new WorkerState(0);
    AtomicBoolean goesOn = new AtomicBoolean();
    Thread thread =
        new Thread(
            () -> {
              while (!goesOn.get()) {
                LockSupport.park();
              }
            },
            "worker");
    worker.runOn(thread);
    worker.parked = true;
    WorkerSignaller signaller = new WorkerSignaller(List.of(worker));
    thread.start();
    Threads.untilWaiting(thread);
    assertSame(worker, signaller.takeOne());
    assertNull(signaller.takeOne());
    goesOn.set(true);
    signaller.wakeAll();
    Patience.join(thread);
  }

  @Test
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
      Patience.until("all workers rest", () -> Bench.workersWait(loader) && workersRest());
      blocks.set(true);
      for (; taken < fills.get(); taken++) {
        Bench.get(loader).close();
      }
      Patience.until("all workers are in the target", () -> blocked.get() == workers);
      go.countDown();
    }
    Bench.assertAllGone(device);
  }

  private static boolean workersRest() {
    return Bench.threads().stream()
        .filter(thread -> thread.getName().contains("worker"))
        .allMatch(Threads::isWaiting);
  }
}
