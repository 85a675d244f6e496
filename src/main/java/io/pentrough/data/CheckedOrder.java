package io.pentrough.data;

/** An order that checks how it is called. */
abstract class CheckedOrder implements Sampler.Order {

  private final long samples;
  private boolean hasBegun;

  CheckedOrder(long samples) {
    this.samples = samples;
  }

  @Override
  public final void begin(long seed, int epoch) {
    hasBegun = false; // also if key fails
    key(seed, epoch);
    hasBegun = true;
  }

  @Override
  public final long at(long position) {
    if (position < 0 || position >= samples) {
      throw new IndexOutOfBoundsException(
          "position " + position + " is not in an epoch of " + samples + " samples");
    }
    if (!hasBegun) {
      throw new IllegalStateException(
          "no epoch was begun: call begin(seed, epoch) before at(position)");
    }
    return sample(position);
  }

  abstract void key(long seed, int epoch);

  abstract long sample(long position);
}
