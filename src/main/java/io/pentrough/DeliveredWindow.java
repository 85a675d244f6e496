package io.pentrough;

import java.util.stream.LongStream;

/**
 * Which sequence numbers have been delivered: all below {@link #lowestOpen()}, and a bounded window
 * of single ones above it, which unordered delivery leaves behind a slow index. Also remembers, for
 * as long, in which order: so it knows what had been delivered at an earlier moment.
 */
final class DeliveredWindow {

  /** How far a delivery may run ahead of the lowest open number. */
  static final int SIZE = 4096;

  /**
   * When each number was delivered, counted in deliveries from 1; by number modulo the length,
   * which keeps every one from {@link #SIZE} below the lowest open number on.
   */
  private final long[] turns = new long[2 * SIZE];

  /** Whether a number at or above {@link #lowestOpen()} has been delivered. */
  private final long[] bits = new long[SIZE / Long.SIZE];

  private long lowestOpen;
  private long deliveries;

  long lowestOpen() {
    return lowestOpen;
  }

  /** How many have been delivered so far. */
  long deliveries() {
    return deliveries;
  }

  /** Whether the number may be handed out at all: one further ahead could not be remembered. */
  boolean reaches(long sequence) {
    return sequence < lowestOpen + SIZE;
  }

  boolean contains(long sequence) {
    return sequence < lowestOpen || (reaches(sequence) && bit(sequence));
  }

  void add(long sequence) {
    turns[turn(sequence)] = ++deliveries;
    bits[word(sequence)] |= 1L << sequence;
    while (bit(lowestOpen)) {
      bits[word(lowestOpen)] &= ~(1L << lowestOpen);
      lowestOpen++;
    }
  }

  /**
   * The numbers above the lowest open one of an earlier moment that had been delivered by then.
   *
   * @param wasLowestOpen what {@link #lowestOpen()} was at that moment
   * @throws IllegalStateException if that is more than {@link #SIZE} numbers ago
   */
  LongStream deliveredAbove(long wasLowestOpen, long wereDelivered) {
    if (wasLowestOpen < lowestOpen - SIZE) {
      throw new IllegalStateException(
          "more than "
              + SIZE
              + " batches have been delivered since: ask for the position of a batch earlier");
    }
    return LongStream.range(wasLowestOpen + 1, wasLowestOpen + SIZE)
        .filter(n -> contains(n) && turns[turn(n)] <= wereDelivered);
  }

  private boolean bit(long sequence) {
    return (bits[word(sequence)] & (1L << sequence)) != 0;
  }

  private static int word(long sequence) {
    return (int) (sequence % SIZE) / Long.SIZE;
  }

  private int turn(long sequence) {
    return (int) (sequence % turns.length);
  }
}
