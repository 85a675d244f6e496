package io.pentrough.data;

/**
 * Random access to the numbers of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom
 * number generators", OOPSLA 2014): its n-th number is a function of its key and n.
 */
final class SplitMix64 {

  private static final long GOLDEN_RATIO = 0x9E3779B97F4A7C15L;

  private SplitMix64() {}

  /**
   * The key of what is drawn in an epoch.
   *
   * @param purpose the size of a permutation; negative for others, so that none shares its numbers
   */
  static long key(long seed, int epoch, long purpose) {
    return hash(hash(hash(0, seed), epoch), purpose);
  }

  /** A hash of some numbers, made by adding one after the other to the hash 0. */
  static long hash(long hash, long number) {
    return mix(hash + number + GOLDEN_RATIO);
  }

  /** The n-th number under a key, from 0. */
  static long at(long key, long n) {
    return mix(key + (n + 1) * GOLDEN_RATIO);
  }

  /**
   * A random word as a number below a bound, which is 1 to 2^62. Some numbers come up more often
   * than others, by at most one in 2^63 / bound.
   */
  static long below(long bound, long word) {
    return Math.multiplyHigh(word >>> 1, bound << 1);
  }

  /** A random word as a multiple of 2^-53 in [0, 1). */
  static double unit(long word) {
    return (word >>> 11) * 0x1.0p-53;
  }

  /** A bijection. */
  private static long mix(long word) {
    long z = word;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
