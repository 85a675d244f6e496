package io.pentrough;

/**
 * How long workers waited for a slot or for a job, and how long the consumer's work held up the
 * next batch. A part of {@link StatsRecorder}, with its rules for locks and times.
 *
 * <pre>
 *     a worker rests      and there are jobs    it waits for a slot
 *                         and there are none    it waits for a job
 *     the next copy waits for the consumer's work on its slot          held up
 *     without copies: a slot is given back but still in use, and
 *     a worker waits for a slot                                        held up
 * </pre>
 */
final class Stalls {

  private int restingWorkers;

  /** The loader has no job. */
  private boolean starved;

  /** Mapped slots that were given back and that the consumer's work still uses. */
  private int slotsInUse;

  private boolean slotsHoldUp;

  private final Gauge workersIdle = new Gauge();
  private final Gauge workersWithoutJob = new Gauge();
  private final Gauge starvedTimes = new Gauge();
  private final Gauge copiesHeldUp = new Gauge();

  /** A worker begins to wait for a host slot, or for a job. */
  void workerIdle(long now) {
    restingWorkers++;
    waits(starved).begin(now);
    watchSlotsInUse(now);
  }

  /** A worker ends its wait, with a slot or without. */
  void workerBusy(long now) {
    restingWorkers--;
    waits(starved).end(now);
    watchSlotsInUse(now);
  }

  /**
   * Whether the loader has no job. If so, all resting workers wait for a job, and not for a slot.
   */
  void starved(boolean isStarved, long now) {
    if (isStarved == starved) {
      return;
    }
    for (int i = 0; i < restingWorkers; i++) {
      waits(starved).end(now);
      waits(isStarved).begin(now);
    }
    starved = isStarved;
    if (isStarved) {
      starvedTimes.begin(now);
    } else {
      starvedTimes.end(now);
    }
    watchSlotsInUse(now);
  }

  private Gauge waits(boolean forJob) {
    return forJob ? workersWithoutJob : workersIdle;
  }

  /** The next copy has to wait for a consumer's work on its slot. */
  void copyHeldUp(long now) {
    copiesHeldUp.begin(now);
  }

  void copyLetGo(long now) {
    copiesHeldUp.end(now);
  }

  /** A mapped slot is given back, but the consumer's work still uses it. */
  void slotStillInUse(long now) {
    slotsInUse++;
    watchSlotsInUse(now);
  }

  /** The consumer's work on such a slot has run. */
  void slotNoMoreInUse(long now) {
    slotsInUse--;
    watchSlotsInUse(now);
  }

  private void watchSlotsInUse(long now) {
    boolean holdUp = slotsInUse > 0 && restingWorkers > 0 && !starved;
    if (holdUp == slotsHoldUp) {
      return;
    }
    slotsHoldUp = holdUp;
    if (holdUp) {
      copiesHeldUp.begin(now);
    } else {
      copiesHeldUp.end(now);
    }
  }

  /** Accounts for the time up to now in the three figures below. */
  void advance(long now) {
    workersIdle.advance(now);
    workersWithoutJob.advance(now);
    copiesHeldUp.advance(now);
  }

  /** The workers' waits for a slot, summed. */
  long idleNanos() {
    return workersIdle.totalNanos();
  }

  /** The workers' waits for a job, summed. */
  long workersStarvedNanos() {
    return workersWithoutJob.totalNanos();
  }

  /** The time in which the consumer's work held up the next batch. */
  long heldUpNanos() {
    return copiesHeldUp.busyNanos();
  }

  /** The time without a job, all together. */
  long starvedNanos(long now) {
    starvedTimes.advance(now);
    return starvedTimes.busyNanos();
  }
}
