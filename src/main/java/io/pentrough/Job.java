package io.pentrough;

/**
 * What a worker has to make: the arrays, and who fills them. The arrays lie as a target fills them,
 * also if the specification comes from a batch whose stages placed them elsewhere.
 */
record Job(BatchSpec spec, BatchTarget target) {

  Job {
    spec = spec.packed();
  }
}
