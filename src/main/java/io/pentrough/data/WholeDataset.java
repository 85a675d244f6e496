package io.pentrough.data;

import java.util.Locale;

/** Each sample once. */
enum WholeDataset implements Sampler {
  SEQUENTIAL {
    @Override
    Order newOrder(long size) {
      return new CheckedOrder(size) {
        @Override
        void key(long seed, int epoch) {}

        @Override
        long sample(long position) {
          return position;
        }
      };
    }
  },

  SHUFFLED {
    @Override
    public long samplesPerEpoch(long datasetSize) {
      if (datasetSize > FeistelNetwork.MAX_SIZE) {
        throw new IllegalArgumentException(
            "a dataset of "
                + datasetSize
                + " samples cannot be shuffled: it may have 2^62 samples at most");
      }
      return super.samplesPerEpoch(datasetSize);
    }

    @Override
    Order newOrder(long size) {
      Permutation permutation = Permutation.of(0, 0, size);
      return new CheckedOrder(size) {
        @Override
        void key(long seed, int epoch) {
          permutation.rekey(seed, epoch);
        }

        @Override
        long sample(long position) {
          return permutation.at(position);
        }
      };
    }
  };

  abstract Order newOrder(long size);

  @Override
  public long samplesPerEpoch(long datasetSize) {
    if (datasetSize < 1) {
      throw new IllegalArgumentException(
          "a dataset of " + datasetSize + " samples cannot be sampled: it needs at least 1");
    }
    return datasetSize;
  }

  @Override
  public Order order(long datasetSize) {
    return newOrder(samplesPerEpoch(datasetSize));
  }

  @Override
  public String description() {
    return name().toLowerCase(Locale.ROOT);
  }

  @Override
  public String toString() {
    return description();
  }
}
