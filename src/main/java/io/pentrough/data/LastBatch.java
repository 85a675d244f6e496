package io.pentrough.data;

/** What becomes of the last batch of an epoch if there are too few samples to fill it. */
public enum LastBatch {
  /** It has as many samples as are left: {@link io.pentrough.DeviceBatch#size()}. The default. */
  PARTIAL,

  /** It is left out, and so are its samples in this epoch. */
  DROP,

  /**
   * It is filled up with the first samples of the epoch, with the same random numbers. So every
   * batch has the same size, unless bad samples are left out. {@link
   * io.pentrough.DeviceBatch#padded()} says how many samples repeat.
   */
  PAD
}
