package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.testkit.Patience.await;
import static io.pentrough.testkit.Patience.patience;
import static io.pentrough.testkit.Patience.until;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.LogCapture;
import io.pentrough.testkit.Numbered;
import io.pentrough.testkit.Threads;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Jobs with arrays of their own. */
@OnEveryDevice
@ResourceLock("java.util.logging")
class BatchQueueTest {

  private final Device device = TestDevice.open();
  @RegisterExtension final LogCapture log = new LogCapture();

  private BatchQueue.Builder queue() {
    return BatchQueue.builder(device, 4096).name("jobs");
  }

  private static void check(long number, DeviceBatch batch) {
    Numbered.check(number, batch);
  }

  private static long submit(BatchQueue queue) throws InterruptedException {
    return queue.submit(Numbered.SPEC, Numbered::fill);
  }

  @Test
  @DisplayName("each job has its own arrays, and they come in the order of submission")
  void ownShapesInOrder() throws Exception {
    int jobs = 200;
    try (BatchQueue queue = queue().workers(4).hostSlots(3).deviceSlots(2).capacity(jobs).start()) {
      for (int i = 0; i < jobs; i++) {
        int number = i;
        DType type = i % 2 == 0 ? DType.INT64 : DType.INT16;
        BatchSpec spec =
            BatchSpec.builder()
                .array("head", type, 1 + i % 7, 2)
                .variableArray("tail-" + i % 3, DType.INT32, 20)
                .build();
        long submitted =
            queue.submit(
                spec,
                (out, context) -> {
                  assertEquals(number, context.index());
                  assertEquals(spec, out.spec());
                  if (type == DType.INT64) {
                    out.array("head").setLong(1, number);
                  } else {
                    out.array("head").setShort(1, (short) number);
                  }
                  out.array(1).resize(number % 21);
                });
        assertEquals(i, submitted);
      }
      for (int i = 0; i < jobs; i++) {
        try (DeviceBatch batch = queue.get(patience())) {
          assertEquals(i, batch.index());
          DeviceArray head = batch.array("head");
          assertEquals(1 + i % 7, head.dimension(0));
          var bytes = TestDevice.bytes(head.buffer());
          assertEquals(i, i % 2 == 0 ? bytes.getLong(8) : bytes.getShort(2));
          assertEquals(i % 21, batch.array("tail-" + i % 3).elements());
          assertThrows(IllegalStateException.class, batch::position);
        }
      }
    }
  }

  @Test
  @DisplayName("capacity: offer refuses and submit waits until a batch is delivered")
  void capacity() throws Exception {
    try (BatchQueue queue = queue().capacity(2).start()) {
      assertEquals(0, submit(queue));
      assertTrue(queue.offer(Numbered.SPEC, Numbered::fill));
      assertFalse(queue.offer(Numbered.SPEC, Numbered::fill));
      Caller<Long> submitter = untilSubmitting(queue);
      check(0, queue.get(patience()));
      assertEquals(2, submitter.result());
      assertFalse(queue.offer(Numbered.SPEC, Numbered::fill));
      check(1, queue.get(patience()));
      check(2, queue.get(patience()));
    }
  }

  private static Caller<Long> untilSubmitting(BatchQueue queue) {
    Caller<Long> submitter = Caller.start(() -> submit(queue));
    until("submit to wait", () -> Threads.isWaiting(submitter.thread));
    return submitter;
  }

  @Test
  @DisplayName("I5: a submit that waits ends with an interrupt, having queued nothing, or a close")
  void submitInterruptedOrClosed() throws Exception {
    BatchQueue queue = queue().capacity(1).start();
    submit(queue);
    Caller<Long> interrupted = untilSubmitting(queue);
    interrupted.thread.interrupt();
    interrupted.failure(InterruptedException.class);
    check(0, queue.get(patience()));
    assertEquals(1, submit(queue), "nothing was queued");
    Caller<Long> closed = untilSubmitting(queue);
    queue.close();
    assertSays(closed.failure(LoaderClosedException.class), "jobs is closed");
    assertThrows(LoaderClosedException.class, () -> queue.offer(Numbered.SPEC, Numbered::fill));
    assertThrows(LoaderClosedException.class, () -> queue.get(patience()));
  }

