package io.pentrough;

import java.util.Arrays;

/** How much of its maximum shape an array has in the running fill; common to all views of it. */
final class Extent {

  private final ArraySpec spec;
  private final int[] shape;
  private int elements;

  Extent(ArraySpec spec) {
    this.spec = spec;
    this.shape = spec.shape();
    this.elements = spec.elements();
  }

  ArraySpec spec() {
    return spec;
  }

  int[] shape() {
    return shape;
  }

  int elements() {
    return elements;
  }

  int bytes() {
    return elements * spec.dtype().bytes(); // at most 1 GiB, as the slot
  }

  /** Back to the maximum. */
  void reset() {
    if (spec.isVariable()) {
      for (int axis = 0; axis < shape.length; axis++) {
        shape[axis] = spec.dimension(axis);
      }
      elements = spec.elements();
    }
  }

  /** Takes the shape of a row of an array, in its present shape. */
  void rowOf(Extent array) {
    if (array.spec.isVariable()) {
      elements = 1;
      for (int axis = 0; axis < shape.length; axis++) {
        shape[axis] = array.shape[axis + 1];
        elements *= shape[axis];
      }
    }
  }

  void resize(int[] newShape) {
    if (!spec.isVariable()) {
      throw new IllegalArgumentException(
          "array '"
              + spec.name()
              + "' cannot take the shape "
              + Arrays.toString(newShape)
              + ": it is declared with the fixed shape "
              + Arrays.toString(shape)
              + "; declare it with variableArray");
    }
    boolean fits = newShape.length == shape.length;
    int product = 1;
    for (int axis = 0; fits && axis < shape.length; axis++) {
      fits = newShape[axis] >= 0 && newShape[axis] <= spec.dimension(axis);
      product *= newShape[axis]; // no more than the maximum's elements, if it fits
    }
    if (!fits) {
      throw new IllegalArgumentException(
          "array '"
              + spec.name()
              + "' cannot take the shape "
              + Arrays.toString(newShape)
              + ": its maximum is "
              + Arrays.toString(spec.shape())
              + ", and each dimension may be 0 to that");
    }
    System.arraycopy(newShape, 0, shape, 0, shape.length);
    elements = product;
  }
}
