package io.pentrough.augment;

/** Numbers that users give. */
final class Check {

  private Check() {}

  /** A number within its bounds, NaN never being. */
  static double range(String what, double value, double least, double most) {
    if (!(least <= value && value <= most)) {
      throw new IllegalArgumentException(
          what + " must be between " + least + " and " + most + ", not " + value);
    }
    return value;
  }

  static float finite(String what, float value) {
    if (!Float.isFinite(value)) {
      throw new IllegalArgumentException(what + " must be finite, not " + value);
    }
    return value;
  }
}
