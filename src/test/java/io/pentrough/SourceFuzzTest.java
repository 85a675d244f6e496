package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.host.HostDevice;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Sources with an end, shards, positions, failure policies and queues, with real threads: whatever
 * a seed draws of resets, lives (closing, and going on at a position) and leases held, a source
 * gives every batch once, bit for bit. {@link LoaderFuzzTest} is the twin for sources without an
 * end.
 */
class SourceFuzzTest {

  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final BatchSpec SPEC = BatchSpec.builder().array("x", DType.INT64, 3).build();

  /** Shortages of jobs are many, by design. */
  private final LogCapture log = new LogCapture();

  @AfterEach
  void stopCapture() {
    log.close();
  }

  static IntStream seeds() {
    int more = Integer.getInteger("pentrough.fuzz.seeds", 150);
    return IntStream.range(0, more);
  }

  /** What a loader is asked for, drawn from a seed. */
  private static final class Draw {
    final Random random;
    final boolean ordered;
    final boolean declared;
    final boolean handOver;
    final int epochs;
    final int[] lengths;
    final int stride;
    final int first;
    final int deviceSlots;
    final int policy;
    final long seed;

    Draw(int number) {
      random = new Random(number);
      ordered = random.nextBoolean();
      declared = random.nextBoolean();
      handOver = random.nextInt(4) == 0;
      epochs = 1 + random.nextInt(4);
      stride = 1 + random.nextInt(3);
      first = random.nextInt(stride);
      int declaredLength = stride + random.nextInt(20);
      lengths =
          declared
              ? IntStream.generate(() -> declaredLength).limit(epochs).toArray()
              : random.ints(epochs, 0, 25).toArray();
      deviceSlots = 1 + random.nextInt(4);
      policy = random.nextInt(3);
      seed = random.nextLong();
    }

    /** The policy that lets every batch but those that always fail through. */
    FailurePolicy policy() {
      return switch (policy) {
        case 0 -> FailurePolicy.fail();
        case 1 -> FailurePolicy.retry(2);
        default -> FailurePolicy.skip(1_000_000, (epoch, index, cause) -> {});
      };
    }

    boolean isSkipped(int epoch, long index) {
      return policy == 2 && (epoch * 31L + index) % 5 == 0;
    }

    void fill(HostBatch out, BatchContext context) {
      int epoch = context.epoch();
      long index = context.index();
      long drawn = context.random().nextLong();
      if (index >= lengths[epoch]) {
        context.noMore();
        return;
      }
      if (policy == 1 && context.attempt() < 2 && (epoch + index) % 3 == 0) {
        throw new IllegalStateException("fails twice");
      }
      if (isSkipped(epoch, index)) {
        throw new IllegalStateException("fails always");
      }
      for (long i = index * 7919 % 13 * 2_000; i > 0; i--) {
        Thread.onSpinWait(); // so that unordered batches overtake each other
      }
      HostArray array = out.array(0);
      array.setLong(0, epoch);
      array.setLong(1, index);
      array.setLong(2, drawn);
    }

    Set<String> expected() {
      Set<String> expected = new TreeSet<>();
      for (int epoch = 0; epoch < epochs; epoch++) {
        for (int index = first; index < lengths[epoch]; index += stride) {
          if (!isSkipped(epoch, index)) {
            expected.add(epoch + "." + index);
          }
        }
      }
      return expected;
    }

