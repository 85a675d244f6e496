package io.pentrough.data;

import io.pentrough.ArraySpec;
import io.pentrough.DType;
import io.pentrough.HostArray;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An array that NumPy's {@code save} has written, of any size: its file is mapped into memory. Its
 * first dimension counts rows, which are copied into the arrays of a batch.
 *
 * <pre>{@code
 * record Images(NpyArray images, NpyArray labels) implements Dataset {
 *
 *   public long size() {
 *     return images.rows();
 *   }
 *
 *   public void read(long index, Sample out) {
 *     images.copyRow(index, out.array("image"));
 *     labels.copyRow(index, out.array("label"));
 *   }
 * }
 * }</pre>
 *
 * <p>Elements may be integers of 8 to 64 bits, floating-point numbers of 16 to 64 bits or booleans,
 * in either byte order. There is nothing to close: the collector unmaps the file. Do not shorten
 * the file before.
 *
 * <p><b>Threads.</b> Any.
 */
public final class NpyArray {

  /** A buffer has 2 GiB at most. */
  private static final int MAX_BYTES_OF_A_MAP = 1 << 30;

  /** NumPy itself reads no longer ones unasked. */
  private static final int LONGEST_HEADER = 10_000;

  private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
  private static final Pattern TYPE = Pattern.compile("'descr': *'([^']*)'");
  private static final Pattern FORTRAN_ORDER = Pattern.compile("'fortran_order': *(True|False)");
  private static final Pattern SHAPE = Pattern.compile("'shape': *\\(([0-9L, ]*)\\)");

  private final Path file;
  private final DType dtype;
  private final long[] shape;
  private final int rowElements;
  private final int rowBytes;

  /** Rows in one of the {@link #maps}. */
  private final int rowsOfAMap;

  /** In the byte order of the file; absolute use only. */
  private final ByteBuffer[] maps;

  private NpyArray(Path file, FileChannel channel, long offset) throws IOException {
    this.file = file;
    byte[] start = read(channel, offset, MAGIC.length + 6);
    if (start.length < MAGIC.length + 4
        || !Arrays.equals(MAGIC, 0, MAGIC.length, start, 0, MAGIC.length)) {
      throw broken("it does not begin as a .npy file does");
    }
    boolean isFirstVersion = start[MAGIC.length] == 1;
    int before = MAGIC.length + (isFirstVersion ? 4 : 6);
    if (start.length < before) {
      throw broken("it ends within its header");
    }
    ByteBuffer numbers = ByteBuffer.wrap(start).order(ByteOrder.LITTLE_ENDIAN);
    int length = isFirstVersion ? numbers.getChar(8) : numbers.getInt(8);
    if (length < 0 || length > LONGEST_HEADER) {
      throw broken("its header has " + length + " bytes");
    }
    String header = new String(read(channel, offset + before, length), StandardCharsets.ISO_8859_1);
    String type = find(TYPE, header);
    dtype = dtype(type, header);
    shape = shape(header);
    if (shape.length > 1 && find(FORTRAN_ORDER, header).equals("True")) {
      throw new IOException(
          file
              + " has an array in Fortran order, whose rows are not in one piece: save"
              + " numpy.ascontiguousarray(array)");
    }
    long elements = 1;
    for (int axis = 1; axis < shape.length; axis++) {
      elements = Math.multiplyExact(elements, shape[axis]);
    }
    long bytesOfARow = Math.multiplyExact(elements, (long) dtype.bytes());
    long total = Math.multiplyExact(bytesOfARow, shape[0]);
    if (bytesOfARow < 1 || bytesOfARow > Integer.MAX_VALUE) {
      throw new IOException(
          file + " has rows of " + elements + " elements, which no array of a batch can hold");
    }
    rowElements = (int) elements;
    rowBytes = (int) bytesOfARow;
    long from = offset + before + length;
    long there = channel.size() - from;
    if (there < total) {
      throw new EOFException(
          file + " ends too soon: " + total + " bytes of elements should be there, not " + there);
    }
    rowsOfAMap = Math.max(1, MAX_BYTES_OF_A_MAP / rowBytes);
    maps = new ByteBuffer[(int) ((shape[0] + rowsOfAMap - 1) / rowsOfAMap)];
    ByteOrder order = type.startsWith(">") ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN;
    for (int i = 0; i < maps.length; i++) {
      long first = (long) i * rowsOfAMap;
      long rows = Math.min(rowsOfAMap, shape[0] - first);
      maps[i] =
          channel
              .map(FileChannel.MapMode.READ_ONLY, from + first * rowBytes, rows * rowBytes)
              .order(order);
    }
  }

  /**
   * Maps a {@code .npy} file.
   *
   * @param file what {@code numpy.save} has written
   * @return its array
   * @throws IOException if the file cannot be read, is no such file, ends too soon, or its array is
   *     of a type without a {@link DType}, in Fortran order or without a dimension
   */
  public static NpyArray map(Path file) throws IOException {
    return map(file, 0);
  }

