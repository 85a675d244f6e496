package io.pentrough;

import org.jspecify.annotations.Nullable;

/**
 * Where a {@link SlotLedger}'s sequence numbers come from: what each stands for, and how many there
 * are. Called under the engine's monitor.
 */
interface JobSource {

  /** The arrays of every batch; null if each may have its own. */
  @Nullable BatchSpec usualSpec();

  /** The target of all batches, if it is one that knows its epochs. */
  @Nullable EpochTarget epochTarget();

  /** The first number that does not exist, as far as is known. */
  long end();

  /** Whether there may be numbers after {@link #end()} one day. */
  boolean mayGrow();

  /** Whether the number stands for a batch, as far as is known; false for an empty one. */
  boolean exists(long sequence);

  /** A worker has taken the number in this slot: says in the slot what it stands for. */
  void claimed(HostSlot slot);

  /**
   * The target has returned for the slot, with a batch or with the end of its epoch.
   *
   * @return what is wrong with that, in words; null if nothing is
   */
  @Nullable String returned(HostSlot slot, boolean endOfEpoch);

  /** Whether so many workers have just run short of jobs; true once for each shortage. */
  boolean runsShort(int workers);

  /**
   * Why there are no more batches, and what the caller can do, for messages; only once there are
   * none.
   *
   * @param anyDelivered whether this loader has delivered one
   */
  String whyExhausted(boolean anyDelivered);

  /** Why a worker rests though it has a host slot, for messages. */
  String whyIdle();

  /** What the number stands for, for messages. */
  String describe(long sequence);

  /**
   * The epoch of the next number that stands for a batch, as far as is known.
   *
   * @param lowestOpen the first number that has not been delivered
   */
  int nextEpoch(long lowestOpen);

  /** Whether it is known from the start where each epoch ends. */
  boolean knowsEpochs();

  /** What a slot holds, for messages. */
  String describe(int epoch, long index);

  /**
   * Where a new source would have to start.
   *
   * @param lowestOpen the first number that has not been delivered
   * @param delivered those above it that have
   */
  Position position(long lowestOpen, long[] delivered);

  /**
   * Everything below the number has been delivered. Questions about it may still come for {@link
   * DeliveredWindow#SIZE} numbers.
   */
  void delivered(long lowestOpen);
}
