package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** When a consumer stays awake, and for how long. */
@Timeout(60)
class PatienceTest {

  private static Patience after(int cores, int waits, long nanos) {
    Patience patience = new Patience(cores);
    for (int i = 0; i < waits; i++) {
      patience.waited(nanos);
    }
    return patience;
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
    Patience patience = after(2, 100, 1000);
    patience.waited(1_000_000);
    assertFalse(patience.isWorthIt());
    int waits = 0;
    while (!patience.isWorthIt()) {
      patience.waited(1000);
      waits++;
    }
    assertTrue(waits > 5 && waits < 50, waits + " waits");
  }

  @Test
  @DisplayName("staying awake ends by itself, and at once if there is news or no time")
  void ends() {
    Patience patience = after(2, 100, 0);
    patience.foundNothing();
    long since = System.nanoTime();
    patience.stayAwake(Long.MAX_VALUE);
    long took = System.nanoTime() - since;
    assertTrue(took >= Patience.AWAKE_NANOS, took + " ns");
    patience.stayAwake(0);
    patience.stayAwake(-1);
    patience.tell();
    patience.stayAwake(Long.MAX_VALUE);
  }
}
