package io.pentrough.augment;

/** What the dimensions of an image array mean, slowest first: n samples, c channels, z, y, x. */
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
}
