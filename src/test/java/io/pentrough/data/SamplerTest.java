package io.pentrough.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.Allocations;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The samplers that are given. */
class SamplerTest {

  private static final int SIZE = 60;

  static Sampler[] samplers() {
    double[] weights = IntStream.range(0, SIZE).mapToDouble(i -> i % 7).toArray();
    long[] indexes = {3, 59, 0, 3, 17};
    return new Sampler[] {
      Sampler.sequential(),
      Sampler.shuffled(),
      Sampler.weighted(weights, 200),
      Sampler.subset(indexes),
      Sampler.subset(indexes, Sampler.shuffled()),
      Sampler.subset(indexes, Sampler.weighted(new double[] {1, 2, 0, 1, 5}, 30)),
      Sampler.subset(indexes, Sampler.subset(4, 4, 1)),
    };
  }

  private static long[] epoch(Sampler sampler, long size, long seed, int epoch) {
    Sampler.Order order = sampler.order(size);
    order.begin(seed, epoch);
    return LongStream.range(0, sampler.samplesPerEpoch(size)).map(order::at).toArray();
  }

  @Test
  @DisplayName("sequential is the dataset's order; shuffled is that of a Permutation")
  void wholeDataset() {
    long[] all = LongStream.range(0, SIZE).toArray();
    assertEquals(SIZE, Sampler.sequential().samplesPerEpoch(SIZE));
    assertArrayEquals(all, epoch(Sampler.sequential(), SIZE, 5, 2));

    assertEquals(SIZE, Sampler.shuffled().samplesPerEpoch(SIZE));
    long[] shuffled = epoch(Sampler.shuffled(), SIZE, 5, 2);
    Permutation permutation = Permutation.of(5, 2, SIZE);
    assertArrayEquals(Arrays.stream(all).map(permutation::at).toArray(), shuffled);
    Arrays.sort(shuffled);
    assertArrayEquals(all, shuffled);
  }

  @Test
  @DisplayName("a subset has its indexes, in the order given or in one of their own")
  void subset() {
    long[] indexes = {3, 59, 0, 3, 17};
    assertEquals(5, Sampler.subset(indexes).samplesPerEpoch(SIZE));
    assertArrayEquals(indexes, epoch(Sampler.subset(indexes), SIZE, 5, 2));

    long[] shuffled = epoch(Sampler.subset(indexes, Sampler.shuffled()), SIZE, 5, 2);
    Permutation permutation = Permutation.of(5, 2, 5);
    for (int i = 0; i < 5; i++) {
      assertEquals(indexes[(int) permutation.at(i)], shuffled[i]);
    }

    Sampler nested = Sampler.subset(indexes, Sampler.subset(4, 4, 1));
    assertEquals(3, nested.samplesPerEpoch(SIZE));
    assertArrayEquals(new long[] {17, 17, 59}, epoch(nested, SIZE, 5, 2));
  }

  @Test
  @DisplayName("the caller's arrays are copied")
  void arraysAreCopied() {
    long[] indexes = {1, 2};
    double[] weights = {1, 0, 0};
    Sampler subset = Sampler.subset(indexes);
    Sampler weighted = Sampler.weighted(weights, 10);
    indexes[0] = 7;
    weights[0] = Double.NaN;
    weights[2] = 1;
    assertArrayEquals(new long[] {1, 2}, epoch(subset, SIZE, 0, 0));
    assertArrayEquals(new long[10], epoch(weighted, 3, 0, 0));
  }

  @ParameterizedTest
  @MethodSource("samplers")
  @DisplayName("a sample is a function of seed, epoch and position, whoever asks, and in any order")
  void functionOfPosition(Sampler sampler) {
    long[] samples = epoch(sampler, SIZE, 5, 2);
    Sampler.Order order = sampler.order(SIZE);
    for (int epoch : new int[] {7, 2, 2}) {
      order.begin(5, epoch);
      order.at(samples.length / 2);
    }
    for (int i = samples.length - 1; i >= 0; i--) {
      assertEquals(samples[i], order.at(i));
    }
    order.begin(6, 2);
    order.begin(5, 3);
    order.begin(5, 2);
    assertEquals(samples[0], order.at(0));
  }