    BackgroundLoader start(HostDevice device, @Nullable Position from) {
      BackgroundLoader.Builder builder =
          BackgroundLoader.builder(device, SPEC, this::fill)
              .workers(1 + random.nextInt(4)) // a life of its own: workers and slots may differ
              .hostSlots(1 + random.nextInt(5))
              .deviceSlots(deviceSlots)
              .epochs(epochs)
              .shard(first, stride)
              .onFailure(policy())
              .name("source")
              .seed(seed);
      if (declared) {
        builder.batchesPerEpoch(lengths[0]);
      }
      if (!ordered) {
        builder.unordered();
      }
      if (handOver) {
        builder.handOver();
      }
      if (from != null) {
        builder.startAt(Position.parse(from.toString()));
      }
      return builder.start();
    }
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  @DisplayName("I3, I4, I8: every batch of a source once, through resets, lives and failures")
  void everyBatchOnce(int number) throws Exception {
    Draw draw = new Draw(number);
    Set<String> told = new HashSet<>();
    List<String> order = new ArrayList<>();
    try (HostDevice device = HostDevice.open()) {
      Position position = null;
      boolean ended = false;
      while (!ended) {
        try (BackgroundLoader loader = draw.start(device, position)) {
          Deque<DeviceBatch> held = new ArrayDeque<>();
          int life = 1 + draw.random.nextInt(40);
          for (int i = 0; i < life && !ended; i++) {
            if (held.size() == draw.deviceSlots || draw.random.nextInt(3) == 0) {
              closeOne(held);
            }
            if (draw.random.nextInt(6) == 0) {
              loader.reset();
            }
            try {
              DeviceBatch batch = loader.get(PATIENCE);
              check(draw, batch);
              String place = batch.epoch() + "." + batch.index();
              assertTrue(told.add(place), () -> "seed " + number + ": twice: " + place);
              order.add(place);
              position = batch.position();
              held.add(batch);
            } catch (NoSuchElementException e) {
              ended = true;
            }
          }
          while (!held.isEmpty()) {
            closeOne(held);
          }
        }
      }
      assertEquals(draw.expected(), new TreeSet<>(told), "seed " + number);
      if (draw.ordered) {
        List<String> sorted = new ArrayList<>(order);
        sorted.sort(SourceFuzzTest::compare);
        assertEquals(sorted, order, "seed " + number);
      }
      assertEquals(new HostDevice.Usage(0, 0, 0, 0), device.liveResources(), "seed " + number);
    }
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  @DisplayName("I3, I4: a queue's jobs once, in order, whole, through resets and full queues")
  void everyJobOnce(int number) throws Exception {
    Random random = new Random(number);
    int capacity = 1 + random.nextInt(6);
    try (HostDevice device = HostDevice.open();
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
          long job = submitted;
          int length = 1 + (int) (job * 7 % 100);
          BatchSpec spec = BatchSpec.builder().array("y", DType.INT32, length).build();
          boolean taken =
              queue.offer(
                  spec,
                  (out, context) -> {
                    for (int i = 0; i < length; i++) {
                      out.array(0).setInt(i, (int) context.index());
                    }
                  });
          assertEquals(submitted - delivered < capacity, taken, "seed " + number);
          submitted += taken ? 1 : 0;
        } else if (random.nextInt(4) == 0) {
          queue.reset();
        } else if (delivered < submitted) {
          try (DeviceBatch batch = queue.get(PATIENCE)) {
            assertEquals(delivered, batch.index(), "seed " + number);
            DeviceArray array = batch.array("y");
            assertEquals(1 + delivered * 7 % 100, array.elements(), "seed " + number);
            ByteBuffer bytes = HostDevice.bytes(array.buffer());
            for (int i = 0; i < array.elements(); i++) {
              assertEquals(delivered, bytes.getInt(4 * i), "seed " + number);
            }
          }
          delivered++;
        } else {
          assertThrows(BatchTimeoutException.class, () -> queue.get(Duration.ZERO));
        }
      }
    }
  }

  private static void check(Draw draw, DeviceBatch batch) {
    ByteBuffer bytes = HostDevice.bytes(batch.array(0).buffer());
    assertEquals(batch.epoch(), bytes.getLong(0));
    assertEquals(batch.index(), bytes.getLong(8));
    Philox4x32 random = new Philox4x32(draw.seed);
    random.begin(batch.epoch(), batch.index());
    assertEquals(random.nextLong(), bytes.getLong(16));
  }

  private static void closeOne(Deque<DeviceBatch> held) {
    DeviceBatch batch = held.poll();
    if (batch != null) {
      batch.close();
    }
  }

  private static int compare(String a, String b) {
    String[] one = a.split("\\.", 2);
    String[] other = b.split("\\.", 2);
    int byEpoch = Integer.compare(Integer.parseInt(one[0]), Integer.parseInt(other[0]));
    return byEpoch != 0 ? byEpoch : Long.compare(Long.parseLong(one[1]), Long.parseLong(other[1]));
  }
}
