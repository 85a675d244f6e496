package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.BitSet;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class DeliveredWindowTest {

  private static final int SIZE = DeliveredWindow.SIZE;

  private final DeliveredWindow window = new DeliveredWindow();

  @Test
  @DisplayName("in order, the window moves with each number and remembers all below")
  void inOrder() {
    for (long i = 0; i < 3L * SIZE; i++) {
      assertEquals(i, window.lowestOpen());
      assertFalse(window.contains(i));
      window.add(i);
      assertTrue(window.contains(i));
    }
    assertTrue(window.contains(0));
  }

  @Test
  @DisplayName("everything but the lowest fills the window; the lowest then moves it all the way")
  void fullWindow() {
    long lowest = 5L * SIZE + 3;
    for (long i = 0; i < lowest; i++) {
      window.add(i);
    }
    for (long i = lowest + SIZE - 1; i > lowest; i--) {
      assertTrue(window.reaches(i));
      window.add(i);
    }
    assertEquals(lowest, window.lowestOpen());
    assertFalse(window.contains(lowest));
    assertFalse(window.reaches(lowest + SIZE));
    assertFalse(window.contains(lowest + SIZE), "its place is that of the lowest");
    window.add(lowest);
    assertEquals(lowest + SIZE, window.lowestOpen());
    assertTrue(window.reaches(lowest + 2L * SIZE - 1));
    for (long i = lowest + SIZE; i < lowest + 2L * SIZE; i++) {
      assertFalse(window.contains(i), "a place was not cleared");
    }
  }

  static IntStream seeds() {
    return IntStream.range(0, 20);
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  @DisplayName("in any order it says what a set of all numbers would say")
  void anyOrder(int seed) {
    Random random = new Random(seed * 0x9E3779B97F4A7C15L);
    BitSet model = new BitSet();
    int spread = 1 + random.nextInt(2 * SIZE);
    for (int i = 0; i < 20_000; i++) {
      int lowest = model.nextClearBit(0);
      int number = lowest + (random.nextInt(4) == 0 ? 0 : random.nextInt(spread));
      assertEquals(number < lowest + SIZE, window.reaches(number));
      assertEquals(model.get(number), window.contains(number));
      if (window.reaches(number) && !window.contains(number)) {
        window.add(number);
        model.set(number);
      }
      assertEquals(model.nextClearBit(0), window.lowestOpen());
    }
  }
}
