package io.pentrough.augment;

/** An axis of space. */
public enum Axis {
  /** The slowest; between the slices of a volume. */
  Z(0),
  /** Between the rows of a slice. */
  Y(1),
  /** Along a row; the fastest. */
  X(2);

  final int number;

  Axis(int number) {
    this.number = number;
  }
}
