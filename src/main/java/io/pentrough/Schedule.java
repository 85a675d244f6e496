package io.pentrough;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Which (epoch, index) each sequence number stands for, and where the numbers end. Guarded by the
 * engine's monitor.
 *
 * <p>Epochs follow each other without a gap in time, but not always in number: the end of an epoch
 * may only be known when the target says so, and by then workers have claimed numbers behind it.
 * The next epoch starts at the first number that was never claimed; those between stand for nothing
 * and are passed over.
 *
 * <pre>
 *   sequence   0 1 2 3 4 5 6 7 8 9 ...
 *   epoch 0    0 1 2 e x x              "no more" at index 3, while 4 and 5 were being filled
 *   epoch 1                0 1 2 ...
 * </pre>
 *
 * A {@linkplain Share shard} takes some of the indexes of each epoch: below, a <em>step</em> counts
 * those, an index is the target's.
 *
 * <p>What was delivered before a loader was resumed has no sequence number. Below, a
 * <em>number</em> counts that, too, from the first open step on:
 *
 * <pre>
 *   number     0 1 2 3 4 5 6 7
 *   before       # # #   #
 *   sequence   0       1   2 3
 * </pre>
 */
final class Schedule implements JobSource {

  /** No end in sight. */
  static final long ENDLESS = Long.MAX_VALUE;

  /** Epochs without end. */
  static final int FOR_EVER = Integer.MAX_VALUE;

  private final Share share;
  private final int epochs;
  private final Job job;
  private final Fingerprint fingerprint;

  /** Whether an earlier loader has delivered some of it. */
  private final boolean isResumed;

