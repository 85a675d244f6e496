package io.pentrough;

import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.TestStages.HandOn;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Exhaustive;
import io.pentrough.testkit.Patience;
import io.pentrough.testkit.Threads;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Runs whole loaders with real threads, their configuration and what each thread does drawn from a
 * seed, and checks every invariant that shows from outside.
 *
 * <p>For the seeds see {@link FuzzSeeds}.
 */
@OnEveryDevice
class LoaderFuzzTest {

  /** A wait of this length ended by its deadline, not by a wake-up call. */
  private static final Duration TOO_LONG = patience().dividedBy(2);

  private static final Logger LOG = Logger.getLogger("io.pentrough");

  /** A close with leases of its own, or from a target, says what it leaves: not news here. */
  @BeforeAll
  static void logErrorsOnly() {
    LOG.setLevel(Level.SEVERE);
  }

  @AfterAll
  static void logAsUsual() {
    LOG.setLevel(null);
  }

  static IntStream seeds() {
    return FuzzSeeds.of(Exhaustive.count(60, 400));
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  @DisplayName("I1-I8: whatever the threads do, batches are whole, told once, and nothing is left")
  void anyOrderOfCalls(int seed) throws Exception {
    Run run = new Run(seed);
    try {
      run.run();
    } catch (Throwable t) {
      AssertionError failure =
          new AssertionError("seed " + seed + ", " + run + ": " + t + "\n" + run.threads(), t);
      run.problems.forEach(failure::addSuppressed);
      throw failure;
    }
  }

  /** What a target does for an index; the same each time it is asked. */
  private enum Deed {
    FILL,
    THROW_CHECKED,
    THROW_ERROR,
    /** Waits to be interrupted, then fills all the same. */
    BLOCK,
    /** Waits to be interrupted, then throws. */
    BLOCK_AND_THROW;

    boolean blocks() {
      return this == BLOCK || this == BLOCK_AND_THROW;
    }

    boolean fails() {
      return this == THROW_CHECKED || this == THROW_ERROR || this == BLOCK_AND_THROW;
    }
  }

  private enum Closer {
    MAIN,
    CONSUMER,
    BYSTANDER,
    TARGET
  }

  /** One loader's life. */
  private static final class Run {
    private final int seed;
    private final Random random;
    private final int ballast;
    private final Content content;
    private final Device inner = TestDevice.open();
    private final SlowDevice device;
    private final List<Thread> threadsBefore = Threads.of("");
    private final List<DeviceStream> streams = new ArrayList<>();
    private final List<PinnedBuffer> buffers = new ArrayList<>();

    // The configuration.
    private final boolean ordered;
    private final boolean zeroCopy;
    private final boolean staged;
    private final int workers;
    private final int hostSlots;
    private final int deviceSlots;
    private final int depth;
    private final int consumerCount;
    private final boolean fails;
    private final boolean blocks;
    private final boolean resetsFromTargets;
    private final boolean slowTargets;
    private final boolean slowReaders;
    private final boolean interrupts;
    private final Set<Closer> closers; // one kind or two, who may then be at it at once
    private final long closeAt;
    private final Duration closeTimeout;

    // What has happened so far.
    private final AtomicInteger calls = new AtomicInteger();
    private final Map<Integer, Long> callStarted = new ConcurrentHashMap<>();
    private final Map<Long, String> told = new ConcurrentHashMap<>();
    private final AtomicInteger toldBatches = new AtomicInteger();
    private final AtomicInteger thrown = new AtomicInteger();
    private final AtomicInteger toldFailures = new AtomicInteger();
    private final Map<Throwable, Origin> failures = new ConcurrentHashMap<>();
    private final Set<Long> hasReset = ConcurrentHashMap.newKeySet();

    /** When the latest reset that has returned was called: what is older is stale (I4). */
    private final AtomicLong resetCalled = new AtomicLong(Long.MIN_VALUE);

    private final Queue<Throwable> problems = new ConcurrentLinkedQueue<>();
    private final CountDownLatch enoughTold;
    private final List<Consumer> consumers = new ArrayList<>();
    private final List<Thread> threads = new ArrayList<>();

    /** Leases that one consumer got and any other may close. */
    private final Queue<Lease> passedOn = new ConcurrentLinkedQueue<>();

    private final BlockingQueue<Blocked> blocked = new LinkedBlockingQueue<>();
    private volatile boolean closing;
    private volatile boolean ending;
    private volatile @Nullable BackgroundLoader loader;
    private final CountDownLatch started = new CountDownLatch(1);

    Run(int seed) {
      this.seed = seed;
      random = random(seed, -1);
      ballast = ballast();
      content = new Content(seed, ballast);
      boolean playsStage = random.nextInt(3) == 0;
      device = new SlowDevice(inner, seed, random.nextInt(4) > 0, playsStage);
      ordered = random.nextInt(3) > 0;
      zeroCopy = random.nextInt(4) == 0;
      staged = !zeroCopy && !playsStage && random.nextInt(3) == 0;
      workers = 1 + random.nextInt(8);
      hostSlots = 1 + random.nextInt(6);
      deviceSlots = 1 + random.nextInt(4);
      depth = zeroCopy ? hostSlots + deviceSlots : deviceSlots;
      consumerCount = 1 + random.nextInt(3);
      fails = random.nextInt(2) == 0;
      blocks = random.nextInt(4) == 0;
      resetsFromTargets = random.nextInt(4) == 0;
      slowTargets = random.nextInt(2) == 0;
      slowReaders = random.nextInt(3) > 0;
      interrupts = random.nextInt(2) == 0;
      List<Closer> choice = List.of(Closer.values());
      closers = EnumSet.of(choice.get(random.nextInt(4)), choice.get(random.nextInt(4)));
      closeAt = random.nextInt(150);
      enoughTold = new CountDownLatch((int) closeAt + 1);
      // Half of it passes before a blocked target is interrupted.
      closeTimeout = blocks ? Duration.ofMillis(200) : patience();
    }

    void run() throws Exception {
      List<DeviceStream> named = new ArrayList<>();
      for (int i = random.nextInt(4); i > 0; i--) {
        named.add(device.newStream());
      }
      BackgroundLoader.Builder builder =
          BackgroundLoader.builder(device, content.spec, this::countingFill)
              .name("fuzz-" + seed)
              .workers(workers)
              .hostSlots(hostSlots)
              .deviceSlots(deviceSlots)
              .seed(seed)
              .closeTimeout(closeTimeout);
      if (!ordered) {
        builder.ordered(false);
      }
      if (zeroCopy) {
        builder.zeroCopy(true);
      }
      if (staged) {
        builder.stage(
            new HandOn(
                Content.SPEC,
                index -> {
                  boolean fails = stageFails(index);
                  if (fails) {
                    thrown.incrementAndGet();
                  }
                  return fails;
                }));
      }
      if (!named.isEmpty() && random.nextBoolean()) {
        builder.consumerStream(named.get(0));
      }
      streams.addAll(named);
      streams.add(device.defaultStream());
      for (int i = 0; i < consumerCount; i++) {
        consumers.add(new Consumer(i, random.nextLong()));
      }
      Consumer last = new Consumer(consumerCount, random.nextLong());
      String before = TestDevice.live(inner);

      BackgroundLoader running = builder.start();
      loader = running;
      started.countDown();
      consumers.forEach(consumer -> start("consumer-" + consumer.number, consumer::run));
      Thread waker = start("waker", this::wakeBlockedTargets);
      if (closers.contains(Closer.BYSTANDER)) {
        start(
            "bystander",
            () -> {
              enoughTold.await();
              close();
            });
      }
      for (Consumer consumer : consumers) {
        join(consumer.thread());
      }
      if (problems.isEmpty() && !closing) {
        try {
          checkNothingIsMissing(last);
        } catch (LoaderClosedException e) {
          assertTrue(closing, "closed by nobody");
        } finally {
          last.closeAll();
        }
      }
      while (enoughTold.getCount() > 0) {
        enoughTold.countDown();
      }
      close();
      ending = true;
      waker.interrupt();
      for (Thread thread : threads) {
        join(thread);
      }
      throwProblems();

      assertEquals(toldBatches.get(), running.stats().batches(), "batches counted");
      assertThrows(LoaderClosedException.class, running::get);
      assertThrows(LoaderClosedException.class, () -> running.get(Duration.ZERO));
      assertThrows(LoaderClosedException.class, running::reset);
      eventually(
          () -> "I6: memory is left: " + TestDevice.live(inner) + ", not " + before,
          () -> TestDevice.live(inner).equals(before));
      for (DeviceStream stream : streams) {
        stream.synchronize(); // throws if late work found its memory freed (I7)
        stream.close();
      }
      throwProblems();
      buffers.forEach(PinnedBuffer::close);
      TestDevice.assertNothingLive(inner);
      device.close();
      eventually(() -> "threads are left", () -> threadsBefore.containsAll(Threads.of("")));
      assertEquals(thrown.get(), running.stats().failures(), "failures counted");
      assertTrue(toldFailures.get() <= thrown.get(), "a failure is told that never was");
    }

    // ---- targets

    private void countingFill(HostBatch out, BatchContext context) throws Exception {
      try {
        fill(out, context);
      } catch (Throwable t) {
        thrown.incrementAndGet();
        throw t;
      }
    }

    private void fill(HostBatch out, BatchContext context) throws Exception {
      int call = calls.incrementAndGet();
      callStarted.put(call, System.nanoTime());
      long index = context.index();
      Random mine = random(~seed, index);
      Deed deed = deed(index);
      int before = slowTargets ? SlowDevice.someUnits(mine) : 0;
      int between = slowTargets ? SlowDevice.someUnits(mine) : 0;
      SlowDevice.linger(before);
      if (resetsFromTargets && index % 23 == 5 && hasReset.add(index)) {
        reset();
      }
      boolean closes = closers.contains(Closer.TARGET) && index == closeAt;
      if (closes) {
        close();
      }
      content.write(out, context, call, between);
      if (deed.blocks() && !closes) { // nobody interrupts a target that has closed the loader
        new Blocked(mine.nextInt(2_000)).awaitInterrupt();
      }
      Throwable failure =
          switch (deed) {
            case THROW_CHECKED, BLOCK_AND_THROW -> new IOException("seeded");
            case THROW_ERROR -> new StackOverflowError("seeded");
            case FILL, BLOCK -> null;
          };
      if (failure != null) {
        failures.put(failure, new Origin(index, call));
        if (failure instanceof Error error) {
          throw error;
        }
        throw (Exception) failure;
      }
    }

    /** Every other time, slots large enough for consumers, or only the copy thread, to copy. */
    private int ballast() {
      int drawn = random(seed, -2).nextInt(8);
      if (drawn < 4) {
        return 0;
      }
      return (int) (drawn < 7 ? InlineCopies.SMALL_BYTES : InlineCopies.MEDIUM_BYTES) * 5 / 4;
    }

    /** Generators whose seeds are neighbours begin alike, so these are not. */
    private static Random random(long a, long b) {
      return new Random((31 * a + b) * 0x9E3779B97F4A7C15L);
    }

    private Deed deed(long index) {
      Random mine = random(seed, index);
      if (fails && mine.nextInt(8) == 0) {
        return mine.nextBoolean() ? Deed.THROW_CHECKED : Deed.THROW_ERROR;
      }
      if (blocks && mine.nextInt(16) == 0) {
        return mine.nextBoolean() ? Deed.BLOCK : Deed.BLOCK_AND_THROW;
      }
      return Deed.FILL;
    }

    /** A target that waits to be interrupted: by the waker or, once the loader closes, by it. */
    private final class Blocked {
      private final int patience;
      private final Thread thread = Thread.currentThread();
      private boolean waiting = true;

      Blocked(int patience) {
        this.patience = patience;
      }

      synchronized void awaitInterrupt() {
        blocked.add(this);
        try {
          while (true) {
            wait();
          }
        } catch (InterruptedException e) {
          waiting = false;
        }
      }

      void wake() {
        SlowDevice.linger(patience);
        synchronized (this) {
          if (waiting && !closing) {
            thread.interrupt();
          }
        }
      }
    }

    private void wakeBlockedTargets() throws InterruptedException {
      while (!ending) {
        blocked.take().wake();
      }
    }

    // ---- what any thread may do

    private BackgroundLoader loader() throws InterruptedException {
      if (loader == null) {
        started.await(); // a target that is early
      }
      return Objects.requireNonNull(loader);
    }

    private void reset() throws InterruptedException {
      long called = System.nanoTime();
      try {
        loader().reset();
        resetCalled.accumulateAndGet(called, Math::max);
      } catch (LoaderClosedException e) {
        assertTrue(closing, "closed by nobody");
      }
    }

    private void close() throws InterruptedException {
      BackgroundLoader running = loader();
      closing = true;
      long called = System.nanoTime();
      running.close();
      Duration took = Duration.ofNanos(System.nanoTime() - called);
      assertTrue(blocks || took.compareTo(TOO_LONG) < 0, () -> "I5: close took " + took);
    }

    /** Every index is told once (I3), and not from before a reset that came before the get (I4). */
    private boolean stageFails(long index) {
      return staged && index % 13 == 5;
    }

    private void tell(long index, int call, long staleBefore, String how) {
      checkNotStale(index, call, staleBefore);
      tellOnce(index, how);
    }

    private void tellOnce(long index, String how) {
      String earlier = told.putIfAbsent(index, how);
      assertTrue(earlier == null, () -> "I3: " + index + " told twice: " + earlier + ", " + how);
      enoughTold.countDown();
    }

    private void checkNotStale(long index, int call, long staleBefore) {
      Long startedAt = callStarted.get(call);
      assertTrue(startedAt != null, () -> "call " + call + " never was");
      assertTrue(
          Objects.requireNonNull(startedAt) >= staleBefore,
          () -> "I4: " + index + " is of call " + call + ", from before a reset");
    }

    // ---- the end

    /** A get that ends with nothing has taken nothing: whatever was made can still be had. */
    private void checkNothingIsMissing(Consumer last) throws Exception {
      long highest = told.keySet().stream().mapToLong(index -> index).max().orElse(0);
      if (ordered) {
        assertEquals(highest + 1, Math.max(1, told.size()), "I3: indexes are missing");
      }
      for (int i = 0; i < DeliveredWindow.SIZE && lowestUntold() <= highest; i++) {
        last.getPatiently();
        last.closeAll();
      }
      assertTrue(lowestUntold() > highest, "I5: index " + lowestUntold() + " never comes");
    }

    private long lowestUntold() {
      long lowest = 0;
      while (told.containsKey(lowest)) {
        lowest++;
      }
      return lowest;
    }

    private interface Body {
      void run() throws Exception;
    }

    private Thread start(String name, Body body) {
      Thread thread =
          new Thread(
              () -> {
                try {
                  body.run();
                } catch (InterruptedException e) {
                  // told to end
                } catch (Throwable t) {
                  problems.add(t);
                }
              },
              "fuzz-" + name);
      thread.setDaemon(true);
      threads.add(thread);
      thread.start();
      return thread;
    }

    private void join(Thread thread) throws InterruptedException {
      thread.join(3 * patience().toMillis());
      if (thread.isAlive()) {
        throwProblems();
        throw new AssertionError("I5: " + thread.getName() + " waits without end");
      }
    }

    private void throwProblems() {
      Throwable first = problems.poll();
      if (first != null) {
        problems.forEach(first::addSuppressed);
        throw new AssertionError(first.toString(), first);
      }
    }

    private static void eventually(Supplier<String> otherwise, BooleanSupplier condition) {
      try {
        Patience.until("it comes about", condition);
      } catch (IllegalStateException e) {
        throw new AssertionError(otherwise.get(), e);
      }
    }

    /** Where every thread concerned stands. */
    String threads() {
      StringBuilder text = new StringBuilder();
      Thread.getAllStackTraces()
          .forEach(
              (thread, stack) -> {
                if (thread.getName().matches("(pentrough|fuzz)-.*")) {
                  text.append(thread.getName()).append(' ').append(thread.getState()).append('\n');
                  for (StackTraceElement frame : stack) {
                    text.append("    at ").append(frame).append('\n');
                  }
                }
              });
      return text.toString();
    }

    @Override
    public String toString() {
      return (ordered ? "ordered" : "unordered")
          + (zeroCopy ? ", zero-copy" : "")
          + (staged ? ", staged" : "")
          + (ballast > 0 ? ", slots of %d KiB".formatted(content.spec.slotBytes() >> 10) : "")
          + (fails ? ", failing" : "")
          + (blocks ? ", blocking" : "")
          + (resetsFromTargets ? ", resetting" : "")
          + ", %d workers, %d host slots, %d device slots, %d consumers, closed by %s at %d, %d told"
              .formatted(
                  workers, hostSlots, deviceSlots, consumerCount, closers, closeAt, told.size());
    }

    /** Which target threw. */
    private record Origin(long index, int call) {}

    /**
     * A batch in somebody's hands, and what it must hold as long as it is open.
     *
     * @param call which call of the target wrote it; {@link #UNSEEN} if the host has not looked
     * @param early got before its copy was known to have run: the host must wait before it looks
     */
    private record Lease(DeviceBatch batch, int call, boolean early, Consumer owner) {
      static final int UNSEEN = 0;

      List<ByteBuffer> look() {
        return early ? Content.read(batch) : Content.views(batch);
      }
    }

    // ---- consumers

    private final class Consumer {
      private final int number;
      private final Random random;
      private final int steps;
      private final List<Lease> leases = new ArrayList<>();
      private final Map<DeviceStream, PinnedBuffer> pinned = new HashMap<>();
      private @Nullable Thread thread;

      /** How many leases this thread got that are open, whoever has them; or some more. */
      private final AtomicInteger held = new AtomicInteger();

      private long lastTold = -1;

      Consumer(int number, long seed) {
        this.number = number;
        random = new Random(seed);
        steps = 30 + random.nextInt(120);
        for (DeviceStream stream : streams) {
          PinnedBuffer buffer = device.allocatePinned(Content.SPEC.slotBytes());
          buffers.add(buffer);
          pinned.put(stream, buffer);
        }
      }

      Thread thread() {
        return threads.get(number);
      }

      void run() throws Exception {
        thread = Thread.currentThread();
        try {
          for (int i = 0; i < steps && problems.isEmpty(); i++) {
            step();
          }
          if (closers.contains(Closer.CONSUMER) && number == 0) {
            closeLoader();
          }
        } catch (LoaderClosedException e) {
          if (!closing) {
            throw new AssertionError("closed by nobody", e);
          }
          if (closers.contains(Closer.CONSUMER)) {
            closeLoader(); // while the other is still at it
          }
        } finally {
          closeAll();
        }
      }

      private void closeLoader() throws Exception {
        Run.this.close();
        leases.forEach(this::checkNow); // they outlive the loader
      }

      private void step() throws Exception {
        switch (random.nextInt(16)) {
          case 0, 1, 2, 3 -> getPatiently();
          case 4, 5 -> get(Duration.ofNanos(random.nextInt(2_000_000)));
          case 6, 7 -> get(Duration.ZERO);
          case 8, 9, 10, 11 -> closeOne();
          case 12 -> passOn();
          case 13 -> closePassedOn();
          case 14 -> {
            if (random.nextInt(4) == 0) {
              reset();
            }
          }
          default -> {
            Thread other = consumers.get(random.nextInt(consumers.size())).thread;
            if (interrupts && other != null) {
              other.interrupt();
            }
          }
        }
      }

      /** Holding a lease here could make others wait for it without end. */
      void getPatiently() throws Exception {
        while (random.nextBoolean() && !leases.isEmpty()) {
          closeOne();
        }
        closeAll();
        long asked = System.nanoTime();
        get(patience());
        Duration took = Duration.ofNanos(System.nanoTime() - asked);
        assertTrue(took.compareTo(TOO_LONG) < 0, () -> "I5: a wake-up call is missing: " + took);
      }

      private void get(Duration timeout) throws Exception {
        boolean mayHoldAll = held.get() >= depth;
        boolean named = random.nextBoolean();
        boolean early = named && random.nextBoolean();
        boolean unseen = early && random.nextBoolean();
        DeviceStream stream = streams.get(random.nextInt(streams.size()));
        long staleBefore = resetCalled.get();
        DeviceBatch batch;
        try {
          if (early) {
            batch = loader().getQueued(stream, timeout);
          } else {
            batch = named ? loader().get(stream, timeout) : loader().get(timeout);
          }
        } catch (BatchTimeoutException e) {
          if (timeout.compareTo(TOO_LONG) > 0) {
            throw new AssertionError("I5: a wait without end: " + e.getMessage(), e);
          }
          return;
        } catch (InterruptedException e) {
          assertTrue(interrupts, "interrupted by nobody");
          return;
        } catch (TargetException e) {
          tellFailure(e, staleBefore);
          return;
        } catch (LoaderClosedException e) {
          throw e;
        } catch (IllegalStateException e) {
          if (!mayHoldAll) {
            throw new AssertionError("refused though not all slots are held", e);
          }
          return;
        }
        held.incrementAndGet();
        Lease lease = new Lease(batch, unseen ? Lease.UNSEEN : seen(batch, early), early, this);
        leases.add(lease);
        assertTrue(!deed(batch.index()).fails(), "delivered though its target fails");
        assertTrue(!stageFails(batch.index()), "delivered though its stage fails");
        toldBatches.incrementAndGet();
        if (unseen) {
          tellOnce(batch.index(), "batch of an unseen call");
        } else {
          tell(batch.index(), lease.call, staleBefore, "batch of call " + lease.call);
        }
        checkOrder(batch.index());
        if (random.nextInt(3) > 0) {
          checkNow(lease);
        }
        if (unseen || random.nextInt(3) > 0) {
          readLate(lease, staleBefore);
        }
      }

      /** The call that wrote the batch, which is the right one's. */
      private int seen(DeviceBatch batch, boolean early) {
        try {
          List<ByteBuffer> views = early ? Content.read(batch) : Content.views(batch);
          assertEquals(batch.index(), Content.index(views), "another index");
          return Content.call(views);
        } catch (Throwable t) {
          held.decrementAndGet();
          batch.close();
          throw t;
        }
      }

      private void tellFailure(TargetException e, long staleBefore) {
        if (e.getCause() instanceof StageException) {
          assertTrue(stageFails(e.index()), "the stage does not fail there");
          assertTrue(!deed(e.index()).fails(), "the target does");
          toldFailures.incrementAndGet();
          tellOnce(e.index(), "failure of the stage");
          checkOrder(e.index());
          return;
        }
        Origin origin = failures.get(Objects.requireNonNull(e.getCause()));
        if (origin == null) {
          throw new AssertionError("no target threw this", e);
        }
        assertEquals(origin.index, e.index(), "the failure of another index");
        toldFailures.incrementAndGet();
        tell(e.index(), origin.call, staleBefore, "failure of call " + origin.call);
        checkOrder(e.index());
      }

      private void checkOrder(long index) {
        if (ordered) {
          assertTrue(index > lastTold, () -> "I3: " + index + " after " + lastTold);
          if (consumerCount == 1 && number == 0) {
            assertEquals(lastTold + 1, index, "I3: indexes are missing");
          }
          lastTold = index;
        }
      }

      private void checkNow(Lease lease) {
        if (lease.call == Lease.UNSEEN) {
          return; // only its late reader looks
        }
        try {
          content.check(lease.look(), lease.batch.index(), lease.call);
        } catch (AssertionError e) {
          throw new AssertionError("I1, I4: batch " + lease.batch.index() + " is torn", e);
        }
      }

      /** Queues work that reads the batch when the lease may long have been closed (I2, I7). */
      private void readLate(Lease lease, long staleBefore) {
        DeviceBatch batch = lease.batch;
        DeviceStream stream = batch.stream();
        int before = slowReaders ? SlowDevice.someUnits(random) : 0;
        SlowDevice.launch(stream, () -> SlowDevice.linger(before));
        List<ByteBuffer> views =
            random.nextBoolean()
                    && !lease.early
                    && !TestDevice.IS_CUDA // the host cannot look at its memory
                ? Content.views(batch)
                : Content.queueCopy(batch, stream, Objects.requireNonNull(pinned.get(stream)));
        long index = batch.index();
        SlowDevice.launch(
            stream,
            () -> {
              try {
                int call = lease.call == Lease.UNSEEN ? Content.call(views) : lease.call;
                content.check(views, index, call);
                checkNotStale(index, call, staleBefore);
              } catch (AssertionError e) {
                problems.add(
                    new AssertionError("I2: batch " + index + " was overwritten too early", e));
              }
            });
      }

      private void closeOne() {
        if (!leases.isEmpty()) {
          close(leases.remove(random.nextInt(leases.size())));
        }
      }

      private void close(Lease lease) {
        try {
          if (random.nextBoolean()) {
            checkNow(lease);
          }
        } finally {
          lease.batch.close();
          lease.owner.held.decrementAndGet();
        }
        if (random.nextInt(8) == 0) {
          lease.batch.close(); // harmless
        }
      }

      private void passOn() {
        if (!leases.isEmpty()) {
          passedOn.add(leases.remove(0));
        }
      }

      private void closePassedOn() {
        for (Lease lease = passedOn.poll(); lease != null; lease = passedOn.poll()) {
          close(lease);
        }
      }

      void closeAll() {
        while (!leases.isEmpty()) {
          closeOne();
        }
        closePassedOn();
      }
    }
  }
}
