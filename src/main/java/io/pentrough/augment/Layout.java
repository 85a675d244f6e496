package io.pentrough.augment;

import io.pentrough.ArraySpec;

/**
 * The meaning of an image array's dimensions, slowest first: n samples, c channels, and the axes z,
 * y, x.
 */
public enum Layout {
  /** Pictures of one channel. Labels are [n, y, x]. */
  NYX(3, false, false),
  /** Pictures. Labels are [n, y, x]. */
  NCYX(4, true, false),
  /** Volumes of one channel. Labels are [n, z, y, x]. */
  NZYX(4, false, true),
  /** Volumes. Labels are [n, z, y, x]. */
  NCZYX(5, true, true);

  final int rank;
  final boolean hasChannels;
  final boolean hasZ;

  Layout(int rank, boolean hasChannels, boolean hasZ) {
    this.rank = rank;
    this.hasChannels = hasChannels;
    this.hasZ = hasZ;
  }

  /** The lengths of an image or a label along the axes of space. */
  Size sizeOf(ArraySpec array) {
    int rank = array.rank();
    return new Size(
        hasZ ? array.dimension(rank - 3) : 1, array.dimension(rank - 2), array.dimension(rank - 1));
  }
}
