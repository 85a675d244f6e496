package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.testkit.Patience.await;
import static io.pentrough.testkit.Patience.patience;
import static io.pentrough.testkit.Patience.until;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.Numbered;
import io.pentrough.testkit.Threads;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Delivery as batches get ready. */
@OnEveryDevice
class UnorderedTest {

  private final Device device = TestDevice.open();

  /** Gets one batch or one failure, and marks its index. */
  private static void getOnce(BackgroundLoader loader, BitSet seen) throws Exception {
    long index;
    try (DeviceBatch batch = loader.get(patience())) {
      index = batch.index();
      assertEquals(index, Numbered.number(batch));
    } catch (TargetException e) {
      index = e.index();
    }
    assertTrue(!seen.get((int) index), "index " + index + " came twice");
    seen.set((int) index);
  }

  @Test
  @DisplayName("I3: several consumers and workers, failures among them: every index comes once")
  void everythingOnce() throws Exception {
    BatchTarget failing =
        (out, context) -> {
          if (context.index() % 7 == 3) {
            throw new IllegalArgumentException("no " + context.index());
          }
          Numbered.fill(out, context);
        };
    int indexes = TestDevice.effort(2_000);
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, Numbered.SPEC, failing)
            .workers(3)
            .deviceSlots(5)
            .ordered(false)
            .start()) {
      AtomicInteger left = new AtomicInteger(indexes);
      List<Caller<BitSet>> consumers = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        consumers.add(
            Caller.start(
                () -> {
                  BitSet mine = new BitSet();
                  while (left.getAndDecrement() > 0) {
                    getOnce(loader, mine);
                  }
                  return mine;
                }));
      }
      BitSet all = new BitSet();
      int count = 0;
      for (Caller<BitSet> consumer : consumers) {
        count += consumer.result().cardinality();
        all.or(consumer.result());
      }
      assertEquals(indexes, count);
      assertEquals(indexes, all.cardinality());
      // What is missing below the highest is still in a slot: 5 on the host, 5 on the device.
      assertTrue(all.length() <= indexes + 10, "highest index " + all.length());
    }
  }

  @Test
  @DisplayName("I3: a slow index is overtaken by as many as the loader can remember, then comes")
  void overtakesASlowIndex() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    BatchTarget slow =
        (out, context) -> {
          if (context.index() == 5) {
            await(gate);
          }
          Numbered.fill(out, context);
        };
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, Numbered.SPEC, slow)
            .workers(2)
            .name("slow")
            .ordered(false)
            .start()) {
      BitSet seen = new BitSet();
      int others = 5 + DeliveredWindow.SIZE - 1;
      for (int i = 0; i < others; i++) {
        getOnce(loader, seen);
      }
      assertTrue(!seen.get(5));
      assertEquals(others + 1, seen.length());
      BatchTimeoutException e =
          assertThrows(BatchTimeoutException.class, () -> loader.get(Duration.ZERO));
      assertSays(
          e,
          "waiting for index 5",
          "index 5 of epoch 0 holds up the workers",
          "" + DeliveredWindow.SIZE);
      gate.countDown();
      // Until nothing but the delivery can set the workers going again.
      until("index 5 to be ready", () -> loader.stats().copyTime().count() == others + 1);
      for (int i = 0; i < 2; i++) {
        Thread worker = Threads.worker("slow", i);
        until("a worker to rest", () -> Threads.isWaiting(worker));
      }
      getOnce(loader, seen);
      assertTrue(seen.get(5), "nothing else was to be had");
      for (int i = 0; i < 100; i++) {
        getOnce(loader, seen);
      }
    }
  }
}
