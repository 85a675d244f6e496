package io.pentrough.augment;

import java.nio.ByteBuffer;

/** The weights of a Gaussian. */
final class Gaussian {

  private Gaussian() {}

  /** Writes the weights at 0 to {@code radius}. Together with their mirror image they sum to 1. */
  static void write(double sigma, int radius, ByteBuffer out) {
    double sum = 1;
    for (int k = 1; k <= radius; k++) {
      sum += 2 * value(k, sigma);
    }
    for (int k = 0; k <= radius; k++) {
      out.putFloat((float) (value(k, sigma) / sum));
    }
  }

  /** Strict: a batch is the same on every machine (I8). */
  private static double value(int k, double sigma) {
    double x = k / sigma;
    return StrictMath.exp(-0.5 * x * x);
  }
}
