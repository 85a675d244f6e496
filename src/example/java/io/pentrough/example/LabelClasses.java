package io.pentrough.example;

import java.util.Arrays;

/**
 * Makes classes of labels, plane by plane.
 *
 * <p>At most {@value #MOST} distinct values are classes themselves. With more they are the ids of
 * single objects, and the classes are two: a voxel is boundary if one of its 6 neighbours has
 * another id, else inner. 0 is an id like any other; the border of the volume is no neighbour.
 */
final class LabelClasses {

  /** More distinct values than this are no classes but the ids of single objects. */
  static final int MOST = 16;

  /** Set in a boundary voxel's class; the bits below hold the number of its value. */
  private static final byte BOUNDARY = MOST;

  private final int width;
  private final byte[] classes;
  private final long[] values = new long[MOST];
  private int count;
  private boolean moreValues;

  private final long[] planeBefore;
  private int voxels;

  /** Of a volume with no planes yet. */
  LabelClasses(int depth, int height, int width) {
    this.width = width;
    this.classes = new byte[depth * height * width];
    this.planeBefore = new long[height * width];
  }

  /**
   * Adds the next plane of z.
   *
   * @param labels holds it
   * @param from where it begins
   */
  void addPlane(long[] labels, int from) {
    int plane = planeBefore.length;
    for (int i = 0; i < plane; i++) {
      long label = labels[from + i];
      int voxel = voxels + i;
      classes[voxel] = numberOf(label);
      if (i % width > 0 && labels[from + i - 1] != label) {
        markBoundary(voxel, voxel - 1);
      }
      if (i >= width && labels[from + i - width] != label) {
        markBoundary(voxel, voxel - width);
      }
      if (voxels > 0 && planeBefore[i] != label) {
        markBoundary(voxel, voxel - plane);
      }
    }
    System.arraycopy(labels, from, planeBefore, 0, plane);
    voxels += plane;
  }

  private void markBoundary(int voxel, int neighbour) {
    classes[voxel] |= BOUNDARY;
    classes[neighbour] |= BOUNDARY;
  }

  /** The number of a label, in the order of first appearance; 0 if there are too many. */
  private byte numberOf(long label) {
    if (moreValues) {
      return 0;
    }
    for (int c = 0; c < count; c++) {
      if (values[c] == label) {
        return (byte) c;
      }
    }
    if (count == MOST) {
      moreValues = true;
      return 0;
    }
    values[count] = label;
    return (byte) count++;
  }

  /** Whether the labels turned out to be ids, and so the classes are inner and boundary. */
  boolean areBoundaries() {
    return moreValues;
  }

  /** The label of each class, ascending; 0 for inner and 1 for boundary. */
  long[] labelValues() {
    if (moreValues) {
      return new long[] {0, 1};
    }
    long[] sorted = Arrays.copyOf(values, count);
    Arrays.sort(sorted);
    return sorted;
  }

  /**
   * The class of each voxel, once all planes are there: classes are numbered as their labels, so
   * that they do not depend on where one was seen first. To be called once.
   */
  byte[] finish() {
    byte[] renumbered = new byte[2 * MOST];
    long[] sorted = labelValues();
    for (int c = 0; c < count; c++) {
      byte number = (byte) (moreValues ? 0 : Arrays.binarySearch(sorted, values[c]));
      renumbered[c] = number;
      renumbered[c | BOUNDARY] = moreValues ? 1 : number;
    }
    for (int i = 0; i < classes.length; i++) {
      classes[i] = renumbered[classes[i]];
    }
    return classes;
  }
}
