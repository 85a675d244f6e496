package io.pentrough;

import static io.pentrough.testkit.Patience.patience;
import static io.pentrough.testkit.Patience.until;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.pentrough.device.host.HostDevice;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.Patience;
import io.pentrough.testkit.Threads;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Copies that are left to the thread that needs them come about, whatever that thread does. */
class OwnCopyTest {

  // What workers copy, what consumers copy, and what is left to the copy thread.
  private static final int SMALL = (int) InlineCopies.SMALL_BYTES / 2;
  private static final int MEDIUM = (int) InlineCopies.SMALL_BYTES * 2;
  private static final int LARGE = (int) InlineCopies.MEDIUM_BYTES * 2;

  private static BackgroundLoader.Builder loader(HostDevice device, int bytes, BatchTarget target) {
    BatchSpec spec = BatchSpec.builder().array("data", DType.INT32, bytes / Integer.BYTES).build();
    return BackgroundLoader.builder(device, spec, target);
  }

  private static void fill(HostBatch out, BatchContext context) {
    out.array(0).setInt(0, (int) context.index());
  }

  private static long copies(BackgroundLoader loader) {
    return loader.stats().copyTime().count();
  }

  private static void check(int index, DeviceBatch batch) {
    try (batch) {
      assertEquals(index, HostDevice.bytes(batch.array(0).buffer()).getInt(0));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {SMALL, MEDIUM, LARGE})
  @DisplayName("a device slot that gets free is filled, though the only worker is busy for long")
  void workerIsBusy(int bytes) throws Exception {
    CountDownLatch busy = new CountDownLatch(1);
    CountDownLatch last = new CountDownLatch(1);
    BatchTarget held = heldAt(2, last);
    try (HostDevice device = HostDevice.open();
        BackgroundLoader loader =
            loader(
                    device,
                    bytes,
                    (out, context) -> {
                      if (context.index() == 2) {
                        busy.countDown();
                      }
                      held.fill(out, context);
                    })
                .hostSlots(2)
                .deviceSlots(1)
                .start()) {
      DeviceBatch first = loader.get(patience());
      Patience.await(busy);
      check(0, first);
      until("the copy of batch 1", () -> copies(loader) == 2);
      check(1, loader.get(patience()));
      last.countDown();
      check(2, loader.get(patience()));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {SMALL, MEDIUM, LARGE})
  @DisplayName("what is filled as a consumer gives up waiting is copied without him")
  void consumerGivesUp(int bytes) throws Exception {
    Semaphore fills = new Semaphore(0);
    try (HostDevice device = HostDevice.open();
        BackgroundLoader loader =
            loader(
                    device,
                    bytes,
                    (out, context) -> {
                      fills.acquire();
                      fill(out, context);
                    })
                .start()) {
      int rounds = 300;
      for (int round = 0; round < rounds; round++) {
        Caller<Boolean> helper = Caller.run(fills::release);
        if (round % 3 == 0) { // else the two meet, as closely as threads do
          helper.result();
        }
        DeviceBatch got = null;
        try {
          got = loader.get(Duration.ofNanos(1000L * (round % 100)));
        } catch (BatchTimeoutException e) {
          // meant to be
        }
        helper.result();
        int copies = round + 1;
        until("the copy of batch " + round, () -> copies(loader) == copies);
        check(round, got == null ? loader.get(patience()) : got);
      }
      fills.release(1000); // closing waits for the target
    }
  }

  @Test
  @DisplayName("several consumers who wait at once each get a batch, once")
  void severalWait() throws Exception {
    int consumers = 4;
    int each = 200;
    boolean[] seen = new boolean[consumers * each];
    try (HostDevice device = HostDevice.open();
        BackgroundLoader loader =
            loader(device, MEDIUM, OwnCopyTest::fill).workers(2).deviceSlots(consumers).start()) {
      List<Caller<Boolean>> callers = new ArrayList<>();
      for (int c = 0; c < consumers; c++) {
        callers.add(
            Caller.run(
                () -> {
                  for (int i = 0; i < each; i++) {
                    try (DeviceBatch batch = loader.get(patience())) {
                      int index = HostDevice.bytes(batch.array(0).buffer()).getInt(0);
                      synchronized (seen) {
                        assertEquals(batch.index(), index);
                        assertEquals(false, seen[index], "batch " + index + " came twice");
                        seen[index] = true;
                      }
                    }
                  }
                }));
      }
      for (Caller<Boolean> caller : callers) {
        caller.result();
      }
    }
    for (int index = 0; index < seen.length; index++) {
      assertEquals(true, seen[index], "batch " + index);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {SMALL, MEDIUM})
  @DisplayName("a consumer whose waits have been short rests when one gets long")
  void consumerRests(int bytes) throws Exception {
    CountDownLatch last = new CountDownLatch(1);
    int many = 2000;
    try (HostDevice device = HostDevice.open();
        BackgroundLoader loader = loader(device, bytes, heldAt(many, last)).start()) {
      Caller<Void> consumer = consumer(loader, many + 1);
      until("the last batch but one", () -> loader.stats().batches() == many);
      consumer.untilWaiting();
      last.countDown();
      consumer.result();
      assertEquals(many + 1, loader.stats().batches());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {SMALL, MEDIUM, LARGE})
  @DisplayName("a consumer called for a batch behind the one it waits for is called again for that")
  void filledOutOfOrder(int bytes) throws Exception {
    CountDownLatch first = new CountDownLatch(1);
    CountDownLatch second = new CountDownLatch(1);
    BatchTarget held = heldAt(0, first);
    try (HostDevice device = HostDevice.open();
        BackgroundLoader loader =
            loader(
                    device,
                    bytes,
                    (out, context) -> {
                      if (context.index() == 1) {
                        Patience.await(second);
                      }
                      held.fill(out, context);
                    })
                .name("own")
                .workers(2)
                .batchesPerEpoch(2)
                .epochs(1)
                .start()) {
      Caller<Void> consumer = consumer(loader, 2).untilWaiting();
      second.countDown();
      until("index 1 to be filled", () -> loader.stats().fillTime().count() == 1);
      until(
          "its worker to have called whom it calls, and to rest",
          () -> Threads.of("own-worker").stream().allMatch(Threads::isWaiting));
      consumer.untilWaiting(); // again, if it was called
      first.countDown();
      consumer.result();
    }
  }

  /** A target that waits at one index. */
  private static BatchTarget heldAt(long index, CountDownLatch latch) {
    return (out, context) -> {
      if (context.index() == index) {
        Patience.await(latch);
      }
      fill(out, context);
    };
  }

  private static Caller<Void> consumer(BackgroundLoader loader, int batches) {
    return Caller.start(
        () -> {
          for (int i = 0; i < batches; i++) {
            check(i, loader.get(patience().dividedBy(2))); // sooner than the test gives up
          }
          return null;
        });
  }
}
