package io.pentrough;

/** Where an array lies that stages read or make. */
final class StagePlace {

  /** The shape is the same in every batch. */
  static final int FIXED = -1;

  final ArraySpec spec;

  /** The array of the target whose shape this one has; or {@link #FIXED}. */
  final int shapeFrom;

  /** Made by one stage and gone behind another: one for all slots, as stages run one by one. */
  boolean isShared;

  /** In the slot, or in what all slots share. */
  long offset;

  StagePlace(ArraySpec spec, int shapeFrom) {
    this.spec = spec;
    this.shapeFrom = shapeFrom;
  }
}