  @ParameterizedTest(name = "skipped: {0}")
  @ValueSource(booleans = {true, false})
  @DisplayName("I5: a job that brings no batch makes room, and whoever waits for room is told so")
  void failedJobMakesRoom(boolean skipped) throws Exception {
    FailurePolicy policy =
        skipped ? FailurePolicy.skip(1, (epoch, index, cause) -> {}) : FailurePolicy.fail();
    CountDownLatch gate = new CountDownLatch(1);
    try (BatchQueue queue = queue().capacity(2).onFailure(policy).start()) {
      queue.submit(
          Numbered.SPEC,
          (out, context) -> {
            throw new IOException("no batch");
          });
      queue.submit(
          Numbered.SPEC,
          (out, context) -> {
            await(gate);
            Numbered.fill(out, context);
          });
      // First the failure, then the submitter, then the get, and the one worker is busy: so when
      // the
      // get comes to the failure, nobody else is about to wake the submitter.
      until("the second job to begin", () -> queue.stats().slotWait().count() == 2);
      Caller<Long> submitter = untilSubmitting(queue);
      Caller<DeviceBatch> consumer = Caller.start(() -> queue.get(patience()));
      assertEquals(2, submitter.result());
      gate.countDown();
      if (skipped) {
        check(1, consumer.result());
      } else {
        consumer.failure(TargetException.class);
        check(1, queue.get(patience()));
      }
      check(2, queue.get(patience()));
      assertEquals(skipped ? 1 : 0, queue.stats().skips());
    }
  }

  @Test
  @DisplayName("I3: a job that says \"no more\" is told, whatever the policy: it is a mistake")
  void mistakeIsNotSkipped() throws Exception {
    FailurePolicy policy =
        FailurePolicy.skip(
            9,
            (epoch, index, cause) -> {
              throw new AssertionError("skipped " + index, cause);
            });
    try (BatchQueue queue = queue().onFailure(policy).start()) {
      queue.submit(Numbered.SPEC, (out, context) -> context.endOfEpoch());
      assertThrows(TargetException.class, () -> queue.get(patience()));
      assertEquals(0, queue.stats().skips());
    }
  }

  @Test
  @DisplayName(
      "workers of a queue without jobs wait for one, not for a slot: the bottleneck is SUBMITTER")
  void dryQueue() throws Exception {
    SteppedTime time = new SteppedTime();
    try (BatchQueue queue = queue().workers(4).warnAfter(Duration.ofDays(1)).time(time).start()) {
      submit(queue);
      check(0, queue.get(patience()));
      Caller<DeviceBatch> consumer = Caller.start(() -> queue.get()).untilWaiting();
      for (int i = 0; i < 4; i++) {
        Thread worker = Threads.worker("jobs", i);
        until("a worker to rest", () -> Threads.isWaiting(worker));
      }
      LoaderStats before = queue.stats();
      time.pass(Duration.ofSeconds(10).toNanos());
      assertEquals(LoaderStats.Bottleneck.SUBMITTER, queue.stats().bottleneck());
      LoaderStats starved = queue.stats().minus(before);
      assertEquals(1, starved.workerStarvedShare());
      assertEquals(0, starved.workerIdleShare());
      submit(queue);
      check(1, consumer.result());
    }
  }

  @Test
  @DisplayName("fewer jobs than workers: said once for each shortage")
  void shortage() throws Exception {
    try (BatchQueue queue = queue().workers(2).start()) {
      for (int round = 1; round <= 2; round++) {
        int first = (round - 1) * 5;
        for (int i = 0; i < 5; i++) {
          submit(queue);
        }
        for (int i = 0; i < 3; i++) {
          check(first + i, queue.get(patience()));
          assertEquals(round - 1, log.containing("fewer jobs are queued").size());
        }
        for (int i = 3; i < 5; i++) {
          check(first + i, queue.get(patience()));
          assertEquals(round, log.containing("fewer jobs are queued").size());
        }
      }
      assertSays(
          new Throwable(log.containing("fewer jobs are queued").get(0)),
          "jobs: fewer jobs are queued than there are workers (2)");
    }
  }

