package io.pentrough;

/**
 * Tells a recorder what {@link Engine} tells it of a batch, and reads the clock where Engine reads
 * it for the statistics alone.
 *
 * <p>To be kept as Engine is. Where Engine has a time at hand that it needs anyway, for a timeout
 * or for the ledger, the last reading stands for it. The monitor is not entered.
 */
public final class StatisticsOfABatch {

  private static final long BYTES = 128;

  private final StatsRecorder stats = new StatsRecorder(1, 2, 3);
  private long lastRead = System.nanoTime();

  /** Of a loader that has started, and has jobs. */
  public StatisticsOfABatch() {
    stats.started(lastRead);
  }

  /** A batch that is ready is got and closed: Engine.take; Engine.release tells nothing. */
  public void get() {
    stats.consumerWaited(0);
    stats.delivered(BYTES);
  }

  /** A slot that is free is claimed and filled, and the batch copied. */
  public void fill() {
    // Engine.claim
    long asked = System.nanoTime();
    stats.workerIdle(asked);
    long dryBefore = stats.dryNanos(asked);
    stats.workerBusy(asked);
    stats.slotWaited(Math.max(0, asked - lastRead - (stats.dryNanos(asked) - dryBefore)));
    stats.dry(false, asked); // Engine.lookForJobs
    // Engine.filled
    stats.filled(asked - lastRead);
    // Engine.ran
    stats.copyStarted(asked);
    stats.copyEnded(asked);
    stats.copied(asked - lastRead);
    stats.firstReady(asked);
    lastRead = asked;
  }
}
