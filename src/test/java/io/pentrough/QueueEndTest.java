package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.testkit.Patience.await;
import static io.pentrough.testkit.Patience.patience;
import static io.pentrough.testkit.Patience.until;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.LogCapture;
import io.pentrough.testkit.Numbered;
import io.pentrough.testkit.Patience;
import io.pentrough.testkit.Threads;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ForkJoinPool;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Submissions that end, and submissions that do not wait for ever. */
@OnEveryDevice
@ResourceLock("java.util.logging")
class QueueEndTest {

  private final Device device = TestDevice.open();
  @RegisterExtension final LogCapture log = new LogCapture();

  /** Each wait without bound ends for its own reason, not because it is time for a warning. */
  private BatchQueue.Builder queue() {
    return BatchQueue.builder(device, Numbered.SPEC.slotBytes())
        .name("jobs")
        .warnAfter(Duration.ofDays(1));
  }

  private static long submit(BatchQueue queue) throws InterruptedException {
    return queue.submit(Numbered.SPEC, Numbered::fill);
  }

  private static Caller<Long> untilSubmitting(BatchQueue queue) {
    Caller<Long> submitter = Caller.start(() -> submit(queue));
    until("submit to wait", () -> Threads.isWaiting(submitter.thread));
    return submitter;
  }

  @Test
  @DisplayName("what was submitted before the end is delivered, nothing is accepted after it")
  void end() throws Exception {
    try (BatchQueue queue = queue().workers(2).start()) {
      for (int i = 0; i < 3; i++) {
        submit(queue);
      }
      queue.endSubmissions();
      queue.endSubmissions();
      assertSays(
          assertThrows(IllegalStateException.class, () -> submit(queue)),
          "jobs takes no more jobs",
          "endSubmissions()");
      assertThrows(IllegalStateException.class, () -> queue.offer(Numbered.SPEC, Numbered::fill));
      assertThrows(
          IllegalStateException.class,
          () -> queue.submit(Numbered.SPEC, Numbered::fill, Duration.ZERO));
      for (int i = 0; i < 3; i++) {
        Numbered.check(i, queue.get(patience()));
      }
      assertNull(queue.poll(patience()));
      assertSays(
          assertThrows(NoSuchElementException.class, queue::get),
          "jobs has no more batches: submissions have ended",
          "poll(...)");
      assertEquals(List.of(), log.containing("fewer jobs are queued"), "there are none to submit");
    }
    try (BatchQueue empty = queue().start()) {
      empty.endSubmissions();
      assertNull(empty.poll(patience()));
    }
  }

  @ParameterizedTest(name = "consumers: {0}")
  @ValueSource(ints = {1, 3})
  @DisplayName("I5: the end wakes every get that waits for a job which will not come")
  void endWakesConsumers(int consumers) throws Exception {
    try (BatchQueue queue = queue().start()) {
      submit(queue);
      Numbered.check(0, queue.get(patience()));
      List<Caller<DeviceBatch>> waiting =
          IntStream.range(0, consumers)
              .mapToObj(i -> Caller.start(() -> queue.get()).untilWaiting())
              .toList();
      queue.endSubmissions();
      for (Caller<DeviceBatch> consumer : waiting) {
        consumer.failure(NoSuchElementException.class);
      }
    }
  }

  @Test
  @DisplayName("I5: the end wakes every submit that waits for room; it has queued nothing")
  void endWakesSubmitters() throws Exception {
    try (BatchQueue queue = queue().capacity(1).start()) {
      submit(queue);
      Caller<Long> one = untilSubmitting(queue);
      Caller<Long> two = untilSubmitting(queue);
      queue.endSubmissions();
      assertSays(one.failure(IllegalStateException.class), "endSubmissions()");
      assertSays(two.failure(IllegalStateException.class), "endSubmissions()");
      Numbered.check(0, queue.get(patience()));
      assertNull(queue.poll(patience()));
    }
  }

  @ParameterizedTest(name = "skipped: {0}")
  @ValueSource(booleans = {true, false})
  @DisplayName("I5: the last job brings no batch: a get that waits for it comes to the end")
  void lastJobFails(boolean skipped) throws Exception {
    FailurePolicy policy =
        skipped ? FailurePolicy.skip(1, (epoch, index, cause) -> {}) : FailurePolicy.fail();
    CountDownLatch gate = new CountDownLatch(1);
    try (BatchQueue queue = queue().onFailure(policy).start()) {
      queue.submit(
          Numbered.SPEC,
          (out, context) -> {
            await(gate);
            throw new IOException("no batch");
          });
      queue.endSubmissions();
      Caller<DeviceBatch> consumer = Caller.start(() -> queue.get()).untilWaiting();
      gate.countDown();
      if (skipped) {
        consumer.failure(NoSuchElementException.class);
      } else {
        consumer.failure(TargetException.class);
      }
      assertNull(queue.poll(patience()));
    }
  }

