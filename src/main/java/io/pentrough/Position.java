package io.pentrough;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * A place in a loader's sequence of batches: what a checkpoint saves, so that {@link
 * BackgroundLoader.Builder#startAt} goes on exactly there.
 *
 * <p>It names the first batch that has not been delivered and, for unordered delivery, those above
 * it that have. It belongs to one configuration (arrays, stages, seed, batches per epoch, shard),
 * which stands in it, and is refused by any other; workers, slots, device and order may differ.
 *
 * <p>{@link #toString()} writes it as one line of text, {@link #parse} reads it, also lines that
 * Pentrough 0.1.0 has written.
 *
 * <p>Immutable. <b>Threads.</b> Any.
 */
public final class Position {

  /** Of 0.1.0: six words, the second of which has hashes of the configuration. */
  private static final String FORMAT_1 = "pentrough-position-1";

  /** Words of the form key=value, with the configuration in the clear. */
  private static final String FORMAT_2 = "pentrough-position-2";

  /** What stands in either format for the place itself, in this order. */
  private static final List<String> PLACE = List.of("epoch", "index", "steps", "delivered");

  private static final String NOT_ONE =
      "not a position: \"%s\"; give one line that Position.toString() has written";

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
    List<String> words = List.of(Objects.requireNonNull(text, "text").strip().split(" ", -1));
    try {
      if (words.size() == 6 && words.get(0).equals(FORMAT_1)) {
        return of(Fingerprint.parseHashed(words.get(1)), words.subList(2, 6));
      }
      if (words.size() > PLACE.size() && words.get(0).equals(FORMAT_2)) {
        List<String> place = new ArrayList<>();
        for (String key : PLACE) {
          place.add(valueOf(words.get(1 + place.size()), key));
        }
        return of(Fingerprint.parse(words.subList(1 + PLACE.size(), words.size())), place);
      }
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new IllegalArgumentException(NOT_ONE.formatted(text), e);
    }
    throw new IllegalArgumentException(NOT_ONE.formatted(text));
  }

  private static Position of(Fingerprint fingerprint, List<String> place) {
    int epoch = notNegative(Integer.parseInt(place.get(0)));
    long index = notNegative(Long.parseLong(place.get(1)));
    long[] steps = numbers(place.get(2));
    int unused = Math.incrementExact(epoch); // there must be a next one
    long end = Math.incrementExact(index);
    for (long length : steps) {
      end = Math.addExact(end, length);
    }
    return new Position(fingerprint, epoch, index, steps, inWindow(numbers(place.get(3))));
  }

  private static String valueOf(String word, String key) {
    if (!word.startsWith(key + "=")) {
      throw new IllegalArgumentException("no " + key + ": " + word);
    }
    return word.substring(key.length() + 1);
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
          "the position to start at is of a loader with "
              + difference
              + "; make this loader as that one was, or leave startAt out to begin anew: "
              + this);
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
  public boolean equals(@Nullable Object other) {
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
    List<String> place =
        List.of(Integer.toString(epoch), Long.toString(index), words(epochSteps), words(delivered));
    List<String> words = new ArrayList<>();
    if (fingerprint.isHashed()) {
      words.add(FORMAT_1);
      words.add(fingerprint.toString());
      words.addAll(place);
    } else {
      words.add(FORMAT_2);
      for (int i = 0; i < PLACE.size(); i++) {
        words.add(PLACE.get(i) + "=" + place.get(i));
      }
      words.add(fingerprint.toString());
    }
    return String.join(" ", words);
  }
}
