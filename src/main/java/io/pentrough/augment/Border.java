package io.pentrough.augment;

/** What a stage reads outside of its source. */
public enum Border {
  /** A constant. */
  CONSTANT(0),
  /** The outermost voxel: a a | a b c | c c. */
  CLAMP(1),
  /** The source mirrored at its outermost voxel: c b | a b c | b a. */
  MIRROR(2);

  /** As in augment.cu. */
  final int code;

  Border(int code) {
    this.code = code;
  }
}
