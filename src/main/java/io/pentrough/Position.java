package io.pentrough;

import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A place in a loader's sequence of batches. A checkpoint saves it, and {@link
 * BackgroundLoader.Builder#startAt} continues there.
 *
 * <pre>{@code
 * String saved = batch.position().toString(); // one line, for the checkpoint
 *
 * BackgroundLoader resumed = builder.startAt(Position.parse(saved)).start();
 * }</pre>
 *
 * <p>It says which batch is the first that has not been delivered, and which later ones have been
 * delivered. It also contains the configuration that it belongs to: arrays, stages, data, seed,
 * batches per epoch and shard. A loader with another configuration refuses it. Workers, slots,
 * device, order and failure policy may differ.
 *
 * <p><b>Shards.</b> The position of one shard is for that shard only. {@link #merge} turns the
 * positions of all shards into one position of the whole, which any number of shards can start at.
 *
 * <p>{@link #toString()} writes it as one line of text. {@link #parse} reads it, and also reads
 * what Pentrough 0.1.0 wrote.
 *
 * <p>Immutable. <b>Threads.</b> Any.
 */
public final class Position {

  private final Fingerprint fingerprint;
  private final @Nullable Whole base;
  private final int epoch;
  private final long index;
  private final long[] epochSteps;
  private final Runs delivered;

  /**
   * A position.
   *
   * @param fingerprint of the configuration
   * @param base what had been delivered when the shards of this loader started; null for nothing
   * @param epoch the epoch of the first open step
   * @param index its {@linkplain Share#place place}
   * @param epochSteps how many steps that epoch and those after it have in this shard, as far as
   *     the delivered ones reach beyond it
   * @param delivered steps that have been delivered, counted from the first open one
   */
  Position(
      Fingerprint fingerprint,
      @Nullable Whole base,
      int epoch,
      long index,
      long[] epochSteps,
      Runs delivered) {
    this.fingerprint = fingerprint;
    this.base = base;
    this.epoch = epoch;
    this.index = index;
    this.epochSteps = epochSteps;
    this.delivered = delivered;
  }

  /** Where a shard starts. */
  static Position first(Share share) {
    int epoch = share.base() == null ? 0 : share.base().epoch();
    return new Position(
        Fingerprint.NONE, share.base(), epoch, share.place(epoch, 0), new long[0], Runs.NONE);
  }

  /** Another place of the same loader, with everything delivered before it and nothing after. */
  Position movedTo(int epoch, long index) {
    return new Position(fingerprint, base, epoch, index, new long[0], Runs.NONE);
  }

  /**
   * Reads what {@link #toString()} has written.
   *
   * @param text one line
   * @return the position
   * @throws IllegalArgumentException if the text is not a position
   */
  public static Position parse(String text) {
    return PositionText.parse(Objects.requireNonNull(text, "text"));
  }

  /**
   * Combines the positions of all shards into one position of the whole. Any number of shards can
   * start there. It covers exactly what the shards have delivered. The shards may be at different
   * steps or in different epochs, and may deliver unordered. A shard that has delivered nothing has
   * a position too ({@link BackgroundLoader#position()}).
   *
   * <p>If all shards have completed an epoch, the batches of it that {@link Remainder#DROP} left
   * out stay left out. Batches that {@link Remainder#PAD} repeats do not count.
   *
   * <p>The shards must have started together: all at the beginning, or all at the same position of
   * the whole. A shard may have been resumed at its own position since.
   *
   * <p>The further the shards are apart, the more memory the result takes: some for each run of
   * batches that were delivered out of order.
   *
   * @param positions one of each shard, in any order
   * @return a position of shard 0 of 1
   * @throws IllegalArgumentException if there are none; a shard is missing, or there twice; they
   *     are of loaders with other arrays, data, stages, seeds, epochs or numbers of shards, or that
   *     started at different positions; the length of their epochs is not declared; one is of
   *     format 1, which is for its own shard only; or they have drifted more than 16,777,216
   *     batches apart
   */
  public static Position merge(Collection<Position> positions) {
    return PositionMerge.merge(List.copyOf(Objects.requireNonNull(positions, "positions")));
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
   * The index of the first batch that has not been delivered. If nothing of the epoch is left, or
   * only batches that {@link Remainder#PAD} repeats, it is an index after the last one that this
   * loader delivers.
   *
   * @return the index, from 0
   */
  public long index() {
    return index;
  }

  /**
   * What had been delivered when the shards of a loader start at this position; null for nothing.
   *
   * @param stride how many shards there are
   * @param length how many indexes their epochs have
   */
  @Nullable Whole baseOf(long stride, long length) {
    if (!isForAnyShardOf(length) || stride == 1) {
      return base == null || base.length() != length ? null : base; // else it will be refused
    }
    Whole whole = PositionMerge.whole(List.of(this));
    return whole.isNothing() ? null : whole;
  }

  /** Whether it is of the whole, and can be divided among shards of such epochs. */
  private boolean isForAnyShardOf(long length) {
    return !fingerprint.isHashed()
        && fingerprint.stride() == 1
        && length != Schedule.ENDLESS
        && fingerprint.length() == length;
  }

  /**
   * The same place for a loader that starts here.
   *
   * @param share the loader's, with what {@link #baseOf} said
   */
  Position on(Share share) {
    return isForAnyShardOf(share.length()) && share.stride() > 1 ? first(share) : this;
  }

  /** Refuses to be used by another configuration. */
  void requireSame(Fingerprint other) {
    Fingerprint own = isForAnyShardOf(other.length()) ? fingerprint.ofShard(other) : fingerprint;
    String difference = FingerprintDifference.of(own, other);
    if (!difference.isEmpty()) {
      throw new IllegalArgumentException(
          "the position to start at is of a loader with "
              + difference
              + "; make this loader as that one was, or leave startAt out to begin anew"
              + (own.isHashed() || own.isOfShard(other)
                  ? ""
                  : "; to go on with another number of shards, declare batchesPerEpoch and start at"
                      + " Position.merge of the positions of all shards"));
    }
  }

  Fingerprint fingerprint() {
    return fingerprint;
  }

  @Nullable Whole base() {
    return base;
  }

  long[] epochSteps() {
    return epochSteps;
  }

  Runs delivered() {
    return delivered;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Position that
        && fingerprint.equals(that.fingerprint)
        && Objects.equals(base, that.base)
        && epoch == that.epoch
        && index == that.index
        && Arrays.equals(epochSteps, that.epochSteps)
        && delivered.equals(that.delivered);
  }

  @Override
  public int hashCode() {
    return Objects.hash(fingerprint, base, epoch, index, delivered);
  }

  /** One line of ASCII text, for {@link #parse}. */
  @Override
  public String toString() {
    return PositionText.of(this);
  }
}
