package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** When a consumer stays awake, and for how long. */
class IdleStrategyTest {

  /** More than enough waits for the recent ones to be all that counts. */
  private static final int MANY = 100;

  /** A little, as against a short wait. */
  private static final long A_LITTLE = IdleStrategy.SHORT_NANOS / 40;

  private static final long LONG_NANOS = 25 * IdleStrategy.SHORT_NANOS;

  private static IdleStrategy after(int cores, int waits, long nanos) {
    IdleStrategy idle = new IdleStrategy(cores);
    for (int i = 0; i < waits; i++) {
      idle.waited(nanos);
    }
    return idle;
  }

  @ParameterizedTest(name = "{0} cores, {1} waits of {2} ns: {3}")
  @CsvSource({
    "2, 0, 0, false",
    "2, " + MANY + ", 0, true",
    "2, " + MANY + ", " + (IdleStrategy.SHORT_NANOS - A_LITTLE) + ", true",
    "2, " + MANY + ", " + (IdleStrategy.SHORT_NANOS + A_LITTLE) + ", false",
    "2, " + MANY + ", " + LONG_NANOS + ", false",
    "1, " + MANY + ", 0, false",
    "64, " + MANY + ", " + A_LITTLE + ", true",
  })
  @DisplayName("a consumer stays awake if its waits have been short, and there is another core")
  void isWorthIt(int cores, int waits, long nanos, boolean stays) {
    assertEquals(stays, after(cores, waits, nanos).isWorthIt());
  }

  @Test
  @DisplayName("one long wait ends it, and short ones bring it back")
  void oneLongWait() {
    IdleStrategy idle = after(2, MANY, 0);
    idle.waited(LONG_NANOS);
    assertFalse(idle.isWorthIt());
    idle.waited(0);
    assertFalse(idle.isWorthIt(), "one is not enough");
    for (int i = 0; i < MANY; i++) {
      idle.waited(0);
    }
    assertTrue(idle.isWorthIt());
  }

  @Test
  @DisplayName("spinning ends by itself, and at once if there is news or no time")
  void ends() {
    Ticking time = new Ticking();
    ConsumerSignals signals =
        new ConsumerSignals(
            this, time, after(2, MANY, 0), new CopyWatch(CopyWatch.Way.NOBODY, time));
    long news = signals.news();
    assertEquals(
        IdleStrategy.AWAKE_NANOS, spun(time, () -> signals.stayAwake(news, Long.MAX_VALUE)));
    assertEquals(2 * Ticking.TICK, spun(time, () -> signals.stayAwake(news, 2 * Ticking.TICK)));
    assertEquals(Ticking.TICK, spun(time, () -> signals.stayAwake(news, 0)), "one look");
    assertEquals(Ticking.TICK, spun(time, () -> signals.stayAwake(news, -1)), "one look");
    synchronized (this) {
      signals.signal();
    }
    assertEquals(0, spun(time, () -> signals.stayAwake(news, Long.MAX_VALUE)));
  }

  /** For how long it has looked for news. */
  private static long spun(Ticking time, Runnable stayAwake) {
    long before = time.now;
    stayAwake.run();
    return Math.max(0, time.now - before - Ticking.TICK); // but for the first look at the clock
  }

  /** A clock that goes on whenever somebody looks at it. */
  private static final class Ticking implements Time {
    static final long TICK = IdleStrategy.AWAKE_NANOS / 25;
    long now;

    @Override
    public long now() {
      return now += TICK;
    }

    @Override
    public void park(Object blocker, long nanos) {
      throw new AssertionError("it rests");
    }

    @Override
    public void await(Object lock, long nanos) {
      throw new AssertionError("it rests");
    }
  }
}
