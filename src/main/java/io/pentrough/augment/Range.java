package io.pentrough.augment;

/** A range to draw from, both ends included. */
record Range(float low, float high) {

  static final Range ZERO = new Range(0, 0);
  static final Range ONE = new Range(1, 1);

  static Range of(String what, float low, float high) {
    Check.finite("the lower end of " + what, low);
    Check.finite("the upper end of " + what, high);
    if (low > high) {
      throw new IllegalArgumentException(
          "the range of "
              + what
              + " is empty: "
              + low
              + " is above "
              + high
              + "; exchange the two");
    }
    return new Range(low, high);
  }

  /**
   * Uniform within the range.
   *
   * @param unit 0 to 1
   */
  double at(double unit) {
    return low + unit * ((double) high - low);
  }

  /**
   * The same with a uniform logarithm.
   *
   * @param unit 0 to 1
   */
  double logarithmicAt(double unit) {
    double from = StrictMath.log(low);
    double to = StrictMath.log(high);
    return StrictMath.exp(from + unit * (to - from));
  }

  @Override
  public String toString() {
    return low + " to " + high;
  }
}
