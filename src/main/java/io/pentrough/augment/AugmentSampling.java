package io.pentrough.augment;

import java.nio.ByteBuffer;

/**
 * How the kernels of augment.cu read their source, in Java: elements of any type, the border, the
 * map from the output, and interpolation. See {@link AugmentMath}.
 */
final class AugmentSampling {

  private static final float MAX_COORDINATE = 1e9f;

  private AugmentSampling() {}

  static int loadInt(ByteBuffer from, int bytes, int kind, int index) {
    return switch (bytes) {
      case 1 -> kind == AugmentCodes.SIGNED ? from.get(index) : from.get(index) & 0xff;
      case 2 ->
          kind == AugmentCodes.SIGNED
              ? from.getShort(2 * index)
              : from.getShort(2 * index) & 0xffff;
      case 4 -> from.getInt(4 * index);
      default -> (int) from.getLong(8 * index);
    };
  }

  static float loadFloat(ByteBuffer from, int bytes, int kind, int index) {
    int bits = loadInt(from, bytes, kind, index);
    return switch (kind) {
      case AugmentCodes.FLOAT -> Float.intBitsToFloat(bits);
      case AugmentCodes.SIGNED -> bits;
      default -> bits & 0xFFFF_FFFFL;
    };
  }

  /** The index that is read for an index that may lie outside; -1 for the constant. */
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

  /** One coordinate of the point in the source that an output voxel is read at. */
  static float coordinate(
      ByteBuffer parameters, int sample, int axis, int flags, int z, int y, int x) {
    int matrix = sample + Parameters.MATRIX;
    float to = row(parameters, matrix + 4 * axis, z, y, x);
    if ((flags & AugmentCodes.PERSPECTIVE) != 0) {
      to /= row(parameters, matrix + 12, z, y, x);
    }
    return Math.min(Math.max(to, -MAX_COORDINATE), MAX_COORDINATE);
  }

  static int floor(float v) {
    return (int) Math.floor(v);
  }

  static float between(float f, float a, float b) {
    return Math.fma(f, b - a, a);
  }

  /** An image that is read between its voxels. */
  record Source(ByteBuffer bytes, int width, int kind, int ny, int nx, float constant) {

    float at(int start, int z, int y, int x) {
      return (z | y | x) < 0
          ? constant
          : loadFloat(bytes, width, kind, start + (z * ny + y) * nx + x);
    }

    /** Interpolates within a slice. */
    float in(int start, int z, int y0, int y1, int x0, int x1, float fy, float fx) {
      return between(
          fy,
          between(fx, at(start, z, y0, x0), at(start, z, y0, x1)),
          between(fx, at(start, z, y1, x0), at(start, z, y1, x1)));
    }
  }
}
