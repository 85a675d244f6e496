package io.pentrough;

import org.jspecify.annotations.Nullable;

/**
 * What a worker has to make: the arrays, and who fills them. The arrays lie as a target fills them,
 * also if the specification comes from a batch whose stages placed them elsewhere.
 */
record Job(BatchSpec spec, BatchTarget target) {

  Job {
    spec = spec.packed();
  }

  /**
   * The target, if it knows its epochs; null if it does not.
   *
   * @throws IllegalArgumentException if it cannot fill the arrays
   */
  @Nullable EpochTarget epochTarget() {
    if (target instanceof EpochTarget knowing) {
      knowing.check(spec);
      return knowing;
    }
    return null;
  }
}
