package io.pentrough;

import java.util.List;

/**
 * Stands in a slot in place of a batch all of whose samples are bad, until its turn comes. Never
 * leaves the engine.
 */
final class NoGoodSample extends Exception {

  private static final long serialVersionUID = 1;

  private final transient List<BadSample> badSamples;

  NoGoodSample(List<BadSample> badSamples) {
    super("all samples of the batch are bad", null, false, false);
    this.badSamples = badSamples;
  }

  List<BadSample> badSamples() {
    return badSamples;
  }
}
