package io.pentrough;

/**
 * Counts how many activities are running, and for how long. Not thread safe. The caller passes the
 * time.
 */
final class Gauge {

  private int underWay;
  private long since;
  private long busyNanos;
  private long totalNanos;

  void begin(long now) {
    advance(now);
    underWay++;
  }

  void end(long now) {
    if (underWay == 0) {
      throw new IllegalStateException("nothing is under way that could end");
    }
    advance(now);
    underWay--;
  }

  /** Accounts for the time up to now, so that the two figures below include what is open. */
  void advance(long now) {
    long elapsed = now - since;
    if (underWay > 0) {
      busyNanos += elapsed;
      totalNanos += elapsed * underWay;
    }
    since = now;
  }

  /** The time in which at least one activity was running. */
  long busyNanos() {
    return busyNanos;
  }

  /** The sum of the times of all activities. */
  long totalNanos() {
    return totalNanos;
  }
}
