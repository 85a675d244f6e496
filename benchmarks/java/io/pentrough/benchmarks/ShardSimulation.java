package io.pentrough.benchmarks;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.BatchTarget;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.Position;
import io.pentrough.Remainder;
import io.pentrough.device.Device;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The positions of a job with many shards, from real loaders that run one after the other instead
 * of all at once. Their batches have one number each.
 */
final class ShardSimulation {

  static final long BATCHES_PER_EPOCH = 1_000_000;

  /** So many batches each shard delivers at least. */
  private static final int FEWEST = 4;

  /** An unordered shard has been overtaken at one of so many batches near its end. */
  private static final int OVERTAKEN = 8;

  private static final BatchSpec SPEC = BatchSpec.builder().array("x", DType.INT64, 1).build();
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final Device device;
  private final int shards;

  ShardSimulation(Device device, int shards) {
    this.device = device;
    this.shards = shards;
  }

  /**
   * Where the shards are after a while.
   *
   * @param drift by how many batches a shard may be ahead of another; drawn evenly for each
   * @param ordered whether they deliver in order; else each has been overtaken at one batch
   * @param from where they start; null for the beginning
   * @return one of each shard, by its number
   */
  List<Position> positions(int drift, boolean ordered, @Nullable Position from) throws Exception {
    SplittableRandom random = new SplittableRandom(shards);
    List<Position> positions = new ArrayList<>();
    for (int shard = 0; shard < shards; shard++) {
      int batches = FEWEST + random.nextInt(drift + 1);
      int overtaken = ordered ? -1 : Math.max(0, batches - 2 - random.nextInt(OVERTAKEN));
      positions.add(position(shard, batches, overtaken, from));
    }
    return positions;
  }

  /**
   * Where a shard is behind so many batches.
   *
   * @param overtaken the call of the target that others overtake; -1 for none. Two workers may call
   *     in another order than that of the indexes, so the index may be the next one
   */
  private Position position(int shard, int batches, int overtaken, @Nullable Position from)
      throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    AtomicInteger calls = new AtomicInteger();
    BatchTarget target =
        (out, context) -> {
          if (calls.getAndIncrement() == overtaken) {
            gate.await();
          }
          out.array(0).setLong(0, context.index());
        };
    BackgroundLoader.Builder builder = builder(shard, target, from);
    if (overtaken >= 0) {
      builder.ordered(false).workers(2);
    }
    try (BackgroundLoader loader = builder.start()) {
      try {
        for (int i = 0; i < batches; i++) {
          loader.get(PATIENCE).close();
        }
        return loader.position();
      } finally {
        gate.countDown();
      }
    }
  }

  /** From the start of a shard's loader to its first batch, in milliseconds. */
  double startMillis(int shard, @Nullable Position from) throws Exception {
    BatchTarget target = (out, context) -> out.array(0).setLong(0, context.index());
    BackgroundLoader.Builder builder = builder(shard, target, from);
    long began = System.nanoTime();
    try (BackgroundLoader loader = builder.start()) {
      DeviceBatch first = loader.get(PATIENCE);
      double millis = (System.nanoTime() - began) / 1e6;
      first.close();
      return millis;
    }
  }

  private BackgroundLoader.Builder builder(int shard, BatchTarget target, @Nullable Position from) {
    BackgroundLoader.Builder builder =
        BackgroundLoader.builder(device, SPEC, target)
            .batchesPerEpoch(BATCHES_PER_EPOCH)
            .shard(shard, shards, Remainder.DROP);
    return from == null ? builder : builder.startAt(from);
  }
}
