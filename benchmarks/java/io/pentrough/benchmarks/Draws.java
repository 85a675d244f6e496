package io.pentrough.benchmarks;

import java.util.SplittableRandom;
import java.util.function.ToDoubleFunction;

/** How the times that a target takes are spread around their mean. */
enum Draws {
  /** Not at all. */
  CONSTANT(random -> 1),
  /** Evenly, by half of the mean to both sides. */
  JITTERED(random -> random.nextDouble(0.5, 1.5)),
  /** Lognormal, sigma 1: one in a hundred takes six times the mean or more. */
  LOGNORMAL(random -> Math.exp(random.nextGaussian() - 0.5)),
  /** Pareto, exponent 1.5, so without a variance: one in a thousand takes 33 times the mean. */
  PARETO(random -> Math.pow(1 - random.nextDouble(), -1 / 1.5) / 3);

  @SuppressWarnings("ImmutableEnumChecker") // a function of its argument
  private final ToDoubleFunction<SplittableRandom> ofMean;

  Draws(ToDoubleFunction<SplittableRandom> ofMean) {
    this.ofMean = ofMean;
  }

  /** The same for the same arguments, for every caller. */
  long[] nanos(int count, double meanNanos, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    long[] nanos = new long[count];
    for (int i = 0; i < count; i++) {
      nanos[i] = Math.round(meanNanos * ofMean.applyAsDouble(random));
    }
    return nanos;
  }

  @Override
  public String toString() {
    return name().toLowerCase(java.util.Locale.ROOT);
  }
}
