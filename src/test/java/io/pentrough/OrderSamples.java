package io.pentrough;

import io.pentrough.data.Permutation;
import io.pentrough.data.Sampler;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;

/** The samples of docs/data.md about the order, compiled. */
final class OrderSamples {

  private OrderSamples() {}

  static Sampler balanced(int[] classes, int classCount, long samplesPerEpoch) {
    // [balanced]
    int[] count = new int[classCount];
    for (int label : classes) {
      count[label]++;
    }
    double[] weights = new double[classes.length];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = 1.0 / count[classes[i]]; // all samples of a class together weigh 1
    }
    Sampler balanced = Sampler.weighted(weights, samplesPerEpoch);
    // [/balanced]
    return balanced;
  }

  // [blocks]
  /** Blocks of neighbours in a new order each epoch. A block is read in the order of the file. */
  record BlockSampler(int blockSize) implements Sampler {

    @Override
    public long samplesPerEpoch(long datasetSize) {
      return datasetSize;
    }

    @Override
    public Order order(long datasetSize) {
      long blocks = (datasetSize + blockSize - 1) / blockSize;
      long missing = blocks * blockSize - datasetSize; // the file's last block is shorter by these
      Permutation permutation = Permutation.of(0, 0, blocks);
      return new Order() {
        private long behindShortBlock;

        @Override
        public void begin(long seed, int epoch) {
          permutation.rekey(seed, epoch);
          behindShortBlock = (permutation.indexOf(blocks - 1) + 1) * blockSize - missing;
        }

        @Override
        public long at(long position) {
          long place = position < behindShortBlock ? position : position + missing;
          return permutation.at(place / blockSize) * blockSize + place % blockSize;
        }
      };
    }

    @Override
    public String description() {
      return "blocks of " + blockSize + ", shuffled";
    }
  }

  // [/blocks]

  // [own-target]
  /** A target of your own that shuffles the rows of a file. */
  static final class ShuffledRows implements BatchTarget {

    private final FloatBuffer rows; // mapped
    private final long seed;
    private final Permutation[] orders; // one for each worker

    ShuffledRows(FloatBuffer rows, int width, long seed, int workers) {
      this.rows = rows;
      this.seed = seed;
      orders = new Permutation[workers];
      for (int i = 0; i < workers; i++) {
        orders[i] = Permutation.of(seed, 0, rows.limit() / width);
      }
    }

    @Override
    public void fill(HostBatch out, BatchContext context) {
      HostArray row = out.array("row");
      int batchSize = row.dimension(0);
      int width = row.dimension(1);
      Permutation order = orders[context.worker()];
      order.rekey(seed, context.epoch()); // does nothing within an epoch
      for (int i = 0; i < batchSize; i++) {
        long sample = order.at(context.index() * batchSize + i);
        row.set(i * width, rows.slice((int) sample * width, width));
      }
    }
  }

  // [/own-target]

  static void half(HostArray features, float[] floats, int row, int width) {
    // [half]
    features.set(row * width, floats, 0, width); // FLOAT16 or BFLOAT16: each float is rounded
    // [/half]
  }

  static float[] read(ByteBuffer bytes) {
    // [read-halves]
    float[] values = new float[bytes.remaining() / 2];
    DType.FLOAT16.toFloats(bytes.asShortBuffer(), FloatBuffer.wrap(values));
    // [/read-halves]
    return values;
  }
}
