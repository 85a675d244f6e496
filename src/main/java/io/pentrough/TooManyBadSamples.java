package io.pentrough;

import java.util.List;

/**
 * Stands in a slot in place of a batch that has more bad samples than are allowed. Made under the
 * {@link Core}'s lock, where the samples' causes must not be asked for their words: those are a
 * user's code. {@link #exception()} asks them.
 */
final class TooManyBadSamples extends Exception {

  private static final long serialVersionUID = 1;

  private final transient List<BadSample> badSamples;

  TooManyBadSamples(String message, List<BadSample> badSamples) {
    super(message, null, false, false);
    this.badSamples = badSamples;
  }

  /** What the caller of {@code get} finds. Without the lock. */
  BadSamplesException exception() {
    return new BadSamplesException(String.valueOf(getMessage()), badSamples);
  }
}
