package io.pentrough;

import org.jspecify.annotations.Nullable;

/**
 * The batches of a {@link BackgroundLoader}, epoch by epoch: what the target has to make for each
 * sequence number, and what is left for a loader that is resumed. Guarded by the engine's monitor.
 *
 * <p>What was delivered before a loader was resumed has no sequence number. A <em>number</em>, as
 * the {@link EpochTable} counts them, counts that, too, from the first open step on:
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

  private final EpochTable table;

  /**
   * Numbers from a place on.
   *
   * @param job what every number stands for, except its epoch and index
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
    table = new EpochTable(share, epochs, from);
  }

  private long number(long sequence) {
    return before.open(sequence);
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
    long end = table.end();
    return end == ENDLESS ? ENDLESS : before.openBelow(end);
  }

  @Override
  public boolean mayGrow() {
    return false;
  }

  @Override
  public boolean exists(long sequence) {
    return table.exists(number(sequence));
  }

  int epoch(long sequence) {
    return table.epoch(number(sequence));
  }

  long index(long sequence) {
    return table.index(number(sequence));
  }

  @Override
  public void claimed(HostSlot slot) {
    long sequence = slot.sequence;
    claimed(sequence);
    long number = number(sequence);
    slot.assign(job, table.epoch(number), table.index(number), table.isRepeat(number));
  }

  void claimed(long sequence) {
    table.claimed(number(sequence));
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
              + ": it must say so for every index after an epoch's end";
    }
    return data(slot.sequence)
        ? null
        : "the target made a batch for index "
            + slot.index
            + ", but has called endOfEpoch() at a lower index of epoch "
            + slot.epoch
            + ": it must say so for every index after an epoch's end";
  }

  /** As {@link EpochTable#data}. */
  boolean data(long sequence) {
    return table.data(number(sequence));
  }

  /** As {@link EpochTable#endOfEpoch}. */
  boolean endOfEpoch(long sequence) {
    return table.endOfEpoch(number(sequence));
  }

  @Override
  public boolean runsShort(int workers) {
    return false;
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
  public String describe(int epoch, long index) {
    return "index " + index + " of epoch " + epoch;
  }

  @Override
  public int nextEpoch(long lowestOpen) {
    return table.nextEpoch(number(lowestOpen));
  }

  @Override
  public boolean knowsEpochs() {
    return share.isDeclared();
  }

  @Override
  public Position position(long lowestOpen, long[] delivered) {
    long lowest = number(lowestOpen);
    Runs.Builder numbers = new Runs.Builder();
    numbers.add(before, lowest, Long.MAX_VALUE, 0);
    for (long sequence : delivered) {
      numbers.add(number(sequence), number(sequence) + 1);
    }
    return table.position(fingerprint, lowest, numbers.build());
  }

  @Override
  public void delivered(long lowestOpen) {
    table.keepFrom(number(Math.max(0, lowestOpen - DeliveredWindow.SIZE)));
  }
}
