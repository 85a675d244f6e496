package io.pentrough.augment;

import io.pentrough.device.KernelArguments;
import io.pentrough.device.KernelSource;
import java.nio.ByteBuffer;

/**
 * The kernels of augment.cu and their twins: the same operations in the same order, each rounded
 * the same, so that the results have the same bits. Why a function is computed so is said there.
 */
final class AugmentTwins {

  static final int UNSIGNED = 0;
  static final int SIGNED = 1;
  static final int FLOAT = 2;

  static final int NO_NOISE = 0;
  static final int UNIFORM = 1;
  static final int GAUSSIAN = 2;

  static final int CLIP = 1;
  static final int GAMMA = 2;
  static final int PERSPECTIVE = 4;

  static final KernelSource SOURCE =
      KernelSource.ofResource(AugmentTwins.class, "augment.ptx")
          .twin("augmentCrop", arguments -> augment(arguments, false))
          .twin("augmentWarp", arguments -> augment(arguments, true))
          .twin("labelCrop", AugmentTwins::labelCrop)
          .twin("labelWarp", AugmentTwins::labelWarp);

  private static final int ROUNDS = 10;
  private static final float LEAST_NORMAL = Float.MIN_NORMAL;
  private static final float FARTHEST = 1e9f;

  private AugmentTwins() {}

  // --- elements

  private static int loadInt(ByteBuffer from, int bytes, int kind, int index) {
    return switch (bytes) {
      case 1 -> kind == SIGNED ? from.get(index) : from.get(index) & 0xff;
      case 2 -> kind == SIGNED ? from.getShort(2 * index) : from.getShort(2 * index) & 0xffff;
      case 4 -> from.getInt(4 * index);
      default -> (int) from.getLong(8 * index);
    };
  }

  private static float loadFloat(ByteBuffer from, int bytes, int kind, int index) {
    int bits = loadInt(from, bytes, kind, index);
    return switch (kind) {
      case FLOAT -> Float.intBitsToFloat(bits);
      case SIGNED -> bits;
      default -> bits & 0xFFFF_FFFFL;
    };
  }

  // --- random numbers

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

