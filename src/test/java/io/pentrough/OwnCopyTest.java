package io.pentrough;

import static io.pentrough.testkit.Patience.patience;
import static io.pentrough.testkit.Patience.until;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.pentrough.device.host.HostDevice;
import io.pentrough.testkit.Caller;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Copies that are left to the thread that needs them come about, whatever that thread does. */
class OwnCopyTest {

  private static BackgroundLoader.Builder loader(
      HostDevice device, int kibibytes, BatchTarget target) {
    BatchSpec spec = BatchSpec.builder().array("data", DType.INT32, kibibytes << 8).build();
    return BackgroundLoader.builder(device, spec, target);
  }

  private static void fill(HostBatch out, BatchContext context) {
    out.array(0).setInt(0, (int) context.index());
  }

  /** Asked in a tight loop, the statistics would keep the loader's threads from their monitor. */
  private static long copies(BackgroundLoader loader) {
    LockSupport.parkNanos(20_000);
    return loader.stats().copyTime().count();
  }

  private static void check(int index, DeviceBatch batch) {
    try (batch) {
      assertEquals(index, HostDevice.bytes(batch.array(0).buffer()).getInt(0));
    }
  }

  /** 1 KiB is copied by workers, 1 MiB by consumers, 8 MiB by the copy thread. */
  @ParameterizedTest
  @ValueSource(ints = {1, 1 << 10, 8 << 10})
  @DisplayName("a device slot that gets free is filled, though the only worker is busy for long")
  void workerIsBusy(int kibibytes) throws Exception {
    CountDownLatch busy = new CountDownLatch(1);
    CountDownLatch last = new CountDownLatch(1);
    BatchTarget held = heldAt(2, last);
    try (HostDevice device = HostDevice.open();
        BackgroundLoader loader =
            loader(
                    device,
                    kibibytes,
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
  @ValueSource(ints = {1, 1 << 10, 8 << 10})
  @DisplayName("what is filled as a consumer gives up waiting is copied without him")
  void consumerGivesUp(int kibibytes) throws Exception {
    Semaphore fills = new Semaphore(0);
    try (HostDevice device = HostDevice.open();
        BackgroundLoader loader =
            loader(
                    device,
                    kibibytes,
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
            loader(device, 1 << 10, OwnCopyTest::fill).workers(2).deviceSlots(consumers).start()) {
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
  @ValueSource(ints = {1, 1 << 10})
  @DisplayName("a consumer whose waits have been short rests when one gets long")
  void consumerRests(int kibibytes) throws Exception {
    CountDownLatch last = new CountDownLatch(1);
    int many = 2000;
    try (HostDevice device = HostDevice.open();
        BackgroundLoader loader = loader(device, kibibytes, heldAt(many, last)).start()) {
      Caller<Void> consumer = consumer(loader, many + 1);
      until("the last batch but one", () -> loader.stats().batches() == many);
      consumer.untilWaiting();
      last.countDown();
      consumer.result();
      assertEquals(many + 1, loader.stats().batches());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 1 << 10, 8 << 10})
  @DisplayName("a consumer called for a batch behind the one it waits for is called again for that")
  void filledOutOfOrder(int kibibytes) throws Exception {
    for (int round = 0; round < 20; round++) { // the consumer may come late, and nothing be seen
      CountDownLatch first = new CountDownLatch(1);
      CountDownLatch second = new CountDownLatch(1);
      BatchTarget held = heldAt(0, first);
      try (HostDevice device = HostDevice.open();
          BackgroundLoader loader =
              loader(
                      device,
                      kibibytes,
                      (out, context) -> {
                        if (context.index() == 1) {
                          second.await();
                        }
                        held.fill(out, context);
                      })
                  .workers(2)
                  .batchesPerEpoch(2)
                  .epochs(1)
                  .start()) {
        Caller<Void> consumer = consumer(loader, 2).untilWaiting();
        second.countDown();
        until("index 1 to be filled", () -> loader.stats().fillTime().count() == 1);
        LockSupport.parkNanos(200_000); // for a consumer that is called to come, and wait again
        consumer.untilWaiting();
        first.countDown();
        consumer.result();
      }
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
