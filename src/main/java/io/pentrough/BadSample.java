package io.pentrough;

import java.util.Objects;

/**
 * A sample that a target has left out of its batch, because it could not be made. The batch is
 * shorter by it.
 *
 * <p>Immutable. <b>Threads.</b> Any.
 */
public final class BadSample {

  private final long index;
  private final Throwable cause;

  BadSample(long index, Throwable cause) {
    this.index = index;
    this.cause = Objects.requireNonNull(cause, "cause");
  }

  /**
   * Which sample it is.
   *
   * @return its index in the dataset, as the target has given it
   */
  public long index() {
    return index;
  }

  /**
   * Why it could not be made.
   *
   * @return what was thrown
   */
  public Throwable cause() {
    return cause;
  }

  /** For messages. */
  @Override
  public String toString() {
    return "sample " + index + ": " + TargetException.words(cause);
  }
}
