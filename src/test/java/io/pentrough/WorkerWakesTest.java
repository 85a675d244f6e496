package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WorkerWakesTest {

  @ParameterizedTest(name = "{0} of {1} free, each worth it {2}: {3}")
  @CsvSource({
    "0, 4, true, false",
    "1, 4, true, true",
    "0, 1, false, false",
    "1, 1, false, true",
    "1, 4, false, false",
    "2, 4, false, true",
    "2, 5, false, false",
    "3, 5, false, true",
  })
  @DisplayName("a worker is woken for one slot if that is worth it, else for half of them")
  void areEnough(int free, int all, boolean eachIsWorthIt, boolean wakes) {
    assertEquals(wakes, WorkerWakes.areEnough(free, all, eachIsWorthIt));
  }
}
