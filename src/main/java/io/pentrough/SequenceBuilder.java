package io.pentrough;

import io.pentrough.device.Device;
import java.util.Objects;

/**
 * Describes a {@link BackgroundLoader}, whether its arrays are given or inferred.
 *
 * @param <B> the builder itself, which each option returns
 */
abstract class SequenceBuilder<B extends SequenceBuilder<B>> extends ScheduleBuilder<B> {

  private long shardFirst;
  private long shardStride = 1;
  private Remainder shardRemainder = Remainder.UNEVEN;

  SequenceBuilder(Device device) {
    super(device, "loader");
  }

  /**
   * Takes a share of each epoch, like {@code shard(first, stride, Remainder.UNEVEN)}. If the number
   * of batches per epoch is not a multiple of the number of shards, the shards get different
   * numbers of batches, and drift into different epochs.
   *
   * <p>For example, 10 batches over 4 shards are 3, 3, 2 and 2. If all shards take one step at a
   * time together, then at the third step two of them already take batches of the next epoch. Where
   * that matters, choose another {@link Remainder}, or a {@code batchesPerEpoch} that the shards
   * divide.
   *
   * @param first 0 to stride - 1
   * @param stride how many shards there are, at most 2,147,483,647
   * @return this
   * @throws IllegalArgumentException if out of range
   */
  public final B shard(long first, long stride) {
    return shard(first, stride, Remainder.UNEVEN);
  }

  /**
   * Takes a share of each epoch: the indexes first, first + stride, first + 2 stride, ... If stride
   * loaders have the same seed and first = 0 .. stride - 1, they deliver together what one loader
   * would deliver. Only {@code remainder} changes that.
   *
   * <p>If the loaders start at a position of the whole ({@link Position#merge}), they share in the
   * same way what is left of each epoch: each takes every stride-th of the batches that have not
   * been delivered. All must start at the same position.
   *
   * @param first 0 to stride - 1
   * @param stride how many shards there are, at most 2,147,483,647, and at most as many as an epoch
   *     has batches
   * @param remainder what to do if the shards don't divide the number of batches per epoch; all
   *     shards must say the same
   * @return this
   * @throws IllegalArgumentException if out of range
   */
  public final B shard(long first, long stride, Remainder remainder) {
    Objects.requireNonNull(remainder, "remainder");
    if (first < 0 || first >= stride || stride > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "a shard needs 0 <= first < stride <= "
              + Integer.MAX_VALUE
              + ", not first "
              + first
              + " and stride "
              + stride
              + ": first is this shard's number, stride how many there are");
    }
    this.shardFirst = first;
    this.shardStride = stride;
    this.shardRemainder = stride == 1 ? Remainder.UNEVEN : remainder; // there is none
    return self();
  }

  /**
   * Allocates all memory and starts the threads.
   *
   * <p>If the target leaves an element unwritten, the element holds data of an earlier batch. The
   * first batch of each host slot is checked for such elements: they are set to zero, and the
   * loader logs one warning that names them. For integers of 8 or 16 bits the check finds only
   * whole groups of 8 bytes. An unwritten element that shares a group with a written one holds any
   * value. {@code -Dpentrough.checkFills=false} turns the check off. {@code -Dpentrough.debug=true}
   * turns it off too, and fills every host slot with the byte 0xFF before its target runs.
   * Unwritten elements then show in every batch: as NaN in any floating type, as -1 or the largest
   * value in an integer.
   *
   * @return a running loader, to be closed by the caller
   * @throws io.pentrough.device.DeviceException if the device refuses memory, a stream or an event;
   *     what had been allocated is given back
   * @throws UnsupportedOperationException if the device cannot do {@code zeroCopy}
   * @throws IllegalArgumentException if the memory is over budget, there are more shards than
   *     batches in an epoch, a {@link Remainder} needs {@code batchesPerEpoch} and it is not known,
   *     the position to start at is of another configuration, an {@link EpochTarget} cannot fill
   *     the arrays or has epochs of another length than {@code batchesPerEpoch}, a stage does not
   *     fit the arrays or {@code zeroCopy}, or the arrays of an {@link ArraySource} cannot be a
   *     batch or do not fit the names and types given for them
   * @throws IllegalStateException if the consumer stream is closed
   * @throws StageException if a stage cannot be prepared; what had been allocated is given back
   * @throws TargetException if the {@link ArraySource} fails at the first batch; an interrupt is
   *     kept as the thread's flag
   */
  public final BackgroundLoader start() {
    Engine engine = start(seat(), shardFirst, shardStride, shardRemainder);
    return new BackgroundLoader(engine, engine.core.settings);
  }
}