  @Test
  @DisplayName("another seed or epoch draws other samples; a longer epoch begins with the same")
  void weightedKeys() {
    double[] weights = IntStream.range(0, 1000).mapToDouble(i -> 1 + i % 3).toArray();
    Sampler sampler = Sampler.weighted(weights, 100);
    long[] samples = epoch(sampler, 1000, 5, 2);
    for (long[] other : new long[][] {epoch(sampler, 1000, 6, 2), epoch(sampler, 1000, 5, 3)}) {
      assertTrue(IntStream.range(0, 100).filter(i -> other[i] == samples[i]).count() < 5);
    }
    long[] longer = epoch(Sampler.weighted(weights, 150), 1000, 5, 2);
    assertArrayEquals(samples, Arrays.copyOf(longer, 100));
  }

  @Test
  @DisplayName("the same draws on every machine and JDK, for ever")
  void goldenDraws() {
    double[] weights = {0.1, 0, 1e-3, 7, 2.5, 1};
    assertArrayEquals(
        new long[] {3, 4, 3, 3, 5, 4, 3, 4, 3, 3, 5, 4},
        epoch(Sampler.weighted(weights, 12), 6, 42, 3));
  }

  @Test
  @DisplayName("samples are drawn as often as their weights say, those of weight 0 never")
  void weightsAreKept() {
    double[] weights = {0, 1, 2, 3, 0, 10, 0.5, 1e-12, 0};
    double sum = Arrays.stream(weights).sum();
    int draws = 1_000_000;
    int[] counts = new int[weights.length];
    for (long sample : epoch(Sampler.weighted(weights, draws), weights.length, 9, 1)) {
      counts[(int) sample]++;
    }
    for (int i = 0; i < weights.length; i++) {
      double expected = weights[i] / sum * draws;
      if (expected < 1e-3) {
        assertEquals(0, counts[i]);
      } else {
        assertEquals(expected, counts[i], 4.5 * Math.sqrt(expected), "of sample " + i);
      }
    }
  }

  @Test
  @DisplayName("two draws in a row are independent")
  void drawsAreIndependent() {
    int kinds = 10;
    double[] weights = new double[kinds];
    Arrays.fill(weights, 1);
    int draws = 1_000_000;
    long[] samples = epoch(Sampler.weighted(weights, draws), kinds, 3, 0);
    for (int distance : new int[] {1, 2, 7}) {
      int[] pairs = new int[kinds * kinds];
      for (int i = distance; i < draws; i++) {
        pairs[(int) (samples[i - distance] * kinds + samples[i])]++;
      }
      double expected = (double) (draws - distance) / pairs.length;
      double chiSquared =
          Arrays.stream(pairs).mapToDouble(n -> (n - expected) * (n - expected) / expected).sum();
      assertEquals(99, chiSquared, 4.5 * Math.sqrt(2 * 99), "at distance " + distance);
    }
  }

  @Test
  @DisplayName("an alias table has the weights' probabilities, to some units in the last place")
  void aliasTables() {
    Random random = new Random(1991);
    for (int i = 0; i < 2000; i++) {
      double[] weights = new double[1 + random.nextInt(i < 1900 ? 50 : 20_000)];
      int kind = i % 6;
      for (int k = 0; k < weights.length; k++) {
        weights[k] =
            switch (kind) {
              case 0 -> 1;
              case 1 -> random.nextDouble();
              case 2 -> random.nextInt(3);
              case 3 -> Math.pow(10, random.nextInt(600) - 300);
              case 4 -> Double.MAX_VALUE / (1 + random.nextInt(5));
              default -> random.nextInt(4) * Double.MIN_VALUE;
            };
      }
      weights[random.nextInt(weights.length)] = kind < 4 ? 1 : weights[0] + Double.MIN_VALUE;
      double largest = Arrays.stream(weights).max().orElseThrow();
      double sum = Arrays.stream(weights).map(w -> w / largest).sum();
      double[] probabilities = new AliasTable(weights).probabilities();
      for (int k = 0; k < weights.length; k++) {
        double expected = weights[k] / largest / sum;
        if (weights[k] == 0) {
          assertEquals(0, probabilities[k], 0, "without a weight");
        } else {
          assertEquals(expected, probabilities[k], 1e-14, "of " + k + " in " + weights.length);
        }
      }
    }
  }

