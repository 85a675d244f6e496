package io.pentrough;

/**
 * What a get of a {@link ParallelLoader} wants.
 *
 * @param began when it was called
 * @param nanos the longest wait; {@link Long#MAX_VALUE} for no bound, but not in silence
 * @param queued whether the streams wait for the copies, instead of the caller
 * @param inLoop whether {@code close} closes the leases, if the loop is left early
 * @param lastEpoch no step after it; only without a bound
 */
record StepRequest(long began, long nanos, boolean queued, boolean inLoop, int lastEpoch) {

  boolean isUnbounded() {
    return nanos == Long.MAX_VALUE;
  }

  /** How long it may still wait. */
  long left(long now) {
    return isUnbounded() ? Long.MAX_VALUE : nanos - (now - began);
  }
}
