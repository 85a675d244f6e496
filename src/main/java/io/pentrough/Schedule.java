package io.pentrough;

import java.util.Arrays;
import java.util.stream.LongStream;
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
 * A shard (first, stride) takes the indexes first, first + stride, ... of each epoch: below, a
 * <em>step</em> counts those, an index is the target's.
 */
final class Schedule implements JobSource {

  /** No end in sight. */
  static final long ENDLESS = Long.MAX_VALUE;

  /** Epochs without end. */
  static final int FOR_EVER = Integer.MAX_VALUE;

  private final long declaredIndexes;
  private final int epochs;
  private final long first;
  private final long stride;
  private final Job job;
  private final Fingerprint fingerprint;
  private final long[] deliveredBefore;

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
   * @param declaredIndexes how many indexes an epoch has, over all shards; {@link #ENDLESS} if only
   *     the target knows
   * @param epochs how many epochs there are; {@link #FOR_EVER} if they never end
   * @param from what sequence number 0 stands for, and what an earlier loader knew of its epochs
   */
  Schedule(
      Job job,
      Fingerprint fingerprint,
      long declaredIndexes,
      int epochs,
      long first,
      long stride,
      Position from) {
    this.job = job;
    this.fingerprint = fingerprint;
    deliveredBefore = from.delivered();
    this.declaredIndexes = declaredIndexes;
    this.epochs = epochs;
    this.first = first;
    this.stride = stride;
    oldestEpoch = from.epoch();
    start[0] = -stepsBelow(from.index());
    steps[0] = declaredSteps();
    for (long length : from.epochSteps()) {
      steps[known - 1] = length;
      append(start[known - 1] + length);
    }
    if (deliveredBefore.length > 0) { // these will not be claimed, but epochs end among them, too
      claimed = deliveredBefore[deliveredBefore.length - 1] + 1;
    }
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
  public long[] deliveredBefore() {
    return deliveredBefore;
  }

  @Override
  public long end() {
    long last = (long) epochs - 1 - oldestEpoch; // the last epoch of all, counted from the oldest
    if (last < 0) {
      return 0; // it starts behind them all
    }
    boolean isKnown = last < known && steps[(int) last] != ENDLESS;
    return isKnown ? Math.max(0, start[(int) last] + steps[(int) last]) : ENDLESS;
  }

  @Override
  public boolean exists(long sequence) {
    int at = at(sequence);
    return sequence - start[at] < steps[at] && oldestEpoch + at < epochs;
  }

  int epoch(long sequence) {
    return oldestEpoch + at(sequence);
  }

  long index(long sequence) {
    return first + (sequence - start[at(sequence)]) * stride;
  }

  @Override
  public void claimed(HostSlot slot) {
    claimed(slot.sequence);
    slot.assign(job, epoch(slot.sequence), index(slot.sequence));
  }

  void claimed(long sequence) {
    claimed = Math.max(claimed, sequence + 1);
    extend();
  }

  @Override
  public @Nullable String returned(HostSlot slot, boolean endOfEpoch) {
    if (endOfEpoch && epochs == FOR_EVER && slot.sequence == start[at(slot.sequence)]) {
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
  public String whyIdle() {
    return "nothing left to make";
  }

  @Override
  public String describe(long sequence) {
    return describe(epoch(sequence), index(sequence));
  }

  @Override
  public int nextEpoch(long lowestOpen) {
    int at = at(lowestOpen);
    boolean isOver = lowestOpen - start[at] >= steps[at]; // it ended before the number
    return oldestEpoch + at + (isOver ? 1 : 0);
  }

  @Override
  public boolean knowsEpochs() {
    return declaredIndexes != ENDLESS;
  }

  @Override
  public String describe(int epoch, long index) {
    return "index " + index + " of epoch " + epoch;
  }

  @Override
  public Position position(long lowestOpen, long[] delivered) {
    long[] existing = LongStream.of(delivered).filter(this::exists).toArray();
    long open = existing.length == 0 ? lowestOpen : firstOpen(lowestOpen, existing);
    long[] above = LongStream.of(existing).filter(n -> n > open).toArray();
    long last = above.length == 0 ? open : above[above.length - 1];
    int at = at(open);
    return new Position(
        fingerprint,
        oldestEpoch + at,
        first + Math.min(open - start[at], steps[at]) * stride,
        stepsBetween(open, last),
        LongStream.of(above).map(n -> distance(open, n)).toArray());
  }

  /** The first number from one on that stands for a batch and has not been delivered. */
  private long firstOpen(long from, long[] delivered) {
    long end = end();
    long open = from;
    while (open < end && (!exists(open) || Arrays.binarySearch(delivered, open) >= 0)) {
      open++;
    }
    return open;
  }

  /**
   * The target has filled the number. False if it said before that there is no more at a lower
   * index.
   */
  boolean data(long sequence) {
    int at = at(sequence);
    long step = sequence - start[at];
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
    int at = at(sequence);
    long step = sequence - start[at];
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
    keptFrom = lowestOpen - DeliveredWindow.SIZE;
  }

  /** The number as it would be had no number been wasted since the other one. */
  long distance(long from, long to) {
    int epochFrom = at(from);
    int epochTo = at(to);
    long distance = to - start[epochTo] - (from - start[epochFrom]);
    for (int i = epochFrom; i < epochTo; i++) {
      distance += steps[i];
    }
    return distance;
  }

  /** The steps of the epochs from one number's to the one before another's. */
  long[] stepsBetween(long from, long to) {
    return Arrays.copyOfRange(steps, at(from), at(to));
  }

  /** Adds the epochs that begin among the claimed numbers or right behind them. */
  private void extend() {
    while (steps[known - 1] != ENDLESS && oldestEpoch + known < epochs) {
      int last = known - 1;
      long declaredEnd = start[last] + steps[last];
      boolean declared = declaredIndexes != ENDLESS && steps[last] == declaredSteps();
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
    steps[known] = declaredSteps();
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
  private int at(long sequence) {
    int low = 0;
    int high = known;
    while (high - low > 1) {
      int middle = (low + high) >>> 1;
      if (start[middle] <= sequence) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }

  private long declaredSteps() {
    return declaredIndexes == ENDLESS ? ENDLESS : stepsBelow(declaredIndexes);
  }

  /** How many indexes of the shard lie below an index. */
  private long stepsBelow(long index) {
    return index <= first ? 0 : (index - first - 1) / stride + 1;
  }

  private void shift(long[] values, int by) {
    System.arraycopy(values, by, values, 0, known - by);
  }
}