  /** The numbers that were delivered in an earlier life. */
  private final Runs before;

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
   * Numbers from a place on.
   *
   * @param job what every number stands for, but for its epoch and index
   * @param fingerprint of the configuration
   * @param share which of the indexes are this loader's
   * @param epochs how many epochs there are; {@link #FOR_EVER} if they never end
   * @param from what number 0 stands for, and what an earlier loader knew of its epochs
   */
  Schedule(Job job, Fingerprint fingerprint, Share share, int epochs, Position from) {
    this.job = job;
    this.fingerprint = fingerprint;
    this.share = share;
    this.epochs = epochs;
    before = from.delivered();
    isResumed = !from.fingerprint().equals(Fingerprint.NONE) || share.base() != null;
    oldestEpoch = from.epoch();
    start[0] = -share.step(oldestEpoch, from.index());
    steps[0] = share.steps(oldestEpoch);
    for (long length : from.epochSteps()) {
      steps[known - 1] = length;
      append(start[known - 1] + length);
    }
    claimed = before.end(); // those before will not be claimed, but epochs end among them, too
    extend();
  }

  @Override
  public BatchSpec usualSpec() {
    return job.spec();
  }

  @Override
  public @Nullable EpochTarget epochTarget() {
    return job.target() instanceof EpochTarget target ? target : null;
  }

  @Override
  public long end() {
    long end = endOfNumbers();
    return end == ENDLESS ? ENDLESS : before.openBelow(end);
  }

  private long endOfNumbers() {
    long last = (long) epochs - 1 - oldestEpoch; // the last epoch of all, counted from the oldest
    if (last < 0) {
      return 0; // it starts behind them all
    }
    boolean isKnown = last < known && steps[(int) last] != ENDLESS;
    return isKnown ? Math.max(0, start[(int) last] + steps[(int) last]) : ENDLESS;
  }

  @Override
  public boolean exists(long sequence) {
    return numberExists(number(sequence));
  }

  private boolean numberExists(long number) {
    int at = at(number);
    return number - start[at] < steps[at] && oldestEpoch + at < epochs;
  }

  int epoch(long sequence) {
    return oldestEpoch + at(number(sequence));
  }

  long index(long sequence) {
    long number = number(sequence);
    int at = at(number);
    return share.index(oldestEpoch + at, number - start[at]);
  }

  private boolean isRepeat(long sequence) {
    long number = number(sequence);
    int at = at(number);
    return share.repeats(oldestEpoch + at, number - start[at]);
  }

  @Override
  public void claimed(HostSlot slot) {
    long sequence = slot.sequence;
    claimed(sequence);
    slot.assign(job, epoch(sequence), index(sequence), isRepeat(sequence));
  }

  void claimed(long sequence) {
    claimed = Math.max(claimed, number(sequence) + 1);
    extend();
  }

  @Override
  public @Nullable String returned(HostSlot slot, boolean endOfEpoch) {
    if (endOfEpoch && share.remainder() != Remainder.UNEVEN) {
      return "the target called endOfEpoch() at index "
          + slot.index
          + " of epoch "
          + slot.epoch
          + ", but shards can take equally many steps only if each epoch has all "
          + share.length()
          + " batches that were declared: declare as many as the target makes, or shard with"
          + " Remainder.UNEVEN";
    }
    if (endOfEpoch && epochs == FOR_EVER && slot.index == share.first()) {
      return "the target called endOfEpoch() at the first index of epoch "
          + slot.epoch
          + ": epochs without a batch would follow each other for ever; say how many epochs there are";
    }
    if (endOfEpoch) {
      return endOfEpoch(slot.sequence)
          ? null
          : "the target called endOfEpoch() at index "
              + slot.index
              + ", but has made a batch for a higher index of epoch "
              + slot.epoch
              + ": it must say so for every index behind an epoch's end";
    }
    return data(slot.sequence)
        ? null
        : "the target made a batch for index "
            + slot.index
            + ", but has called endOfEpoch() at a lower index of epoch "
            + slot.epoch
            + ": it must say so for every index behind an epoch's end";
  }

  @Override
  public String whyExhausted(boolean anyDelivered) {
    String end =
        "the end of " + (epochs == 1 ? "the only epoch" : "the last of " + epochs + " epochs");
    return isResumed && !anyDelivered
        ? "the position to start at is " + end + ": raise epochs(...) to go on"
        : end
            + " is reached: poll(...) returns null there, and loops over batches() or epoch() end;"
            + " raise epochs(...) for more";
  }

  @Override
  public String whyIdle() {
    return "nothing left to make";
  }

  @Override
  public String describe(long sequence) {
    return describe(epoch(sequence), index(sequence));
  }

  @Override
  public int nextEpoch(long lowestOpen) {
    long number = number(lowestOpen);
    int at = at(number);
    boolean isOver = number - start[at] >= steps[at]; // it ended before the number
    return oldestEpoch + at + (isOver ? 1 : 0);
  }

  @Override
  public boolean knowsEpochs() {
    return share.isDeclared();
  }

  @Override
  public String describe(int epoch, long index) {
    return "index " + index + " of epoch " + epoch;
  }

  @Override
  public Position position(long lowestOpen, long[] delivered) {
    long open = number(lowestOpen);
    Runs.Builder numbers = new Runs.Builder();
    numbers.add(before, open, Long.MAX_VALUE, 0);
    for (long sequence : delivered) {
      numbers.add(number(sequence), number(sequence) + 1);
    }
    Runs all = numbers.build();
    Runs above = existingAbove(open, all);
    if (!above.isEmpty()) {
      open = firstOpen(open, all);
      above = existingAbove(open, all);
    }
    int at = at(open);
    int last = at;
    long end = endOf(at) - open;
    while (!above.isEmpty() && above.end() > end) {
      last++;
      end = steps[last] == ENDLESS ? ENDLESS : end + steps[last];
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
    long end = endOfNumbers();
    long open = from;
    while (open < end && (!numberExists(open) || delivered.contains(open))) {
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

  /** The number behind the epoch's last. */
  private long endOf(int at) {
    return steps[at] == ENDLESS ? ENDLESS : start[at] + steps[at];
  }

  /**
   * The target has filled the number. False if it said before that there is no more at a lower
   * index.
   */
  boolean data(long sequence) {
    long number = number(sequence);
    int at = at(number);
    long step = number - start[at];
    if (step >= steps[at]) {
      return false;
    }
    dataSteps[at] = Math.max(dataSteps[at], step + 1);
    return true;
  }

  /**
   * The target has said "no more" at the number. False if it has filled a higher one of the same
   * epoch before.
   */
  boolean endOfEpoch(long sequence) {
    long number = number(sequence);
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

  @Override
  public boolean mayGrow() {
    return false;
  }

  @Override
  public boolean runsShort(int workers) {
    return false;
  }

  @Override
  public void delivered(long lowestOpen) {
    keptFrom = number(Math.max(0, lowestOpen - DeliveredWindow.SIZE));
  }

  private long number(long sequence) {
    return before.open(sequence);
  }

  /** Adds the epochs that begin among the claimed numbers or right behind them. */
  private void extend() {
    while (steps[known - 1] != ENDLESS && oldestEpoch + known < epochs) {
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
