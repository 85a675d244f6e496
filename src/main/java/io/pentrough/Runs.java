package io.pentrough;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;

/**
 * A set of numbers from 0 on, kept as runs of neighbours: few runs, however many numbers. A number
 * that is not in the set is <em>open</em>. Immutable.
 */
final class Runs {

  static final Runs NONE = new Runs(new long[0], new long[0]);

  private static final String NOTHING = "-";

  /** The first number of each run, ascending, and the one after its last. No two runs touch. */
  private final long[] first;

  private final long[] end;

  /** How many open numbers there are below each run. */
  private final long[] openBefore;

  private Runs(long[] first, long[] end) {
    this.first = first;
    this.end = end;
    openBefore = new long[first.length];
    for (int i = 0; i < first.length; i++) {
      openBefore[i] = i == 0 ? first[0] : openBefore[i - 1] + first[i] - end[i - 1];
    }
  }

  /** These numbers, in any order. */
  static Runs of(long... numbers) {
    Builder builder = new Builder();
    for (long number : numbers) {
      builder.add(number, number + 1);
    }
    return builder.build();
  }

  /** The numbers from one on, below another. */
  static Runs range(long first, long end) {
    return new Builder().add(first, end).build();
  }

  /** How many runs there are. */
  int size() {
    return first.length;
  }

  /** The first number of a run. */
  long first(int run) {
    return first[run];
  }

  /** The number after the last one of a run. */
  long end(int run) {
    return end[run];
  }

  boolean isEmpty() {
    return first.length == 0;
  }

  /** The number after the highest one of all; 0 if there is none. */
  long end() {
    return isEmpty() ? 0 : end[end.length - 1];
  }

  /** How many numbers there are. */
  long count() {
    return end() - openBelow(end());
  }

  boolean contains(long number) {
    int run = lastAtMost(first, number);
    return run >= 0 && number < end[run];
  }

  /** The first open number from this one on. */
  long nextOpen(long number) {
    int run = lastAtMost(first, number);
    return run >= 0 && number < end[run] ? end[run] : number;
  }

  /** The open number below which {@code rank} others are open. */
  long open(long rank) {
    int run = lastAtMost(openBefore, rank);
    return run < 0 ? rank : end[run] + rank - openBefore[run];
  }

  /** How many open numbers lie below this one. */
  long openBelow(long number) {
    int run = lastAtMost(first, number);
    return run < 0 ? number : openBefore[run] + Math.max(0, number - end[run]);
  }

  /** The place of the last element that is at most the value; -1 if there is none. */
  private static int lastAtMost(long[] ascending, long value) {
    int found = Arrays.binarySearch(ascending, value);
    return found >= 0 ? found : -found - 2;
  }

  /** In any order; runs may overlap. */
  static final class Builder {
    private final List<long[]> runs = new ArrayList<>();
    private boolean isSorted = true;

    /** Adds the numbers from one on, below another. */
    Builder add(long first, long end) {
      if (first < end) {
        long[] last = runs.isEmpty() ? null : runs.get(runs.size() - 1);
        if (last != null && last[0] <= first && first <= last[1]) {
          last[1] = Math.max(last[1], end);
        } else {
          isSorted &= last == null || last[0] < first;
          runs.add(new long[] {first, end});
        }
      }
      return this;
    }

    /** Adds those of some numbers that lie from one on, below another; each greater by so much. */
    Builder add(Runs from, long first, long end, long by) {
      for (int i = Math.max(0, lastAtMost(from.first, first)); i < from.first.length; i++) {
        if (from.first[i] >= end) {
          break;
        }
        add(Math.max(first, from.first[i]) + by, Math.min(end, from.end[i]) + by);
      }
      return this;
    }

    Runs build() {
      if (!isSorted) {
        runs.sort(Comparator.comparingLong(run -> run[0]));
      }
      long[] first = new long[runs.size()];
      long[] end = new long[runs.size()];
      int count = 0;
      for (long[] run : runs) {
        if (count > 0 && run[0] <= end[count - 1]) {
          end[count - 1] = Math.max(end[count - 1], run[1]);
        } else {
          first[count] = run[0];
          end[count++] = run[1];
        }
      }
      return new Runs(Arrays.copyOf(first, count), Arrays.copyOf(end, count));
    }
  }

  /**
   * Reads what {@link #toString} has written, or single numbers.
   *
   * @throws NumberFormatException if it is something else, or not ascending
   */
  static Runs parse(String text) {
    Builder builder = new Builder();
    long behind = 0;
    for (String run : text.equals(NOTHING) ? new String[0] : text.split(",", -1)) {
      int dash = run.indexOf('-', 1);
      long first = Long.parseLong(dash < 0 ? run : run.substring(0, dash));
      long last = dash < 0 ? first : Long.parseLong(run.substring(dash + 1));
      if (first < behind || last < first || last == Long.MAX_VALUE) {
        throw new NumberFormatException("no ascending numbers: " + text);
      }
      behind = last + 1;
      builder.add(first, behind);
    }
    return builder.build();
  }

  /** Each number by itself, as {@code 1,2,3,7}. */
  String numbers() {
    StringJoiner words = new StringJoiner(",");
    for (int i = 0; i < first.length; i++) {
      for (long number = first[i]; number < end[i]; number++) {
        words.add(Long.toString(number));
      }
    }
    return isEmpty() ? NOTHING : words.toString();
  }

  /** For example {@code 1-3,7}. */
  @Override
  public String toString() {
    StringJoiner words = new StringJoiner(",");
    for (int i = 0; i < first.length; i++) {
      long last = end[i] - 1;
      words.add(first[i] == last ? Long.toString(last) : first[i] + "-" + last);
    }
    return isEmpty() ? NOTHING : words.toString();
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Runs that
        && Arrays.equals(first, that.first)
        && Arrays.equals(end, that.end);
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(first) + Arrays.hashCode(end);
  }
}
