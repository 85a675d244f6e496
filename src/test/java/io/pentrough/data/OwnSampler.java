package io.pentrough.data;

import java.util.function.LongSupplier;
import java.util.function.LongUnaryOperator;

/**
 * A sampler as a user may write one, right or wrong.
 *
 * @param samples how many samples an epoch has
 * @param at the index at a position
 */
record OwnSampler(LongSupplier samples, LongUnaryOperator at) implements Sampler {

  static Sampler of(long samples, LongUnaryOperator at) {
    return new OwnSampler(() -> samples, at);
  }

  @Override
  public long samplesPerEpoch(long datasetSize) {
    return samples.getAsLong();
  }

  @Override
  public Order order(long datasetSize) {
    return new Order() {
      @Override
      public void begin(long seed, int epoch) {}

      @Override
      public long at(long position) {
        return at.applyAsLong(position);
      }
    };
  }

  @Override
  public String description() {
    return "mine";
  }
}
