package io.pentrough;

/**
 * The target threw for one batch, or a {@link BatchStage} did: then the cause is a {@link
 * StageException}. {@link #getCause()} is what it threw, the object itself, an {@link Error} too;
 * or, where it said "no more" in contradiction to itself, an {@link IllegalStateException} that
 * says how. Never null.
 *
 * <p>Thrown once, at the place in the order where the batch belongs. It is not the end: the next
 * {@code get} delivers the next index. Only where the trial of {@link BackgroundLoader#infer} fails
 * is it thrown by {@code start()}; then there is no loader.
 *
 * <p><b>Threads.</b> Any.
 */
public final class TargetException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /** The epoch of the batch that is missing. */
  private final int epoch;

  /** Its index. */
  private final long index;

  TargetException(int epoch, long index, int worker, Throwable cause) {
    super(
        (cause instanceof StageException ? "a stage" : "the target")
            + " failed at index "
            + index
            + " of epoch "
            + epoch
            + ", on worker "
            + worker
            + ": "
            + wordsWithReason(cause),
        cause);
    this.epoch = epoch;
    this.index = index;
  }

  /**
   * One line for people who print no more: with the reason, if that says more than where it was.
   */
  private static String wordsWithReason(Throwable cause) {
    String words = words(cause);
    Throwable reason;
    try {
      reason = cause.getCause();
    } catch (Throwable t) {
      return words; // it is the target's code as well
    }
    String reasons = reason == null ? "" : words(reason);
    return words.contains(reasons) ? words : words + ": " + reasons;
  }

  /** What it says of itself; it is the target's code, and may fail in its turn. */
  static String words(Throwable cause) {
    try {
      return cause.toString();
    } catch (Throwable t) {
      return cause.getClass().getName();
    }
  }

  /**
   * The epoch of the batch that is missing.
   *
   * @return the epoch, from 0
   */
  public int epoch() {
    return epoch;
  }

  /**
   * The index of the batch that is missing.
   *
   * @return the index in its epoch, from 0
   */
  public long index() {
    return index;
  }
}