  @Test
  @DisplayName("reset after the end runs undelivered jobs again, and the end stays")
  void resetAfterTheEnd() throws Exception {
    try (BatchQueue queue = queue().start()) {
      submit(queue);
      submit(queue);
      queue.endSubmissions();
      Numbered.check(0, queue.get(patience()));
      queue.reset();
      assertThrows(IllegalStateException.class, () -> submit(queue));
      Numbered.check(1, queue.get(patience()));
      assertNull(queue.poll(patience()));
      queue.reset();
      assertNull(queue.poll(patience()));
    }
  }

  @Test
  @DisplayName("the end of a closed queue does nothing; a closed queue says that it is closed")
  void endAndClose() throws Exception {
    BatchQueue queue = queue().start();
    queue.close();
    queue.endSubmissions();
    assertThrows(LoaderClosedException.class, () -> submit(queue));
    assertThrows(LoaderClosedException.class, () -> queue.poll(patience()));
  }

  @Test
  @DisplayName("workers of an ended queue do not wait for jobs: the loop is what takes time")
  void notStarvedAfterTheEnd() throws Exception {
    try (BatchQueue queue = queue().start()) {
      submit(queue);
      Numbered.check(0, queue.get(patience()));
      queue.endSubmissions();
      LoaderStats before = queue.stats();
      until("some time to pass", () -> queue.stats().minus(before).elapsed().toNanos() > 1000);
      assertEquals(0, queue.stats().minus(before).workerStarvedShare());
    }
  }

  @Test
  @DisplayName(
      "submit with a timeout: with room at once; without, nothing is queued, and it says so")
  void submitTimesOut() throws Exception {
    try (BatchQueue queue = queue().capacity(2).start()) {
      assertEquals(0, queue.submit(Numbered.SPEC, Numbered::fill, Duration.ZERO));
      assertEquals(1, queue.submit(Numbered.SPEC, Numbered::fill, patience()));
      for (Duration timeout : List.of(Duration.ofMillis(1), Duration.ZERO, Duration.ofDays(-1))) {
        BatchTimeoutException e =
            assertThrows(
                BatchTimeoutException.class,
                () -> queue.submit(Numbered.SPEC, Numbered::fill, timeout));
        assertSays(e, "no room for a job after ", "2 are submitted", "job 0", "raise capacity");
        assertSays(e, "host slots:", "worker 0:");
      }
      Numbered.check(0, queue.get(patience()));
      assertEquals(2, queue.submit(Numbered.SPEC, Numbered::fill, Duration.ZERO));
      Numbered.check(1, queue.get(patience()));
      Numbered.check(2, queue.get(patience()));
      assertEquals(3, queue.stats().batches());
    }
  }

  @Test
  @DisplayName("submit with a timeout ends with room, an interrupt or a close; also in a pool")
  void submitWithTimeoutWaits() throws Exception {
    BatchQueue queue = queue().capacity(1).start();
    submit(queue);
    Caller<Long> room = Caller.start(() -> queue.submit(Numbered.SPEC, Numbered::fill, patience()));
    until("submit to wait", () -> Threads.isWaiting(room.thread));
    Numbered.check(0, queue.get(patience()));
    assertEquals(1, room.result());
    Caller<Long> interrupted =
        Caller.start(() -> queue.submit(Numbered.SPEC, Numbered::fill, patience()));
    until("submit to wait", () -> Threads.isWaiting(interrupted.thread));
    interrupted.thread.interrupt();
    interrupted.failure(InterruptedException.class);
    ForkJoinPool pool = new ForkJoinPool(1);
    try {
      assertEquals(
          "BatchTimeoutException",
          Patience.result(
              pool.submit(
                  () -> {
                    try {
                      return "job "
                          + queue.submit(Numbered.SPEC, Numbered::fill, Duration.ofMillis(1));
                    } catch (BatchTimeoutException e) {
                      return e.getClass().getSimpleName();
                    }
                  })));
    } finally {
      pool.shutdown();
    }
    Caller<Long> closed =
        Caller.start(() -> queue.submit(Numbered.SPEC, Numbered::fill, patience()));
    until("submit to wait", () -> Threads.isWaiting(closed.thread));
    queue.close();
    closed.failure(LoaderClosedException.class);
  }

  @Test
  @DisplayName("I5: submit without bound says what it waits for, again and again")
  void submitIsNotSilent() throws Exception {
    try (BatchQueue queue = queue().capacity(1).warnAfter(Duration.ofMillis(1)).start()) {
      submit(queue);
      Caller<Long> submitter = Caller.start(() -> submit(queue));
      until("two warnings", () -> log.containing("no room for a job after").size() >= 2);
      Numbered.check(0, queue.get(patience()));
      assertEquals(1, submitter.result());
      Numbered.check(1, queue.get(patience()));
    }
  }
}
