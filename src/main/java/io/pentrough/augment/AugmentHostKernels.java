package io.pentrough.augment;

import static io.pentrough.augment.AugmentSampling.between;
import static io.pentrough.augment.AugmentSampling.coordinate;
import static io.pentrough.augment.AugmentSampling.floor;
import static io.pentrough.augment.AugmentSampling.loadFloat;
import static io.pentrough.augment.AugmentSampling.loadInt;
import static io.pentrough.augment.AugmentSampling.resolve;

import io.pentrough.augment.AugmentSampling.Source;
import io.pentrough.device.KernelArguments;
import io.pentrough.device.KernelSource;
import java.nio.ByteBuffer;

/**
 * The kernels of augment.cu, and their implementation for the host: the same operations in the same
 * order, each rounded the same, so that the results have the same bits.
 */
final class AugmentHostKernels {

  static final KernelSource SOURCE =
      KernelSource.ofResource(AugmentHostKernels.class, "augment.ptx")
          .hostKernel("augmentCrop", arguments -> augment(arguments, false))
          .hostKernel("augmentWarp", arguments -> augment(arguments, true))
          .hostKernel("labelCrop", AugmentHostKernels::labelCrop)
          .hostKernel("labelWarp", AugmentHostKernels::labelWarp);

  private AugmentHostKernels() {}

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
    if ((flags & AugmentCodes.CLIP) != 0) {
      v = v < 0 ? 0 : v > 1 ? 1 : v; // not Math.min, to keep -0
    }
    if ((flags & AugmentCodes.GAMMA) != 0) {
      v = AugmentMath.power(v, parameters.getFloat(4 * (channel + 2)));
    }
    if (noise != AugmentCodes.NO_NOISE) {
      int key0 = parameters.getInt(4 * (sample + Parameters.KEY));
      int key1 = parameters.getInt(4 * (sample + Parameters.KEY + 1));
      float q = AugmentMath.centred(AugmentMath.philox(voxel, c, key0, key1));
      v = Math.fma(amplitude, noise == AugmentCodes.UNIFORM ? 2 * q : AugmentMath.normal(q), v);
    }
    return v;
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
            int plane = n * channels + c;
            float v = loadFloat(in, width, kind, plane * nz * ny * nx + from);
            int channel = channel0 + c * Parameters.CHANNEL_WORDS;
            v = grey(v, parameters, sample, channel, voxel, c, flags, noise, amplitude);
            out.putFloat(4 * (plane * voxels + voxel), v);
          }
          continue;
        }
        float toZ = coordinate(parameters, sample, 0, flags, z, y, x);
        float toY = coordinate(parameters, sample, 1, flags, z, y, x);
        float toX = coordinate(parameters, sample, 2, flags, z, y, x);
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
          int plane = n * channels + c;
          int start = plane * nz * ny * nx;
          float v =
              between(
                  fz,
                  source.in(start, z0, y0, y1, x0, x1, fy, fx),
                  source.in(start, z1, y0, y1, x0, x1, fy, fx));
          int channel = channel0 + c * Parameters.CHANNEL_WORDS;
          v = grey(v, parameters, sample, channel, voxel, c, flags, noise, amplitude);
          out.putFloat(4 * (plane * voxels + voxel), v);
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
    int iz =
        floor(coordinate(parameters, sample, 0, flags, oz, oy, ox) + 0.5f) - arguments.getInt(15);
    int iy =
        floor(coordinate(parameters, sample, 1, flags, oz, oy, ox) + 0.5f) - arguments.getInt(16);
    int ix =
        floor(coordinate(parameters, sample, 2, flags, oz, oy, ox) + 0.5f) - arguments.getInt(17);
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
