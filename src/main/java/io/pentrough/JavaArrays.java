package io.pentrough;

import io.pentrough.DType.Storage;
import java.lang.reflect.Array;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Shapes of nested rectangular Java arrays, and the way from them into a {@link HostArray}. */
final class JavaArrays {

  private JavaArrays() {}

  /** The Java primitive at the bottom of the nesting. */
  static Storage storage(String name, @Nullable Object array) {
    if (array == null) {
      throw new IllegalArgumentException(
          "array '" + name + "' is null: make all arrays for each batch");
    }
    Class<?> type = array.getClass();
    while (type.isArray()) {
      type = type.getComponentType();
    }
    if (type == byte.class) {
      return Storage.BYTE;
    } else if (type == short.class) {
      return Storage.SHORT;
    } else if (type == int.class) {
      return Storage.INT;
    } else if (type == long.class) {
      return Storage.LONG;
    } else if (type == float.class) {
      return Storage.FLOAT;
    } else if (type == double.class) {
      return Storage.DOUBLE;
    }
    throw new IllegalArgumentException(
        "array '"
            + name
            + "' is a "
            + array.getClass().getSimpleName()
            + ": it must be an array, or nested arrays, of byte, short, int, long, float or double");
  }

  /** The signed integer or the float that a Java primitive is. */
  static DType dtype(Storage storage) {
    return switch (storage) {
      case BYTE -> DType.INT8;
      case SHORT -> DType.INT16;
      case INT -> DType.INT32;
      case LONG -> DType.INT64;
      case FLOAT -> DType.FLOAT32;
      case DOUBLE -> DType.FLOAT64;
    };
  }

  /** The shape, slowest axis first; refuses an array that is not rectangular. */
  static int[] shape(String name, Object array) {
    List<Integer> shape = new ArrayList<>();
    Object row = array;
    while (row != null && row.getClass().isArray()) {
      int length = Array.getLength(row);
      shape.add(length);
      row = length > 0 && row instanceof Object[] rows ? rows[0] : null;
    }
    int[] found = shape.stream().mapToInt(Integer::intValue).toArray();
    requireRectangular(name, array, found, 0);
    return found;
  }

  private static void requireRectangular(
      String name, @Nullable Object array, int[] shape, int axis) {
    if (array == null) {
      throw new IllegalArgumentException(
          "array '" + name + "' has a row that is null: make all rows equally long");
    }
    int length = Array.getLength(array);
    if (length != shape[axis]) {
      throw new IllegalArgumentException(
          "array '"
              + name
              + "' is ragged: along axis "
              + axis
              + " one row has "
              + length
              + " elements, the first has "
              + shape[axis]
              + ": make all rows equally long, or take a variableArray of a BatchSpec");
    }
    if (array instanceof Object[] rows) {
      for (Object row : rows) {
        requireRectangular(name, row, shape, axis + 1);
      }
    }
  }

  /** Copies an array of the very shape and type of the target. */
  static void copy(Object from, HostArray to) {
    ArraySpec spec = to.spec();
    Storage storage = storage(spec.name(), from);
    if (!spec.dtype().takes(storage)) {
      throw new IllegalArgumentException(
          spec
              + " was inferred, but this batch has "
              + from.getClass().getSimpleName()
              + ": make it of the same type in every batch");
    }
    int[] shape = shape(spec.name(), from);
    if (!Arrays.equals(shape, spec.shape())) {
      throw new IllegalArgumentException(
          spec
              + " was inferred, but this batch has the shape "
              + Arrays.toString(shape)
              + ": make it of that shape, or take a variableArray of a BatchSpec");
    }
    copy(from, to, shape, 0, 0);
  }

  /** Copies the rows below an axis; returns the index after the last element. */
  private static int copy(Object from, HostArray to, int[] shape, int axis, int index) {
    if (from instanceof Object[] rows) {
      int next = index;
      for (Object row : rows) {
        next = copy(row, to, shape, axis + 1, next);
      }
      return next;
    }
    int length = shape[axis];
    if (from instanceof byte[] values) {
      to.set(index, values, 0, length);
    } else if (from instanceof short[] values) {
      to.set(index, values, 0, length);
    } else if (from instanceof int[] values) {
      to.set(index, values, 0, length);
    } else if (from instanceof long[] values) {
      to.set(index, values, 0, length);
    } else if (from instanceof float[] values) {
      to.set(index, values, 0, length);
    } else {
      to.set(index, (double[]) from, 0, length);
    }
    return index + length;
  }
}
