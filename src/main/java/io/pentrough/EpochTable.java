package io.pentrough;

import java.util.Arrays;

/**
 * Where the epochs of a {@link Schedule} begin and end, as far as is known, and so which (epoch,
 * index) each number stands for. Guarded by the engine's monitor.
 *
 * <p>Epochs follow each other without a gap in time, but not always in number: the end of an epoch
 * may only be known when the target says so, and by then workers have claimed numbers after it. The
 * next epoch starts at the first number that was never claimed; the numbers between are empty.
 *
 * <pre>
 *   number     0 1 2 3 4 5 6 7 8 9 ...
 *   epoch 0    0 1 2 e x x              endOfEpoch() at index 3, while 4 and 5 were being filled
 *   epoch 1                0 1 2 ...
 * </pre>
 *
 * A {@linkplain Share shard} takes some of the indexes of each epoch: below, a <em>step</em> counts
 * those, an index is the target's.
 */
final class EpochTable {

  private final Share share;
  private final int epochs;

  // The epochs that numbers are asked for, oldest first: a window that only grows at its end.
  private int oldestEpoch;
  private int known = 1;
  private long[] start = new long[4];
  private long[] steps = new long[4];
  private long[] dataSteps = new long[4];

  /** Numbers below will not be asked about. */
  private long keptFrom = Long.MIN_VALUE;

  /** The number above every one ever claimed. */
  private long claimed;

  /**
   * The epochs from a place on.
   *
   * @param share which of the indexes are this loader's
   * @param epochs how many epochs there are; {@link Schedule#FOR_EVER} if they never end
   * @param from what number 0 stands for, and what an earlier loader knew of its epochs
   */
  EpochTable(Share share, int epochs, Position from) {
    this.share = share;
    this.epochs = epochs;
    oldestEpoch = from.epoch();
    start[0] = -share.step(oldestEpoch, from.index());
    steps[0] = share.steps(oldestEpoch);
    for (long length : from.epochSteps()) {
      steps[known - 1] = length;
      append(start[known - 1] + length);
    }
    // Those before will not be claimed, but epochs end among them, too.
    claimed = from.delivered().end();
    extend();
  }

  /** The first number that does not exist; {@link Schedule#ENDLESS} if that is not known. */
  long end() {
    long last = (long) epochs - 1 - oldestEpoch; // the last epoch of all, counted from the oldest
    if (last < 0) {
      return 0; // it starts after them all
    }
    boolean isKnown = last < known && steps[(int) last] != Schedule.ENDLESS;
    return isKnown ? Math.max(0, start[(int) last] + steps[(int) last]) : Schedule.ENDLESS;
  }

  /** Whether the number stands for a batch, as far as is known. */
  boolean exists(long number) {
    int at = at(number);
    return number - start[at] < steps[at] && oldestEpoch + at < epochs;
  }

  int epoch(long number) {
    return oldestEpoch + at(number);
  }

  long index(long number) {
    int at = at(number);
    return share.index(oldestEpoch + at, number - start[at]);
  }

  /** Whether the number repeats a batch that belongs to an earlier one. */
  boolean isRepeat(long number) {
    int at = at(number);
    return share.repeats(oldestEpoch + at, number - start[at]);
  }

  /** The epoch of the next number, from this one on, that stands for a batch. */
  int nextEpoch(long number) {
    int at = at(number);
    boolean isOver = number - start[at] >= steps[at]; // it ended before the number
    return oldestEpoch + at + (isOver ? 1 : 0);
  }

  /** A worker has taken the number. */
  void claimed(long number) {
    claimed = Math.max(claimed, number + 1);
    extend();
  }

  /** The target has filled the number. False if it has ended the epoch at a lower index before. */
  boolean data(long number) {
    int at = at(number);
    long step = number - start[at];
    if (step >= steps[at]) {
      return false;
    }
    dataSteps[at] = Math.max(dataSteps[at], step + 1);
    return true;
  }