  // --- functions

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
    if (!(v >= LEAST_NORMAL)) {
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

  // --- values

  private static float grey(
      float raw,
      ByteBuffer parameters,
      int sample,
      int channel,
      int voxel,
      int c,
      int flags,
      int noise,
      float amplitude) {
    float v =
        Math.fma(raw, parameters.getFloat(4 * channel), parameters.getFloat(4 * (channel + 1)));
    if ((flags & CLIP) != 0) {
      v = v < 0 ? 0 : v > 1 ? 1 : v; // not Math.min: -0 shall stay
    }
    if ((flags & GAMMA) != 0) {
      v = power(v, parameters.getFloat(4 * (channel + 2)));
    }
    if (noise != NO_NOISE) {
      int key0 = parameters.getInt(4 * (sample + Parameters.KEY));
      int key1 = parameters.getInt(4 * (sample + Parameters.KEY + 1));
      float q = centred(philox(voxel, c, key0, key1));
      v = Math.fma(amplitude, noise == UNIFORM ? 2 * q : normal(q), v);
    }
    return v;
  }

  /** A word as one of 2^23 numbers between -1/2 and 1/2, as many below 0 as above. */
  static float centred(int word) {
    return Math.fma((float) (2 * (word >>> 9) + 1), 0x1p-24f, -0.5f);
  }

  private static boolean isCut(ByteBuffer parameters, int sample, int boxes, int z, int y, int x) {
    for (int b = 0; b < boxes; b++) {
      int at = 4 * (sample + Parameters.BOXES + b * Parameters.BOX_WORDS);
      if (z >= parameters.getInt(at)
          && z < parameters.getInt(at + 4)
          && y >= parameters.getInt(at + 8)
          && y < parameters.getInt(at + 12)
          && x >= parameters.getInt(at + 16)
          && x < parameters.getInt(at + 20)) {
        return true;
      }
    }
    return false;
  }

  // --- geometry

  static int resolve(int i, int n, int border) {
    if (0 <= i && i < n) {
      return i;
    }
    if (border == Border.CONSTANT.code) {
      return -1;
    }
    if (border == Border.CLAMP.code) {
      return i < 0 ? 0 : n - 1;
    }
    int period = Math.max(2 * n - 2, 1);
    int m = Math.floorMod(i, period);
    return m < n ? m : period - m;
  }

  private static float row(ByteBuffer parameters, int word, float z, float y, float x) {
    return Math.fma(
        parameters.getFloat(4 * word),
        z,
        Math.fma(
            parameters.getFloat(4 * (word + 1)),
            y,
            Math.fma(parameters.getFloat(4 * (word + 2)), x, parameters.getFloat(4 * (word + 3)))));
  }

  /** One coordinate of the place in the source that an output voxel comes from. */
  static float place(ByteBuffer parameters, int sample, int axis, int flags, int z, int y, int x) {
    int matrix = sample + Parameters.MATRIX;
    float to = row(parameters, matrix + 4 * axis, z, y, x);
    if ((flags & PERSPECTIVE) != 0) {
      to /= row(parameters, matrix + 12, z, y, x);
    }
    return Math.min(Math.max(to, -FARTHEST), FARTHEST);
  }

  private static int floor(float v) {
    return (int) Math.floor(v);
  }

  private static float between(float f, float a, float b) {
    return Math.fma(f, b - a, a);
  }

  private record Source(ByteBuffer bytes, int width, int kind, int ny, int nx, float constant) {

    float at(int start, int z, int y, int x) {
      return (z | y | x) < 0
          ? constant
          : loadFloat(bytes, width, kind, start + (z * ny + y) * nx + x);
    }

    float in(int start, int z, int y0, int y1, int x0, int x1, float fy, float fx) {
      return between(
          fy,
          between(fx, at(start, z, y0, x0), at(start, z, y0, x1)),
          between(fx, at(start, z, y1, x0), at(start, z, y1, x1)));
    }
  }

  // --- kernels

  private static void augment(KernelArguments arguments, boolean warp) {
    ByteBuffer in = arguments.bytes(0);
    ByteBuffer out = arguments.bytes(1);
    ByteBuffer parameters = arguments.bytes(2);
    int words = arguments.getInt(3);
    int width = arguments.getInt(4);
    int kind = arguments.getInt(5);
    int channels = arguments.getInt(6);
    int nz = arguments.getInt(7);
    int ny = arguments.getInt(8);
    int nx = arguments.getInt(9);
    int pz = arguments.getInt(10);
    int py = arguments.getInt(11);
    int px = arguments.getInt(12);
    int boxes = arguments.getInt(13);
    float cut = arguments.getFloat(14);
    int noise = arguments.getInt(15);
    float amplitude = arguments.getFloat(16);
    int flags = arguments.getInt(17);
    int border = warp ? arguments.getInt(18) : 0;
    Source source = new Source(in, width, kind, ny, nx, warp ? arguments.getFloat(19) : 0);
    int voxels = pz * py * px;
    for (int n = 0; n < arguments.grid(1); n++) {
      int sample = n * words;
      int channel0 = sample + Parameters.BOXES + Parameters.BOX_WORDS * boxes;
      for (int voxel = 0; voxel < voxels; voxel++) {
        int x = voxel % px;
        int y = voxel / px % py;
        int z = voxel / px / py;
        if (isCut(parameters, sample, boxes, z, y, x)) {
          for (int c = 0; c < channels; c++) {
            out.putFloat(4 * ((n * channels + c) * voxels + voxel), cut);
          }
          continue;
        }
        if (!warp) {
          int from = stepped(parameters, sample + Parameters.IMAGE_STEPS, z, y, x);
          for (int c = 0; c < channels; c++) {
            int place = n * channels + c;
            float v = loadFloat(in, width, kind, place * nz * ny * nx + from);
            int channel = channel0 + c * Parameters.CHANNEL_WORDS;
            v = grey(v, parameters, sample, channel, voxel, c, flags, noise, amplitude);
            out.putFloat(4 * (place * voxels + voxel), v);
          }
          continue;
        }
        float toZ = place(parameters, sample, 0, flags, z, y, x);
        float toY = place(parameters, sample, 1, flags, z, y, x);
        float toX = place(parameters, sample, 2, flags, z, y, x);
        int iz = floor(toZ);
        int iy = floor(toY);
        int ix = floor(toX);
        float fz = toZ - iz;
        float fy = toY - iy;
        float fx = toX - ix;
        int z0 = resolve(iz, nz, border);
        int z1 = resolve(iz + 1, nz, border);
        int y0 = resolve(iy, ny, border);
        int y1 = resolve(iy + 1, ny, border);
        int x0 = resolve(ix, nx, border);
        int x1 = resolve(ix + 1, nx, border);
        for (int c = 0; c < channels; c++) {
          int place = n * channels + c;
          int start = place * nz * ny * nx;
          float v =
              between(
                  fz,
                  source.in(start, z0, y0, y1, x0, x1, fy, fx),
                  source.in(start, z1, y0, y1, x0, x1, fy, fx));
          int channel = channel0 + c * Parameters.CHANNEL_WORDS;
          v = grey(v, parameters, sample, channel, voxel, c, flags, noise, amplitude);
          out.putFloat(4 * (place * voxels + voxel), v);
        }
      }
    }
  }

  private static int stepped(ByteBuffer parameters, int word, int z, int y, int x) {
    return parameters.getInt(4 * word)
        + z * parameters.getInt(4 * (word + 1))
        + y * parameters.getInt(4 * (word + 2))
        + x * parameters.getInt(4 * (word + 3));
  }

  private static void labelCrop(KernelArguments arguments) {
    label(arguments, false);
  }

  private static void labelWarp(KernelArguments arguments) {
    label(arguments, true);
  }

  private static void label(KernelArguments arguments, boolean warp) {
    ByteBuffer in = arguments.bytes(0);
    ByteBuffer out = arguments.bytes(1);
    ByteBuffer parameters = arguments.bytes(2);
    int words = arguments.getInt(3);
    int width = arguments.getInt(4);
    int kind = arguments.getInt(5);
    int nz = arguments.getInt(6);
    int ny = arguments.getInt(7);
    int nx = arguments.getInt(8);
    int pz = arguments.getInt(9);
    int py = arguments.getInt(10);
    int px = arguments.getInt(11);
    int voxels = pz * py * px;
    for (int n = 0; n < arguments.grid(1); n++) {
      int sample = n * words;
      for (int voxel = 0; voxel < voxels; voxel++) {
        int x = voxel % px;
        int y = voxel / px % py;
        int z = voxel / px / py;
        int v;
        if (warp) {
          v = nearest(arguments, in, parameters, sample, n, z, y, x);
        } else {
          int from = stepped(parameters, sample + Parameters.LABEL_STEPS, z, y, x);
          v = loadInt(in, width, kind, n * nz * ny * nx + from);
        }
        out.putInt(4 * (n * voxels + voxel), v);
      }
    }
  }

  private static int nearest(
      KernelArguments arguments,
      ByteBuffer in,
      ByteBuffer parameters,
      int sample,
      int n,
      int z,
      int y,
      int x) {
    int flags = arguments.getInt(18);
    int border = arguments.getInt(19);
    int oz = z + arguments.getInt(12);
    int oy = y + arguments.getInt(13);
    int ox = x + arguments.getInt(14);
    int ny = arguments.getInt(7);
    int nx = arguments.getInt(8);
    int iz = floor(place(parameters, sample, 0, flags, oz, oy, ox) + 0.5f) - arguments.getInt(15);
    int iy = floor(place(parameters, sample, 1, flags, oz, oy, ox) + 0.5f) - arguments.getInt(16);
    int ix = floor(place(parameters, sample, 2, flags, oz, oy, ox) + 0.5f) - arguments.getInt(17);
    iz = resolve(iz, arguments.getInt(6), border);
    iy = resolve(iy, ny, border);
    ix = resolve(ix, nx, border);
    return (iz | iy | ix) < 0
        ? arguments.getInt(20)
        : loadInt(
            in,
            arguments.getInt(4),
            arguments.getInt(5),
            ((n * arguments.getInt(6) + iz) * ny + iy) * nx + ix);
  }
}
