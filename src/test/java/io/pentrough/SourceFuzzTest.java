package io.pentrough;

import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
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
import java.util.Comparator;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Sources with an end, shards, positions, failure policies and inferred arrays, with real threads:
 * whatever a seed draws of consumers, resets, interrupts, leases held, faults of the device, and
 * lives (each goes on at a position of the one before), a source gives every batch once, bit for
 * bit. {@link LoaderFuzzTest} is the counterpart for sources without an end; for the seeds see
 * {@link FuzzSeeds}.
 */
@OnEveryDevice
@ResourceLock("java.util.logging")
class SourceFuzzTest {

  private static final int MAX_LIVES = 1_000;

  private static final BatchSpec SPEC =
      BatchSpec.builder()
          .array("x", DType.INT64, 3) // epoch, index, and a random number (I8)
          .array("y", DType.INT32, 4, 5)
          .array("z", DType.UINT8, 3, 2, 2)
          .build();

  private final LogCapture log = new LogCapture();

  @AfterEach
  void stopCapture() {
    log.close();
  }

  static IntStream seeds() {
    return FuzzSeeds.of(Exhaustive.count(60, 300));
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  @DisplayName("I3-I5, I7, I8: every batch of a source once, through resets, lives and failures")
  void everyBatchOnce(int seed) throws Exception {
    Run run = new Run(new Draw(seed));
    try {
      run.run();
    } catch (Throwable t) {
      throw new AssertionError("seed " + seed + ", " + run + ": " + t, t);
    }
  }

  private enum Policy {
    FAIL,
    RETRY,
    SKIP
  }

  /** A place in the source. */
  private record Place(int epoch, long index) implements Comparable<Place> {
    private static final Comparator<Place> ORDER =
        Comparator.comparingInt(Place::epoch).thenComparingLong(Place::index);

    @Override
    public int compareTo(Place other) {
      return ORDER.compare(this, other);
    }

    @Override
    public String toString() {
      return epoch + "." + index;
    }
  }

  /** What all loaders of a run are asked for. */
  private static final class Draw {
    final Random random;
    final boolean ordered;
    final boolean declared;
    final boolean inferred;
    final boolean zeroCopy;
    final boolean faults;
    final boolean interrupts;
    final int consumers;
    final int epochs;
    final int[] lengths;
    final int stride;
    final int first;
    final int deviceSlots;
    final Policy policy;
    final long seed;

    Draw(int number) {
      random = new Random(number * 0x9E3779B97F4A7C15L); // neighbours would begin alike
      ordered = random.nextBoolean();
      declared = random.nextBoolean();
      inferred = random.nextInt(3) == 0;
      zeroCopy = random.nextInt(4) == 0;
      faults = random.nextInt(4) == 0 && !TestDevice.IS_CUDA; // the scripted device has them
      interrupts = random.nextBoolean();
      consumers = 1 + random.nextInt(3);
      epochs = 1 + random.nextInt(6);
      stride = 1 + random.nextInt(3);
      first = random.nextInt(stride);
      int declaredLength = stride + random.nextInt(20);
      lengths =
          declared
              ? IntStream.generate(() -> declaredLength).limit(epochs).toArray()
              : random.ints(epochs, 0, 1 + random.nextInt(25)).toArray();
      deviceSlots = 1 + random.nextInt(4);
      policy = List.of(Policy.values()).get(random.nextInt(3));
      seed = random.nextLong();
    }

    boolean alwaysFails(Place place) {
      return (place.epoch * 31L + place.index) % 7 == 0;
    }

    /** The batches there are, those that always fail included. */
    Set<Place> places() {
      Set<Place> places = new TreeSet<>();
      for (int epoch = 0; epoch < epochs; epoch++) {
        for (int index = first; index < lengths[epoch]; index += stride) {
          places.add(new Place(epoch, index));
        }
      }
      return places;
    }

    @Override
    public String toString() {
      return (ordered ? "ordered" : "unordered")
          + (declared ? ", declared" : "")
          + (inferred ? ", inferred" : "")
          + (zeroCopy ? ", zero-copy" : "")
          + (faults ? ", faults" : "")
          + (interrupts ? ", interrupts" : "")
          + ", %s, epochs of %s, shard %d of %d, %d consumers, %d device slots"
              .formatted(
                  policy,
                  IntStream.of(lengths).boxed().toList(),
                  first,
                  stride,
                  consumers,
                  deviceSlots);
    }
  }

  /** A batch that was delivered; the position is null if it is to be asked for later. */
  private record Delivered(Place place, DeviceBatch batch, @Nullable Position early) {}

  private static final class Run {
    private final Draw draw;
    private final Random random;
    private final Device host = TestDevice.open();
    private final ScriptedDevice scripted = new ScriptedDevice();
    private final Device device;

    /** What was delivered before the position at which the next life starts. */
    private final Set<Place> told = new TreeSet<>();

    private final Set<Place> toldFailures = ConcurrentHashMap.newKeySet();
    private final Set<Place> skipped = ConcurrentHashMap.newKeySet();

    /** What was made once without failing, on the thread that started the loader. */
    private final Set<Place> trials = new HashSet<>();

    private final DeviceException fault = new DeviceException("drawn");
    private ScriptedDevice.@Nullable Trigger trap;
    private @Nullable Position position;
    private int lives;
    private boolean over;

    Run(Draw draw) {
      this.draw = draw;
      random = draw.random;
      device =
          draw.faults
              ? scripted
              : new SlowDevice(host, draw.seed, random.nextBoolean(), random.nextInt(4) == 0);
    }

    void run() throws Exception {
      while (!over) {
        lives++;
        assertTrue(lives < MAX_LIVES, "no life gets any further");
        live();
      }
      Set<Place> missing = draw.places();
      missing.removeAll(told);
      for (Place place : missing) {
        assertTrue(draw.alwaysFails(place), () -> place + " never came");
        Set<Place> elsewhere = draw.policy == Policy.SKIP ? skipped : toldFailures;
        assertTrue(elsewhere.contains(place), () -> "nothing was heard of " + place);
      }
      assertTrue(draw.places().containsAll(told), "there is no such batch");
      Patience.until("all to be given back", this::nothingIsLive);
      assertEquals(List.of(), scripted.violations());
      host.close();
    }

    private boolean nothingIsLive() {
      return TestDevice.nothingLive(host) && scripted.live().isEmpty();
    }

    private void live() throws Exception {
      Life life = new Life();
      if (draw.faults && random.nextBoolean() && (trap == null || trap.sprung())) {
        List<String> calls = List.of("copyToDevice", "record", "isComplete", "newEvent", "waitFor");
        int nth = 1 + random.nextInt(40);
        trap =
            scripted.on(
                calls.get(random.nextInt(calls.size())),
                nth,
                () -> {
                  throw fault;
                });
      }
      BackgroundLoader loader;
      try {
        loader = life.builder().start();
      } catch (DeviceException e) {
        assertEquals(fault, e);
        return; // and nothing was delivered: the next life starts where this one should have
      } catch (IllegalArgumentException e) {
        // Started behind the last batch: there is nothing to infer it from.
        if (!draw.inferred || !toldIsAll()) {
          throw e;
        }
        over = true;
        return;
      }
      life.live(loader);
      goOn(life);
    }

    /** Whether all was told that can be. */
    private boolean toldIsAll() {
      Set<Place> missing = draw.places();
      missing.removeAll(told);
      return missing.stream().allMatch(draw::alwaysFails);
    }

    /** Draws the batch whose position is saved: what was delivered behind it is forgotten. */
    private void goOn(Life life) {
      List<Delivered> inOrder = new ArrayList<>(life.delivered);
      inOrder.sort(Comparator.comparing(one -> one.batch.position(), Run::byProgress));
      if (draw.consumers == 1) {
        assertEquals(new ArrayList<>(life.delivered), inOrder, "the order by positions");
      }
      boolean crash = random.nextInt(3) == 0;
      int kept = crash ? random.nextInt(inOrder.size() + 1) : inOrder.size();
      for (Delivered one : inOrder.subList(0, kept)) {
        assertTrue(told.add(one.place), () -> "told again after its position: " + one.place);
      }
      if (kept > 0) {
        Delivered last = inOrder.get(kept - 1);
        Position late = last.batch.position();
        Position saved = last.early == null ? late : last.early;
        position = Position.parse(saved.toString());
      }
      over = life.ended && kept == inOrder.size();
    }

    /** Each delivery moves a position on, or adds to those delivered above it. */
    private static int byProgress(Position a, Position b) {
      return Comparator.comparingInt(Position::epoch)
          .thenComparingLong(Position::index)
          .thenComparingLong((Position at) -> at.delivered().count())
          .compare(a, b);
    }

    @Override
    public String toString() {
      return draw + ", life " + lives + " from " + position + ", told " + told;
    }

    /** A loader, from its start until it is closed. */
    private final class Life {
      private final Thread starter = Thread.currentThread();
      private final AtomicInteger calls = new AtomicInteger();
      private final Queue<Delivered> delivered = new ConcurrentLinkedQueue<>();
      private final Set<Place> seen = ConcurrentHashMap.newKeySet();

      /** One call of the target waits here, so that unordered batches overtake it. */
      private final CountDownLatch gate = new CountDownLatch(1);

      private final int slowCall = random.nextInt(8);
      private final boolean patientClose = random.nextInt(3) > 0;
      private final boolean rudeClose = random.nextInt(3) == 0;
      private final List<Consumer> consumers = new ArrayList<>();
      private volatile boolean closing;
      private volatile boolean ended;

      SequenceBuilder<?> builder() {
        SequenceBuilder<?> builder;
        if (draw.inferred) {
          builder =
              BackgroundLoader.infer(device, this::arrays)
                  .names("x", "y", "z")
                  .dtype("z", DType.UINT8);
        } else {
          builder = BackgroundLoader.builder(device, SPEC, this::fill);
        }
        builder
            .workers(1 + random.nextInt(4))
            .hostSlots(1 + random.nextInt(5))
            .deviceSlots(draw.deviceSlots)
            .epochs(draw.epochs)
            .shard(draw.first, draw.stride)
            .onFailure(policy())
            .closeTimeout(patientClose ? patience() : Duration.ZERO)
            .name("source")
            .seed(draw.seed);
        if (draw.declared) {
          builder.batchesPerEpoch(draw.lengths[0]);
        }
        if (!draw.ordered) {
          builder.ordered(false);
        }
        if (draw.zeroCopy) {
          builder.zeroCopy(true);
        }
        if (position != null) {
          builder.startAt(position);
        }
        return builder;
      }

      private FailurePolicy policy() {
        return switch (draw.policy) {
          case FAIL -> FailurePolicy.fail();
          case RETRY -> FailurePolicy.retry(2);
          case SKIP ->
              FailurePolicy.skip(
                  1_000_000, (epoch, index, cause) -> skipped.add(new Place(epoch, index)));
        };
      }

      // ---- targets

      private void fill(HostBatch out, BatchContext context) throws Exception {
        if (begin(context)) {
          Place place = new Place(context.epoch(), context.index());
          if (draw.alwaysFails(place)) {
            throw new IllegalStateException("fails always");
          }
          long drawn = context.random().nextLong();
          long[] x = x(place, drawn);
          int[][] y = y(drawn);
          byte[][][] z = z(drawn);
          out.array("x").set(0, x, 0, x.length);
          for (int i = 0; i < y.length; i++) {
            out.array("y").set(i * y[i].length, y[i], 0, y[i].length);
          }
          for (int i = 0; i < 12; i++) {
            out.array("z").setByte(i, z[i / 4][i / 2 % 2][i % 2]);
          }
          out.size(size(place));
        }
      }

      private Object[] arrays(BatchContext context) throws Exception {
        if (!begin(context)) {
          return new Object[0];
        }
        Place place = new Place(context.epoch(), context.index());
        long drawn = context.random().nextLong();
        boolean wrong = draw.alwaysFails(place) && !isTrial();
        return new Object[] {x(place, drawn), wrong ? new int[4][6] : y(drawn), z(drawn)};
      }

      private boolean isTrial() {
        return Thread.currentThread() == starter;
      }

      /** False if there is no batch. */
      private boolean begin(BatchContext context) throws Exception {
        if (!isTrial() && calls.getAndIncrement() == slowCall) {
          gate.await();
        }
        Place place = new Place(context.epoch(), context.index());
        if (place.index >= draw.lengths[place.epoch]) {
          context.endOfEpoch();
          return false;
        }
        if (isTrial()) {
          // Behind an epoch that turns out to be over, it may be of a batch that was delivered.
          assertTrue(
              position == null || place.epoch > position.epoch() || !told.contains(place),
              () -> "a trial of what was delivered: " + place);
          trials.add(place);
        } else if (draw.policy == Policy.RETRY
            && context.attempt() < 2
            && (place.epoch + place.index) % 3 == 0) {
          context.random().nextLong(); // the next attempt gets the same one
          throw new IllegalStateException("fails twice");
        }
        return true;
      }

      // ---- the life

      void live(BackgroundLoader loader) throws Exception {
        for (int i = 0; i < draw.consumers; i++) {
          consumers.add(new Consumer(loader, random.nextLong()));
        }
        List<Caller<Boolean>> callers = new ArrayList<>();
        for (Consumer consumer : consumers) {
          callers.add(Caller.start(consumer));
        }
        try {
          for (Caller<Boolean> caller : callers) {
            caller.result();
          }
        } finally {
          close(loader);
        }
      }

      private void close(BackgroundLoader loader) {
        if (patientClose) {
          gate.countDown(); // else half the patience would pass before it is interrupted
        }
        closing = true;
        loader.close();
      }

      private void tell(Place place) {
        assertTrue(!told.contains(place), () -> "told again in another life: " + place);
        assertTrue(seen.add(place), () -> "told twice: " + place);
      }

      private void check(DeviceBatch batch) {
        Place place = new Place(batch.epoch(), batch.index());
        if (draw.alwaysFails(place)) {
          assertTrue(trials.contains(place), () -> "delivered though it fails: " + place);
        }
        Philox4x32 philox = new Philox4x32(draw.seed);
        philox.begin(place.epoch, place.index);
        long drawn = philox.nextLong();
        assertEquals(SPEC, batch.spec());
        int size = draw.inferred ? 3 : size(place);
        assertEquals(size, batch.size());
        assertArrayEquals(new int[] {size}, batch.array("x").shape());
        assertArrayEquals(new int[] {4, 5}, batch.array("y").shape());
        assertArrayEquals(new int[] {size, 2, 2}, batch.array("z").shape());
        ByteBuffer x = read(batch, "x");
        for (int i = 0; i < 3; i++) {
          long expected = i < size ? x(place, drawn)[i] : 0;
          assertEquals(expected, x.getLong(), () -> "x of " + place);
        }
        ByteBuffer y = read(batch, "y");
        for (int[] row : y(drawn)) {
          for (int expected : row) {
            assertEquals(expected, y.getInt(), () -> "y of " + place);
          }
        }
        ByteBuffer z = read(batch, "z");
        for (int i = 0; i < 12; i++) {
          byte expected = i / 4 < size ? z(drawn)[i / 4][i / 2 % 2][i % 2] : 0;
          assertEquals(expected, z.get(), () -> "z of " + place);
        }
      }

      /** A thread that takes batches. */
      private final class Consumer implements Callable<Boolean> {
        private final BackgroundLoader loader;
        private final Random random;
        private final Deque<DeviceBatch> held = new ArrayDeque<>();
        private volatile @Nullable Thread thread;
        private @Nullable Place last;

        Consumer(BackgroundLoader loader, long seed) {
          this.loader = loader;
          random = new Random(seed);
        }

        @Override
        public Boolean call() throws Exception {
          thread = Thread.currentThread();
          try {
            for (int i = 1 + random.nextInt(40); i > 0; i--) {
              step();
            }
            if (rudeClose) {
              close(loader);
            }
          } catch (NoSuchElementException e) {
            ended = true;
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

        private void requireFault(Throwable e) {
          assertTrue(e == fault || e.getCause() == fault, e::toString);
        }

        private void step() throws Exception {
          while (held.size() >= draw.deviceSlots || (!held.isEmpty() && random.nextInt(3) == 0)) {
            closeOne();
          }
          try {
            switch (random.nextInt(12)) {
              case 0 -> loader.reset();
              case 1, 2, 3 -> get(Duration.ofNanos(random.nextInt(200_000)));
              case 4 -> iterate();
              case 5 -> interruptOne();
              default -> getPatiently();
            }
          } catch (BatchTimeoutException e) {
            // It was a short one.
          } catch (InterruptedException e) {
            assertTrue(draw.interrupts, "interrupted by nobody");
          } catch (TargetException e) {
            Place place = new Place(e.epoch(), e.index());
            tell(place);
            assertOrder(place);
            toldFailures.add(place);
            assertTrue(draw.alwaysFails(place) && draw.policy != Policy.SKIP, e::toString);
            assertNotNull(e.getCause());
            Class<?> type =
                draw.inferred ? IllegalArgumentException.class : IllegalStateException.class;
            assertEquals(type, e.getCause().getClass());
          }
        }

        private void interruptOne() {
          Thread other = consumers.get(random.nextInt(consumers.size())).thread;
          if (draw.interrupts && other != null) {
            other.interrupt();
          }
        }

        private void getPatiently() throws Exception {
          while (draw.consumers > 1 && !held.isEmpty()) {
            closeOne(); // others may be waiting for it
          }
          try {
            get(Duration.ofMillis(1));
          } catch (BatchTimeoutException e) {
            gate.countDown(); // nothing else is left, or it is slow
            try {
              get(patience());
            } catch (BatchTimeoutException tooLate) {
              throw new AssertionError("I5: a wait without end", tooLate);
            }
          }
        }

        private void get(Duration timeout) throws Exception {
          DeviceBatch batch = loader.get(timeout);
          held.add(batch);
          take(batch);
        }

        private void iterate() {
          gate.countDown(); // this waits without bound
          while (!held.isEmpty()) {
            closeOne();
          }
          int steps = 1 + random.nextInt(5);
          DeviceBatch before = null;
          try {
            for (DeviceBatch batch : loader.batches()) {
              if (before != null) {
                assertClosed(before);
              }
              take(batch);
              before = batch;
              if (--steps == 0) {
                held.add(batch);
                return;
              }
            }
            ended = true;
            if (before != null) {
              assertClosed(before);
            }
          } catch (CancellationException e) {
            assertTrue(draw.interrupts && Thread.interrupted(), "interrupted by nobody");
          }
        }

        private void take(DeviceBatch batch) {
          Place place = new Place(batch.epoch(), batch.index());
          delivered.add(
              new Delivered(place, batch, random.nextBoolean() ? batch.position() : null));
          tell(place);
          assertOrder(place);
          check(batch);
        }

        private void assertOrder(Place place) {
          Place before = last;
          if (draw.ordered && before != null) {
            assertTrue(before.compareTo(place) < 0, () -> "I3: " + place + " after " + before);
          }
          last = place;
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

  // ---- what a batch holds

  private static long[] x(Place place, long drawn) {
    return new long[] {place.epoch, place.index, drawn};
  }

  private static int[][] y(long drawn) {
    int[][] y = new int[4][5];
    for (int i = 0; i < 20; i++) {
      y[i / 5][i % 5] = (int) (drawn >>> i) * (i + 1);
    }
    return y;
  }

  private static byte[][][] z(long drawn) {
    byte[][][] z = new byte[3][2][2];
    for (int i = 0; i < 12; i++) {
      z[i / 4][i / 2 % 2][i % 2] = (byte) (drawn >>> (i + 20));
    }
    return z;
  }

  private static int size(Place place) {
    return 1 + (int) (place.index % 3);
  }

  /** With the rows that do not count. */
  private static ByteBuffer read(DeviceBatch batch, String name) {
    DeviceArray array = batch.array(name);
    ByteBuffer bytes =
        ByteBuffer.allocate((int) array.spec().bytes()).order(ByteOrder.nativeOrder());
    batch.stream().read(array.buffer(), bytes);
    return bytes.flip();
  }

  private static void assertClosed(DeviceBatch batch) {
    assertThrows(IllegalStateException.class, () -> batch.array(0));
  }
}
