package io.pentrough;

import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceException;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.Exhaustive;
import io.pentrough.testkit.LogCapture;
import io.pentrough.testkit.Patience;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Queues of jobs with real threads: whatever a seed draws of submitters, consumers, full queues,
 * resets, interrupts, failures and faults of the device, each job comes once, in order, whole. For
 * the seeds see {@link FuzzSeeds}.
 */
@OnEveryDevice
@ResourceLock("java.util.logging")
class QueueFuzzTest {

  /** Shortages of jobs are many, by design. */
  private final LogCapture log = new LogCapture();

  @AfterEach
  void stopCapture() {
    log.close();
  }

  static IntStream seeds() {
    return FuzzSeeds.of(Exhaustive.count(30, 150));
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  @DisplayName("one thread: it is always known which job comes next, and whether there is room")
  void oneThread(int seed) throws Exception {
    Random random = new Random(seed);
    int capacity = 1 + random.nextInt(6);
    try (Device device = TestDevice.open();
        BatchQueue queue =
            BatchQueue.builder(device, 4096)
                .workers(1 + random.nextInt(4))
                .hostSlots(1 + random.nextInt(4))
                .deviceSlots(1 + random.nextInt(3))
                .capacity(capacity)
                .start()) {
      int submitted = 0;
      int delivered = 0;
      while (delivered < 60) {
        if (random.nextBoolean()) {
          int job = submitted;
          boolean taken = queue.offer(spec(job), (out, context) -> fill(out, context, job));
          assertEquals(submitted - delivered < capacity, taken);
          submitted += taken ? 1 : 0;
        } else if (random.nextInt(4) == 0) {
          queue.reset();
        } else if (delivered < submitted) {
          try (DeviceBatch batch = queue.get(patience())) {
            assertEquals(delivered, batch.index());
            assertEquals(delivered, job(batch));
          }
          delivered++;
        } else {
          assertThrows(BatchTimeoutException.class, () -> queue.get(Duration.ZERO));
        }
      }
    }
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  @DisplayName("I3-I5, I7: many submitters and consumers: every job once, in order, whole")
  void everyJobOnce(int seed) throws Exception {
    Run run = new Run(seed);
    try {
      run.run();
    } catch (Throwable t) {
      throw new AssertionError("seed " + seed + ", " + run + ": " + t, t);
    }
  }

  // ---- a job, known by a number of its own, which is not the queue's

  private static int length(int job) {
    return 1 + job * 7 % 100;
  }

  private static BatchSpec spec(int job) {
    return BatchSpec.builder().array("y", DType.INT32, length(job)).build();
  }

  private static void fill(HostBatch out, BatchContext context, int job) {
    HostArray y = out.array("y");
    y.setInt(0, job);
    for (int i = 1; i < length(job); i++) {
      y.setInt(i, job ^ (int) context.index() * i);
    }
  }

  /** Which job a batch was made by; checks all of it. */
  private static int job(DeviceBatch batch) {
    DeviceArray y = batch.array("y");
    ByteBuffer bytes =
        ByteBuffer.allocate(y.elements() * Integer.BYTES).order(ByteOrder.nativeOrder());
    y.copyTo(bytes);
    bytes.flip();
    int job = bytes.getInt();
    assertEquals(length(job), y.elements());
    assertEquals(spec(job), batch.spec());
    for (int i = 1; i < length(job); i++) {
      assertEquals(
          job ^ (int) batch.index() * i, bytes.getInt(), "I1, I4: job " + job + " is torn");
    }
    return job;
  }

  private enum Fate {
    FILLS,
    FAILS_TWICE,
    FAILS,
    /** Only told where failures are: a queue has no end. */
    SAYS_NO_MORE
  }

  private static final class Run {
    private static final int JOBS_EACH = 40;

    private final Random random;
    private final Device host = TestDevice.open();
    private final ScriptedDevice scripted = new ScriptedDevice();
    private final DeviceException fault = new DeviceException("drawn");
    private final boolean faults;
    private final boolean interrupts;
    private final boolean zeroCopy;
    private final boolean failing;
    private final int retries;
    private final boolean skips;
    private final int submitterCount;
    private final int consumerCount;
    private final int deviceSlots;
    private final int capacity;

    /** The delivery that a consumer closes the queue at; -1 for none. */
    private final int closedAt;

    private final BatchQueue queue;
    private final List<Thread> threads = new ArrayList<>();

    // What has happened so far.
    private final Map<Integer, Long> submitted = new ConcurrentHashMap<>();
    private final Map<Long, Integer> told = new ConcurrentHashMap<>();

    /** Which job's target was called for a number. */
    private final Map<Long, Integer> made = new ConcurrentHashMap<>();

    private final Set<Long> skipped = ConcurrentHashMap.newKeySet();
    private final AtomicInteger deliveriesLeft;
    private volatile boolean closing;
    private volatile boolean broken;

    Run(int seed) {
      random = new Random(seed * 0x9E3779B97F4A7C15L);
      faults = random.nextInt(5) == 0 && !TestDevice.IS_CUDA; // the scripted device has them
      interrupts = random.nextBoolean();
      zeroCopy = random.nextInt(4) == 0;
      failing = random.nextBoolean();
      retries = random.nextBoolean() ? 2 : 0;
      skips = retries == 0 && random.nextBoolean();
      submitterCount = 1 + random.nextInt(2);
      consumerCount = 1 + random.nextInt(3);
      deviceSlots = 1 + random.nextInt(3);
      capacity = 1 + random.nextInt(6);
      int jobs = submitterCount * JOBS_EACH;
      closedAt = random.nextInt(4) == 0 ? random.nextInt(jobs) : -1;
      deliveriesLeft =
          new AtomicInteger((int) IntStream.range(0, jobs).filter(job -> !isSkipped(job)).count());
      BatchQueue.Builder builder =
          BatchQueue.builder(device(seed), 4096)
              .name("fuzz")
              .workers(1 + random.nextInt(4))
              .hostSlots(1 + random.nextInt(4))
              .deviceSlots(deviceSlots)
              .capacity(capacity)
              .closeTimeout(random.nextInt(3) == 0 ? Duration.ZERO : patience())
              .onFailure(policy());
      queue = (zeroCopy ? builder.zeroCopy(true) : builder).start();
      if (faults) {
        List<String> calls = List.of("copyToDevice", "record", "isComplete", "newEvent", "waitFor");
        scripted.on(
            calls.get(random.nextInt(calls.size())),
            1 + random.nextInt(100),
            () -> {
              broken = true;
              throw fault;
            });
      }
    }

    private Device device(int seed) {
      return faults ? scripted : new SlowDevice(host, seed, random.nextBoolean(), false);
    }

    private FailurePolicy policy() {
      if (skips) {
        return FailurePolicy.skip(1_000_000, (epoch, index, cause) -> skipped.add(index));
      }
      return retries > 0 ? FailurePolicy.retry(retries) : FailurePolicy.fail();
    }

    private Fate fate(int job) {
      return failing && job % 3 == 1 ? List.of(Fate.values()).get(1 + job / 3 % 3) : Fate.FILLS;
    }

    private boolean isToldAsFailure(int job) {
      return switch (fate(job)) {
        case FILLS -> false;
        case FAILS_TWICE -> retries < 2 && !skips;
        case FAILS -> !skips;
        case SAYS_NO_MORE -> true;
      };
    }

    private boolean isSkipped(int job) {
      return skips && (fate(job) == Fate.FAILS || fate(job) == Fate.FAILS_TWICE);
    }

    void run() throws Exception {
      List<Caller<Boolean>> submitters = new ArrayList<>();
      List<Caller<Boolean>> consumers = new ArrayList<>();
      for (int i = 0; i < submitterCount; i++) {
        submitters.add(start(new Submitter(i)));
      }
      for (int i = 0; i < consumerCount; i++) {
        consumers.add(start(new Consumer()));
      }
      try {
        for (Caller<Boolean> consumer : consumers) {
          consumer.result();
        }
        letSubmittersEnd(submitters);
      } finally {
        closing = true;
        queue.close();
      }
      if (closedAt < 0 && !broken) {
        assertAllTold();
      }
      for (Map.Entry<Integer, Long> one : submitted.entrySet()) {
        Integer job = told.get(one.getValue());
        assertTrue(job == null || job.equals(one.getKey()), () -> one + " came as job " + job);
      }
      Patience.until(
          "all to be given back", () -> TestDevice.nothingLive(host) && scripted.live().isEmpty());
      assertEquals(List.of(), scripted.violations());
      host.close();
    }

    private Caller<Boolean> start(Callable<Boolean> body) {
      Caller<Boolean> caller = Caller.start(body);
      synchronized (threads) {
        threads.add(caller.thread);
      }
      return caller;
    }

    /** The last jobs may all be skipped: there is room for them when a consumer has been there. */
    private void letSubmittersEnd(List<Caller<Boolean>> submitters) throws Exception {
      while (submitters.stream().anyMatch(submitter -> submitter.thread.isAlive())) {
        try (DeviceBatch batch = queue.get(Duration.ofMillis(1))) {
          throw new AssertionError("one batch too many: " + batch.index());
        } catch (BatchTimeoutException e) {
          // as it should
        } catch (LoaderClosedException e) {
          assertTrue(closing, "closed by nobody");
        } catch (DeviceException e) {
          requireFault(e);
        }
      }
      for (Caller<Boolean> submitter : submitters) {
        submitter.result();
      }
    }

    private void assertAllTold() {
      int jobs = submitterCount * JOBS_EACH;
      Set<Integer> toldJobs = Set.copyOf(told.values());
      for (int job = 0; job < jobs; job++) {
        assertEquals(!isSkipped(job), toldJobs.contains(job), "job " + job);
      }
      assertEquals(toldJobs.size(), told.size(), "a job came twice");
      assertEquals(jobs, told.size() + skipped.size());
    }

    private void requireFault(DeviceException e) {
      assertTrue(e == fault || e.getCause() == fault, e::toString);
    }

    private void interruptOne(Random random) {
      synchronized (threads) {
        if (interrupts) {
          threads.get(random.nextInt(threads.size())).interrupt();
        }
      }
    }

    @Override
    public String toString() {
      return "%d submitters, %d consumers, %d device slots, capacity %d, %s%s%s%s, closed at %d"
          .formatted(
              submitterCount,
              consumerCount,
              deviceSlots,
              capacity,
              policy(),
              failing ? ", failing" : "",
              faults ? ", faults" : "",
              interrupts ? ", interrupts" : "",
              closedAt);
    }

    private final class Submitter implements Callable<Boolean> {
      private final int number;
      private final Random random = new Random(Run.this.random.nextLong());

      Submitter(int number) {
        this.number = number;
      }

      @Override
      public Boolean call() throws Exception {
        try {
          for (int i = 0; i < JOBS_EACH; i++) {
            int job = number + i * submitterCount;
            while (!submit(job)) {
              Thread.onSpinWait();
            }
          }
        } catch (LoaderClosedException e) {
          assertTrue(closing, "closed by nobody");
        } catch (DeviceException e) {
          requireFault(e);
        }
        return true;
      }

      /** Whether the job was taken. */
      private boolean submit(int job) {
        BatchTarget target =
            (out, context) -> {
              Integer before = made.put(context.index(), job);
              assertTrue(before == null || before == job, "a number is one job's");
              switch (fate(job)) {
                case FILLS -> {}
                case FAILS_TWICE -> fail(context.attempt() < 2, job);
                case FAILS -> fail(true, job);
                case SAYS_NO_MORE -> {
                  context.endOfEpoch();
                  return;
                }
              }
              fill(out, context, job);
            };
        if (random.nextInt(4) == 0) {
          return queue.offer(spec(job), target);
        }
        try {
          submitted.put(job, queue.submit(spec(job), target));
          return true;
        } catch (InterruptedException e) {
          assertTrue(interrupts, "interrupted by nobody");
          return false;
        }
      }

      private void fail(boolean really, int job) {
        if (really) {
          throw new IllegalStateException(Integer.toString(job));
        }
      }
    }

    private final class Consumer implements Callable<Boolean> {
      private final Random random = new Random(Run.this.random.nextLong());
      private final Deque<DeviceBatch> held = new ArrayDeque<>();
      private long last = -1;

      @Override
      public Boolean call() throws Exception {
        try {
          while (deliveriesLeft.getAndDecrement() > 0) {
            boolean delivered = false;
            while (!delivered) {
              delivered = step();
            }
            if (told.size() > closedAt && closedAt >= 0) {
              closing = true;
              queue.close();
            }
          }
        } catch (LoaderClosedException e) {
          assertTrue(closing, "closed by nobody");
        } catch (DeviceException e) {
          requireFault(e);
        } finally {
          while (!held.isEmpty()) {
            closeOne();
          }
        }
        return true;
      }

      /** Whether something was delivered. */
      private boolean step() throws Exception {
        boolean patient = random.nextInt(3) > 0;
        while (held.size() >= deviceSlots
            || (!held.isEmpty() && (random.nextBoolean() || (patient && consumerCount > 1)))) {
          closeOne();
        }
        if (random.nextInt(16) == 0) {
          queue.reset();
        }
        if (random.nextInt(8) == 0) {
          interruptOne(random);
        }
        try {
          DeviceBatch batch =
              queue.get(patient ? patience() : Duration.ofNanos(random.nextInt(200_000)));
          held.add(batch);
          int job = job(batch);
          assertTrue(!isToldAsFailure(job) && !isSkipped(job), () -> "delivered: " + fate(job));
          tell(batch.index(), job);
          return true;
        } catch (BatchTimeoutException e) {
          if (patient) {
            throw new AssertionError("I5: a wait without end", e);
          }
          return false;
        } catch (InterruptedException e) {
          assertTrue(interrupts, "interrupted by nobody");
          return false;
        } catch (TargetException e) {
          int job = made.getOrDefault(e.index(), -1);
          assertTrue(isToldAsFailure(job), () -> "told as a failure: " + fate(job));
          tell(e.index(), job);
          return true;
        }
      }

      private void tell(long number, int job) {
        assertEquals(job, made.get(number), "made as another job");
        assertNull(told.put(number, job), () -> "I3: told twice: " + number);
        assertTrue(number > last, () -> "I3: " + number + " after " + last);
        last = number;
      }

      private void closeOne() {
        try {
          held.remove().close();
        } catch (DeviceException e) {
          requireFault(e);
        }
      }
    }
  }
}
