package io.pentrough;

/**
 * Reports to a recorder what the engine reports of a batch, and reads the clock where the engine
 * reads it for the statistics alone.
 *
 * <p>To be kept as the engine is. Where the engine has a time at hand that it needs anyway, for a
 * timeout or for the ledger, the last reading stands for it. The lock is not entered.
 */
public final class StatisticsOfABatch {

  private static final long BYTES = 128;

  private final StatsRecorder stats = new StatsRecorder(1, 2, 3, 3);
  private long lastRead = System.nanoTime();

  /** Of a loader that has started, and has jobs. */
  public StatisticsOfABatch() {
    stats.started(lastRead);
  }

  /** A batch that is ready is got and closed: Consumers.look; Leases.release reports nothing. */
  public void get() {
    stats.consumerWaited(0);
    stats.delivered(BYTES);
    stats.takenBy(Thread.currentThread().getId());
  }

  /** A slot that is free is claimed and filled, and the batch copied. */
  public void fill() {
    // Producers.publishAndClaim
    long asked = System.nanoTime();
    stats.filled(asked - lastRead);
    stats.slotWaited(0);
    stats.stalls.starved(false, asked); // Core.lookForJobs
    // CopyProgress.ran
    stats.copyStarted(asked);
    stats.copyEnded(asked);
    stats.copied(asked - lastRead);
    stats.firstReady(asked);
    lastRead = asked;
  }
}
