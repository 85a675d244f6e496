package io.pentrough.augment;

/** Checks numbers that users give. */
final class Check {

  private Check() {}

  /** Refuses a number outside of its bounds, and NaN. */
  static double range(String what, double value, double min, double max) {
    if (!(min <= value && value <= max)) {
      throw new IllegalArgumentException(
          what + " must be between " + min + " and " + max + ", not " + value);
    }
    return value;
  }

  static float finite(String what, float value) {
    if (!Float.isFinite(value)) {
      throw new IllegalArgumentException(what + " must be finite, not " + value);
    }
    return value;
  }

  /** Returns a copy. */
  static float[] finite(String what, float[] values) {
    for (float value : values) {
      finite(what, value);
    }
    return values.clone();
  }
}
