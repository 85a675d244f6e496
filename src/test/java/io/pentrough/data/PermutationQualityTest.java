package io.pentrough.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.BitSet;
import java.util.Locale;
import java.util.function.LongUnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Whether permutations look random. The keys are fixed, so a test gives the same figures each time.
 */
class PermutationQualityTest {

  /** Standard deviations. Of the hundred figures here none is as far off by chance. */
  private static final double FAR = 4.5;

  private interface Orders {
    LongUnaryOperator of(int key);
  }

  /** As {@link Permutation} makes them, of consecutive epochs. */
  private static Orders permutations(Permutation permutation) {
    return key -> {
      permutation.rekey(42, key);
      return permutation::at;
    };
  }

  private static Orders networks(int size) {
    FeistelNetwork network = new FeistelNetwork(size);
    return key -> {
      network.rekey(SplitMix64.key(42, key, size));
      return network::at;
    };
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4, 5, 6, 7})
  @DisplayName("all orders of few numbers are equally likely")
  void allOrders(int size) {
    assertNear(
        0,
        ordersOf(size, permutations(Permutation.of(42, 0, size))).z(),
        "z of chi-squared over all orders");
  }

  @Test
  @Tag("exhaustive")
  @DisplayName("why few numbers have a table: a network does not reach their orders alike (report)")
  void allOrdersOfANetwork(TestReporter report) {
    for (int size = 3; size <= 7; size++) {
      Counts orders = ordersOf(size, networks(size));
      report.publishEntry(
          "network of " + size,
          String.format(
              Locale.ROOT,
              "chi2/df over all orders %.2f where 1 is right, %d of %d orders never seen",
              orders.chiSquared() / (orders.counts.length - 1),
              Arrays.stream(orders.counts).filter(count -> count == 0).count(),
              orders.counts.length));
      assertTrue(
          size < 5 || orders.z() > FAR, "the yardstick does not find an order that is not random");
    }
  }

  private static Counts ordersOf(int size, Orders orders) {
    int all = 1;
    for (int i = 2; i <= size; i++) {
      all *= i;
    }
    Counts counts = new Counts(all);
    for (int key = 0; key < 200_000; key++) {
      LongUnaryOperator order = orders.of(key);
      int code = 0; // the Lehmer code of the order
      int used = 0;
      for (int i = 0; i < size; i++) {
        int number = (int) order.applyAsLong(i);
        int below = Integer.bitCount(used & ((1 << number) - 1));
        code = code * (size - i) + number - below;
        used |= 1 << number;
      }
      counts.add(code);
    }
    return counts;
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 20, 50})
  @DisplayName("all pairs of numbers are equally likely at two positions, of a table")
  void pairsOfATable(int size) {
    int[][] places = {{0, 1}, {0, size - 1}, {size / 2, size / 2 + 1}};
    Orders orders = permutations(Permutation.of(42, 0, size));
    Counts[] pairs = counts(places.length, size * (size - 1));
    for (int key = 0; key < 100_000; key++) {
      LongUnaryOperator order = orders.of(key);
      for (int i = 0; i < places.length; i++) {
        int one = (int) order.applyAsLong(places[i][0]);
        int other = (int) order.applyAsLong(places[i][1]);
        pairs[i].add(one * (size - 1) + (other > one ? other - 1 : other));
      }
    }
    for (int i = 0; i < places.length; i++) {
      assertNear(0, pairs[i].z(), "z of chi-squared over pairs at " + Arrays.toString(places[i]));
    }
  }

  @ParameterizedTest
  @Tag("exhaustive")
  @ValueSource(ints = {1000, 1025, 4099, 65_537, 1_000_003, Integer.MAX_VALUE})
  @DisplayName("two positions, two epochs, and a position and its number are independent")
  void pairs(int size) {
    int bins = 16;
    int[] positions = {0, 1, size / 2, size - 1};
    Permutation permutation = Permutation.of(42, 0, size);
    Orders orders = permutations(permutation);
    Counts[] neighbours = counts(positions.length, bins * bins);
    Counts[] epochs = counts(positions.length, bins * bins);
    Counts[] inverses = counts(positions.length, bins * bins);
    int[] before = new int[positions.length];
    for (int key = -1; key < 100_000; key++) {
      LongUnaryOperator order = orders.of(key);
      for (int i = 0; i < positions.length; i++) {
        int position = positions[i];
        int here = bin(order.applyAsLong(position), size, bins);
        if (key >= 0) {
          int next = bin(order.applyAsLong((position + 1) % size), size, bins);
          neighbours[i].add(here * bins + next);
          epochs[i].add(here * bins + before[i]);
          inverses[i].add(here * bins + bin(permutation.indexOf(position), size, bins));
        }
        before[i] = here;
      }
    }
    for (int i = 0; i < positions.length; i++) {
      String at = " at " + positions[i];
      assertNear(0, neighbours[i].z(), "z of pairs of neighbours" + at);
      assertNear(0, epochs[i].z(), "z of pairs of epochs" + at);
      assertNear(0, inverses[i].z(), "z of pairs of a number and its position" + at);
    }
  }

  private static int bin(long number, int size, int bins) {
    return (int) (number * bins / size);
  }

  @ParameterizedTest
  @Tag("exhaustive")
  @ValueSource(ints = {16, 100, 1024, 1025, 3000, 65_537})
  @DisplayName("descents, inversions, cycles and neighbours that stay together are as many as due")
  void shape(int size) {
    int keys = Math.min(20_000, 3_000_000 / size);
    Orders orders = permutations(Permutation.of(42, 0, size));
    double harmonic = 0;
    double squares = 0;
    for (int i = 1; i <= size; i++) {
      harmonic += 1.0 / i;
      squares += 1.0 / i / i;
    }
    double n = size;
    Standardised descents = new Standardised((n - 1) / 2, (n + 1) / 12);
    Standardised inversions = new Standardised(n * (n - 1) / 4, n * (n - 1) * (2 * n + 5) / 72);
    Standardised cycles = new Standardised(harmonic, harmonic - squares);
    Standardised together = new Standardised((n - 1) / n, 1 - 1 / n); // v, v + 1: nearly Poisson
    int[] numbers = new int[size];
    for (int key = 0; key < keys; key++) {
      LongUnaryOperator order = orders.of(key);
      for (int i = 0; i < size; i++) {
        numbers[i] = (int) order.applyAsLong(i);
      }
      descents.add(descents(numbers));
      inversions.add((double) inversions(numbers));
      cycles.add(cycles(numbers));
      together.add(together(numbers));
    }
    descents.check("descents");
    inversions.check("inversions");
    cycles.check("cycles");
    together.check("neighbours that stay together");
  }

  private static int descents(int[] numbers) {
    int count = 0;
    for (int i = 1; i < numbers.length; i++) {
      count += numbers[i] < numbers[i - 1] ? 1 : 0;
    }
    return count;
  }

  private static int together(int[] numbers) {
    int count = 0;
    for (int i = 1; i < numbers.length; i++) {
      count += numbers[i] == numbers[i - 1] + 1 ? 1 : 0;
    }
    return count;
  }

  /** With a Fenwick tree of the numbers seen. */
  private static long inversions(int[] numbers) {
    int[] seen = new int[numbers.length + 1];
    long count = 0;
    for (int i = 0; i < numbers.length; i++) {
      int smaller = 0;
      for (int j = numbers[i] + 1; j > 0; j -= j & -j) {
        smaller += seen[j];
      }
      count += i - smaller;
      for (int j = numbers[i] + 1; j <= numbers.length; j += j & -j) {
        seen[j]++;
      }
    }
    return count;
  }

  private static int cycles(int[] numbers) {
    BitSet seen = new BitSet(numbers.length);
    int count = 0;
    for (int i = 0; i < numbers.length; i++) {
      count += seen.get(i) ? 0 : 1;
      for (int j = i; !seen.get(j); j = numbers[j]) {
        seen.set(j);
      }
    }
    return count;
  }

  private static Counts[] counts(int many, int kinds) {
    return Stream.generate(() -> new Counts(kinds)).limit(many).toArray(Counts[]::new);
  }

  private static void assertNear(double expected, double seen, String what) {
    assertEquals(expected, seen, FAR, what);
  }

  /** How often each of some things was seen that should be equally likely. */
  private static final class Counts {

    final int[] counts;
    private int sum;

    Counts(int kinds) {
      counts = new int[kinds];
    }

    void add(int kind) {
      counts[kind]++;
      sum++;
    }

    double chiSquared() {
      double expected = (double) sum / counts.length;
      double chiSquared = 0;
      for (int count : counts) {
        chiSquared += sum == 0 ? 0 : (count - expected) * (count - expected) / expected;
      }
      return chiSquared;
    }

    /** Chi-squared in standard deviations from what is due. */
    double z() {
      double freedom = counts.length - 1;
      return (chiSquared() - freedom) / Math.sqrt(2 * freedom);
    }
  }

  /** A figure whose mean and variance are known. */
  private static final class Standardised {

    private final double mean;
    private final double deviation;
    private double sum;
    private double sumOfSquares;
    private int count;

    Standardised(double mean, double variance) {
      this.mean = mean;
      deviation = Math.sqrt(variance);
    }

    void add(double value) {
      double z = (value - mean) / deviation;
      sum += z;
      sumOfSquares += z * z;
      count++;
    }

    void check(String what) {
      assertNear(0, sum / Math.sqrt(count), "z of the mean of " + what);
      // Of a normal distribution it varies by sqrt(2 / count); of these, by less than twice that.
      double allowed = 2 * FAR * Math.sqrt(2.0 / count);
      assertEquals(1, sumOfSquares / count, allowed, "variance of " + what);
    }
  }
}
