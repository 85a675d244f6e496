package io.pentrough;

/**
 * How many of something are under way, and for how long. Not thread safe; its clock is the
 * caller's.
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

  /** The time in which at least one was under way. */
  long busyNanos() {
    return busyNanos;
  }

  /** The times of all, added up. */
  long totalNanos() {
    return totalNanos;
  }
}