  @Test
  @DisplayName("reset runs every undelivered job again, and no other")
  void reset() throws Exception {
    AtomicInteger runs = new AtomicInteger();
    BatchTarget target =
        (out, context) -> {
          runs.incrementAndGet();
          Numbered.fill(out, context);
        };
    try (BatchQueue queue = queue().hostSlots(4).deviceSlots(4).start()) {
      for (int i = 0; i < 3; i++) {
        queue.submit(Numbered.SPEC, target);
      }
      check(0, queue.get(patience()));
      until("all three to be ready", () -> queue.stats().copyTime().count() == 3);
      queue.reset();
      check(1, queue.get(patience()));
      check(2, queue.get(patience()));
      assertEquals(5, runs.get());
    }
  }

  @Test
  @DisplayName("a job larger than a slot is refused when submitted, naming both sizes")
  void tooLarge() throws Exception {
    BatchSpec large = BatchSpec.builder().array("x", DType.INT8, 4097).build();
    try (BatchQueue queue = queue().start()) {
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> queue.submit(large, Numbered::fill));
      assertSays(e, Long.toString(large.slotBytes()), "4096", "largestBatchBytes");
      assertThrows(IllegalArgumentException.class, () -> queue.offer(large, Numbered::fill));
      BatchSpec fits = BatchSpec.builder().array("x", DType.INT8, 4096).build();
      assertEquals(0, queue.submit(fits, (out, context) -> {}), "nothing was queued");
      queue.get(patience()).close();
    }
    assertThrows(IllegalArgumentException.class, () -> BatchQueue.builder(device, 0));
    assertThrows(IllegalArgumentException.class, () -> BatchQueue.builder(device, (1L << 30) + 1));
    assertThrows(IllegalArgumentException.class, () -> queue().capacity(0));
  }

  @Test
  @DisplayName("I3: a job that throws, or says \"no more\", is told at its place; the rest come")
  void failingJobs() throws Exception {
    IOException failure = new IOException("job one");
    try (BatchQueue queue = queue().workers(2).start()) {
      submit(queue);
      queue.submit(
          Numbered.SPEC,
          (out, context) -> {
            throw failure;
          });
      queue.submit(Numbered.SPEC, (out, context) -> context.endOfEpoch());
      submit(queue);
      check(0, queue.get(patience()));
      assertSame(
          failure, assertThrows(TargetException.class, () -> queue.get(patience())).getCause());
      TargetException endOfEpoch = assertThrows(TargetException.class, () -> queue.get(patience()));
      assertEquals(2, endOfEpoch.index());
      assertSays(endOfEpoch, "a job of a queue has no epoch to end");
      check(3, queue.get(patience()));
    }
  }

  @Test
  @DisplayName("I5: nothing is queued: get waits, says so, and is woken by the next job")
  void nothingQueued() throws Exception {
    try (BatchQueue queue = queue().start()) {
      check(submit(queue), queue.get(patience()));
      Thread worker = Threads.worker("jobs", 0);
      until("the worker to rest", () -> Threads.isWaiting(worker));
      BatchTimeoutException e =
          assertThrows(BatchTimeoutException.class, () -> queue.get(Duration.ofMillis(1)));
      assertSays(
          e, "waiting for job 1, which has not been submitted", "worker 0: waiting for a job for");
      assertFalse(Messages.message(e).contains("waiting for a free host slot"));
      Caller<DeviceBatch> caller = Caller.start(() -> queue.get()).untilWaiting();
      submit(queue);
      check(1, caller.result());
    }
  }

  @Test
  @DisplayName("I7: closed with jobs queued and one running: none is started, all is given back")
  void closedWithJobsQueued() throws Exception {
    CountDownLatch running = new CountDownLatch(1);
    List<Long> started = new ArrayList<>(); // one worker
    BatchTarget target =
        (out, context) -> {
          started.add(context.index());
          running.countDown();
          await(new CountDownLatch(1)); // until close interrupts it
        };
    BatchQueue queue = queue().closeTimeout(Duration.ofMillis(200)).start();
    for (int i = 0; i < 5; i++) {
      queue.submit(Numbered.SPEC, target);
    }
    await(running);
    Caller<DeviceBatch> caller = Caller.start(() -> queue.get(patience())).untilWaiting();
    queue.close();
    caller.failure(LoaderClosedException.class);
    assertEquals(List.of(0L), started);
    TestDevice.assertNothingLive(device);
    queue.close();
  }
}
