package io.pentrough.augment;

import io.pentrough.device.DeviceKernel;

/**
 * Spreads a kernel's work over threads. A block has rows of threads. The threads of a row lie along
 * x and compute neighbours in memory. A thread steps along x by the number of all threads there, so
 * any number of blocks covers a line.
 */
final class Spread {

  private static final int THREADS = 256;
  private static final int WARP = 32;

  /** The floats in a sector of memory, which has 32 bytes. */
  private static final int MIN_ALONG_X = 8;

  /** A thread should take at least this many steps, to be worth its work before the first one. */
  private static final int STEPS = 5;

  /** How many voxels of a row a thread computes. */
  private static final int EACH = 8;

  /** The largest grid along y and z. */
  private static final int MAX_BLOCKS = 65_535;

  private Spread() {}

  /** Threads along x: a warp, or half or a quarter of a warp for short lines. */
  static int alongX(int length) {
    int threads = WARP;
    while (threads > MIN_ALONG_X && length < STEPS * threads) {
      threads /= 2;
    }
    return threads;
  }

  /** Rows in a block with this many threads along x. */
  static int rows(int alongX) {
    return THREADS / alongX;
  }

  /** Blocks along a line, or fewer if a grid cannot have so many. */
  static int blocks(int length, int voxels) {
    return Math.min(ceil(length, voxels), MAX_BLOCKS);
  }

  static int ceil(int length, int unit) {
    return (length - 1) / unit + 1;
  }

  /**
   * Spreads a kernel of augment.cu.
   *
   * @param scattered whether neighbours along x may read far from each other; then short rows let
   *     the threads of a warp share what is fetched
   */
  static DeviceKernel spread(DeviceKernel kernel, Size patch, int samples, boolean scattered) {
    int alongX = scattered ? MIN_ALONG_X : alongX(patch.x());
    return kernel
        .block(alongX, rows(alongX), 1)
        .grid(ceil(patch.z() * patch.y(), rows(alongX)), samples, blocks(patch.x(), EACH * alongX));
  }
}
