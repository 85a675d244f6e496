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
    "2, 100, 0, true",
    "2, 100, 39000, true",
    "2, 100, 41000, false",
    "2, 100, 1000000, false",
    "1, 100, 0, false",
    "64, 100, 1000, true",
  })
  @DisplayName("a consumer stays awake if its waits have been short, and there is another core")
  void isWorthIt(int cores, int waits, long nanos, boolean stays) {
    assertEquals(stays, after(cores, waits, nanos).isWorthIt());
  }

  @Test
  @DisplayName("one long wait ends it, and short ones bring it back")
  void oneLongWait() {
    IdleStrategy idle = after(2, 100, 1000);
    idle.waited(1_000_000);
    assertFalse(idle.isWorthIt());
    int waits = 0;
    while (!idle.isWorthIt()) {
      idle.waited(1000);
      waits++;
    }
    assertTrue(waits > 5 && waits < 50, waits + " waits");
  }

  @Test
  @DisplayName("spinning ends by itself, and at once if there is news or no time")
  void ends() {
    ConsumerSignals signals =
        new ConsumerSignals(
            this, Time.SYSTEM, after(2, 100, 0), new CopyWatch(CopyWatch.Way.NOBODY, Time.SYSTEM));
    long news = signals.news();
    long since = System.nanoTime();
    signals.stayAwake(news, Long.MAX_VALUE);
    long took = System.nanoTime() - since;
    assertTrue(took >= IdleStrategy.AWAKE_NANOS, took + " ns");
    signals.stayAwake(news, 0);
    signals.stayAwake(news, -1);
    synchronized (this) {
      signals.tell();
    }
    signals.stayAwake(news, Long.MAX_VALUE);
  }
}