  /**
   * The target has ended the epoch at the number. False if it has filled a higher one of the same
   * epoch before.
   */
  boolean endOfEpoch(long number) {
    int at = at(number);
    long step = number - start[at];
    if (step < dataSteps[at]) {
      return false;
    }
    if (step < steps[at]) {
      steps[at] = step;
      extend();
    }
    return true;
  }

  /** Nobody will ask about numbers below this one. */
  void keepFrom(long number) {
    keptFrom = number;
  }

  /**
   * Where a table would have to start to have what is left.
   *
   * @param lowest a number below which all have been delivered
   * @param delivered all numbers from it on that have been
   */
  Position position(Fingerprint fingerprint, long lowest, Runs delivered) {
    long open = lowest;
    Runs above = existingAbove(open, delivered);
    if (!above.isEmpty()) {
      open = firstOpen(open, delivered);
      above = existingAbove(open, delivered);
    }
    int at = at(open);
    int last = at;
    long end = endOf(at) - open;
    while (!above.isEmpty() && above.end() > end) {
      last++;
      end = steps[last] == Schedule.ENDLESS ? Schedule.ENDLESS : end + steps[last];
    }
    return new Position(
        fingerprint,
        share.base(),
        oldestEpoch + at,
        share.place(oldestEpoch + at, Math.min(open - start[at], steps[at])),
        Arrays.copyOfRange(steps, at, last),
        above);
  }

  /** The first number from one on that stands for a batch and has not been delivered. */
  private long firstOpen(long from, Runs delivered) {
    long end = end();
    long open = from;
    while (open < end && (!exists(open) || delivered.contains(open))) {
      open = Math.max(open + 1, delivered.nextOpen(open));
    }
    return open;
  }

  /**
   * The numbers above one that stand for batches, counted from it as if no number had been wasted
   * since.
   */
  private Runs existingAbove(long from, Runs numbers) {
    Runs.Builder existing = new Runs.Builder();
    long next = from + 1;
    long wasted = 0;
    for (int at = at(from); at < known && oldestEpoch + at < epochs; at++) {
      wasted += Math.max(0, start[at] - next);
      next = Math.max(next, start[at]);
      existing.add(numbers, next, endOf(at), -from - wasted);
      next = Math.max(next, endOf(at));
    }
    return existing.build();
  }

  /** The number after the epoch's last. */
  private long endOf(int at) {
    return steps[at] == Schedule.ENDLESS ? Schedule.ENDLESS : start[at] + steps[at];
  }

  /** Adds the epochs that begin among the claimed numbers or right after them. */
  private void extend() {
    while (steps[known - 1] != Schedule.ENDLESS && oldestEpoch + known < epochs) {
      int last = known - 1;
      long declaredEnd = start[last] + steps[last];
      boolean declared = share.isDeclared() && steps[last] == share.steps(oldestEpoch + last);
      long next = declared ? declaredEnd : Math.max(declaredEnd, claimed);
      if (next > claimed) {
        return;
      }
      append(next);
    }
  }

  private void append(long next) {
    if (known == start.length) {
      forget();
    }
    if (known == start.length) {
      start = Arrays.copyOf(start, 2 * known);
      steps = Arrays.copyOf(steps, 2 * known);
      dataSteps = Arrays.copyOf(dataSteps, 2 * known);
    }
    start[known] = next;
    steps[known] = share.steps(oldestEpoch + known);
    dataSteps[known] = 0;
    known++;
  }

  /** Drops the epochs that nobody will ask about any more. */
  private void forget() {
    int gone = at(keptFrom);
    shift(start, gone);
    shift(steps, gone);
    shift(dataSteps, gone);
    oldestEpoch += gone;
    known -= gone;
  }

  /** The last epoch that begins at or below the number, counted from the oldest. */
  private int at(long number) {
    int low = 0;
    int high = known;
    while (high - low > 1) {
      int middle = (low + high) >>> 1;
      if (start[middle] <= number) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }

  private void shift(long[] values, int by) {
    System.arraycopy(values, by, values, 0, known - by);
  }
}
