package io.pentrough.augment;

import java.nio.ByteBuffer;

/** Which voxels of its source a sample is made of, computed from the parameters drawn for it. */
final class SourceReach {

  private static final int AXES = 3;

  private static final Size ORIGIN = new Size(0, 0, 0);

  /** Farther out, indices would overflow. */
  private static final int MAX_INDEX = 1 << 29;

  private SourceReach() {}

  /**
   * For a sample of the image.
   *
   * @param at where the sample's parameters begin
   */
  static SourceBox ofImage(Geometry geometry, Border border, ByteBuffer parameters, int at) {
    return box(
        parameters,
        at,
        geometry.warp() != null,
        false,
        ORIGIN,
        geometry.patch(),
        ORIGIN,
        geometry.source(),
        border);
  }

  /**
   * For a sample of the label.
   *
   * @param at where the sample's parameters begin
   */
  static SourceBox ofLabel(
      Geometry geometry, Size labelPatch, Border border, ByteBuffer parameters, int at) {
    return box(
        parameters,
        at,
        geometry.warp() != null,
        true,
        geometry.inset(),
        labelPatch,
        geometry.labelAt(),
        geometry.labelSource(),
        border);
  }

  /**
   * The voxels that a part of the image's output is made of. A projective map whose divisor is
   * positive maps a box into the hull of its mapped corners.
   *
   * @param begin where the part begins in the image's output
   * @param size the size of the part
   * @param nearest whether the kernel reads the nearest voxel instead of the two around a point
   * @param offset where the source that is read begins in the image's source
   * @param extent the size of the source that is read
   */
  private static SourceBox box(
      ByteBuffer parameters,
      int at,
      boolean warps,
      boolean nearest,
      Size begin,
      Size size,
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
      // The kernel computes the coordinate with float's precision.
      double slack = warps ? 1e-3 + 1e-5 * Math.max(Math.abs(low), Math.abs(high)) : 0;
      double half = warps && nearest ? 0.5 : 0;
      int from = (int) Math.max(-MAX_INDEX, Math.floor(low - slack + half)) - offset.along(a);
      int to = (int) Math.min(MAX_INDEX, Math.floor(high + slack + half)) - offset.along(a);
      if (warps && !nearest) {
        to++;
      }
      hull(from, to, extent.along(a), border, ends, 2 * a);
    }
    return new SourceBox(ends[0], ends[1], ends[2], ends[3], ends[4], ends[5]);
  }

  /** The range of the indices that are read for from..to, as the border maps them. */
  private static void hull(int from, int to, int n, Border border, int[] ends, int at) {
    int low = n;
    int high = -1;
    // Farther out than two lengths a mirror repeats, and other borders do not change.
    int last = (int) Math.min(to, from + 4L * n);
    for (int i = from; i <= last; i++) {
      int read = AugmentSampling.resolve(i, n, border.code);
      if (read >= 0) {
        low = Math.min(low, read);
        high = Math.max(high, read);
      }
    }
    if (last < to && border != Border.MIRROR) { // the loop has left out the rest
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
