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
            + used.name().toLowerCase(Locale.ROOT));
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
            + " bytes each: set the source's limit behind a whole element");
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
