package io.pentrough;

import org.jspecify.annotations.Nullable;

/**
 * Where a {@link SlotLedger}'s sequence numbers come from: what each stands for, and how many there
 * are. Called under the engine's monitor.
 */
interface JobSource {

  /** Numbers that have been delivered in an earlier life, ascending. */
  long[] deliveredBefore();

  /** The first number that does not exist, as far as is known. */
  long end();

  /** Whether the number stands for a batch, as far as is known; false for one to be passed over. */
  boolean exists(long sequence);

  /** A worker has taken the number in this slot: says in the slot what it stands for. */
  void claimed(HostSlot slot);

  /**
   * The target has returned for the slot, with a batch or to say that there is no more.
   *
   * @return what is wrong with that, in words; null if nothing is
   */
  @Nullable String returned(HostSlot slot, boolean noMore);

  /** What the number stands for, for messages. */
  String describe(long sequence);

  /** What a worker's slot stands for, for messages. */
  String describe(HostSlot slot);

  /**
   * Where a new source would have to start.
   *
   * @param lowestOpen the first number that has not been delivered
   * @param delivered those above it that have
   */
  Position position(long lowestOpen, long[] delivered);

  /** Nobody will ask for a number below any more. */
  void forgetBelow(long sequence);
}
