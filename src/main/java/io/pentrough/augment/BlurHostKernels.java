package io.pentrough.augment;

import io.pentrough.device.KernelArguments;
import io.pentrough.device.KernelSource;
import java.nio.ByteBuffer;

/** The kernels of blur.cu, and their host implementation: the same operations in the same order. */
final class BlurHostKernels {

  /** How many voxels a thread computes at a time. */
  static final int EACH = 4;

  static final KernelSource SOURCE =
      KernelSource.ofResource(BlurHostKernels.class, "blur.ptx")
          .hostKernel("blurAlong", arguments -> blur(arguments, true))
          .hostKernel("blurAcross", arguments -> blur(arguments, false));

  private BlurHostKernels() {}

  private static void blur(KernelArguments arguments, boolean alongX) {
    ByteBuffer in = arguments.bytes(0);
    ByteBuffer out = arguments.bytes(1);
    int length = arguments.getInt(5);
    int blocksPerSample = arguments.getInt(6);
    int tiles = arguments.getInt(7);
    float[] weights = new float[arguments.getInt(8) + 1];
    boolean mirror = arguments.getInt(9) != 0;
    int stride = alongX ? 1 : arguments.getInt(10);
    int perSample = blocksPerSample * length * stride;
    int elements = arguments.grid(0) / tiles * (alongX ? perSample : length * stride);
    // Lines lie stride apart within blocks of stride * length, of which a sample has several.
    for (int block = 0; block < elements; block += stride * length) {
      if (block % perSample == 0) {
        int row = arguments.getInt(4) + block / perSample * arguments.getInt(3);
        for (int k = 0; k < weights.length; k++) {
          weights[k] = arguments.bytes(2).getFloat(Float.BYTES * (row + k));
        }
      }
      for (int at = 0; at < length; at++) {
        blurRow(in, out, weights, block, stride, length, at, mirror);
      }
    }
  }

  /** Blurs the voxels of a block that have the same index along the axis. */
  private static void blurRow(
      ByteBuffer in,
      ByteBuffer out,
      float[] weights,
      int block,
      int stride,
      int length,
      int at,
      boolean mirror) {
    int radius = weights.length - 1;
    int[] below = new int[radius + 1];
    int[] above = new int[radius + 1];
    for (int k = 1; k <= radius; k++) {
      below[k] = block + stride * inside(at - k, length, mirror);
      above[k] = block + stride * inside(at + k, length, mirror);
    }
    int start = block + stride * at;
    for (int i = 0; i < stride; i++) {
      float sum = weights[0] * in.getFloat(Float.BYTES * (start + i));
      for (int k = 1; k <= radius; k++) {
        float pair =
            in.getFloat(Float.BYTES * (below[k] + i)) + in.getFloat(Float.BYTES * (above[k] + i));
        sum = Math.fma(weights[k], pair, sum);
      }
      out.putFloat(Float.BYTES * (start + i), sum);
    }
  }

  /** The index that is read for an index that may lie outside. */
  private static int inside(int at, int length, boolean mirror) {
    if (mirror) {
      return length - 1 - Math.abs(length - 1 - Math.abs(at));
    }
    return Math.min(Math.max(at, 0), length - 1);
  }
}
