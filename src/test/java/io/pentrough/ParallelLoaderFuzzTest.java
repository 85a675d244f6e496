package io.pentrough;

import static io.pentrough.testkit.Patience.await;
import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Exhaustive;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Steps never mix. A job in legs on different numbers of devices; batches fail or are left out, are
 * held up until a get has timed out, and loaders are reset at any time. Each step that is returned
 * must be the next one of a plan made without the library, but for those that a failure has cost.
 * For the seeds see {@link FuzzSeeds}.
 */
@OnEveryDevice(everySchedule = false)
class ParallelLoaderFuzzTest {

  private static final BatchSpec SPEC = BatchSpec.builder().array("x", DType.INT64, 3).build();

  private final List<Device> devices = TestDevice.open(TestDevice.IS_CUDA ? 2 : 4);

  static IntStream seeds() {
    return FuzzSeeds.of(Exhaustive.count(30, 600));
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  @DisplayName("each step is one of the plan, whatever fails, times out, is left out or reset")
  void stepsNeverMix(int seed) throws Exception {
    Run run = new Run(seed);
    try {
      run.run();
    } catch (Throwable t) {
      throw new AssertionError("seed " + seed + ", " + run.story + ": " + t, t);
    }
  }

  private record Place(int epoch, long index) {
    @Override
    public String toString() {
      return epoch + "." + index;
    }
  }

  private final class Run {
    private final StringBuilder story = new StringBuilder();
    private final Random random;
    private final long seed;
    private final int length;
    private final int epochs;
    private final Remainder remainder;
    private final boolean skips;
    private final Set<Place> failing = new HashSet<>();
    private @Nullable Position position;

    /** What is left to deliver, of each epoch. */
    private List<List<Long>> open = List.of();

    /** In how many steps each index has been returned, repeats aside. */
    private final Map<Place, Integer> returned = new HashMap<>();

    Run(int number) {
      random = new Random(number * 0x9E3779B97F4A7C15L);
      seed = random.nextLong();
      length = devices.size() + random.nextInt(12);
      epochs = 1 + random.nextInt(3);
      remainder = random.nextBoolean() ? Remainder.DROP : Remainder.PAD;
      skips = random.nextBoolean();
      int failures = random.nextInt(4);
      for (int i = 0; i < failures; i++) {
        failing.add(new Place(random.nextInt(epochs), random.nextInt(length)));
      }
      story.append(epochs + " epochs of " + length + ", " + remainder + ", failing " + failing);
      story.append(skips ? " and left out; " : "; ");
    }

    void run() throws Exception {
      open = remaining(null);
      int legs = 1 + random.nextInt(3);
      for (int i = 1; i <= legs; i++) {
        leg(i == legs);
      }
      returned.forEach((place, times) -> assertEquals(1, times, () -> place + " came twice"));
    }

    /** What a loader on one device gets from a position on. */
    private List<List<Long>> remaining(@Nullable Position from) throws Exception {
      BackgroundLoader.Builder builder =
          BackgroundLoader.builder(devices.get(0), SPEC, this::fill)
              .seed(seed)
              .batchesPerEpoch(length)
              .epochs(epochs);
      List<List<Long>> all = new ArrayList<>();
      IntStream.range(0, epochs).forEach(epoch -> all.add(new ArrayList<>()));
      try (BackgroundLoader loader = (from == null ? builder : builder.startAt(from)).start()) {
        for (DeviceBatch batch : loader.batches()) {
          all.get(batch.epoch()).add(batch.index());
        }
      }
      return all;
    }

    private void fill(HostBatch out, BatchContext context) {
      out.array("x").setLong(0, context.epoch());
      out.array("x").setLong(1, context.index());
      out.array("x").setLong(2, context.random().nextLong());
    }

    /** The steps of all epochs from here on, in order. */
    private List<List<Place>> plan(int n) {
      List<List<Place>> plan = new ArrayList<>();
      for (int epoch = 0; epoch < epochs; epoch++) {
        int e = epoch;
        List<Place> places =
            new ArrayList<>(open.get(e).stream().map(index -> new Place(e, index)).toList());
        if (remainder == Remainder.PAD) {
          for (long again = 0; places.size() % n > 0; again++) {
            places.add(new Place(e, again));
          }
        }
        for (int i = 0; i + n <= places.size(); i += n) {
          plan.add(List.copyOf(places.subList(i, i + n)));
        }
      }
      return plan;
    }

    private void leg(boolean last) throws Exception {
      int n = last && random.nextBoolean() ? 1 : 1 + random.nextInt(devices.size());
      List<List<Place>> plan = plan(n);
      int most = last ? Integer.MAX_VALUE : random.nextInt(plan.size() + 1);
      story.append("on " + n + ":");
      Map<Place, CountDownLatch> gates = new ConcurrentHashMap<>();
      for (int i = random.nextInt(4); i > 0; i--) {
        gates.put(new Place(random.nextInt(epochs), random.nextInt(length)), new CountDownLatch(1));
      }
      BatchTarget target =
          (out, context) -> {
            Place place = new Place(context.epoch(), context.index());
            CountDownLatch gate = gates.get(place);
            if (gate != null) {
              await(gate);
            }
            if (failing.contains(place)) {
              throw new IllegalStateException("fails");
            }
            fill(out, context);
          };
      ParallelLoader.Builder builder =
          ParallelLoader.builder(devices.subList(0, n), SPEC, target)
              .seed(seed)
              .batchesPerEpoch(length)
              .epochs(epochs)
              .remainder(remainder)
              .workers(1 + random.nextInt(2))
              .deviceSlots(1 + random.nextInt(3));
      if (skips) {
        builder.onFailure(FailurePolicy.skip(Long.MAX_VALUE, (epoch, index, cause) -> {}));
      }
      if (position != null) {
        builder.startAt(position);
      }
      int next = 0;
      boolean ended = false;
      try (ParallelLoader loader = builder.start()) {
        for (int taken = 0; taken < most && !ended; ) {
          if (random.nextInt(6) == 0) {
            loader.reset();
            story.append(" reset");
          }
          boolean patient = gates.isEmpty() || random.nextInt(3) == 0;
          if (patient) {
            gates.values().forEach(CountDownLatch::countDown);
            gates.clear();
          }
          try (ParallelBatch step =
              loader.poll(patient ? patience() : Duration.ofNanos(random.nextInt(300_000)))) {
            if (step == null) {
              ended = true;
            } else {
              next = check(step, plan, next);
              assertEquals(step.position(), loader.position());
              taken++;
            }
          } catch (BatchTimeoutException e) {
            assertFalse(patient, "waited in vain");
            story.append(" timeout");
          } catch (TargetException e) {
            assertFalse(skips);
            assertTrue(failing.contains(new Place(e.epoch(), e.index())));
            story.append(" failed");
          }
        }
        gates.values().forEach(CountDownLatch::countDown);
        position = Position.parse(loader.position().toString());
      }
      if (ended) {
        requireFailed(plan, next, plan.size());
      }
      List<List<Long>> left = remaining(position);
      for (int step = 0; step < plan.size(); step++) {
        for (Place place : plan.get(step)) {
          if (open.get(place.epoch).contains(place.index) && isFirst(place, plan, step)) {
            boolean delivered = step < next;
            assertEquals(
                !delivered, left.get(place.epoch).contains(place.index), () -> "left: " + place);
          }
        }
      }
      open = left;
      story.append("; ");
    }

    /** Else it repeats a batch of an earlier step. */
    private static boolean isFirst(Place place, List<List<Place>> plan, int step) {
      return plan.subList(0, step).stream().noneMatch(earlier -> earlier.contains(place));
    }

    /** Where in the plan the step is; returns the place behind it. */
    private int check(ParallelBatch step, List<List<Place>> plan, int from) {
      List<Place> got = new ArrayList<>();
      for (DeviceBatch batch : step.batches()) {
        Place place = new Place(batch.epoch(), batch.index());
        ByteBuffer bytes = ByteBuffer.allocate(24).order(ByteOrder.nativeOrder());
        batch.array("x").copyTo(bytes);
        assertEquals(place, new Place((int) bytes.getLong(0), bytes.getLong(8)));
        if (!batch.isRepeat()) {
          returned.merge(place, 1, Integer::sum);
        }
        got.add(place);
      }
      assertEquals(
          Position.merge(step.batches().stream().map(DeviceBatch::position).toList()),
          step.position());
      int at = plan.subList(from, plan.size()).indexOf(got);
      assertTrue(at >= 0, () -> got + " is no step of " + plan.subList(from, plan.size()));
      requireFailed(plan, from, from + at);
      story.append(" ").append(got);
      return from + at + 1;
    }

    /** Each step that is missing lacks a batch. */
    private void requireFailed(List<List<Place>> plan, int from, int to) {
      for (List<Place> missing : plan.subList(from, to)) {
        assertTrue(missing.stream().anyMatch(failing::contains), () -> missing + " is missing");
      }
    }
  }
}