  /**
   * Maps an array that lies within a file: an entry of an archive that is not compressed, as {@code
   * numpy.savez} and tar make it.
   *
   * @param file the archive
   * @param offset where the content of the entry begins, in bytes
   * @return its array
   * @throws IOException as {@link #map(Path)}
   * @throws IllegalArgumentException if the offset is negative
   */
  public static NpyArray map(Path file, long offset) throws IOException {
    Objects.requireNonNull(file, "file");
    if (offset < 0) {
      throw new IllegalArgumentException(
          "an array cannot begin at byte " + offset + " of a file: give 0 or more");
    }
    try (FileChannel channel = FileChannel.open(file)) {
      return new NpyArray(file, channel, offset);
    } catch (ArithmeticException e) {
      throw new IOException(file + " has a shape with more elements than there can be", e);
    }
  }

  /** Fewer bytes if the file ends before. */
  private static byte[] read(FileChannel channel, long from, int count) throws IOException {
    byte[] bytes = new byte[count];
    ByteBuffer target = ByteBuffer.wrap(bytes);
    int got = 0;
    while (target.hasRemaining() && got >= 0) {
      got = channel.read(target, from + target.position());
    }
    return Arrays.copyOf(bytes, target.position());
  }

  /** What stands in the pattern's group; empty if it is not there. */
  private static String find(Pattern pattern, String header) {
    Matcher matcher = pattern.matcher(header);
    return matcher.find() ? matcher.group(1) : "";
  }

  private IOException broken(String why) {
    return new IOException(file + " is no file of numpy.save: " + why);
  }

  private DType dtype(String type, String header) throws IOException {
    DType found =
        switch (type.isEmpty() ? "" : type.substring(1)) {
          case "i1" -> DType.INT8;
          case "u1", "b1" -> DType.UINT8;
          case "i2" -> DType.INT16;
          case "u2" -> DType.UINT16;
          case "i4" -> DType.INT32;
          case "u4" -> DType.UINT32;
          case "i8" -> DType.INT64;
          case "u8" -> DType.UINT64;
          case "f2" -> DType.FLOAT16;
          case "f4" -> DType.FLOAT32;
          case "f8" -> DType.FLOAT64;
          default -> null;
        };
    if (found == null) {
      throw new IOException(
          file
              + " has elements that no array of a batch can hold: save it with astype(...) as"
              + " integers of 8 to 64 bits or floating-point numbers of 16 to 64 bits. Its header"
              + " is "
              + header.strip());
    }
    return found;
  }

  private long[] shape(String header) throws IOException {
    String text = find(SHAPE, header);
    if (text.isEmpty() && !header.contains("()")) {
      throw broken("its header is " + header.strip());
    }
    String[] numbers = text.replace("L", "").replace(" ", "").split(",");
    if (numbers[0].isEmpty()) {
      throw new IOException(file + " has a single number, which has no rows: save it with [None]");
    }
    try {
      return Arrays.stream(numbers).mapToLong(Long::parseLong).toArray();
    } catch (NumberFormatException e) {
      throw new IOException(file + " has a shape with more elements than there can be", e);
    }
  }

  /**
   * The type of the elements.
   *
   * @return {@code UINT8} also for booleans
   */
  public DType dtype() {
    return dtype;
  }

  /**
   * The shape of the whole array.
   *
   * @return a new array, of at least one dimension
   */
  public long[] shape() {
    return shape.clone();
  }

  /**
   * How many rows there are.
   *
   * @return the first dimension, 0 or more
   */
  public long rows() {
    return shape[0];
  }

  /**
   * Copies a row into an array of a batch or of a sample, all of which it writes. The shapes need
   * not be the same, but there must be as many elements. May block, as it may read from the file.
   *
   * @param row 0 to {@link #rows()} - 1
   * @param target of the same type
   * @throws IndexOutOfBoundsException if there is no such row
   * @throws IllegalArgumentException if the target has elements of another type, or another number
   * @throws IllegalStateException if the target may not be written now
   */
  public void copyRow(long row, HostArray target) {
    ArraySpec spec = Objects.requireNonNull(target, "target").spec();
    if (row < 0 || row >= shape[0]) {
      throw new IndexOutOfBoundsException("there is no row " + row + " in " + this);
    }
    if (spec.dtype() != dtype || target.elements() != rowElements) {
      throw new IllegalArgumentException(
          "a row of "
              + this
              + " has "
              + rowElements
              + " elements of type "
              + dtype
              + ", but a row of array '"
              + spec.name()
              + "' has "
              + target.elements()
              + " of type "
              + spec.dtype()
              + ": declare the array like the file, or convert the file with astype(...)");
    }
    ByteBuffer source = maps[(int) (row / rowsOfAMap)];
    int from = (int) (row % rowsOfAMap) * rowBytes;
    ByteBuffer to = target.unsafeBuffer();
    if (source.order() == to.order() || dtype.bytes() == 1) {
      to.put(0, source, from, rowBytes);
      return;
    }
    for (int i = 0; i < rowBytes; i += dtype.bytes()) {
      switch (dtype.bytes()) {
        case Short.BYTES -> to.putShort(i, source.getShort(from + i));
        case Integer.BYTES -> to.putInt(i, source.getInt(from + i));
        default -> to.putLong(i, source.getLong(from + i));
      }
    }
  }

  /** For example {@code "images.npy: FLOAT32 [1000, 28, 28]"}. */
  @Override
  public String toString() {
    return file + ": " + dtype + " " + Arrays.toString(shape);
  }
}
