package io.pentrough;

/**
 * Whether a consumer that finds nothing spins for a moment before it rests.
 *
 * <p>A wake costs the waking thread some microseconds, and the woken thread some ten more. Where
 * batches follow each other as fast as that, neither gets to its work. So a consumer spins for
 * about what being woken would cost, as long as its recent waits were that short (competitive
 * spinning: Karlin, Li, Manasse, Owicki, Empirical Studies of Competitive Spinning for a
 * Shared-Memory Multiprocessor, 1991). Where workers keep every core busy, waits are long, and it
 * rests.
 *
 * <p>memcpy-small with 1 worker makes 1.3 times as many batches with it (docs/performance.md,
 * <em>What each trick gains</em>).
 *
 * <p>Guarded by the {@link Core}.
 */
final class IdleStrategy {

  /** For how long a consumer spins at most. */
  static final long AWAKE_NANOS = 25_000;

  /** Waits of that length are worth it: what a wait of a rested consumer takes, with its waking. */
  static final long SHORT_NANOS = 40_000;

  private final boolean canHelp;
  private long recentNanos = 2 * SHORT_NANOS;

  IdleStrategy(int cores) {
    canHelp = cores > 1; // else nobody gets on while one spins
  }

  /** A consumer has waited so long, if at all. */
  void waited(long nanos) {
    recentNanos += (nanos - recentNanos) / 8;
  }

  /** Whether a consumer that has just found nothing shall spin. */
  boolean isWorthIt() {
    return canHelp && recentNanos < SHORT_NANOS;
  }
}
