package io.pentrough.augment;

import io.pentrough.device.DeviceKernel;

/**
 * How a kernel's work is spread over threads. Blocks have threads along x, which make neighbours in
 * memory, and rows of them; a thread goes on along x by all threads there, so any number of blocks
 * will do.
 */
final class Spread {

  private static final int THREADS = 256;
  private static final int WARP = 32;

  /** As many as fill a sector of memory, 32 bytes, with floats. */
  private static final int LEAST_ALONG_X = 8;

  /** How many steps a row should have at least, to be worth what a thread does before the first. */
  private static final int STEPS = 5;

  /** How many voxels of a row a thread makes. */
  private static final int EACH = 8;

  /** What a grid may have along y and z. */
  private static final int MOST_BLOCKS = 65_535;

  private Spread() {}

  /** Threads along x: a warp, or a half or a quarter of one on short lines. */
  static int alongX(int length) {
    int threads = WARP;
    while (threads > LEAST_ALONG_X && length < STEPS * threads) {
      threads /= 2;
    }
    return threads;
  }

  /** Rows of threads in a block that has so many along x. */
  static int rows(int alongX) {
    return THREADS / alongX;
  }

  /** Blocks along a line, or fewer, if a grid has not so many. */
  static int blocks(int length, int voxels) {
    return Math.min(ceil(length, voxels), MOST_BLOCKS);
  }

  static int ceil(int length, int unit) {
    return (length - 1) / unit + 1;
  }

  /**
   * Spreads a kernel of augment.cu.
   *
   * @param scattered whether neighbours along x may read far from each other: then the rows of a
   *     warp share what is fetched
   */
  static DeviceKernel spread(DeviceKernel kernel, Size patch, int samples, boolean scattered) {
    int alongX = scattered ? LEAST_ALONG_X : alongX(patch.x());
    return kernel
        .block(alongX, rows(alongX), 1)
        .grid(ceil(patch.z() * patch.y(), rows(alongX)), samples, blocks(patch.x(), EACH * alongX));
  }
}
