package io.pentrough;

import static io.pentrough.testkit.Patience.await;
import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.data.Permutation;
import io.pentrough.device.Device;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Exhaustive;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * I3, I8: a job in legs, each on another number of shards, which drift apart, deliver ordered or
 * not, and leave failed batches out. Each leg goes on at the merged positions of the one before.
 * Positions know no device, so this runs on the host only; for the seeds see {@link FuzzSeeds}.
 */
class ShardsFuzzTest {

  private static final BatchSpec SPEC = BatchSpec.builder().array("x", DType.INT64, 2).build();

  private final Device device = TestDevice.open();

  @AfterEach
  void close() {
    TestDevice.closeOpened();
  }

  static IntStream seeds() {
    return FuzzSeeds.of(Exhaustive.count(12, 600));
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  @DisplayName("UNEVEN: each index exactly once over all legs, bit for bit as without shards")
  void uneven(int seed) throws Exception {
    new Run(seed, Remainder.UNEVEN).checked();
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  @DisplayName("DROP: none twice, at most n - 1 of an epoch left out, equally many steps")
  void drop(int seed) throws Exception {
    new Run(seed, Remainder.DROP).checked();
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  @DisplayName("PAD: each index once and unmarked, repeats are marked, equally many steps")
  void pad(int seed) throws Exception {
    new Run(seed, Remainder.PAD).checked();
  }

  private record Place(int epoch, long index) implements Comparable<Place> {
    @Override
    public int compareTo(Place other) {
      return epoch == other.epoch
          ? Long.compare(index, other.index)
          : Integer.compare(epoch, other.epoch);
    }

    @Override
    public String toString() {
      return epoch + "." + index;
    }
  }

  private final class Run {
    private final int number;
    private final Remainder remainder;
    private final Random random;
    private final long seed;
    private final int length;
    private final int epochs;
    private final boolean fails;
    private final boolean shorter;

    /** How many batches each epoch really has, perhaps less than declared. */
    private final int[] lengths;

    private final Map<Place, List<Long>> truth;

    /** How often each was delivered, or left out as it failed. */
    private final Map<Place, Integer> seen = new TreeMap<>();

    /** Over how many shards each epoch was completed. */
    private final Map<Integer, Integer> completedBy = new HashMap<>();

    private final StringBuilder story = new StringBuilder();
    private @Nullable Position whole;

    Run(int number, Remainder remainder) throws Exception {
      this.number = number;
      this.remainder = remainder;
      random = new Random(number * 0x9E3779B97F4A7C15L);
      seed = random.nextLong();
      length = 1 + random.nextInt(random.nextBoolean() ? 12 : 60);
      epochs = 1 + random.nextInt(5);
      fails = random.nextInt(3) == 0;
      shorter = remainder == Remainder.UNEVEN && random.nextInt(4) == 0;
      lengths =
          IntStream.generate(() -> shorter ? random.nextInt(length + 1) : length)
              .limit(epochs)
              .toArray();
      truth = oneShard();
      story.append(length + " batches a declared epoch, really " + Arrays.toString(lengths));
      story.append(fails ? ", failing; " : "; ");
    }

    /** What one shard delivers. */
    private Map<Place, List<Long>> oneShard() throws Exception {
      Map<Place, List<Long>> all = new HashMap<>();
      try (BackgroundLoader loader = builder(this::fill).start()) {
        for (DeviceBatch batch : loader.batches()) {
          all.put(place(batch), content(batch));
        }
      }
      assertEquals(IntStream.of(lengths).sum(), all.size());
      return all;
    }

    private BackgroundLoader.Builder builder(BatchTarget target) {
      return BackgroundLoader.builder(device, SPEC, target)
          .seed(seed)
          .batchesPerEpoch(length)
          .epochs(epochs);
    }

    private void fill(HostBatch out, BatchContext context) {
      if (context.index() >= lengths[context.epoch()]) {
        context.endOfEpoch();
        return;
      }
      // As a shuffled data set: the sample at a place is a function of seed, epoch and place.
      long sample = Permutation.of(seed, context.epoch(), length).at(context.index());
      out.array("x").setLong(0, sample);
      out.array("x").setLong(1, context.random().nextLong());
    }

    private boolean fails(Place place) {
      return fails
          && (place.epoch * 31L + place.index) % 7 == 0
          && place.index < lengths[place.epoch];
    }

    void checked() throws Exception {
      try {
        run();
      } catch (Throwable t) {
        throw new AssertionError("seed " + number + ", " + remainder + ", " + story + ": " + t, t);
      }
    }

    void run() throws Exception {
      int legs = 1 + random.nextInt(6);
      for (int i = 1; i <= legs; i++) {
        leg(i == legs);
      }
      Position end = Objects.requireNonNull(whole);
      assertTrue(shorter || (end.epoch() == epochs && end.index() == 0), "not at the end");
      try (BackgroundLoader loader = builder(this::fill).startAt(end).start()) {
        assertThrows(NoSuchElementException.class, () -> loader.get(patience()).close());
      }
      for (int epoch = 0; epoch < epochs; epoch++) {
        int missing = 0;
        for (int index = 0; index < lengths[epoch]; index++) {
          int times = seen.getOrDefault(new Place(epoch, index), 0);
          assertTrue(times <= 1, epoch + "." + index + " came twice");
          missing += 1 - times;
        }
        int most = remainder == Remainder.DROP ? completedBy.getOrDefault(epoch, 0) - 1 : 0;
        assertTrue(missing <= most, "of epoch " + epoch + " are missing " + missing);
      }
    }

    /** Some shards take so many batches each; the last leg takes all that is left. */
    private void leg(boolean last) throws Exception {
      int shards = 1 + random.nextInt(Math.min(7, length));
      int drift = random.nextInt(3) == 0 ? 3 * length : 1 + length / shards;
      List<Position> positions = new ArrayList<>();
      List<List<Integer>> steps = new ArrayList<>();
      story.append("leg of " + shards + ":");
      for (int i = 0; i < shards; i++) {
        int most = last ? Integer.MAX_VALUE : random.nextInt(drift + 1);
        Shard shard = new Shard(i, shards);
        positions.add(shard.run(most));
        steps.add(shard.steps);
        story.append(" " + shard.steps.size());
      }
      story.append("; ");
      if (last && remainder != Remainder.UNEVEN) {
        for (List<Integer> ofShard : steps) {
          assertEquals(steps.get(0), ofShard, "the epochs of the steps");
        }
      }
      Collections.shuffle(positions, random);
      whole = Position.parse(Position.merge(positions).toString());
      Whole delivered = PositionMerge.whole(List.of(whole));
      for (int epoch = 0; epoch < epochs; epoch++) {
        if (delivered.open(epoch) == 0) {
          completedBy.putIfAbsent(epoch, shards);
        }
      }
    }

    /** A loader of one shard, perhaps resumed at its own position halfway. */
    private final class Shard {
      private final int first;
      private final int stride;
      private @Nullable Position position = whole;

      /** The epoch of each step, ascending. */
      private final List<Integer> steps = new ArrayList<>();

      private final Set<Place> repeats = new HashSet<>();

      Shard(int first, int stride) {
        this.first = first;
        this.stride = stride;
      }

      Position run(int most) throws Exception {
        int firstLife = random.nextInt(3) == 0 ? random.nextInt(1 + length / stride) : most;
        boolean ended = live(Math.min(most, firstLife));
        if (!ended && firstLife < most) {
          live(most - firstLife);
        }
        Collections.sort(steps);
        return Objects.requireNonNull(position);
      }

      /** Whether there was no more. */
      private boolean live(int most) throws Exception {
        boolean ordered = random.nextBoolean();
        CountDownLatch gate = new CountDownLatch(ordered ? 0 : 1);
        int slowCall = random.nextInt(6);
        AtomicInteger calls = new AtomicInteger();
        BatchTarget target =
            (out, context) -> {
              if (calls.getAndIncrement() == slowCall) {
                await(gate); // others overtake it
              }
              if (fails(new Place(context.epoch(), context.index()))) {
                throw new IllegalStateException("fails");
              }
              fill(out, context);
            };
        BackgroundLoader.Builder builder =
            builder(target)
                .shard(first, stride, remainder)
                .workers(1 + random.nextInt(3))
                .ordered(ordered)
                .onFailure(FailurePolicy.skip(Long.MAX_VALUE, this::skipped));
        if (position != null) {
          builder.startAt(position);
        }
        boolean ended = false;
        try (BackgroundLoader loader = builder.start()) {
          Position ofLast = null;
          for (int i = 0; i < most && !ended; i++) {
            try (DeviceBatch batch = next(loader, gate)) {
              take(batch);
              ofLast = batch.position();
            } catch (NoSuchElementException end) {
              ended = true;
            }
            if (random.nextInt(16) == 0) {
              loader.reset();
            }
          }
          gate.countDown();
          position = loader.position();
          if (ofLast != null && !ended && !shorter) { // else more may be known of epochs by now
            assertEquals(ofLast, position);
          }
          position = Position.parse(position.toString());
        }
        return ended;
      }

      private DeviceBatch next(BackgroundLoader loader, CountDownLatch gate) throws Exception {
        try {
          return loader.get(gate.getCount() == 0 ? patience() : Duration.ofMillis(1));
        } catch (BatchTimeoutException e) {
          gate.countDown();
          return loader.get(patience());
        }
      }

      private void take(DeviceBatch batch) {
        Place place = place(batch);
        assertEquals(truth.get(place), content(batch), () -> "content of " + place);
        assertFalse(fails(place));
        steps.add(place.epoch);
        if (batch.isRepeat()) {
          assertEquals(Remainder.PAD, remainder);
          assertTrue(place.index < stride - 1, () -> "not of the epoch's beginning: " + place);
          assertTrue(repeats.add(place), () -> "repeated twice: " + place);
        } else {
          seen.merge(place, 1, Integer::sum);
        }
      }

      private void skipped(int epoch, long index, Throwable cause) {
        steps.add(epoch);
        // What repeats a failing batch fails as well, and is not marked.
        Place place = new Place(epoch, index);
        seen.merge(place, 1, remainder == Remainder.PAD ? Math::max : Integer::sum);
      }
    }
  }

  private static Place place(DeviceBatch batch) {
    return new Place(batch.epoch(), batch.index());
  }

  private static List<Long> content(DeviceBatch batch) {
    ByteBuffer bytes = ByteBuffer.allocate(16).order(ByteOrder.nativeOrder());
    batch.array("x").copyTo(bytes);
    return List.of(bytes.getLong(0), bytes.getLong(8));
  }
}
