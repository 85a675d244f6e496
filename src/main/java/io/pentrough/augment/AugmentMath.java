package io.pentrough.augment;

/**
 * The functions of augment.cu in Java: the same operations in the same order, each rounded the
 * same, so that the results have the same bits. augment.cu says why a function is computed so.
 */
final class AugmentMath {

  private static final int ROUNDS = 10;

  private AugmentMath() {}

  static int philox(int voxel, int channel, int key0, int key1) {
    int x0 = voxel;
    int x1 = channel;
    int x2 = 0;
    int x3 = 0;
    int k0 = key0;
    int k1 = key1;
    for (int round = 0; round < ROUNDS; round++) {
      long product0 = 0xD2511F53L * (x0 & 0xFFFF_FFFFL);
      long product1 = 0xCD9E8D57L * (x2 & 0xFFFF_FFFFL);
      x0 = (int) (product1 >>> 32) ^ x1 ^ k0;
      x1 = (int) product1;
      x2 = (int) (product0 >>> 32) ^ x3 ^ k1;
      x3 = (int) product0;
      k0 += 0x9E3779B9;
      k1 += 0xBB67AE85;
    }
    return x0;
  }

  /** A word as one of 2^23 numbers between -1/2 and 1/2, as many below 0 as above. */
  static float centred(int word) {
    return Math.fma((float) (2 * (word >>> 9) + 1), 0x1p-24f, -0.5f);
  }

  static float logarithm(float v) {
    int bits = Float.floatToRawIntBits(v);
    int e = (bits - 0x3F3504F3) >> 23;
    float m = Float.intBitsToFloat(bits - e * 0x800000);
    float s = (m - 1) / (m + 1);
    float q = s * s;
    float sum = Math.fma(q, 0.3205989f, 0.4121986f);
    sum = Math.fma(q, sum, 0.57707804f);
    sum = Math.fma(q, sum, 0.9617967f);
    sum = Math.fma(q, sum, 2.88539f);
    return Math.fma(s, sum, (float) e);
  }

  static float power(float v, float g) {
    if (!(v >= Float.MIN_NORMAL)) {
      return Float.isNaN(v) ? v : 0;
    }
    float t = g * logarithm(v);
    if (t < -125) {
      return 0;
    }
    int n = (int) Math.rint(t);
    float f = t - n;
    float sum = Math.fma(f, 1.5252734e-5f, 0.0001540353f);
    sum = Math.fma(f, sum, 0.0013333558f);
    sum = Math.fma(f, sum, 0.009618129f);
    sum = Math.fma(f, sum, 0.05550411f);
    sum = Math.fma(f, sum, 0.2402265f);
    sum = Math.fma(f, sum, 0.6931472f);
    sum = Math.fma(f, sum, 1.0f);
    return Float.intBitsToFloat(Float.floatToRawIntBits(sum) + n * 0x800000);
  }

  static float normal(float q) {
    if (Math.abs(q) <= 0.425f) {
      float r = Math.fma(-q, q, 0.180625f);
      float above = Math.fma(r, 59.109375f, 159.29114f);
      above = Math.fma(r, above, 50.434273f);
      above = Math.fma(r, above, 3.3871326f);
      float below = Math.fma(r, 67.18756f, 78.75776f);
      below = Math.fma(r, below, 17.89517f);
      below = Math.fma(r, below, 1.0f);
      return q * above / below;
    }
    float tail = 0.5f - Math.abs(q);
    // The root of a float, rounded from the double's, is the rounded root.
    float r = (float) Math.sqrt(-0.6931472f * logarithm(tail));
    r -= 1.6f;
    float above = Math.fma(r, 0.17023821f, 1.3067285f);
    above = Math.fma(r, above, 2.7568154f);
    above = Math.fma(r, above, 1.4234372f);
    float below = Math.fma(r, 0.12021133f, 0.73700166f);
    below = Math.fma(r, below, 1.0f);
    float deviate = above / below;
    return q < 0 ? -deviate : deviate;
  }
}
