package io.pentrough;

import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Name, element type and shape of one array of a batch. {@link BatchSpec.Builder} makes it.
 *
 * <p>Immutable. Two are equal if name, type and shape are equal and both or neither are variable.
 * {@link #offset()} is not compared, because it depends on the other arrays of the batch.
 *
 * <p><b>Threads.</b> Any.
 */
public final class ArraySpec {

  private final String name;
  private final DType dtype;
  private final int[] shape;
  private final int elements;
  private final boolean variable;
  private final long offset;

  /**
   * Checks everything but the offset.
   *
   * @param shape kept, not copied
   */
  ArraySpec(String name, DType dtype, int[] shape, boolean variable, long offset) {
    this.name = Objects.requireNonNull(name, "name");
    this.dtype = Objects.requireNonNull(dtype, "dtype");
    this.shape = Objects.requireNonNull(shape, "shape");
    this.variable = variable;
    this.offset = offset;
    if (name.isBlank()) {
      throw new IllegalArgumentException(
          "an array of shape " + Arrays.toString(shape) + " has the blank name '" + name + "'");
    }
    if (variable && shape.length == 0) {
      throw new IllegalArgumentException(
          "the variable array '"
              + name
              + "' has no dimension that could vary; declare it with array(...)");
    }
    this.elements = checkedElements(name, shape);
  }

  /** The same array at another offset. */
  ArraySpec at(long elsewhere) {
    return new ArraySpec(name, dtype, shape, variable, elsewhere);
  }

  /** One row of this array: the same without its first dimension. */
  ArraySpec ofRow() {
    int[] rest = Arrays.copyOfRange(shape, 1, shape.length);
    return new ArraySpec(name, dtype, rest, variable && rest.length > 0, offset);
  }

  private static int checkedElements(String name, int[] shape) {
    for (int dimension : shape) {
      if (dimension < 1) {
        throw new IllegalArgumentException(
            "array '"
                + name
                + "' has the dimension "
                + dimension
                + " in its shape "
                + Arrays.toString(shape)
                + "; each must be at least 1");
      }
    }
    long elements = 1;
    for (int dimension : shape) {
      elements *= dimension; // below 2^31 times below 2^31: no overflow before the next check
      if (elements > Integer.MAX_VALUE) {
        throw new IllegalArgumentException(
            "array '"
                + name
                + "' of shape "
                + Arrays.toString(shape)
                + " has more than "
                + Integer.MAX_VALUE
                + " elements; make it smaller");
      }
    }
    return (int) elements;
  }

  /**
   * The name, unique in its batch.
   *
   * @return never blank
   */
  public String name() {
    return name;
  }

  /**
   * The type of the elements.
   *
   * @return the type
   */
  public DType dtype() {
    return dtype;
  }

  /**
   * The shape in row-major order, slowest dimension first. For a variable array, its maximum shape.
   *
   * @return a new array; empty for a scalar
   */
  public int[] shape() {
    return shape.clone();
  }

  /**
   * The number of dimensions.
   *
   * @return 0 for a scalar
   */
  public int rank() {
    return shape.length;
  }

  /**
   * One dimension of the {@linkplain #shape() shape}. Allocates nothing.
   *
   * @param axis 0 to {@link #rank()} - 1
   * @return the (maximum) size along that axis, at least 1
   * @throws IndexOutOfBoundsException if there is no such axis
   */
  public int dimension(int axis) {
    if (axis < 0 || axis >= shape.length) {
      throw noSuchAxis(axis);
    }
    return shape[axis];
  }

  IndexOutOfBoundsException noSuchAxis(int axis) {
    return new IndexOutOfBoundsException(
        "array '" + name + "' has " + shape.length + " dimensions, so no axis " + axis);
  }

  /**
   * Whether each batch may choose a smaller shape, with {@link HostArray#resize}.
   *
   * @return true if variable, false if every batch has exactly this shape
   */
  public boolean isVariable() {
    return variable;
  }

  /**
   * The number of elements. For a variable array, the number in its maximum shape.
   *
   * @return at least 1
   */
  public int elements() {
    return elements;
  }

  /**
   * The size of all elements, without padding. For a variable array, the size in its maximum shape.
   *
   * @return the size in bytes
   */
  public long bytes() {
    return (long) elements * dtype.bytes();
  }

  /**
   * Where the array begins in the memory of its batch.
   *
   * @return the offset in bytes, a multiple of 256
   */
  public long offset() {
    return offset;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof ArraySpec that
        && name.equals(that.name)
        && dtype == that.dtype
        && Arrays.equals(shape, that.shape)
        && variable == that.variable;
  }

  @Override
  public int hashCode() {
    return Objects.hash(name, dtype, Arrays.hashCode(shape), variable);
  }

  /** For example {@code "image: uint8 [16, 1, 33, 33, 33]"}. */
  @Override
  public String toString() {
    return name + ": " + dtype.label() + (variable ? " up to " : " ") + Arrays.toString(shape);
  }
}
