package io.pentrough;

import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.pentrough.device.Device;
import io.pentrough.device.host.HostDevice;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.Patience;
import io.pentrough.testkit.Threads;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.ForkJoinTask;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Waits on the only thread of a fork-join pool, while the target needs the pool. */
class PoolWaitTest {

  private final Device device = HostDevice.open();
  private final ForkJoinPool pool = new ForkJoinPool(1);

  @AfterEach
  void close() {
    pool.shutdownNow();
    device.close();
  }

  /** Fills a batch by means of the pool, as a parallel stream in a pool's task does. */
  private void fillInPool(HostBatch out, BatchContext context) throws Exception {
    long index = context.index();
    int number = pool.submit(() -> (int) index).get();
    out.array(0).setInt(0, number);
  }

  private <T> T inPool(Callable<T> task) throws Exception {
    ForkJoinTask<T> submitted = pool.submit(task);
    return Patience.result(submitted);
  }

  private BackgroundLoader.Builder loader(BatchTarget target) {
    return BackgroundLoader.builder(
        device, BatchSpec.builder().array("number", DType.INT32, 1).build(), target);
  }

  @Test
  @DisplayName("get: with and without a bound, and in a loop")
  void get() throws Exception {
    try (BackgroundLoader loader = loader(this::fillInPool).start()) {
      long sum =
          inPool(
              () -> {
                long indexes = 0;
                for (int i = 0; i < 5; i++) {
                  try (DeviceBatch batch = i % 2 == 0 ? loader.get(patience()) : loader.get()) {
                    indexes += batch.index();
                  }
                }
                try (DeviceBatch batch = loader.batches().iterator().next()) {
                  return indexes + batch.index();
                }
              });
      assertEquals(0 + 1 + 2 + 3 + 4 + 5, sum);
    }
  }

  @Test
  @DisplayName("a wait that gets long rests, though all waits before it were short")
  void restsAfterShortWaits() throws Exception {
    CountDownLatch go = new CountDownLatch(1);
    BatchTarget stalls =
        (out, context) -> {
          if (context.index() == 40) {
            go.await();
          }
        };
    try (BackgroundLoader loader = loader(stalls).hostSlots(50).start()) {
      AtomicReference<Thread> waiting = new AtomicReference<>();
      ForkJoinTask<Long> got =
          pool.submit(
              () -> {
                for (int i = 0; i < 40; i++) {
                  loader.get(patience()).close();
                }
                waiting.set(Thread.currentThread());
                try (DeviceBatch batch = loader.get(patience())) {
                  return batch.index();
                }
              });
      Patience.until("the last batch to be asked for", () -> waiting.get() != null);
      Thread consumer = Objects.requireNonNull(waiting.get());
      Patience.until("the consumer to rest", () -> Threads.isWaiting(consumer));
      go.countDown();
      assertEquals(40, Patience.result(got));
    }
  }

  @Test
  @DisplayName("getQueued")
  void getQueued() throws Exception {
    try (BackgroundLoader loader = loader(this::fillInPool).start()) {
      long index =
          inPool(
              () -> {
                try (DeviceBatch batch = loader.getQueued(device.defaultStream(), patience())) {
                  return batch.index();
                }
              });
      assertEquals(0, index);
    }
  }

  @Test
  @DisplayName("submit, to a queue that is full")
  void submit() throws Exception {
    BatchSpec spec = BatchSpec.builder().array("number", DType.INT32, 1).build();
    try (BatchQueue queue =
        BatchQueue.builder(device, spec.slotBytes())
            .capacity(1)
            .hostSlots(1)
            .deviceSlots(1)
            .start()) {
      Caller<Long> consumer =
          Caller.start(
              () -> {
                long batches = 0;
                for (; batches < 5; batches++) {
                  queue.get(patience()).close();
                }
                return batches;
              });
      inPool(
          () -> {
            for (int i = 0; i < 5; i++) {
              queue.submit(spec, this::fillInPool);
            }
            return null;
          });
      assertEquals(5, consumer.result());
    }
  }

  @Test
  @DisplayName("close, while a target runs")
  void closeInPool() throws Exception {
    CountDownLatch running = new CountDownLatch(1);
    CountDownLatch closing = new CountDownLatch(1);
    BackgroundLoader loader =
        loader(
                (out, context) -> {
                  running.countDown();
                  closing.await();
                  fillInPool(out, context);
                })
            .closeTimeout(Duration.ofMinutes(1))
            .interruptTargets(false)
            .start();
    running.await();
    inPool(
        () -> {
          closing.countDown();
          loader.close();
          return null;
        });
  }
}
