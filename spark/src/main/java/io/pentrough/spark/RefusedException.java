package io.pentrough.spark;

/**
 * Something that another attempt would not cure, such as a checkpoint of other data, a task without
 * a GPU, or a store that is full. It ends an {@link ElasticJob} at once. A task may throw it for
 * the same purpose.
 */
public class RefusedException extends RuntimeException {

  private static final long serialVersionUID = 1;

  /**
   * A refusal.
   *
   * @param message what is wrong, and what to do
   */
  public RefusedException(String message) {
    super(message);
  }

  /**
   * A refusal with its cause.
   *
   * @param message what is wrong, and what to do
   * @param cause what led to it
   */
  public RefusedException(String message, Throwable cause) {
    super(message, cause);
  }
}
