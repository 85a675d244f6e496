package io.pentrough.augment;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * Where the voxels of the output come from: draws the map of a sample and writes it as steps and as
 * a matrix. Immutable.
 *
 * @param source lengths of the image's source
 * @param patch lengths of the image's output
 * @param inset how far the label's output begins inside the image's
 * @param labelAt where the label's source begins in the image's; may be negative
 * @param labelSource lengths of the label's source
 * @param first the least place of the patch in the source
 * @param last the largest place of the patch in the source
 * @param flips whether each axis may be flipped
 * @param swaps the axes that may be swapped
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

  /**
   * What is worked on while a sample is drawn; one for each thread, so that nothing is allocated.
   */
  static final class Draft {
    final int[] from = new int[AXES]; // the output axis that a source axis follows
    final int[] sign = new int[AXES];
    final int[] offset = new int[AXES];
    final double[] linear = new double[AXES * AXES];
    final double[] factor = new double[AXES * AXES];
    final double[] product = new double[AXES * AXES];
    final double[] perspective = new double[AXES];
  }

  /** Draws a sample's map; always as many numbers, in the same order. */
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
      int least = first.along(a);
      int most = last.along(a);
      draft.offset[a] = least == most ? least : least + random.nextInt(most - least + 1);
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
   * L = A^-1 R T H S F' A, where F' are flips and swaps: what they do in voxels, F, is A^-1 F' A.
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
    double low = StrictMath.log(warp.leastScale);
    double high = StrictMath.log(warp.mostScale);
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

  private static double symmetric(RandomGenerator random, double most) {
    return most * (2 * random.nextDouble() - 1);
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
   * With m the middle of the output, c that of its place in the source: c + L (p - m) / h, where h
   * = 1 + q (p - m), is (c h + L (p - m)) / h.
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

  /**
   * The voxels of the image's source that a part of the image's output is made of. A projective map
   * whose divisor is positive takes a box into the hull of its corners.
   *
   * @param begin where the part begins
   * @param size how large it is
   * @param nearest whether it reads the nearest voxel instead of the two about it
   * @param offset where the source that is read begins in the image's
   * @param extent how large that is
   */
  SourceBox read(
      ByteBuffer parameters,
      int at,
      Size begin,
      Size size,
      boolean nearest,
      Size offset,
      Size extent,
      Border border) {
    int[] ends = new int[2 * AXES];
    for (int a = 0; a < AXES; a++) {
      double low = Double.POSITIVE_INFINITY;
      double high = Double.NEGATIVE_INFINITY;
      for (int corner = 0; corner < 8; corner++) {
        int z = begin.z() + (corner & 1) * (size.z() - 1);
        int y = begin.y() + (corner >> 1 & 1) * (size.y() - 1);
        int x = begin.x() + (corner >> 2 & 1) * (size.x() - 1);
        double to = row(parameters, at, a, z, y, x) / row(parameters, at, AXES, z, y, x);
        low = Math.min(low, to);
        high = Math.max(high, to);
      }
      // The kernel's place has float's precision.
      double slack = warp == null ? 0 : 1e-3 + 1e-5 * Math.max(Math.abs(low), Math.abs(high));
      double half = warp != null && nearest ? 0.5 : 0;
      int most = 1 << 29;
      int from = (int) Math.max(-most, Math.floor(low - slack + half)) - offset.along(a);
      int to = (int) Math.min(most, Math.floor(high + slack + half)) - offset.along(a);
      if (warp != null && !nearest) {
        to++;
      }
      hull(from, to, extent.along(a), border, ends, 2 * a);
    }
    return new SourceBox(ends[0], ends[1], ends[2], ends[3], ends[4], ends[5]);
  }

  /** The range that the indices from..to lead to, the border considered. */
  private static void hull(int from, int to, int n, Border border, int[] ends, int at) {
    int low = n;
    int high = -1;
    // What is farther out than two lengths comes again in a mirror, and is all the same otherwise.
    int last = (int) Math.min(to, from + 4L * n);
    for (int i = from; i <= last; i++) {
      int read = AugmentTwins.resolve(i, n, border.code);
      if (read >= 0) {
        low = Math.min(low, read);
        high = Math.max(high, read);
      }
    }
    if (last < to && border != Border.MIRROR) { // what lies between is jumped over
      boolean meets = from < n && to >= 0;
      low = meets ? 0 : low;
      high = meets ? n - 1 : high;
    }
    ends[at] = Math.min(low, high + 1);
    ends[at + 1] = high + 1;
  }

  private static double row(ByteBuffer parameters, int at, int row, int z, int y, int x) {
    int from = at + 4 * (Parameters.MATRIX + 4 * row);
    return (double) parameters.getFloat(from) * z
        + (double) parameters.getFloat(from + 4) * y
        + (double) parameters.getFloat(from + 8) * x
        + parameters.getFloat(from + 12);
  }
}
