package io.pentrough;

/**
 * Whether a consumer that finds nothing stays awake for a moment before it rests.
 *
 * <p>Waking a thread costs whoever wakes it some microseconds, and the woken one some ten more.
 * Where batches follow each other as fast as that, neither gets to its work. So a consumer looks on
 * for about what being woken would cost, as long as its waits have been that short of late
 * (competitive spinning: Karlin, Li, Manasse, Owicki, Empirical Studies of Competitive Spinning for
 * a Shared-Memory Multiprocessor, 1991). Where workers keep every core busy, waits are long, and it
 * rests.
 *
 * <p>Guarded by the engine's monitor, but for {@link #stayAwake}.
 */
final class Patience {

  /** For how long a consumer stays awake at the most. */
  static final long AWAKE_NANOS = 25_000;

  /** Waits of that length are worth it: what a wait of a rested consumer takes, with its waking. */
  static final long SHORT_NANOS = 40_000;

  private final boolean canHelp;
  private long recentNanos = 2 * SHORT_NANOS;

  /** Whether there may be something for a consumer since one has found nothing. */
  private volatile boolean news;

  Patience(int cores) {
    canHelp = cores > 1; // else nobody gets on while one stays awake
  }

  /** A consumer has waited so long, if at all. */
  void waited(long nanos) {
    recentNanos += (nanos - recentNanos) / 8;
  }

  /** Whether a consumer that has just found nothing shall stay awake. */
  boolean isWorthIt() {
    return canHelp && recentNanos < SHORT_NANOS;
  }

  /** A consumer has found nothing. */
  void foundNothing() {
    news = false;
  }

  /** There may be something for a consumer now. */
  void tell() {
    if (!news) {
      news = true;
    }
  }

  /** Returns when there may be something, or after a moment. */
  void stayAwake(long atMostNanos) {
    long most = Math.min(atMostNanos, AWAKE_NANOS);
    long since = System.nanoTime();
    while (!news && System.nanoTime() - since < most) {
      Thread.onSpinWait();
    }
  }
}
