package io.pentrough;

/**
 * Which sequence numbers have been delivered: all below {@link #lowestOpen()}, and a bounded window
 * of single ones above it, which unordered delivery leaves behind a slow index.
 */
final class DeliveredWindow {

  /** How far a delivery may run ahead of the lowest open number. */
  static final int SIZE = 4096;

  private final long[] bits = new long[SIZE / Long.SIZE];
  private long lowestOpen;

  long lowestOpen() {
    return lowestOpen;
  }

  /** Whether the number may be handed out at all: one further ahead could not be remembered. */
  boolean reaches(long sequence) {
    return sequence < lowestOpen + SIZE;
  }

  boolean contains(long sequence) {
    return sequence < lowestOpen || (reaches(sequence) && bit(sequence));
  }

  void add(long sequence) {
    bits[word(sequence)] |= 1L << sequence;
    while (bit(lowestOpen)) {
      bits[word(lowestOpen)] &= ~(1L << lowestOpen);
      lowestOpen++;
    }
  }

  private boolean bit(long sequence) {
    return (bits[word(sequence)] & (1L << sequence)) != 0;
  }

  private static int word(long sequence) {
    return (int) (sequence % SIZE) / Long.SIZE;
  }
}
