package io.pentrough;

import static io.pentrough.testkit.Patience.patience;
import static io.pentrough.testkit.Patience.until;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.pentrough.device.host.HostDevice;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.Threads;
import java.time.Duration;
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
      busy.await();
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
        boolean early = round % 3 == 0; // else the two meet, as closely as threads do
        Thread helper = new Thread(fills::release);
        if (early) {
          helper.start();
        }
        DeviceBatch got = null;
        try {
          if (!early) {
            helper.start();
          }
          got = loader.get(Duration.ofNanos(1000L * (round % 100)));
        } catch (BatchTimeoutException e) {
          // meant to be
        }
        helper.join();
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
    Throwable[] failure = new Throwable[1];
    try (HostDevice device = HostDevice.open();
        BackgroundLoader loader =
            loader(device, MEDIUM, OwnCopyTest::fill).workers(2).deviceSlots(consumers).start()) {
      Thread[] threads = new Thread[consumers];
      for (int c = 0; c < consumers; c++) {
        threads[c] =
            new Thread(
                () -> {
                  try {
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
                  } catch (Throwable t) {
                    synchronized (seen) {
                      failure[0] = t;
                    }
                  }
                });
        threads[c].start();
      }
      for (Thread thread : threads) {
        thread.join();
      }
    }
    if (failure[0] != null) {
      throw new AssertionError(failure[0]);
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
                        second.await();
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
        latch.await();
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
