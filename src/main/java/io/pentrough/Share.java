package io.pentrough;

import org.jspecify.annotations.Nullable;

/**
 * Which batches of an epoch a shard takes, and in which order. The shard's <em>steps</em> are
 * numbered from 0 in each epoch. Immutable.
 *
 * <p>Shard {@code first} of {@code stride} takes the open indexes number {@code first}, {@code
 * first + stride}, ... of an epoch. Open are those that had not been delivered when the shards
 * started; all of them, unless they went on where other shards have been.
 *
 * <pre>
 *     delivered before   # # # # . # . . . .        7 shards, of which one was ahead
 *     number                     0   1 2 3 4
 *     3 shards                   0   1 2 0 1        shard 2 has one step less
 * </pre>
 *
 * <p>A step's <em>place</em> is its index. Behind the last one places go on with the epoch's
 * length: the ends of shards, and the steps that repeat a batch.
 *
 * @param length how many indexes an epoch has; {@link Schedule#ENDLESS} if only the target knows
 * @param remainder {@link Remainder#UNEVEN} if there is one shard only
 * @param base what had been delivered when the shards started; null for nothing
 */
record Share(long length, long first, long stride, Remainder remainder, @Nullable Whole base) {

  boolean isDeclared() {
    return length != Schedule.ENDLESS;
  }

  /** How many steps an epoch has, as far as is known before the target is asked. */
  long steps(int epoch) {
    if (!isDeclared()) {
      return Schedule.ENDLESS;
    }
    long open = open(epoch);
    if (remainder == Remainder.UNEVEN) {
      return stepsBelow(open);
    }
    boolean repeats = remainder == Remainder.PAD && open % stride > 0;
    return open / stride + (repeats ? 1 : 0);
  }

  /** How many indexes of the epoch all shards have to deliver. */
  long open(int epoch) {
    return base == null ? length : base.open(epoch);
  }

  /** The index that the target is asked for. */
  long index(int epoch, long step) {
    long place = place(epoch, step);
    return repeats(place) ? place - length : place;
  }

  /** Whether the step repeats a batch that belongs to an earlier one, perhaps of another shard. */
  boolean repeats(int epoch, long step) {
    return repeats(place(epoch, step));
  }

  private boolean repeats(long place) {
    return remainder == Remainder.PAD && place >= length;
  }

  long place(int epoch, long step) {
    long number = first + step * stride;
    if (base == null) {
      return number;
    }
    long open = open(epoch);
    return number < open ? base.index(epoch, number) : length + number - open;
  }

  /** The first step whose place is not below this one. */
  long step(int epoch, long place) {
    if (base == null) {
      return stepsBelow(place);
    }
    long behind = Math.max(0, place - length);
    return stepsBelow(base.rank(epoch, place - behind) + behind);
  }

  /** How many of the shard's numbers lie below this one. */
  private long stepsBelow(long number) {
    return number <= first ? 0 : (number - first - 1) / stride + 1;
  }
}
