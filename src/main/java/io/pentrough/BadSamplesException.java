package io.pentrough;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Why a batch is not delivered though its target has returned: too many of its samples are bad, or
 * all of them.
 *
 * <p>It is the cause of a {@link TargetException} if a batch would exceed {@link
 * EpochTarget#maxBadSamples}. A {@link FailurePolicy.SkipListener} gets it for a batch that is left
 * out because it has no good sample.
 */
public final class BadSamplesException extends RuntimeException {

  private static final long serialVersionUID = 1;

  /** Null after deserialization. */
  private final transient @Nullable List<BadSample> badSamples;

  BadSamplesException(String message, List<BadSample> badSamples) {
    super(message + "; the first is " + badSamples.get(0), badSamples.get(0).cause());
    this.badSamples = List.copyOf(badSamples);
  }

  /**
   * The bad samples of the batch.
   *
   * @return an immutable list, at least one, in the order of the batch's rows; empty if this
   *     exception was serialized
   */
  public List<BadSample> badSamples() {
    return badSamples == null ? List.of() : badSamples;
  }
}
