package io.pentrough.augment;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * Maps the voxels of the output to the source: draws the map of a sample, and writes it as steps
 * and as a matrix. Immutable.
 *
 * @param source the size of the image's source
 * @param patch the size of the image's output
 * @param inset the offset of the label's output in the image's output
 * @param labelAt the offset of the label's source in the image's source; may be negative
 * @param labelSource the size of the label's source
 * @param first the smallest offset of the patch in the source
 * @param last the largest offset of the patch in the source
 * @param flips whether each axis may be flipped
 * @param swaps the axes that may be swapped
 * @param warp null for none
 * @param hasZ whether the arrays have an axis z
 */
record Geometry(
    Size source,
    Size patch,
    Size inset,
    Size labelAt,
    Size labelSource,
    Size first,
    Size last,
    List<Boolean> flips,
    List<Integer> swaps,
    @Nullable Warp warp,
    boolean hasZ) {

  private static final int AXES = 3;
  private static final double DEGREE = Math.PI / 180;

  /** Scratch for drawing a sample. Each thread keeps one, so that drawing allocates nothing. */
  static final class Draft {
    final int[] from = new int[AXES]; // the output axis that a source axis follows
    final int[] sign = new int[AXES];
    final int[] offset = new int[AXES];
    final double[] linear = new double[AXES * AXES];
    final double[] factor = new double[AXES * AXES];
    final double[] product = new double[AXES * AXES];
    final double[] perspective = new double[AXES];
  }

  /** Draws a sample's map. Always draws as many numbers, in the same order. */
  void draw(RandomGenerator random, Draft draft, ByteBuffer parameters, int at) {
    drawExact(random, draft);
    writeSteps(draft, parameters, at);
    if (warp == null) {
      Arrays.fill(draft.linear, 0);
      Arrays.fill(draft.perspective, 0);
      for (int a = 0; a < AXES; a++) {
        draft.linear[AXES * a + draft.from[a]] = draft.sign[a];
      }
    } else {
      drawWarp(random, draft, warp);
    }
    writeMatrix(draft, parameters, at);
  }

  private void drawExact(RandomGenerator random, Draft draft) {
    for (int a = 0; a < AXES; a++) {
      draft.from[a] = a;
      draft.sign[a] = flips.get(a) && random.nextBoolean() ? -1 : 1;
      int min = first.along(a);
      int max = last.along(a);
      draft.offset[a] = min == max ? min : min + random.nextInt(max - min + 1);
    }
    for (int i = swaps.size() - 1; i > 0; i--) { // Fisher and Yates
      int a = swaps.get(i);
      int b = swaps.get(random.nextInt(i + 1));
      int kept = draft.from[a];
      draft.from[a] = draft.from[b];
      draft.from[b] = kept;
    }
  }

  private void writeSteps(Draft draft, ByteBuffer parameters, int at) {
    for (int b = 0; b <= AXES; b++) {
      parameters.putInt(at + 4 * (Parameters.IMAGE_STEPS + b), 0);
      parameters.putInt(at + 4 * (Parameters.LABEL_STEPS + b), 0);
    }
    for (int a = 0; a < AXES; a++) {
      int b = draft.from[a];
      int begin = draft.offset[a] + (draft.sign[a] < 0 ? patch.along(a) - 1 : 0);
      int step = draft.sign[a] * stride(source, a);
      add(parameters, at + 4 * Parameters.IMAGE_STEPS, begin * stride(source, a));
      add(parameters, at + 4 * (Parameters.IMAGE_STEPS + 1 + b), step);
      int labelBegin = begin + draft.sign[a] * inset.along(b) - labelAt.along(a);
      int labelStep = draft.sign[a] * stride(labelSource, a);
      add(parameters, at + 4 * Parameters.LABEL_STEPS, labelBegin * stride(labelSource, a));
      add(parameters, at + 4 * (Parameters.LABEL_STEPS + 1 + b), labelStep);
    }
  }

  private static void add(ByteBuffer parameters, int at, int more) {
    parameters.putInt(at, parameters.getInt(at) + more);
  }

  private static int stride(Size size, int axis) {
    return axis == 0 ? size.y() * size.x() : axis == 1 ? size.x() : 1;
  }

  /**
   * L = A^-1 R T H S F' A, where F' stands for flips and swaps. In voxels they are F = A^-1 F' A.
   */
  private void drawWarp(RandomGenerator random, Draft draft, Warp warp) {
    boolean locked = warp.zLocked || !hasZ;
    double[] linear = draft.linear;
    double[] factor = draft.factor;

    double turn = DEGREE * symmetric(random, warp.rotation);
    identity(linear);
    linear[4] = StrictMath.cos(turn);
    linear[5] = -StrictMath.sin(turn);
    linear[7] = StrictMath.sin(turn);
    linear[8] = StrictMath.cos(turn);

    double tilt = DEGREE * symmetric(random, warp.tilt);
    double direction = 2 * Math.PI * random.nextDouble();
    if (!locked) {
      tilt(factor, tilt, StrictMath.cos(direction), StrictMath.sin(direction));
      multiply(draft);
    }

    identity(factor);
    for (int a = 0; a < AXES; a++) {
      for (int b = 0; b < AXES; b++) {
        double shear = a == b ? 0 : symmetric(random, warp.shear);
        if (a != b && !(locked && (a == 0 || b == 0))) {
          factor[AXES * a + b] = shear;
        }
      }
    }
    multiply(draft);

    identity(factor);
    double low = StrictMath.log(warp.minScale);
    double high = StrictMath.log(warp.maxScale);
    for (int a = 0; a < AXES; a++) {
      double scale = StrictMath.exp(low + random.nextDouble() * (high - low));
      factor[AXES * a + a] = a == 0 && locked ? 1 : 1 / scale;
    }
    multiply(draft);

    for (int a = 0; a < AXES; a++) { // A^-1 ... A
      for (int b = 0; b < AXES; b++) {
        linear[AXES * a + b] *= spacing(warp, b) / spacing(warp, a);
      }
    }
    Arrays.fill(factor, 0);
    for (int a = 0; a < AXES; a++) {
      factor[AXES * a + draft.from[a]] = draft.sign[a];
    }
    multiply(draft);

    for (int b = 0; b < AXES; b++) {
      double drawn = symmetric(random, warp.perspective);
      double half = Math.max(1, (patch.along(b) - 1) / 2.0);
      draft.perspective[b] = b == 0 && locked ? 0 : drawn / half;
    }
  }

  private static double spacing(Warp warp, int axis) {
    return axis == 0 ? warp.anisotropy : 1;
  }

  /** Rodrigues' rotation about (0, y, x). */
  private static void tilt(double[] m, double angle, double y, double x) {
    double cos = StrictMath.cos(angle);
    double sin = StrictMath.sin(angle);
    m[0] = cos;
    m[1] = -x * sin;
    m[2] = y * sin;
    m[3] = x * sin;
    m[4] = cos + y * y * (1 - cos);
    m[5] = y * x * (1 - cos);
    m[6] = -y * sin;
    m[7] = y * x * (1 - cos);
    m[8] = cos + x * x * (1 - cos);
  }

  private static double symmetric(RandomGenerator random, double max) {
    return max * (2 * random.nextDouble() - 1);
  }

  private static void identity(double[] m) {
    Arrays.fill(m, 0);
    m[0] = 1;
    m[4] = 1;
    m[8] = 1;
  }

  /** linear = linear times factor. */
  private static void multiply(Draft draft) {
    for (int a = 0; a < AXES; a++) {
      for (int b = 0; b < AXES; b++) {
        double sum = 0;
        for (int k = 0; k < AXES; k++) {
          sum += draft.linear[AXES * a + k] * draft.factor[AXES * k + b];
        }
        draft.product[AXES * a + b] = sum;
      }
    }
    System.arraycopy(draft.product, 0, draft.linear, 0, draft.product.length);
  }

  /**
   * Let m be the middle of the output, and c the middle of the patch in the source. An output voxel
   * p is read at c + L (p - m) / h, where h = 1 + q (p - m). That is (c h + L (p - m)) / h.
   */
  private void writeMatrix(Draft draft, ByteBuffer parameters, int at) {
    double divisor = 1;
    for (int b = 0; b < AXES; b++) {
      divisor -= draft.perspective[b] * middle(b);
    }
    for (int a = 0; a <= AXES; a++) {
      double centre = a == AXES ? 1 : draft.offset[a] + middle(a);
      double constant = centre * divisor;
      int row = at + 4 * (Parameters.MATRIX + 4 * a);
      for (int b = 0; b < AXES; b++) {
        double linear = a == AXES ? 0 : draft.linear[AXES * a + b];
        constant -= linear * middle(b);
        parameters.putFloat(row + 4 * b, (float) (centre * draft.perspective[b] + linear));
      }
      parameters.putFloat(row + 4 * AXES, (float) constant);
    }
  }

  private double middle(int axis) {
    return (patch.along(axis) - 1) / 2.0;
  }
}