  @Test
  @DisplayName("a draw takes the row and its own number by the words; the words' ends stay inside")
  void drawsByWords() {
    AliasTable table = new AliasTable(new double[] {1, 3});
    assertEquals(0, table.draw(0, 0));
    assertEquals(1, table.draw(0, -1));
    assertEquals(1, table.draw(-1, 0));
    assertEquals(1, table.draw(-1, -1));
    assertEquals(0, new AliasTable(new double[] {5}).draw(-1, -1));
  }

  @ParameterizedTest
  @MethodSource("samplers")
  @DisplayName("I6: no heap for a batch or an epoch")
  void allocatesNothing(Sampler sampler) throws Exception {
    Sampler.Order order = sampler.order(SIZE);
    long samples = sampler.samplesPerEpoch(SIZE);
    long[] sink = new long[1];
    assertEquals(
        0,
        Allocations.bytesOf(
            () -> {
              for (int epoch = 0; epoch < 300; epoch++) {
                order.begin(1, epoch);
                for (int i = 0; i < samples; i++) {
                  sink[0] += order.at(i);
                }
              }
            }));
    assertNotEquals(0, sink[0]);
  }

  @Test
  @DisplayName("samplers that draw other samples have other descriptions, and equal ones the same")
  void descriptions() {
    Sampler[] different = {
      Sampler.sequential(),
      Sampler.shuffled(),
      Sampler.weighted(new double[] {1, 2}, 10),
      Sampler.weighted(new double[] {1, 2}, 11),
      Sampler.weighted(new double[] {1, 3}, 10),
      Sampler.weighted(new double[] {2, 1}, 10),
      Sampler.weighted(new double[] {1, 2, 0}, 10),
      Sampler.weighted(new double[] {0, 1, 2}, 10),
      Sampler.subset(1, 2),
      Sampler.subset(2, 1),
      Sampler.subset(1, 2, 0),
      Sampler.subset(0, 1, 2),
      Sampler.subset(new long[] {1, 2}, Sampler.shuffled()),
      Sampler.subset(new long[] {1, 2}, Sampler.weighted(new double[] {1, 2}, 10)),
    };
    Set<String> descriptions = new HashSet<>();
    for (Sampler sampler : different) {
      assertTrue(descriptions.add(sampler.description()), sampler.description());
      assertEquals(sampler.description(), sampler.toString());
    }
    assertEquals("sequential", Sampler.sequential().description());
    assertEquals("shuffled", Sampler.shuffled().description());
    assertEquals(
        "weighted, 10 draws, 2 weights 3bff51d09d2b1759",
        Sampler.weighted(new double[] {1, 2}, 10).description());
    assertEquals(
        "subset of 2 indexes bcd9dbb49673066b, shuffled",
        Sampler.subset(new long[] {1, 2}, Sampler.shuffled()).description());
  }

  private static void assertRefused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  @ParameterizedTest
  @ValueSource(doubles = {-1, -Double.MIN_VALUE, Double.NaN, Double.POSITIVE_INFINITY})
  @DisplayName("a weight that is none is named with its index")
  void badWeights(double weight) {
    assertRefused(
        "the weight at index 2 is " + weight + ": weights must be finite and 0 or more",
        () -> Sampler.weighted(new double[] {1, 0, weight, weight}, 5));
  }

