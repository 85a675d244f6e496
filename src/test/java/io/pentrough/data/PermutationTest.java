package io.pentrough.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.Allocations;
import io.pentrough.testkit.Exhaustive;
import java.util.BitSet;
import java.util.Random;
import java.util.function.LongUnaryOperator;
import java.util.stream.LongStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** That it is a permutation, and which. {@link PermutationQualityTest} asks how random it is. */
class PermutationTest {

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "1                   | 0 0 0",
        "2                   | 1 0 0",
        "10                  | 5 4 8",
        "1023                | 421 919 283",
        "1024                | 1006 962 759",
        "1025                | 865 915 1002",
        "60000               | 55852 54008 42255",
        "1000000             | 115832 536260 940708",
        "2147483648          | 338456562 1782863876 1566709664",
        "1099511640121       | 1076586595651 888233733695 545401506188",
        "4611686018427387904 | 1515399078930824887 96189782397323822 3399010414350254889",
      })
  @DisplayName("the same orders on every machine and JDK, for ever")
  void goldenValues(long size, String expected) {
    Permutation permutation = Permutation.of(42, 3, size);
    String seen =
        permutation.at(0) + " " + permutation.at(size / 2) + " " + permutation.at(size - 1);
    assertEquals(expected, seen);
  }

  @Test
  @DisplayName("a small order in full")
  void goldenOrder() {
    assertArrayEquals(new long[] {3, 5, 0, 7, 1, 6, 8, 4, 9, 2}, numbers(Permutation.of(0, 0, 10)));
    assertArrayEquals(
        new long[] {3, 1, 5, 8, 2, 7, 0, 6, 4, 9},
        numbers(Permutation.of(-1, Integer.MAX_VALUE, 10)));
  }

  @Test
  @DisplayName("each number is at exactly one position, and indexOf finds it: all sizes to 4,096")
  void everySmallSize() {
    for (int size = 0; size <= 4096; size++) {
      assertBijection(Permutation.of(7, size % 5, size));
    }
  }

  @Test
  @DisplayName("a network is a permutation also where a table is used instead of it")
  void networksOfFewNumbers() {
    for (int size = 1; size <= ShuffledTable.MAX_SIZE; size++) {
      FeistelNetwork network = new FeistelNetwork(size);
      network.rekey(size * 31L);
      assertBijection(network::at, network::indexOf, size);
    }
  }

  @Test
  @DisplayName("the same for sizes to 2^20: squares, powers of two, their neighbours, and others")
  void someLargerSizes() {
    Random random = new Random(20261129);
    LongStream.of(1 << 13, 1 << 20, (1 << 20) - 1, 1023 * 1023, 1023 * 1023 + 1, 1023 * 1024 + 1)
        .forEach(size -> assertBijection(Permutation.of(random.nextLong(), 0, size)));
    for (int i = 0; i < Exhaustive.count(2, 20); i++) {
      int size = 4097 + random.nextInt((1 << 20) - 4096);
      assertBijection(Permutation.of(random.nextLong(), i, size));
    }
  }

  private static void assertBijection(Permutation permutation) {
    assertBijection(permutation::at, permutation::indexOf, (int) permutation.size());
  }

  private static void assertBijection(LongUnaryOperator at, LongUnaryOperator indexOf, int size) {
    BitSet seen = new BitSet(size);
    for (int i = 0; i < size; i++) {
      long number = at.applyAsLong(i);
      if (number < 0 || number >= size || indexOf.applyAsLong(number) != i) {
        throw new AssertionError("size " + size + ": " + number + " at " + i);
      }
      seen.set((int) number);
    }
    assertEquals(size, seen.cardinality());
  }

  @Test
  @DisplayName("indexOf(at(i)) == i and at(indexOf(v)) == v at a million places of sizes to 2^62")
  void inverseOfLargeSizes() {
    Random random = new Random(62);
    long root = 1L << 31;
    long[] special = {
      (1L << 40) + 12345,
      1L << 40,
      root * root,
      root * root - 1,
      (root - 1) * (root - 1),
      (root - 1) * (root - 1) + 1,
      (root - 1) * root + 1,
      3_037_000_499L * 1000
    };
    for (int i = 0; i < 1000; i++) {
      long size =
          i < special.length ? special[i] : (1L << (20 + i % 42)) + (random.nextLong() >>> 44);
      Permutation permutation = Permutation.of(random.nextLong(), i, size);
      for (int j = 0; j < 1000; j++) {
        long place = j == 0 ? 0 : j == 1 ? size - 1 : (random.nextLong() >>> 1) % size;
        long number = permutation.at(place);
        long position = permutation.indexOf(place);
        if (number < 0
            || number >= size
            || permutation.indexOf(number) != place
            || position < 0
            || position >= size
            || permutation.at(position) != place) {
          throw new AssertionError(permutation + " at " + place);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {100, 5000})
  @DisplayName("another seed, epoch or size gives another order, and the same ones the same order")
  void functionOfItsKey(int size) {
    Permutation permutation = Permutation.of(1, 2, size);
    long[] numbers = numbers(permutation);
    for (int[] other : new int[][] {{2, 2}, {1, 1}, {2, 1}, {0, 3}, {-1, 2}, {1, -2}}) {
      permutation.rekey(other[0], other[1]);
      assertFewInCommon(numbers, numbers(permutation));
      assertArrayEquals(numbers(Permutation.of(other[0], other[1], size)), numbers(permutation));
    }
    permutation.rekey(1, 2);
    assertArrayEquals(numbers, numbers(permutation));
    permutation.rekey(1, 2);
    assertArrayEquals(numbers, numbers(permutation));
    assertFewInCommon(numbers, numbers(Permutation.of(1, 2, size + 1)));
  }

  /** Two random orders have one place in common on average. */
  private static void assertFewInCommon(long[] one, long[] other) {
    int common = 0;
    for (int i = 0; i < one.length; i++) {
      common += one[i] == other[i] ? 1 : 0;
    }
    assertTrue(common < 10, "places in common: " + common);
  }

  private static long[] numbers(Permutation permutation) {
    return LongStream.range(0, permutation.size()).map(permutation::at).toArray();
  }

  @ParameterizedTest
  @ValueSource(ints = {1000, 100_000})
  @DisplayName("I6: no heap, neither for a batch nor for a new epoch")
  void allocatesNothing(int size) throws Exception {
    Permutation permutation = Permutation.of(1, 0, size);
    long[] sink = new long[1];
    assertEquals(
        0,
        Allocations.bytesOf(
            () -> {
              for (int epoch = 0; epoch < 10; epoch++) {
                permutation.rekey(1, epoch);
                for (int i = 0; i < 64; i++) {
                  sink[0] += permutation.at(i) + permutation.indexOf(i);
                }
              }
            }));
    assertNotEquals(0, sink[0]);
  }

  @Test
  @DisplayName("a negative or too large size, and a place outside, are refused with the numbers")
  void misuse() {
    for (long size : new long[] {-1, Long.MIN_VALUE, (1L << 62) + 1, Long.MAX_VALUE}) {
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> Permutation.of(1, 1, size));
      assertEquals(
          "a permutation cannot have " + size + " numbers: give it 0 to 2^62", e.getMessage());
    }
    assertEquals(1L << 62, Permutation.of(1, 1, 1L << 62).size());
    for (long size : new long[] {0, 5, 5000}) {
      Permutation permutation = Permutation.of(1, 2, size);
      assertEquals("permutation of " + size + ", seed 1, epoch 2", permutation.toString());
      for (long outside : new long[] {-1, size, Long.MAX_VALUE, Long.MIN_VALUE}) {
        String place = outside + " is not in a permutation of " + size + " numbers";
        IndexOutOfBoundsException e =
            assertThrows(IndexOutOfBoundsException.class, () -> permutation.at(outside));
        assertEquals("position " + place, e.getMessage());
        e = assertThrows(IndexOutOfBoundsException.class, () -> permutation.indexOf(outside));
        assertEquals("number " + place, e.getMessage());
      }
    }
  }
}
