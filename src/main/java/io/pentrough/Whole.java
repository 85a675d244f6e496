package io.pentrough;

/**
 * What has been delivered of epochs of a declared length, by whatever shards. Immutable.
 *
 * <p>All epochs before one are complete. From there on indexes are numbered through the epochs,
 * beginning with 0 at the first index of that epoch.
 *
 * @param length how many indexes an epoch has
 * @param epoch the first epoch that is not complete
 * @param delivered what has been delivered from there on
 */
record Whole(long length, int epoch, Runs delivered) {

  /**
   * What has been delivered.
   *
   * @param epoch all before it are complete, and it may be as well
   * @throws ArithmeticException if numbers are not enough for it
   */
  static Whole of(long length, int epoch, Runs delivered) {
    long complete = delivered.nextOpen(0) / length;
    Runs left =
        new Runs.Builder()
            .add(delivered, complete * length, Long.MAX_VALUE, -complete * length)
            .build();
    Whole whole = new Whole(length, Math.toIntExact(Math.addExact(complete, epoch)), left);
    int unused = Math.incrementExact(whole.lastEpoch()); // there must be a next one
    long unusedToo = Math.multiplyExact(whole.lastEpoch() + 1L - whole.epoch, length);
    return whole;
  }

  /** Whether nothing has been delivered. */
  boolean isNothing() {
    return epoch == 0 && delivered.isEmpty();
  }

  /** The last epoch of which something has been delivered; the first open one if there is none. */
  int lastEpoch() {
    return delivered.isEmpty()
        ? epoch
        : Math.toIntExact(epoch + (delivered.end() - 1) / length); // of the highest number
  }

  /** How many indexes of an epoch have not been delivered. */
  long open(int of) {
    return of < epoch ? 0 : rank(of, length);
  }

  /** The index that has not been delivered, and below which {@code rank} others have not either. */
  long index(int of, long rank) {
    if (of > lastEpoch()) {
      return rank;
    }
    return delivered.open(delivered.openBelow(start(of)) + rank) - start(of);
  }

  /** How many indexes below this one have not been delivered. */
  long rank(int of, long index) {
    if (of > lastEpoch()) {
      return index;
    }
    return delivered.openBelow(start(of) + index) - delivered.openBelow(start(of));
  }

  /** What has been delivered, numbered from the first index of a later epoch. */
  void addTo(Runs.Builder builder, int from) {
    if (from <= lastEpoch()) {
      builder.add(delivered, start(from), Long.MAX_VALUE, -start(from));
    }
  }

  private long start(int of) {
    return ((long) of - epoch) * length;
  }
}
