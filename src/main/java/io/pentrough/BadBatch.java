package io.pentrough;

import java.util.List;

/**
 * Stands in a slot in place of a batch that is not delivered because of its bad samples: all are
 * bad, or more than are allowed. It never leaves the engine. Making one does not ask the samples'
 * causes for their words, which are a user's code: {@link #exception()} does.
 */
final class BadBatch extends Exception {

  private static final long serialVersionUID = 1;

  private final transient List<BadSample> badSamples;

  BadBatch(String message, List<BadSample> badSamples) {
    super(message, null, false, false);
    this.badSamples = badSamples;
  }

  /** All samples of a batch are bad. */
  static BadBatch ofAll(List<BadSample> badSamples) {
    return new BadBatch("all " + badSamples.size() + " samples of the batch are bad", badSamples);
  }

  List<BadSample> badSamples() {
    return badSamples;
  }

  /** What the caller of {@code get}, or a listener, finds. Without the lock. */
  BadSamplesException exception() {
    return new BadSamplesException(String.valueOf(getMessage()), badSamples);
  }
}
