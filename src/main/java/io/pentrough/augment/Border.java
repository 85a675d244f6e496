package io.pentrough.augment;

/** What is read where a warp looks outside of its source. */
public enum Border {
  /** A constant. */
  CONSTANT(0),
  /** The voxel on the border: a a | a b c | c c. */
  CLAMP(1),
  /** The source in a mirror that stands on its outermost voxel: c b | a b c | b a. */
  MIRROR(2);

  /** As in augment.cu. */
  final int code;

  Border(int code) {
    this.code = code;
  }
}
