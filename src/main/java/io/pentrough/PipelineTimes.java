package io.pentrough;

/**
 * How long each part of the pipeline worked or waited within an interval, in nanoseconds.
 *
 * @param elapsed the length of the interval
 * @param workersIdle how long workers waited for a host slot, summed over all workers
 * @param workersStarved how long workers waited for a job, summed over all workers
 * @param copying how long at least one copy was running
 * @param heldUp how long the next copy waited for the consumer's work on the device
 * @param staging how long stages had a batch to work on
 * @param starved how long at least one consumer waited because no batch was ready
 */
record PipelineTimes(
    long elapsed,
    long workersIdle,
    long workersStarved,
    long copying,
    long heldUp,
    long staging,
    long starved) {

  static final PipelineTimes NONE = new PipelineTimes(0, 0, 0, 0, 0, 0, 0);

  PipelineTimes minus(PipelineTimes earlier) {
    return new PipelineTimes(
        elapsed - earlier.elapsed,
        workersIdle - earlier.workersIdle,
        workersStarved - earlier.workersStarved,
        copying - earlier.copying,
        heldUp - earlier.heldUp,
        staging - earlier.staging,
        starved - earlier.starved);
  }

  double starvedShare() {
    return share(starved, 1);
  }

  double copyingShare() {
    return share(copying, 1);
  }

  double heldUpShare() {
    return share(heldUp, 1);
  }

  double stagingShare() {
    return share(staging, 1);
  }

  double idleShare(int workers) {
    return share(workersIdle, workers);
  }

  double workerStarvedShare(int workers) {
    return share(workersStarved, workers);
  }

  /**
   * A share of the time of some threads. A wait may be reported late, and begin before the
   * interval.
   */
  private double share(long nanos, int threads) {
    return elapsed <= 0 ? 0 : Math.max(0, Math.min(1, nanos / ((double) elapsed * threads)));
  }
}
