package io.pentrough;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/** A {@link Position} as a line of text. */
final class PositionText {

  /** Of 0.1.0: six words, the second of which has hashes of the configuration. */
  private static final String FORMAT_1 = "pentrough-position-1";

  /** Words of the form key=value, with the configuration in the clear. */
  private static final String FORMAT_2 = "pentrough-position-2";

  /** What stands in either format for the place itself, in this order. */
  private static final List<String> PLACE = List.of("epoch", "index", "steps", "delivered");

  /** Only of shards that went on where others have been: {@code epoch:runs}. */
  private static final String BASE = "base";

  private static final String NOT_ONE =
      "not a position: \"%s\"; give one line that Position.toString() has written";

  private static final int MAX_QUOTED = 100;

  private PositionText() {}

  /**
   * Reads what {@link #of} has written.
   *
   * @throws IllegalArgumentException if the text is not a position
   */
  static Position parse(String text) {
    List<String> words = List.of(text.strip().split(" ", -1));
    try {
      if (words.size() == 6 && words.get(0).equals(FORMAT_1)) {
        return format1(words);
      }
      if (words.size() > 1 + PLACE.size() && words.get(0).equals(FORMAT_2)) {
        return format2(words);
      }
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new IllegalArgumentException(NOT_ONE.formatted(cut(text)), e);
    }
    throw new IllegalArgumentException(NOT_ONE.formatted(cut(text)));
  }

  /** Enough to know it by. */
  private static String cut(String text) {
    return text.length() <= MAX_QUOTED ? text : text.substring(0, MAX_QUOTED) + "...";
  }

  private static Position format1(List<String> words) {
    Position position =
        position(Fingerprint.parseHashed(words.get(1)), null, words.subList(2, words.size()));
    require(position.delivered().end() <= DeliveredWindow.SIZE, "a number beyond the window");
    return position;
  }

  private static Position format2(List<String> words) {
    List<String> place = new ArrayList<>();
    for (String key : PLACE) {
      place.add(valueOf(words.get(1 + place.size()), key));
    }
    int behind = 1 + PLACE.size();
    String base = words.get(behind).startsWith(BASE + "=") ? valueOf(words.get(behind), BASE) : "";
    Fingerprint fingerprint =
        Fingerprint.parse(words.subList(base.isEmpty() ? behind : behind + 1, words.size()));
    Position position =
        position(fingerprint, base.isEmpty() ? null : base(base, fingerprint), place);
    if (fingerprint.length() != Schedule.ENDLESS) {
      requireKnownEpochs(position);
    }
    return position;
  }

  private static Whole base(String text, Fingerprint fingerprint) {
    int colon = text.indexOf(':');
    require(colon > 0, "no base");
    require(
        fingerprint.stride() > 1 && fingerprint.length() != Schedule.ENDLESS,
        "a base of what is no part");
    int epoch = notNegative(Integer.parseInt(text.substring(0, colon)));
    Runs delivered = Runs.parse(text.substring(colon + 1));
    Whole whole = Whole.of(fingerprint.length(), epoch, delivered);
    require(whole.epoch() == epoch && !whole.isNothing(), "a base that begins elsewhere");
    return whole;
  }

  private static Position position(
      Fingerprint fingerprint, @Nullable Whole base, List<String> place) {
    int epoch = notNegative(Integer.parseInt(place.get(0)));
    long index = notNegative(Long.parseLong(place.get(1)));
    long[] steps = numbers(place.get(2));
    int unused = Math.incrementExact(epoch); // there must be a next one
    long end = Math.incrementExact(index);
    for (long length : steps) {
      end = Math.addExact(end, length);
    }
    Runs delivered = Runs.parse(place.get(3));
    require(!delivered.contains(0), "the first open one is delivered");
    return new Position(fingerprint, base, epoch, index, steps, delivered);
  }

  /** Else a loader would look for the delivered ones in epochs without end. */
  private static void requireKnownEpochs(Position position) {
    Share share = position.fingerprint().share(position.base());
    require(share.base() == null || position.epoch() >= share.base().epoch(), "before its base");
    long[] steps = position.epochSteps();
    long last = share.steps(Math.addExact(position.epoch(), steps.length));
    long end = Math.addExact(LongStream.of(steps).sum(), last);
    require(
        position.delivered().isEmpty()
            || position.delivered().end() <= end - share.step(position.epoch(), position.index()),
        "delivered, but not in these epochs");
  }

  /** One line of ASCII text, for {@link #parse}. */
  static String of(Position position) {
    Fingerprint fingerprint = position.fingerprint();
    boolean hashed = fingerprint.isHashed();
    List<String> place =
        List.of(
            Integer.toString(position.epoch()),
            Long.toString(position.index()),
            words(position.epochSteps()),
            hashed ? position.delivered().numbers() : position.delivered().toString());
    List<String> words = new ArrayList<>();
    if (hashed) {
      words.add(FORMAT_1);
      words.add(fingerprint.toString());
      words.addAll(place);
    } else {
      words.add(FORMAT_2);
      for (int i = 0; i < PLACE.size(); i++) {
        words.add(PLACE.get(i) + "=" + place.get(i));
      }
      Whole base = position.base();
      if (base != null) {
        words.add(BASE + "=" + base.epoch() + ":" + base.delivered());
      }
      words.add(fingerprint.toString());
    }
    return String.join(" ", words);
  }

  private static String valueOf(String word, String key) {
    require(word.startsWith(key + "="), word);
    return word.substring(key.length() + 1);
  }

  private static void require(boolean good, String what) {
    if (!good) {
      throw new IllegalArgumentException(what);
    }
  }

  private static int notNegative(int value) {
    return (int) notNegative((long) value);
  }

  private static long notNegative(long value) {
    require(value >= 0, "negative");
    return value;
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
            .map(PositionText::notNegative)
            .toArray();
  }
}
