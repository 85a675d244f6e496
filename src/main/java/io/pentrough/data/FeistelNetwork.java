package io.pentrough.data;

/**
 * A keyed permutation of 0 to n - 1 in constant memory: the generalised Feistel network of Black
 * and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002, with eight rounds.
 *
 * <p>It permutes the numbers below a * b, where a and b are about the root of n, and a number that
 * it takes to n or above goes through it again (cycle walking). As a * b is less than n + a, this
 * hardly ever happens. A power of two instead of a * b would make half of the numbers walk.
 *
 * <p>Not a cipher: its rounds are cheap, and nothing here keeps a secret. Nor are its permutations
 * uniform for small n, where n! is small and eight rounds don't reach all orders alike.
 */
final class FeistelNetwork implements Bijection {

  /** Halves then are at most 2^31, and their sums and products are below 2^63. */
  static final long MAX_SIZE = 1L << 62;

  private static final int ROUNDS = 8;

  private final long size;

  /** A number is left * rightSize + right. */
  private final long leftSize;

  private final long rightSize;
  private final long[] keys = new long[ROUNDS];

  /** Of 1 to {@link #MAX_SIZE} numbers; to be keyed before use. */
  FeistelNetwork(long size) {
    this.size = size;
    long root = (long) Math.sqrt((double) size);
    while (root * root < size) {
      root++;
    }
    while ((root - 1) * (root - 1) >= size) { // sqrt was rounded up
      root--;
    }
    leftSize = root;
    rightSize = (size + root - 1) / root;
  }

  @Override
  public void rekey(long key) {
    for (int round = 0; round < ROUNDS; round++) {
      keys[round] = SplitMix64.at(key, round);
    }
  }

  @Override
  public long at(long position) {
    long[] k = keys;
    long a = leftSize;
    long b = rightSize;
    long x = position;
    do {
      long left = x / b;
      long right = x - left * b;
      for (int round = 0; round < ROUNDS; round += 2) {
        left += hash(right, k[round], a);
        left -= left >= a ? a : 0;
        right += hash(left, k[round + 1], b);
        right -= right >= b ? b : 0;
      }
      x = left * b + right;
    } while (x >= size);
    return x;
  }

  @Override
  public long indexOf(long number) {
    long[] k = keys;
    long a = leftSize;
    long b = rightSize;
    long x = number;
    do {
      long left = x / b;
      long right = x - left * b;
      for (int round = ROUNDS - 2; round >= 0; round -= 2) {
        right -= hash(left, k[round + 1], b);
        right += right < 0 ? b : 0;
        left -= hash(right, k[round], a);
        left += left < 0 ? a : 0;
      }
      x = left * b + right;
    } while (x >= size);
    return x;
  }

  /** A function of a half and a key, below a bound. Two multiplications mix, the third scales. */
  private static long hash(long half, long key, long bound) {
    long z = (half ^ key) * 0x9E3779B97F4A7C15L;
    z ^= z >>> 32;
    return SplitMix64.below(bound, z * 0xD6E8FEB86659FD93L);
  }
}
