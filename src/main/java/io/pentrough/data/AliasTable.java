package io.pentrough.data;

import java.util.Arrays;

/**
 * Draws numbers with given probabilities in constant time: the alias method of Walker (1977), built
 * as by Vose, "A linear algorithm for generating random numbers with a given distribution", IEEE
 * Transactions on Software Engineering 17 (1991). Immutable.
 *
 * <p>The table has a row for each number. A draw picks a row, all alike, and then takes the row's
 * own number or its alias.
 */
final class AliasTable {

  /** How likely a row that was picked gives its own number. */
  private final double[] own;

  private final int[] alias;

  /** Of weights that are finite and not negative, with a positive one. */
  AliasTable(double[] weights) {
    int n = weights.length;
    own = scaled(weights);
    alias = new int[n];
    Arrays.fill(alias, heaviest(weights));
    int[] rows = new int[n]; // two stacks: from the left rows below 1, from the right the others
    int small = 0;
    int large = n;
    for (int i = n - 1; i >= 0; i--) {
      if (own[i] < 1) {
        rows[small++] = i;
      } else {
        rows[--large] = i;
      }
    }
    while (small > 0 && large < n) {
      int filled = rows[--small];
      int donor = rows[large];
      alias[filled] = donor;
      own[donor] = own[donor] + own[filled] - 1;
      if (own[donor] < 1) {
        large++;
        rows[small++] = donor;
      }
    }
    for (int i = 0; i < small; i++) {
      if (weights[rows[i]] > 0) { // never draw one without a weight, whatever rounding has left
        own[rows[i]] = 1;
      }
    }
  }

  private static int heaviest(double[] weights) {
    int heaviest = 0;
    for (int i = 1; i < weights.length; i++) {
      if (weights[i] > weights[heaviest]) {
        heaviest = i;
      }
    }
    return heaviest;
  }

  /** The weights, with a mean of 1. */
  private static double[] scaled(double[] weights) {
    // A weight may be near the largest double, so that a sum would overflow, or all may be tiny.
    int exponent = Math.getExponent(Arrays.stream(weights).max().orElseThrow());
    double[] scaled = new double[weights.length];
    double sum = 0;
    double lost = 0; // what rounding took from the sum (Neumaier 1974): there may be 2^31 weights
    for (int i = 0; i < scaled.length; i++) {
      double weight = Math.scalb(weights[i], -exponent);
      scaled[i] = weight;
      double next = sum + weight;
      lost += sum >= weight ? sum - next + weight : weight - next + sum;
      sum = next;
    }
    sum += lost;
    for (int i = 0; i < scaled.length; i++) {
      scaled[i] *= scaled.length / sum;
    }
    return scaled;
  }

  /** Draws by two random words. */
  int draw(long rowWord, long aliasWord) {
    int row = (int) SplitMix64.below(own.length, rowWord);
    return SplitMix64.unit(aliasWord) < own[row] ? row : alias[row];
  }

  /** How likely each number is to be drawn. */
  double[] probabilities() {
    double[] probabilities = new double[own.length];
    for (int row = 0; row < own.length; row++) {
      double ownShare = Math.min(own[row], 1);
      probabilities[row] += ownShare / own.length;
      probabilities[alias[row]] += (1 - ownShare) / own.length;
    }
    return probabilities;
  }
}
