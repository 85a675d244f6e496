package io.pentrough.example;

import java.util.Arrays;

/** Numbers the distinct values among the labels: the classes. */
final class LabelClasses {

  /** More distinct values than this are no classes but the ids of single objects. */
  static final int MOST = 16;

  private final String dataset;
  private final long[] values = new long[MOST];
  private int count;

  LabelClasses(String dataset) {
    this.dataset = dataset;
  }

  /** The class of a label, in the order of first appearance. */
  byte classOf(long value) {
    for (int c = 0; c < count; c++) {
      if (values[c] == value) {
        return (byte) c;
      }
    }
    if (count == MOST) {
      throw new BadInputException(
          (dataset + " has more than " + MOST + " distinct values, too many to be classes;")
              + " name other labels with --labels.");
    }
    values[count] = value;
    return (byte) count++;
  }

  /**
   * Renumbers the classes in the order of their labels, so that a class does not depend on where it
   * was seen first.
   *
   * @param classes renumbered in place
   * @return the label of each class
   */
  long[] sortAscending(byte[] classes) {
    long[] sorted = Arrays.copyOf(values, count);
    Arrays.sort(sorted);
    byte[] renumbered = new byte[count];
    for (int c = 0; c < count; c++) {
      renumbered[c] = (byte) Arrays.binarySearch(sorted, values[c]);
    }
    for (int i = 0; i < classes.length; i++) {
      classes[i] = renumbered[classes[i]];
    }
    return sorted;
  }
}