  @Test
  @DisplayName("weights that are all zero, none, or not one for each sample; nothing to draw")
  void uselessWeights() {
    assertRefused(
        "all 2 weights are 0: give a positive weight to the samples that shall be drawn",
        () -> Sampler.weighted(new double[] {0, -0.0}, 5));
    assertRefused(
        "there are no weights: give one for each sample of the dataset",
        () -> Sampler.weighted(new double[0], 5));
    assertRefused(
        "samplesPerEpoch is 0: draw at least 1 sample in an epoch",
        () -> Sampler.weighted(new double[] {1}, 0));
    Sampler sampler = Sampler.weighted(new double[] {1, 1}, 5);
    String message =
        "there are 2 weights, but the dataset has 3 samples: give one weight for each sample";
    assertRefused(message, () -> sampler.samplesPerEpoch(3));
    assertRefused(message, () -> sampler.order(3));
  }

  @Test
  @DisplayName("an empty subset, and an index that is not in the dataset, with its position")
  void badSubsets() {
    assertRefused(
        "the subset has no index: give it at least one sample", () -> Sampler.subset(new long[0]));
    assertRefused(
        "the subset has index -4 at position 1, but indexes begin at 0",
        () -> Sampler.subset(3, -4));
    Sampler sampler = Sampler.subset(0, 59, 60, 5);
    String message = "the subset has index 60 at position 2, but the dataset has 60 samples";
    assertRefused(message, () -> sampler.samplesPerEpoch(60));
    assertRefused(message, () -> sampler.order(60));
    assertEquals(4, sampler.samplesPerEpoch(61));
    assertRefused(
        "there are 1 weights, but the dataset has 2 samples: give one weight for each sample",
        () -> Sampler.subset(new long[] {1, 2}, Sampler.weighted(new double[] {1}, 5)));
  }

  @ParameterizedTest
  @ValueSource(longs = {0, -1, Long.MIN_VALUE})
  @DisplayName("a dataset of no samples")
  void emptyDataset(long size) {
    for (Sampler sampler : samplers()) {
      assertThrows(IllegalArgumentException.class, () -> sampler.samplesPerEpoch(size));
      assertThrows(IllegalArgumentException.class, () -> sampler.order(size));
    }
    assertRefused(
        "a dataset of " + size + " samples cannot be sampled: it needs at least 1",
        () -> Sampler.shuffled().order(size));
  }

  @Test
  @DisplayName("a dataset that is too large to be shuffled is refused before a worker shuffles it")
  void tooLargeToShuffle() {
    long most = 1L << 62;
    assertEquals(most, Sampler.shuffled().samplesPerEpoch(most));
    assertEquals(Long.MAX_VALUE, Sampler.sequential().samplesPerEpoch(Long.MAX_VALUE));
    assertRefused(
        "a dataset of "
            + (most + 1)
            + " samples cannot be shuffled: it may have 2^62 samples at most",
        () -> Sampler.shuffled().samplesPerEpoch(most + 1));
  }

  @ParameterizedTest
  @MethodSource("samplers")
  @DisplayName("a position outside of the epoch, and one asked for before an epoch was begun")
  void positions(Sampler sampler) {
    Sampler.Order order = sampler.order(SIZE);
    assertEquals(
        "no epoch was begun: call begin(seed, epoch) before at(position)",
        assertThrows(IllegalStateException.class, () -> order.at(0)).getMessage());
    order.begin(1, 0);
    long samples = sampler.samplesPerEpoch(SIZE);
    for (long outside : new long[] {-1, samples, Long.MAX_VALUE, Long.MIN_VALUE}) {
      assertEquals(
          "position " + outside + " is not in an epoch of " + samples + " samples",
          assertThrows(IndexOutOfBoundsException.class, () -> order.at(outside)).getMessage());
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {-1, 2, Long.MAX_VALUE, 1L << 32})
  @DisplayName("a sampler of the user's own that leaves the subset it orders, with the position")
  void ownSamplerInASubset(long wrong) {
    Sampler own = OwnSampler.of(2, position -> position == 1 ? wrong : 0);
    Sampler.Order order = Sampler.subset(new long[] {8, 9}, own).order(SIZE);
    order.begin(0, 0);
    assertEquals(8, order.at(0));
    assertEquals(
        "sampler 'mine' gave index "
            + wrong
            + " at position 1 of the epoch, but it was made for 2 samples: return 0 to 1",
        assertThrows(IllegalStateException.class, () -> order.at(1)).getMessage());
  }
}
