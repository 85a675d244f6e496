package io.pentrough;

/** What a worker has to make: the arrays, and who fills them. */
record Job(BatchSpec spec, BatchTarget target) {}
