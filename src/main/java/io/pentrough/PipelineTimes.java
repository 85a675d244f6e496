package io.pentrough;

/**
 * For how long who worked or waited, in nanoseconds, within a time.
 *
 * @param elapsed the time itself
 * @param workersIdle waits for a host slot, of all workers together
 * @param workersJobless waits for a job, of all workers together
 * @param copying at least one copy was under way
 * @param heldUp the next copy waited for the consumer's work on the device
 * @param staging stages had a batch to work on
 * @param starved at least one consumer waited, with nothing ready
 */
record PipelineTimes(
    long elapsed,
    long workersIdle,
    long workersJobless,
    long copying,
    long heldUp,
    long staging,
    long starved) {

  static final PipelineTimes NONE = new PipelineTimes(0, 0, 0, 0, 0, 0, 0);

  PipelineTimes minus(PipelineTimes earlier) {
    return new PipelineTimes(
        elapsed - earlier.elapsed,
        workersIdle - earlier.workersIdle,
        workersJobless - earlier.workersJobless,
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

  double joblessShare(int workers) {
    return share(workersJobless, workers);
  }

  /** The share of the time of so many threads: a wait told late may reach back beyond its begin. */
  private double share(long nanos, int threads) {
    return elapsed <= 0 ? 0 : Math.max(0, Math.min(1, nanos / ((double) elapsed * threads)));
  }
}
