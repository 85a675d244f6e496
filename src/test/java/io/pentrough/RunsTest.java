package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.BitSet;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class RunsTest {

  static IntStream seeds() {
    return IntStream.range(0, 200);
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  @DisplayName("added in any order, it says what a set of all numbers would say")
  void anyOrder(int seed) {
    Random random = new Random(seed * 0x9E3779B97F4A7C15L);
    BitSet model = new BitSet();
    Runs.Builder builder = new Runs.Builder();
    int most = 1 + random.nextInt(100);
    for (int i = random.nextInt(20); i > 0; i--) {
      int first = random.nextInt(most);
      int end = first + random.nextInt(8);
      builder.add(first, end);
      model.set(first, end);
    }
    Runs runs = builder.build();
    assertEquals(model.length(), runs.end());
    assertEquals(model.cardinality(), runs.count());
    assertEquals(model.isEmpty(), runs.isEmpty());
    int open = 0;
    for (int number = 0; number < most + 20; number++) {
      assertEquals(model.get(number), runs.contains(number));
      assertEquals(model.nextClearBit(number), runs.nextOpen(number));
      assertEquals(open, runs.openBelow(number));
      if (!model.get(number)) {
        assertEquals(number, runs.open(open++));
      }
    }
    int from = random.nextInt(most);
    int to = from + random.nextInt(most);
    Runs part = new Runs.Builder().add(runs, from, to, -from).build();
    BitSet partOfModel = model.get(from, to);
    assertEquals(Runs.of(partOfModel.stream().asLongStream().toArray()), part);
    assertEquals(runs, Runs.of(model.stream().asLongStream().toArray()));
    assertEquals(runs, Runs.parse(runs.toString()));
    assertEquals(runs, Runs.parse(runs.numbers()));
    assertEquals(runs.hashCode(), Runs.parse(runs.toString()).hashCode());
  }

  @Test
  void text() {
    assertEquals("-", Runs.NONE.toString());
    assertEquals("1-3,7", Runs.of(7, 1, 3, 2).toString());
    assertEquals("1,2,3,7", Runs.of(7, 1, 3, 2).numbers());
    for (String bad :
        new String[] {
          "",
          ",",
          "1,",
          "x",
          "-1",
          "1-",
          "3-1",
          "1,1",
          "1-3,3",
          "2,1",
          "1--2",
          "9223372036854775807",
          "1-9223372036854775808"
        }) {
      assertThrows(NumberFormatException.class, () -> Runs.parse(bad), bad);
    }
  }
}
