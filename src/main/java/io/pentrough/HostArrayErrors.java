package io.pentrough;

import io.pentrough.DType.Storage;
import java.io.EOFException;
import java.io.IOException;
import java.util.Locale;

/** The exceptions of {@link HostArray}, with words for its users. */
final class HostArrayErrors {

  private HostArrayErrors() {}

  static IndexOutOfBoundsException outside(Access.Extent array, int index, int count) {
    return new IndexOutOfBoundsException(
        (count == 1 ? "index " + index + " is" : count + " elements from index " + index + " are")
            + " not inside array '"
            + array.spec().name()
            + "', which has "
            + array.elements()
            + " elements");
  }

  /**
   * For a Java array that elements come from or go to.
   *
   * @param what "source" or "target"
   */
  static IndexOutOfBoundsException outside(String what, int length, int from, int count) {
    return new IndexOutOfBoundsException(
        count
            + " elements from index "
            + from
            + " are not inside the "
            + what
            + ", which has "
            + length
            + " elements");
  }

  static IndexOutOfBoundsException noSuchRow(Access.Extent array, int row) {
    return new IndexOutOfBoundsException("there is no row " + row + inArrayOfRows(array));
  }

  static IndexOutOfBoundsException noSuchRows(Access.Extent array, int first, int count) {
    return new IndexOutOfBoundsException(
        "there are no " + count + " rows from row " + first + inArrayOfRows(array));
  }

  private static String inArrayOfRows(Access.Extent array) {
    int[] shape = array.shape();
    return " in array '"
        + array.spec().name()
        + "', which has "
        + (shape.length == 0 ? "no dimension" : shape[0] + " rows");
  }

  static IllegalArgumentException resizedRows(ArraySpec array, boolean isOneRow) {
    return new IllegalArgumentException(
        "this is "
            + (isOneRow ? "one row" : "some rows")
            + " of array '"
            + array.name()
            + "', and all rows have one shape: resize the array before you write its rows; for"
            + " samples of different lengths, see Batches.pad and Batches.ragged");
  }

  static IllegalArgumentException wrongStorage(ArraySpec array, Storage used) {
    DType dtype = array.dtype();
    return new IllegalArgumentException(
        "array '"
            + array.name()
            + "' is "
            + dtype.label()
            + ": use "
            + (dtype.isHalf() ? methods(Storage.FLOAT) + " for values, or for raw bits " : "")
            + methods(dtype.storage())
            + ", not "
            + used.name().toLowerCase(Locale.ROOT)
            + advice(dtype, used));
  }

  /** What to do with numbers that are in the wrong Java type. */
  private static String advice(DType dtype, Storage used) {
    Storage right = dtype.isHalf() ? Storage.FLOAT : dtype.storage();
    String java = right.name().toLowerCase(Locale.ROOT);
    boolean narrows = used.compareTo(right) > 0; // Java widens by itself
    return (narrows ? "; cast " + example(dtype, java) + "," : ";")
        + " or declare the array "
        + declarable(used);
  }

  /** Unsigned numbers above the largest of their Java type look wrong, and are not. */
  private static String example(DType dtype, String java) {
    return switch (dtype) {
      case UINT8 -> "as in (" + java + ") 200";
      case UINT16 -> "as in (" + java + ") 40000";
      case UINT32 -> "as in (" + java + ") 3000000000L";
      default -> "with (" + java + ")";
    };
  }

  /** The types that take such elements as they are. */
  private static String declarable(Storage used) {
    return switch (used) {
      case BYTE -> "UINT8 or INT8";
      case SHORT -> "UINT16 or INT16";
      case INT -> "INT32";
      case LONG -> "INT64";
      case FLOAT -> "FLOAT32";
      case DOUBLE -> "FLOAT64";
    };
  }

  private static String methods(Storage storage) {
    String suffix = storage.methodSuffix();
    return "set%s and get%s, or %s[]".formatted(suffix, suffix, suffix.toLowerCase(Locale.ROOT));
  }

  static IllegalArgumentException partOfAnElement(ArraySpec array, int bytes) {
    return new IllegalArgumentException(
        bytes
            + " bytes are not a whole number of elements of array '"
            + array.name()
            + "', which takes "
            + array.dtype().bytes()
            + " bytes each: set the source's limit after a whole element");
  }

  static IllegalArgumentException negativePosition(ArraySpec array, long position) {
    return new IllegalArgumentException(
        "array '"
            + array.name()
            + "' cannot be read from position "
            + position
            + " of a file: give the number of bytes before it, 0 or more");
  }

  static EOFException ended(ArraySpec array, int missing, int bytes) {
    return new EOFException(
        "the channel ended "
            + missing
            + " bytes short of the "
            + bytes
            + " of array '"
            + array.name()
            + "'");
  }

  static IOException gaveNothing(ArraySpec array) {
    return new IOException(
        "the channel gave no bytes for array '"
            + array.name()
            + "': it is in non-blocking mode; readFrom needs a blocking channel");
  }
}
