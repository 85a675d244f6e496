package io.pentrough.augment;

import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.Set;

/**
 * What {@link Augmentation} is to give, in double precision, from what was drawn: plain loops that
 * share no code with it.
 */
final class AugmentReference {

  /** How far off a place may be: float matrices and coordinates up to a few hundred. */
  static final double SLACK = 2e-4;

  /** A sample's parameters. */
  static final class Drawn {
    final int[] image = new int[4];
    final int[] label = new int[4];
    final double[][] matrix = new double[4][4];
    final int[] key;
    final int[][] boxes;
    final double[][] grey;

    Drawn(int[] key, int[][] boxes, double[][] grey) {
      this.key = key;
      this.boxes = boxes;
      this.grey = grey;
    }

    static Drawn of(ByteBuffer from, int sample, int boxCount, int channels) {
      int at = 4 * sample * (26 + 6 * boxCount + 3 * channels);
      int[] key = {from.getInt(at + 96), from.getInt(at + 100)};
      int[][] boxes = new int[boxCount][6];
      for (int i = 0; i < 6 * boxCount; i++) {
        boxes[i / 6][i % 6] = from.getInt(at + 104 + 4 * i);
      }
      double[][] grey = new double[channels][3];
      for (int i = 0; i < 3 * channels; i++) {
        grey[i / 3][i % 3] = from.getFloat(at + 104 + 24 * boxCount + 4 * i);
      }
      Drawn drawn = new Drawn(key, boxes, grey);
      for (int i = 0; i < 4; i++) {
        drawn.image[i] = from.getInt(at + 4 * i);
        drawn.label[i] = from.getInt(at + 16 + 4 * i);
        for (int k = 0; k < 4; k++) {
          drawn.matrix[i][k] = from.getFloat(at + 32 + 16 * i + 4 * k);
        }
      }
      return drawn;
    }

    double[] place(int z, int y, int x) {
      double[] to = new double[3];
      double w = matrix[3][0] * z + matrix[3][1] * y + matrix[3][2] * x + matrix[3][3];
      for (int a = 0; a < 3; a++) {
        to[a] = (matrix[a][0] * z + matrix[a][1] * y + matrix[a][2] * x + matrix[a][3]) / w;
      }
      return to;
    }

    boolean isCut(int z, int y, int x) {
      boolean cut = false;
      for (int[] b : boxes) {
        cut |= z >= b[0] && z < b[1] && y >= b[2] && y < b[3] && x >= b[4] && x < b[5];
      }
      return cut;
    }
  }

  private AugmentReference() {}

  /** A voxel of a volume, walking back from outside step by step; -1 for the constant. */
  static int inside(int i, int n, Border border) {
    int at = i;
    while (at < 0 || at >= n) {
      if (border == Border.CONSTANT) {
        return -1;
      } else if (border == Border.CLAMP) {
        at += at < 0 ? 1 : -1;
      } else if (n == 1) {
        return 0;
      } else {
        at = at < 0 ? -at : 2 * (n - 1) - at;
      }
    }
    return at;
  }

  static double voxel(double[][][] volume, int z, int y, int x, Border border, double constant) {
    int iz = inside(z, volume.length, border);
    int iy = inside(y, volume[0].length, border);
    int ix = inside(x, volume[0][0].length, border);
    return iz < 0 || iy < 0 || ix < 0 ? constant : volume[iz][iy][ix];
  }

  /** The weighted mean of the eight voxels about a place. */
  static double trilinear(double[][][] volume, double[] to, Border border, double constant) {
    double sum = 0;
    for (int corner = 0; corner < 8; corner++) {
      int[] index = new int[3];
      double weight = 1;
      for (int a = 0; a < 3; a++) {
        int upper = corner >> a & 1;
        double floor = Math.floor(to[a]);
        index[a] = (int) floor + upper;
        weight *= upper == 1 ? to[a] - floor : 1 - (to[a] - floor);
      }
      sum += weight * voxel(volume, index[0], index[1], index[2], border, constant);
    }
    return sum;
  }

  /** The labels that may be the nearest, the place being a little uncertain. */
  static Set<Integer> nearest(double[][][] volume, double[] to, Border border, int constant) {
    Set<Integer> candidates = new HashSet<>();
    for (int corner = 0; corner < 8; corner++) {
      int[] index = new int[3];
      for (int a = 0; a < 3; a++) {
        index[a] = (int) Math.floor(to[a] + 0.5 + ((corner >> a & 1) == 1 ? SLACK : -SLACK));
      }
      candidates.add((int) voxel(volume, index[0], index[1], index[2], border, constant));
    }
    return candidates;
  }

  static double grey(double v, double[] grey, boolean clip, boolean gamma) {
    double to = v * grey[0] + grey[1];
    to = clip ? Math.max(0, Math.min(1, to)) : to;
    return gamma ? Math.pow(to, grey[2]) : to;
  }

  /** Philox4x32-10 as the paper writes it; the first word, from 23 bits to between -1/2 and 1/2. */
  static double noise(int voxel, int channel, int[] key) {
    return ((philox(voxel, channel, key) >>> 9) + 0.5) / (1 << 23) - 0.5;
  }

  static int philox(int voxel, int channel, int[] key) {
    long mask = 0xFFFFFFFFL;
    long r0 = voxel & mask;
    long r1 = channel;
    long l0 = 0;
    long l1 = 0;
    long k0 = key[0] & mask;
    long k1 = key[1] & mask;
    for (int round = 0; round < 10; round++) {
      long a = r0 * 0xD2511F53L;
      long b = l0 * 0xCD9E8D57L;
      r0 = (b >>> 32 ^ r1 ^ k0) & mask;
      r1 = b & mask;
      l0 = (a >>> 32 ^ l1 ^ k1) & mask;
      l1 = a & mask;
      k0 = (k0 + 0x9E3779B9L) & mask;
      k1 = (k1 + 0xBB67AE85L) & mask;
    }
    return (int) r0;
  }

  /** The density of the normal distribution. */
  static double density(double x) {
    return Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  }

  /** The normal distribution function less 1/2, by its series in odd powers. */
  static double distribution(double x) {
    double term = x;
    double sum = x;
    for (int k = 1; k < 200; k++) {
      term *= x * x / (2 * k + 1);
      sum += term;
    }
    return density(x) * sum;
  }

  /** The deviate with that distribution function less 1/2: bisection. */
  static double deviate(double q) {
    double low = -7;
    double high = 7;
    for (int i = 0; i < 80; i++) {
      double middle = (low + high) / 2;
      if (distribution(middle) < q) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }
}
