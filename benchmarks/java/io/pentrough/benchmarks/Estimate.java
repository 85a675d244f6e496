package io.pentrough.benchmarks;

import java.util.Arrays;
import java.util.Locale;

/**
 * A ratio over the rounds of a run: the geometric mean, and between what it lies with 95 %
 * confidence (Student's t of the logarithms).
 */
record Estimate(double mean, double low, double high) {

  /** Two-sided 95 % quantiles of Student's t for 1, 2, ... degrees of freedom. */
  private static final double[] T = {
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042
  };

  /** Of what was measured in each round, divided by its counterpart of the same round. */
  static Estimate ratio(double[] numerators, double[] denominators) {
    int n = numerators.length;
    double[] logs = new double[n];
    for (int i = 0; i < n; i++) {
      logs[i] = Math.log(numerators[i] / denominators[i]);
    }
    double mean = Arrays.stream(logs).average().orElse(Double.NaN);
    if (n < 2) {
      return new Estimate(Math.exp(mean), 0, Double.POSITIVE_INFINITY);
    }
    double variance = Arrays.stream(logs).map(x -> (x - mean) * (x - mean)).sum() / (n - 1);
    double half = T[Math.min(n - 1, T.length) - 1] * Math.sqrt(variance / n);
    return new Estimate(Math.exp(mean), Math.exp(mean - half), Math.exp(mean + half));
  }

  static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int n = sorted.length;
    return n == 0 ? Double.NaN : (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
  }

  /** {@code values} sorted; the share is 0 to 1. */
  static double quantile(long[] values, double share) {
    return values[(int) Math.min(values.length - 1, Math.floor(share * values.length))];
  }

  @Override
  public String toString() {
    return toString(2);
  }

  String toString(int decimals) {
    String each = "%." + decimals + "f";
    return String.format(Locale.ROOT, each + " [" + each + ", " + each + "]", mean, low, high);
  }
}
