package io.pentrough.data;

/** A {@link Dataset} could not read a sample. The cause is what it threw. */
public final class SampleException extends Exception {

  private static final long serialVersionUID = 1;

  /** The sample's index. */
  private final long index;

  SampleException(long index, long position, int epoch, Throwable cause) {
    super(
        "sample "
            + index
            + ", at position "
            + position
            + " of epoch "
            + epoch
            + ", could not be read",
        cause);
    this.index = index;
  }

  /**
   * Which sample it was.
   *
   * @return its index in the dataset
   */
  public long index() {
    return index;
  }
}
