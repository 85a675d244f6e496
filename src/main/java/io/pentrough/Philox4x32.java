package io.pentrough;

import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel random
 * numbers: as easy as 1, 2, 3", SC'11 (reference code: Random123).
 *
 * <p>Ten rounds turn a counter of four 32-bit words into four random words, under a key of two
 * words. Here the key is the seed, and the counter is (block, epoch, index low, index high). The
 * map is a bijection of the counter, so no two batches share a block. Beginning a batch costs four
 * assignments.
 *
 * <p>All methods are implemented here, because {@link RandomGenerator}'s default methods may change
 * with the JDK. They use arithmetic that Java defines to the bit ({@link StrictMath} is fdlibm).
 * The only state is the position in the sequence of words.
 */
final class Philox4x32 implements RandomGenerator {

  private static final long MULTIPLIER_0 = 0xD2511F53L;
  private static final long MULTIPLIER_1 = 0xCD9E8D57L;
  private static final int WEYL_0 = 0x9E3779B9; // golden ratio
  private static final int WEYL_1 = 0xBB67AE85; // sqrt(3) - 1
  private static final int ROUNDS = 10;

  private static final long BLOCKS = 1L << 32;
  private static final int WORDS = 4;
  private static final long WORD_MASK = 0xFFFF_FFFFL;

  private final long seed;

  /** The thread that may draw; null between batches. Plain, see {@link Access}. */
  private @Nullable Thread thread;

  private int epoch;
  private long index;

  /** The next block to make, 0 to {@link #BLOCKS}. */
  private long block;

  private final int[] words = new int[WORDS];
  private int used = WORDS;

  Philox4x32(long seed) {
    this.seed = seed;
  }

  /**
   * The seed of a stage's numbers, by the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast
   * splittable pseudorandom number generators", 2014). It is a bijection, so no two stages of a
   * loader share a seed.
   */
  static long seedOfStage(long seed, int stage) {
    return mix(seed + (stage + 1) * 0x9E3779B97F4A7C15L);
  }

  /**
   * The seed of the numbers for a purpose. The name is hashed by FNV-1a with 64 bits (Fowler, Noll,
   * Vo). The seed is mixed twice, so that it differs from those of stages.
   */
  static long seedOfPurpose(long seed, String name) {
    long hash = 0xcbf29ce484222325L;
    for (int i = 0; i < name.length(); i++) {
      hash = (hash ^ name.charAt(i)) * 0x100000001b3L;
    }
    return mix(mix(seed) + hash);
  }

  private static long mix(long from) {
    long z = from;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }

  /** Sets the generator to a batch's first number. This thread may draw until {@link #end()}. */
  void begin(int epoch, long index) {
    this.epoch = epoch;
    this.index = index;
    thread = Thread.currentThread();
    seek(0);
  }

  void end() {
    thread = null;
  }

  /** Sets the generator to the first word of a block of the batch. */
  void seek(long block) {
    this.block = block;
    used = WORDS;
  }

  private void makeBlock() {
    if (block == BLOCKS) {
      throw new IllegalStateException(
          "all 2^34 random words of the batch (epoch "
              + epoch
              + ", index "
              + index
              + ") are drawn; seed a generator of your own with nextLong() and draw from that");
    }
    int x0 = (int) block;
    int x1 = epoch;
    int x2 = (int) index;
    int x3 = (int) (index >>> 32);
    int key0 = (int) seed;
    int key1 = (int) (seed >>> 32);
    for (int round = 0; round < ROUNDS; round++) {
      long product0 = MULTIPLIER_0 * (x0 & WORD_MASK);
      long product1 = MULTIPLIER_1 * (x2 & WORD_MASK);
      x0 = (int) (product1 >>> 32) ^ x1 ^ key0;
      x1 = (int) product1;
      x2 = (int) (product0 >>> 32) ^ x3 ^ key1;
      x3 = (int) product0;
      key0 += WEYL_0;
      key1 += WEYL_1;
    }
    words[0] = x0;
    words[1] = x1;
    words[2] = x2;
    words[3] = x3;
    block++;
    used = 0;
  }

  @Override
  public int nextInt() {
    if (thread != Thread.currentThread()) {
      throw BatchContext.misuse("a batch's random generator", thread);
    }
    if (used == WORDS) {
      makeBlock();
    }
    return words[used++];
  }

  /** Two words, the lower half first. */
  @Override
  public long nextLong() {
    long low = nextInt() & WORD_MASK;
    return low | (long) nextInt() << 32;
  }

  @Override
  public boolean nextBoolean() {
    return nextInt() < 0;
  }

  /** Each word gives four bytes, lowest first. Unused bytes of the last word are dropped. */
  @Override
  public void nextBytes(byte[] bytes) {
    int word = 0;
    for (int i = 0; i < bytes.length; i++) {
      word = i % Integer.BYTES == 0 ? nextInt() : word >>> Byte.SIZE;
      bytes[i] = (byte) word;
    }
  }

  @Override
  public int nextInt(int bound) {
    checkBound(bound > 0, bound);
    return below(bound);
  }

  @Override
  public int nextInt(int origin, int bound) {
    checkRange(origin < bound, origin, bound);
    return origin + below(bound - origin);
  }

