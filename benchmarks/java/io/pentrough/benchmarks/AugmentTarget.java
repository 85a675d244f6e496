package io.pentrough.benchmarks;

import java.util.Random;
import java.util.random.RandomGenerator;

/**
 * What ELEKTRONN2's users do on the host: a random patch of a uint8 volume, flipped and transposed
 * at random, its grey values stretched, clipped and raised to a power, as float32; its labels
 * alike.
 */
final class AugmentTarget implements Target {

  private static final int DEPTH = 23;
  private static final int EDGE = 185;
  private static final int LABEL_DEPTH = 16;
  private static final int LABEL_EDGE = 96;

  /** 128 x 512 x 512 grey values and labels. */
  static final class Volume {

    private static final int DEPTH = 128;
    private static final int EDGE = 512;

    private final byte[] grey = new byte[DEPTH * EDGE * EDGE];
    private final short[] labels = new short[DEPTH * EDGE * EDGE];

    Volume() {
      new Random(4).nextBytes(grey);
      for (int i = 0; i < labels.length; i++) {
        labels[i] = (short) (grey[i] & 3);
      }
    }
  }

  private final Volume volume;
  private final boolean byTable;
  private final float[] row = new float[EDGE];
  private final short[] labelRow = new short[LABEL_EDGE];
  private final float[] table = new float[256];

  AugmentTarget(Volume volume, boolean byTable) {
    this.volume = volume;
    this.byTable = byTable;
  }

  @Override
  public void fill(Output out, RandomGenerator random) {
    int z = random.nextInt(Volume.DEPTH - DEPTH);
    int y = random.nextInt(Volume.EDGE - EDGE);
    int x = random.nextInt(Volume.EDGE - EDGE);
    boolean flipZ = random.nextBoolean();
    boolean flipY = random.nextBoolean();
    boolean flipX = random.nextBoolean();
    boolean transpose = random.nextBoolean();
    float contrast = (0.85f + 0.3f * random.nextFloat()) / 255;
    float brightness = -0.15f + 0.3f * random.nextFloat();
    double exponent = 0.5 + 1.5 * random.nextFloat();
    if (byTable) {
      for (int v = 0; v < 256; v++) {
        table[v] = grey(v, contrast, brightness, exponent);
      }
    }
    int stepZ = (flipZ ? -1 : 1) * Volume.EDGE * Volume.EDGE;
    int stepY = (flipY ? -1 : 1) * (transpose ? 1 : Volume.EDGE);
    int stepX = (flipX ? -1 : 1) * (transpose ? Volume.EDGE : 1);
    int corner = (z * Volume.EDGE + y) * Volume.EDGE + x;
    int from =
        corner
            + (stepZ < 0 ? -stepZ * (DEPTH - 1) : 0)
            + (stepY < 0 ? -stepY * (EDGE - 1) : 0)
            + (stepX < 0 ? -stepX * (EDGE - 1) : 0);
    for (int r = 0; r < DEPTH * EDGE; r++) {
      int at = from + r / EDGE * stepZ + r % EDGE * stepY;
      if (byTable) {
        for (int i = 0; i < EDGE; i++, at += stepX) {
          row[i] = table[volume.grey[at] & 0xff];
        }
      } else {
        for (int i = 0; i < EDGE; i++, at += stepX) {
          row[i] = grey(volume.grey[at] & 0xff, contrast, brightness, exponent);
        }
      }
      out.data(r * EDGE, row, 0, EDGE);
    }
    int inset = (DEPTH - LABEL_DEPTH) / 2;
    int labelInset = (EDGE - LABEL_EDGE) / 2;
    int labelFrom = from + inset * stepZ + labelInset * (stepY + stepX);
    for (int r = 0; r < LABEL_DEPTH * LABEL_EDGE; r++) {
      int at = labelFrom + r / LABEL_EDGE * stepZ + r % LABEL_EDGE * stepY;
      for (int i = 0; i < LABEL_EDGE; i++, at += stepX) {
        labelRow[i] = volume.labels[at];
      }
      out.labels(r * LABEL_EDGE, labelRow, 0, LABEL_EDGE);
    }
  }

  private static float grey(int value, float contrast, float brightness, double exponent) {
    float grey = Math.min(1, Math.max(0, value * contrast + brightness));
    return (float) Math.pow(grey, exponent);
  }
}
