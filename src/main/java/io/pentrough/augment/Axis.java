package io.pentrough.augment;

/** An axis of space. */
public enum Axis {
  /** From slice to slice of a volume; the slowest. */
  Z(0),
  /** From row to row of a slice. */
  Y(1),
  /** Along a row; the fastest. */
  X(2);

  final int number;

  Axis(int number) {
    this.number = number;
  }
}
