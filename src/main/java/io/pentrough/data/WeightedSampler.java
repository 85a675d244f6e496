package io.pentrough.data;

import java.util.Objects;

/** Draws with replacement. The draw at a position is a function of the key and the position. */
final class WeightedSampler implements Sampler {

  /** Of {@link SplitMix64#key}. */
  private static final long PURPOSE = -1;

  private final int weights;
  private final long samplesPerEpoch;
  private final AliasTable table;
  private final long hash;

  WeightedSampler(double[] weights, long samplesPerEpoch) {
    double[] copy = Objects.requireNonNull(weights, "weights").clone();
    check(copy);
    if (samplesPerEpoch < 1) {
      throw new IllegalArgumentException(
          "samplesPerEpoch is " + samplesPerEpoch + ": draw at least 1 sample in an epoch");
    }
    this.weights = copy.length;
    this.samplesPerEpoch = samplesPerEpoch;
    table = new AliasTable(copy);
    long mixed = 0;
    for (double weight : copy) {
      mixed = SplitMix64.hash(mixed, Double.doubleToLongBits(weight));
    }
    hash = mixed;
  }

  private static void check(double[] weights) {
    boolean anyPositive = false;
    for (int i = 0; i < weights.length; i++) {
      if (!(weights[i] >= 0 && weights[i] < Double.POSITIVE_INFINITY)) { // false for NaN
        throw new IllegalArgumentException(
            "the weight at index "
                + i
                + " is "
                + weights[i]
                + ": weights must be finite and 0 or more");
      }
      anyPositive |= weights[i] > 0;
    }
    if (!anyPositive) {
      throw new IllegalArgumentException(
          weights.length == 0
              ? "there are no weights: give one for each sample of the dataset"
              : "all "
                  + weights.length
                  + " weights are 0: give a positive weight to the samples that shall be drawn");
    }
  }

  @Override
  public long samplesPerEpoch(long datasetSize) {
    if (datasetSize != weights) {
      throw new IllegalArgumentException(
          "there are "
              + weights
              + " weights, but the dataset has "
              + datasetSize
              + " samples: give one weight for each sample");
    }
    return samplesPerEpoch;
  }

  @Override
  public Order order(long datasetSize) {
    return new CheckedOrder(samplesPerEpoch(datasetSize)) {
      private long key;

      @Override
      void key(long seed, int epoch) {
        key = SplitMix64.key(seed, epoch, PURPOSE);
      }

      @Override
      long sample(long position) {
        return table.draw(SplitMix64.at(key, 2 * position), SplitMix64.at(key, 2 * position + 1));
      }
    };
  }

  @Override
  public String description() {
    return "weighted, "
        + samplesPerEpoch
        + " draws, "
        + weights
        + " weights "
        + Long.toHexString(hash);
  }

  @Override
  public String toString() {
    return description();
  }
}
