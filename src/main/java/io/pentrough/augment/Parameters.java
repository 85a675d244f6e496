package io.pentrough.augment;

/**
 * The layout of what is drawn for a sample: a row of 32-bit words. augment.cu has the same numbers.
 *
 * <pre>
 * word
 *   0   image: first voxel, then the step in the source for one step along z, y, x of the output
 *   4   label: the same
 *   8   the matrix from the output to the source, row by row: z, y, x, divisor
 *  24   the key of the noise, two words
 *  26   boxes that are cut out: z0, z1, y0, y1, x0, x1 each
 *       channels: gain, offset, gamma each
 * </pre>
 */
final class Parameters {

  static final int IMAGE_STEPS = 0;
  static final int LABEL_STEPS = 4;
  static final int MATRIX = 8;
  static final int KEY = 24;
  static final int BOXES = 26;
  static final int BOX_WORDS = 6;
  static final int CHANNEL_WORDS = 3;

  /** What a stage may have. */
  static final long MAX_BYTES = 1 << 20;

  private Parameters() {}

  static int words(int boxes, int channels) {
    return Math.toIntExact(bytes(1, boxes, channels) / Integer.BYTES);
  }

  static long bytes(int samples, int boxes, int channels) {
    return Integer.BYTES * (BOXES + BOX_WORDS * boxes + (long) CHANNEL_WORDS * channels) * samples;
  }

  /** Refuses a batch whose parameters take more than so many bytes. */
  static void requireAtMost(long max, int samples, int boxes, int channels) {
    long bytes = bytes(samples, boxes, channels);
    if (bytes > max) {
      throw new IllegalArgumentException(
          "%d samples of %d channels with %d boxes take %d bytes of parameters, and a stage may have %d: take fewer samples in a batch, or fewer boxes"
              .formatted(samples, channels, boxes, bytes, MAX_BYTES));
    }
  }
}
