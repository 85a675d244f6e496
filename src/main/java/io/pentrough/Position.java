package io.pentrough;

import java.util.Arrays;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/**
 * A place in a loader's sequence of batches: what a checkpoint saves, so that {@link
 * BackgroundLoader.Builder#startAt} goes on exactly there.
 *
 * <p>It names the first batch that has not been delivered and, for unordered delivery, those above
 * it that have. It belongs to one configuration (arrays, seed, epochs, shard) and is refused by any
 * other; workers, slots, device and order may differ.
 *
 * <p>{@link #toString()} writes it as one line of text, {@link #parse} reads it.
 *
 * <p>Immutable. <b>Threads.</b> Any.
 */
public final class Position {

  private static final String FORMAT = "pentrough-position-1";

  private final Fingerprint fingerprint;
  private final int epoch;
  private final long index;
  private final long[] epochSteps;
  private final long[] delivered;

  /**
   * A position.
   *
   * @param fingerprint of the configuration
   * @param epoch the epoch of the first open batch
   * @param index its index
   * @param epochSteps how many batches that epoch and those after it have in this shard, as far as
   *     the delivered ones reach beyond it; only needed where the target decides
   * @param delivered sequence numbers of delivered batches, counted from the first open one
   */
  Position(Fingerprint fingerprint, int epoch, long index, long[] epochSteps, long[] delivered) {
    this.fingerprint = fingerprint;
    this.epoch = epoch;
    this.index = index;
    this.epochSteps = epochSteps;
    this.delivered = delivered;
  }

  /**
   * Reads what {@link #toString()} has written.
   *
   * @param text one line
   * @return the position
   * @throws IllegalArgumentException if the text is not a position
   */
  public static Position parse(String text) {
    String[] words = text.strip().split(" ", -1);
    try {
      if (words.length == 6 && words[0].equals(FORMAT)) {
        return new Position(
            Fingerprint.parse(words[1]),
            notNegative(Integer.parseInt(words[2])),
            notNegative(Long.parseLong(words[3])),
            numbers(words[4]),
            inWindow(numbers(words[5])));
      }
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("not a position: \"" + text + "\"", e);
    }
    throw new IllegalArgumentException("not a position: \"" + text + "\"");
  }

  /**
   * The epoch of the first batch that has not been delivered.
   *
   * @return the epoch, from 0
   */
  public int epoch() {
    return epoch;
  }

  /**
   * The index of the first batch that has not been delivered; behind the last one where an epoch is
   * over.
   *
   * @return the index, from 0
   */
  public long index() {
    return index;
  }

  /** Refuses to be used by another configuration. */
  void requireSame(Fingerprint other) {
    String difference = fingerprint.difference(other);
    if (!difference.isEmpty()) {
      throw new IllegalArgumentException(
          "the position to start at is of a loader with " + difference + ": " + this);
    }
  }

  long[] epochSteps() {
    return epochSteps;
  }

  long[] delivered() {
    return delivered;
  }

  private static int notNegative(int value) {
    return (int) notNegative((long) value);
  }

  private static long notNegative(long value) {
    if (value < 0) {
      throw new NumberFormatException("negative: " + value);
    }
    return value;
  }

  private static long[] inWindow(long[] ascending) {
    long last = 0;
    for (long number : ascending) {
      if (number <= last || number >= DeliveredWindow.SIZE) {
        throw new NumberFormatException("not an ascending number below the window: " + number);
      }
      last = number;
    }
    return ascending;
  }

  private static String words(long[] numbers) {
    return numbers.length == 0
        ? "-"
        : LongStream.of(numbers).mapToObj(Long::toString).collect(Collectors.joining(","));
  }

  private static long[] numbers(String word) {
    return word.equals("-")
        ? new long[0]
        : Arrays.stream(word.split(",", -1))
            .mapToLong(Long::parseLong)
            .map(Position::notNegative)
            .toArray();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Position that
        && fingerprint.equals(that.fingerprint)
        && epoch == that.epoch
        && index == that.index
        && Arrays.equals(epochSteps, that.epochSteps)
        && Arrays.equals(delivered, that.delivered);
  }

  @Override
  public int hashCode() {
    return Objects.hash(fingerprint, epoch, index, Arrays.hashCode(delivered));
  }

  /** One line of ASCII text, for {@link #parse}. */
  @Override
  public String toString() {
    return String.join(
        " ",
        FORMAT,
        fingerprint.toString(),
        Integer.toString(epoch),
        Long.toString(index),
        words(epochSteps),
        words(delivered));
  }
}