  @Override
  public long nextLong(long bound) {
    checkBound(bound > 0, bound);
    return below(bound);
  }

  @Override
  public long nextLong(long origin, long bound) {
    checkRange(origin < bound, origin, bound);
    return origin + below(bound - origin);
  }

  /**
   * An unbiased number below an unsigned bound: the upper half of word times bound. Words whose
   * lower half is below 2^32 mod bound are rejected. Lemire, "Fast random integer generation in an
   * interval", ACM TOMACS 29 (2019).
   */
  private int below(int bound) {
    long product = (nextInt() & WORD_MASK) * (bound & WORD_MASK);
    if (Integer.compareUnsigned((int) product, bound) < 0) {
      int threshold = Integer.remainderUnsigned(-bound, bound); // 2^32 mod bound
      while (Integer.compareUnsigned((int) product, threshold) < 0) {
        product = (nextInt() & WORD_MASK) * (bound & WORD_MASK);
      }
    }
    return (int) (product >>> 32);
  }

  /** The same with 64 bits and a product of 128. */
  private long below(long bound) {
    long word = nextLong();
    if (Long.compareUnsigned(word * bound, bound) < 0) {
      long threshold = Long.remainderUnsigned(-bound, bound); // 2^64 mod bound
      while (Long.compareUnsigned(word * bound, threshold) < 0) {
        word = nextLong();
      }
    }
    return unsignedMultiplyHigh(word, bound);
  }

  /** {@link Math} has it from JDK 18 on. */
  private static long unsignedMultiplyHigh(long a, long b) {
    return Math.multiplyHigh(a, b) + ((a >> 63) & b) + ((b >> 63) & a);
  }

  /** 24 bits, the precision of a float: all multiples of 2^-24 in [0, 1). */
  @Override
  public float nextFloat() {
    return (nextInt() >>> 8) * 0x1.0p-24f;
  }

  @Override
  public float nextFloat(float bound) {
    checkBound(0 < bound && bound < Float.POSITIVE_INFINITY, bound);
    return Math.min(nextFloat() * bound, Math.nextDown(bound));
  }

  @Override
  public float nextFloat(float origin, float bound) {
    checkRange(origin < bound && Double.isFinite(origin) && Double.isFinite(bound), origin, bound);
    // In double precision the width cannot overflow; the rounding to float may reach the bound.
    float scaled = (float) (origin + (double) nextFloat() * ((double) bound - origin));
    return Math.min(scaled, Math.nextDown(bound));
  }

  /** 53 bits, the precision of a double: all multiples of 2^-53 in [0, 1). */
  @Override
  public double nextDouble() {
    return (nextLong() >>> 11) * 0x1.0p-53;
  }

  @Override
  public double nextDouble(double bound) {
    checkBound(0 < bound && bound < Double.POSITIVE_INFINITY, bound);
    return Math.min(nextDouble() * bound, Math.nextDown(bound));
  }

  @Override
  public double nextDouble(double origin, double bound) {
    checkRange(origin < bound && Double.isFinite(origin) && Double.isFinite(bound), origin, bound);
    // The width may exceed the largest double, half of it cannot.
    double unit = nextDouble();
    double width = bound - origin;
    double scaled =
        width < Double.POSITIVE_INFINITY
            ? origin + unit * width
            : 2 * (origin / 2 + unit * (bound / 2 - origin / 2));
    return Math.min(scaled, Math.nextDown(bound));
  }

  /**
   * The polar method of Marsaglia and Bray, "A convenient method for generating normal variables",
   * SIAM Review 6 (1964). The second number of each pair is dropped. If it were kept, it could leak
   * into the next batch.
   */
  @Override
  public double nextGaussian() {
    while (true) {
      double x = 2 * nextDouble() - 1;
      double y = 2 * nextDouble() - 1;
      double square = x * x + y * y;
      if (0 < square && square < 1) {
        return x * StrictMath.sqrt(-2 * StrictMath.log(square) / square);
      }
    }
  }

  @Override
  public double nextGaussian(double mean, double stddev) {
    if (!(stddev >= 0)) {
      throw new IllegalArgumentException("the standard deviation " + stddev + " is negative");
    }
    return mean + stddev * nextGaussian();
  }

  /** By inversion (Devroye, "Non-Uniform Random Variate Generation", 1986, section II.2). */
  @Override
  public double nextExponential() {
    return -StrictMath.log(1 - nextDouble());
  }

  private static void checkBound(boolean valid, long bound) {
    if (!valid) {
      throw new IllegalArgumentException("the bound " + bound + " is not positive");
    }
  }

  private static void checkBound(boolean valid, double bound) {
    if (!valid) {
      throw new IllegalArgumentException("the bound " + bound + " is not positive and finite");
    }
  }

  private static void checkRange(boolean valid, long origin, long bound) {
    if (!valid) {
      throw new IllegalArgumentException(
          "the origin " + origin + " is not below the bound " + bound);
    }
  }

  private static void checkRange(boolean valid, double origin, double bound) {
    if (!valid) {
      throw new IllegalArgumentException(
          "the origin " + origin + " and the bound " + bound + " are not finite and in order");
    }
  }
}
