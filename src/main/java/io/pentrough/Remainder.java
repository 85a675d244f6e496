package io.pentrough;

/**
 * What shards do with an epoch whose batches they cannot divide evenly: {@code L} batches over
 * {@code n} shards, where {@code L} is no multiple of {@code n}. Where it is, the three are the
 * same.
 */
public enum Remainder {

  /**
   * Each batch is delivered once. Some shards take one step more than others, and so begin the next
   * epoch one step later.
   */
  UNEVEN,

  /**
   * All shards take equally many steps, and the epoch's last {@code L} modulo {@code n} batches are
   * left out, at most {@code n - 1}. Needs {@code batchesPerEpoch}, and a target that makes so
   * many.
   */
  DROP,

  /**
   * All shards take equally many steps. In the last one some shards repeat a batch of the epoch's
   * beginning, at most {@code n - 1} together. {@link DeviceBatch#isRepeat()} marks those; they do
   * not count as delivered in a position that is merged. Needs {@code batchesPerEpoch}, and a
   * target that makes that number of batches.
   */
  PAD
}
