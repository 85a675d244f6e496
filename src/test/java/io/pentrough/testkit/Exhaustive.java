package io.pentrough.testkit;

/**
 * Whether tests take everything, or the sample of a usual build: {@code -Pexhaustive} sets {@code
 * -Dpentrough.exhaustive=true}.
 */
public final class Exhaustive {

  public static final boolean ON = Boolean.getBoolean("pentrough.exhaustive");

  private Exhaustive() {}

  /** How many of a thing to try. */
  public static int count(int usual, int exhaustive) {
    return ON ? exhaustive : usual;
  }
}
