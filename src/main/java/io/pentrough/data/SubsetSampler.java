package io.pentrough.data;

import java.util.Objects;

/** Some samples of a dataset, as another sampler orders them. */
final class SubsetSampler implements Sampler {

  private final long[] indexes;
  private final Sampler inner;
  private final long samplesPerEpoch;

  /** The largest index stands here in {@link #indexes}. */
  private final int largestAt;

  SubsetSampler(long[] indexes, Sampler order) {
    this.indexes = Objects.requireNonNull(indexes, "indexes").clone();
    inner = Objects.requireNonNull(order, "order");
    if (this.indexes.length == 0) {
      throw new IllegalArgumentException("the subset has no index: give it at least one sample");
    }
    int largest = 0;
    for (int i = 0; i < this.indexes.length; i++) {
      if (this.indexes[i] < 0) {
        throw outside(i, "indexes begin at 0");
      }
      largest = this.indexes[i] > this.indexes[largest] ? i : largest;
    }
    largestAt = largest;
    samplesPerEpoch = order.samplesPerEpoch(this.indexes.length);
  }

  private IllegalArgumentException outside(int at, String why) {
    return new IllegalArgumentException(
        "the subset has index " + indexes[at] + " at position " + at + ", but " + why);
  }

  @Override
  public long samplesPerEpoch(long datasetSize) {
    if (indexes[largestAt] >= datasetSize) {
      throw outside(largestAt, "the dataset has " + datasetSize + " samples");
    }
    return samplesPerEpoch;
  }

  @Override
  public Order order(long datasetSize) {
    long samples = samplesPerEpoch(datasetSize);
    Order order = inner.order(indexes.length);
    return new CheckedOrder(samples) {
      @Override
      void key(long seed, int epoch) {
        order.begin(seed, epoch);
      }

      @Override
      long sample(long position) {
        long at = order.at(position);
        if (at < 0 || at >= indexes.length) { // the user's own sampler
          throw new IllegalStateException(
              "sampler '"
                  + inner.description()
                  + "' gave index "
                  + at
                  + " at position "
                  + position
                  + " of the epoch, but it was made for "
                  + indexes.length
                  + " samples: return 0 to "
                  + (indexes.length - 1));
        }
        return indexes[(int) at];
      }
    };
  }

  @Override
  public String description() {
    long hash = 0;
    for (long index : indexes) {
      hash = SplitMix64.hash(hash, index);
    }
    return "subset of "
        + indexes.length
        + " indexes "
        + Long.toHexString(hash)
        + ", "
        + inner.description();
  }

  @Override
  public String toString() {
    return description();
  }
}
