package io.pentrough;

import java.util.Objects;

/**
 * What a loader does when its target throws. Immutable.
 *
 * <pre>{@code
 * builder.onFailure(
 *     FailurePolicy.retry(3).thenSkip(10, (epoch, index, cause) -> log(index + ": " + cause)));
 * }</pre>
 *
 * <p>Every call of the target that throws counts in {@link LoaderStats#failures()}, and the last
 * exception is the cause of a {@link BatchTimeoutException}.
 *
 * <p><b>Threads.</b> Any.
 */
public final class FailurePolicy {

  /**
   * Called for every batch that is skipped. This includes batches without a good sample, which are
   * left out whatever the policy and do not count against its bound.
   */
  @FunctionalInterface
  public interface SkipListener {

    /**
     * A batch is skipped. Called by the {@code get} that skips it: on its thread, outside any lock,
     * and before it returns, throws or waits again. So a slow listener delays that {@code get}. An
     * exception that this method throws is logged and otherwise ignored.
     *
     * @param epoch the batch's epoch
     * @param index its index
     * @param cause what the target threw; a {@link BadSamplesException} if all samples of the batch
     *     are bad
     */
    void skipped(int epoch, long index, Throwable cause);
  }

  private static final SkipListener NOBODY = (epoch, index, cause) -> {};

  private final int retries;
  private final long skips;
  private final SkipListener listener;

  private FailurePolicy(int retries, long skips, SkipListener listener) {
    this.retries = retries;
    this.skips = skips;
    this.listener = listener;
  }

  /**
   * The default: the {@code get} whose turn it is throws a {@link TargetException}.
   *
   * @return the policy
   */
  public static FailurePolicy fail() {
    return new FailurePolicy(0, 0, NOBODY);
  }

  /**
   * Calls the target again for the same batch, on the same thread and with the same random numbers
   * (I8). {@link BatchContext#attempt()} counts the attempts. If the last attempt fails too, that
   * failure is thrown. To leave the batch out instead, see {@link #thenSkip}.
   *
   * @param retries how many more attempts a batch gets, at least 1
   * @return the policy
   * @throws IllegalArgumentException if less than 1
   */
  public static FailurePolicy retry(int retries) {
    return new FailurePolicy((int) atLeastOne("retries", retries), 0, NOBODY);
  }

  /**
   * Leaves failed batches out: the next {@code get} delivers the next index, and the gap shows in
   * the indexes. Once the bound is reached, failures are thrown.
   *
   * <p>A batch is skipped when a {@code get} reaches it, not when its target throws. So each batch
   * that is left out is counted once and reported to the listener once. The bound is used up in the
   * order of delivery, whichever worker fails first.
   *
   * <p>A failed batch that no {@code get} reaches is not skipped: it was made again after a {@link
   * BackgroundLoader#reset}, or it lies after the end of its epoch. Its failure still counts in
   * {@link LoaderStats#failures()}.
   *
   * @param atMost how many batches of one loader may be left out, at least 1
   * @param listener called for each, in the order of delivery if one thread gets the batches, and
   *     by several threads at once if several do
   * @return the policy
   * @throws IllegalArgumentException if less than 1
   */
  public static FailurePolicy skip(long atMost, SkipListener listener) {
    return new FailurePolicy(
        0,
        atLeastOne("atMost", atMost),
        Objects.requireNonNull(
            listener,
            "listener: to report skipped batches to nobody, pass (epoch, index, cause) -> {}"));
  }

  /**
   * Leaves a batch out if its last attempt fails too: {@code retry(3).thenSkip(10, listener)}.
   * Batches are left out, counted and reported as with {@link #skip}.
   *
   * @param atMost how many batches of one loader may be left out, at least 1
   * @param listener called for each, as with {@link #skip}
   * @return a new policy, with the attempts of this one
   * @throws IllegalArgumentException if less than 1
   * @throws IllegalStateException if this policy leaves batches out already
   */
  public FailurePolicy thenSkip(long atMost, SkipListener listener) {
    if (skips > 0) {
      throw new IllegalStateException(
          "this policy is \"" + this + "\" already: say once how many batches may be left out");
    }
    return new FailurePolicy(retries, skip(atMost, listener).skips, listener);
  }

  int retries() {
    return retries;
  }

  long skips() {
    return skips;
  }

  SkipListener listener() {
    return listener;
  }

  private static long atLeastOne(String what, long value) {
    if (value < 1) {
      throw new IllegalArgumentException(what + " must be at least 1, not " + value);
    }
    return value;
  }

  /** For messages. */
  @Override
  public String toString() {
    String skipping = "skip at most " + skips;
    if (retries == 0) {
      return skips > 0 ? skipping : "fail";
    }
    return "retry " + retries + (skips > 0 ? ", then " + skipping : "");
  }
}
