package io.pentrough;

import io.pentrough.DType.Storage;
import java.io.EOFException;
import java.io.IOException;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.nio.ShortBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.ReadableByteChannel;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One array of a {@link HostBatch}, in pinned host memory.
 *
 * <pre>{@code
 * HostArray image = out.array("image"); // uint8 [32, 28, 28]
 * image.row(5).set(0, pixels, 0, 28 * 28); // the sixth sample
 * image.setByte(5 * 28 * 28 + 3, (byte) 255); // one element, by its flat index
 * }</pre>
 *
 * <p><b>Elements.</b> An index is flat and row-major. Each {@linkplain DType element type} has one
 * Java primitive: {@code byte} for {@code INT8} and {@code UINT8}, {@code short} for all 16-bit
 * types, {@code int} and {@code long} for the wider integers, {@code float} for {@code FLOAT32},
 * and {@code double} for {@code FLOAT64}. The methods for {@code float} also convert to and from
 * {@code FLOAT16} and {@code BFLOAT16}. They round to the nearest, ties to even.
 *
 * <p><b>Errors.</b> Every method but {@link #spec()} throws
 *
 * <ul>
 *   <li>{@link IllegalStateException} if another thread than the fill's uses the array, or the fill
 *       has returned (for threads of your own, see {@link HostBatch#concurrentView()}),
 *   <li>{@link IllegalArgumentException} if the method's primitive is not that of this array's
 *       type,
 *   <li>{@link IndexOutOfBoundsException} if an index lies outside this array in its present shape
 *       or outside the Java array, or the array has no such axis,
 *   <li>{@link NullPointerException} if an argument is null.
 * </ul>
 *
 * <p>A method that throws one of these has changed nothing. Only {@code readFrom} blocks.
 *
 * <p><b>Threads.</b> For the thread of the fill only. Any thread may use a shared view.
 */
public final class HostArray {

  private static final byte[] ZEROS = new byte[8192];

  private final Access.Extent extent;
  private final Access access;
  private final Storage storage;
  private final boolean isHalf;

  /** The array in its maximum shape. Absolute use only, as the views share it. */
  private final ByteBuffer bytes;

  /** The same memory in elements of {@link #storage}. Absolute use only. */
  private final Buffer elements;

  /** The result of {@link #unsafeBuffer()}; null in a shared view. */
  private final @Nullable ByteBuffer unsafeBuffer;

  /** Channels read into it; null in a concurrent view. */
  private final @Nullable ByteBuffer channelBuffer;

  /** The array that this is a part of; null if it is none. */
  private final @Nullable HostArray whole;

  /** In elements, where this begins in the memory of the array; 0 if this is no part of one. */
  private int base;

  /** What {@link #row} gives out; null before the first call, and in a shared view. */
  private @Nullable HostArray row;

  /** What {@link #rows} gives out, likewise. */
  private @Nullable HostArray rows;

  /** What {@link #unsafeBuffer()} of each row gives out; only in an array of fixed shape. */
  private @Nullable ByteBuffer @Nullable [] rowBuffers;

  /** The array of a slot. */
  HostArray(Access.Extent extent, ByteBuffer bytes, Access access) {
    this.extent = extent;
    this.access = access;
    this.storage = extent.spec().dtype().storage();
    this.isHalf = extent.spec().dtype().isHalf();
    this.bytes = bytes;
    this.elements =
        switch (storage) {
          case BYTE -> bytes;
          case SHORT -> bytes.asShortBuffer();
          case INT -> bytes.asIntBuffer();
          case LONG -> bytes.asLongBuffer();
          case FLOAT -> bytes.asFloatBuffer();
          case DOUBLE -> bytes.asDoubleBuffer();
        };
    this.unsafeBuffer = bytes.duplicate();
    this.channelBuffer = bytes.duplicate();
    this.whole = null;
  }

  /** A part of an array, turned to none yet. */
  private HostArray(HostArray whole, ArraySpec spec) {
    this.extent = new Access.Extent(spec);
    this.access = whole.access;
    this.storage = whole.storage;
    this.isHalf = whole.isHalf;
    this.bytes = whole.bytes;
    this.elements = whole.elements;
    this.unsafeBuffer = null;
    this.channelBuffer = bytes.duplicate();
    this.whole = whole;
  }

  /** The same array in a shared view: without buffers whose position two threads might move. */
  HostArray(HostArray original, Access access) {
    this.extent = original.extent;
    this.access = access;
    this.storage = original.storage;
    this.isHalf = original.isHalf;
    this.bytes = original.bytes;
    this.elements = original.elements;
    this.unsafeBuffer = null;
    this.channelBuffer = null;
    this.whole = original.whole;
    this.base = original.base;
  }

  /**
   * The array's specification. May be called at any time, from any thread.
   *
   * @return its part of the batch's specification
   */
  public ArraySpec spec() {
    return extent.spec();
  }

  /**
   * The array's shape in this batch.
   *
   * @return a new array; the specified shape, unless {@link #resize} has changed it or this is a
   *     result of {@link #rows}
   */
  public int[] shape() {
    access.check(spec());
    return extent.shape().clone();
  }

  /**
   * One dimension of the array's shape in this batch. Allocates nothing.
   *
   * @param axis 0 to {@code spec().rank() - 1}, the slowest first
   * @return the length along that axis
   */
  public int dimension(int axis) {
    access.check(spec());
    if (axis < 0 || axis >= extent.shape().length) {
      throw spec().noSuchAxis(axis);
    }
    return extent.shape()[axis];
  }

  /**
   * The number of elements of the array in this batch.
   *
   * @return 0 or more
   */
  public int elements() {
    access.check(spec());
    return extent.elements();
  }

  /**
   * Sets the shape of a variable array in this batch. Without a call the array has its maximum
   * shape. Elements keep their flat index and their values.
   *
   * @param shape one length per axis, each from 0 to its maximum
   * @throws IllegalArgumentException if the array is not variable, or the shape does not fit
   */
  public void resize(int... shape) {
    access.check(spec());
    if (whole != null) {
      throw HostArrayErrors.resizedRows(spec(), spec().rank() < whole.spec().rank());
    }
    extent.resize(Objects.requireNonNull(shape, "shape"));
  }

  /**
   * One row, which is what a sample has in this array: a view of the part of this array whose first
   * index is {@code row}, with the other dimensions as its shape. It is written in place, and its
   * flat indexes begin at 0. A row of an array of one dimension is a scalar, of index 0.
   *
   * <p>Each array has one such view, and each call moves it to another row. So ask for a row when
   * you need it, and do not keep two. If a variable array is resized, ask again.
   *
   * @param row 0 to {@code dimension(0)} - 1
   * @return always the same object; on a {@linkplain HostBatch#concurrentView() concurrent view} a
   *     new one, since threads share it
   * @throws IndexOutOfBoundsException if there is no such row, or this array is a scalar
   */
  public HostArray row(int row) {
    access.check(spec());
    int[] shape = extent.shape();
    if (shape.length == 0 || row < 0 || row >= shape[0]) {
      throw HostArrayErrors.noSuchRow(extent, row);
    }
    HostArray view = this.row;
    if (view == null) {
      view = new HostArray(this, spec().ofRow());
      if (!access.isShared()) {
        this.row = view;
      }
    }
    view.extent.rowOf(extent);
    view.base = base + row * view.extent.elements();
    return view;
  }

  /**
   * Several consecutive rows, for example those of one sequence in an array in which the sequences
   * follow each other. Like {@link #row}, this is a view, and each call moves the same view to
   * other rows. Its shape is this array's shape with {@code count} as the first dimension.
   *
   * @param first the first row, 0 to {@code dimension(0)}
   * @param count the number of rows, 0 to {@code dimension(0) - first}
   * @return always the same object; on a {@linkplain HostBatch#concurrentView() concurrent view} a
   *     new one, since threads share it
   * @throws IndexOutOfBoundsException if there are no such rows, or this array is a scalar
   */
  public HostArray rows(int first, int count) {
    access.check(spec());
    int[] shape = extent.shape();
    if (shape.length == 0 || first < 0 || count < 0 || first > shape[0] - count) {
      throw HostArrayErrors.noSuchRows(extent, first, count);
    }
    HostArray view = rows;
    if (view == null) {
      view = new HostArray(this, spec());
      if (!access.isShared()) {
        rows = view;
      }
    }
    view.extent.rowsOf(extent, count);
    view.base = base + (shape[0] == 0 ? 0 : extent.elements() / shape[0] * first);
    return view;
  }

  /**
   * Writes an element of an 8-bit type.
   *
   * @param index the flat index
   * @param value the raw value
   */
  public void setByte(int index, byte value) {
    ((ByteBuffer) element(Storage.BYTE, index)).put(at(index), value);
  }

  /**
   * Writes an element of a 16-bit type.
   *
   * @param index the flat index
   * @param value the raw value
   */
  public void setShort(int index, short value) {
    ((ShortBuffer) element(Storage.SHORT, index)).put(at(index), value);
  }

  /**
   * Writes an element of a 32-bit integer type.
   *
   * @param index the flat index
   * @param value the raw value
   */
  public void setInt(int index, int value) {
    ((IntBuffer) element(Storage.INT, index)).put(at(index), value);
  }

  /**
   * Writes an element of a 64-bit integer type.
   *
   * @param index the flat index
   * @param value the raw value
   */
  public void setLong(int index, long value) {
    ((LongBuffer) element(Storage.LONG, index)).put(at(index), value);
  }

  /**
   * Writes an element of type {@code FLOAT32}, {@code FLOAT16} or {@code BFLOAT16}.
   *
   * @param index the flat index
   * @param value the value
   */
  public void setFloat(int index, float value) {
    if (isHalf) {
      setShort(index, spec().dtype().fromFloat(value));
    } else {
      ((FloatBuffer) element(Storage.FLOAT, index)).put(at(index), value);
    }
  }

  /**
   * Writes an element of type {@code FLOAT64}.
   *
   * @param index the flat index
   * @param value the value
   */
  public void setDouble(int index, double value) {
    ((DoubleBuffer) element(Storage.DOUBLE, index)).put(at(index), value);
  }

  /**
   * Reads an element of an 8-bit type.
   *
   * @param index the flat index
   * @return the raw value
   */
  public byte getByte(int index) {
    return ((ByteBuffer) element(Storage.BYTE, index)).get(at(index));
  }

  /**
   * Reads an element of a 16-bit type.
   *
   * @param index the flat index
   * @return the raw value
   */
  public short getShort(int index) {
    return ((ShortBuffer) element(Storage.SHORT, index)).get(at(index));
  }

  /**
   * Reads an element of a 32-bit integer type.
   *
   * @param index the flat index
   * @return the raw value
   */
  public int getInt(int index) {
    return ((IntBuffer) element(Storage.INT, index)).get(at(index));
  }

  /**
   * Reads an element of a 64-bit integer type.
   *
   * @param index the flat index
   * @return the raw value
   */
  public long getLong(int index) {
    return ((LongBuffer) element(Storage.LONG, index)).get(at(index));
  }

  /**
   * Reads an element of type {@code FLOAT32}, {@code FLOAT16} or {@code BFLOAT16}.
   *
   * @param index the flat index
   * @return the value
   */
  public float getFloat(int index) {
    return isHalf
        ? spec().dtype().toFloat(getShort(index))
        : ((FloatBuffer) element(Storage.FLOAT, index)).get(at(index));
  }

  /**
   * Reads an element of type {@code FLOAT64}.
   *
   * @param index the flat index
   * @return the value
   */
  public double getDouble(int index) {
    return ((DoubleBuffer) element(Storage.DOUBLE, index)).get(at(index));
  }

  /**
   * Writes elements of an 8-bit type.
   *
   * @param index the flat index of the first element
   * @param source the values
   * @param from the index of the first value in {@code source}
   * @param count the number of elements
   */
  public void set(int index, byte[] source, int from, int count) {
    int length = Objects.requireNonNull(source, "source").length;
    ((ByteBuffer) range(Storage.BYTE, index, count, "source", length, from))
        .put(at(index), source, from, count);
  }

  /**
   * Writes elements of a 16-bit type.
   *
   * @param index the flat index of the first element
   * @param source the values
   * @param from the index of the first value in {@code source}
   * @param count the number of elements
   */
  public void set(int index, short[] source, int from, int count) {
    int length = Objects.requireNonNull(source, "source").length;
    ((ShortBuffer) range(Storage.SHORT, index, count, "source", length, from))
        .put(at(index), source, from, count);
  }

  /**
   * Writes elements of a 32-bit integer type.
   *
   * @param index the flat index of the first element
   * @param source the values
   * @param from the index of the first value in {@code source}
   * @param count the number of elements
   */
  public void set(int index, int[] source, int from, int count) {
    int length = Objects.requireNonNull(source, "source").length;
    ((IntBuffer) range(Storage.INT, index, count, "source", length, from))
        .put(at(index), source, from, count);
  }

  /**
   * Writes elements of a 64-bit integer type.
   *
   * @param index the flat index of the first element
   * @param source the values
   * @param from the index of the first value in {@code source}
   * @param count the number of elements
   */
  public void set(int index, long[] source, int from, int count) {
    int length = Objects.requireNonNull(source, "source").length;
    ((LongBuffer) range(Storage.LONG, index, count, "source", length, from))
        .put(at(index), source, from, count);
  }

  /**
   * Writes elements of type {@code FLOAT32}, {@code FLOAT16} or {@code BFLOAT16}.
   *
   * @param index the flat index of the first element
   * @param source the values
   * @param from the index of the first value in {@code source}
   * @param count the number of elements
   */
  public void set(int index, float[] source, int from, int count) {
    int length = Objects.requireNonNull(source, "source").length;
    if (isHalf) {
      DType dtype = spec().dtype();
      ShortBuffer halves = (ShortBuffer) range(Storage.SHORT, index, count, "source", length, from);
      for (int i = 0; i < count; i++) {
        halves.put(at(index) + i, dtype.fromFloat(source[from + i]));
      }
    } else {
      ((FloatBuffer) range(Storage.FLOAT, index, count, "source", length, from))
          .put(at(index), source, from, count);
    }
  }

  /**
   * Writes elements of type {@code FLOAT64}.
   *
   * @param index the flat index of the first element
   * @param source the values
   * @param from the index of the first value in {@code source}
   * @param count the number of elements
   */
  public void set(int index, double[] source, int from, int count) {
    int length = Objects.requireNonNull(source, "source").length;
    ((DoubleBuffer) range(Storage.DOUBLE, index, count, "source", length, from))
        .put(at(index), source, from, count);
  }

  /**
   * Writes raw bytes in native order into an array of any type.
   *
   * <p>The method ignores {@link ByteBuffer#order()}, because a new {@code ByteBuffer} says
   * big-endian even if its content is not. For numbers in another order, pass a typed buffer:
   * {@code set(0, source.order(ByteOrder.BIG_ENDIAN).asFloatBuffer())}.
   *
   * @param index the flat index of the first element
   * @param source all its remaining bytes are written; its position moves to its limit
   * @throws IllegalArgumentException if the remaining bytes are not a whole number of elements
   */
  public void set(int index, ByteBuffer source) {
    range(storage, index, Objects.requireNonNull(source, "source").remaining() / width());
    if (source.remaining() % width() != 0) {
      throw HostArrayErrors.partOfAnElement(spec(), source.remaining());
    }
    bytes.put(at(index) * width(), source, source.position(), source.remaining());
    source.position(source.limit());
  }

  /**
   * Writes elements of a 16-bit type. The buffer's byte order is respected.
   *
   * @param index the flat index of the first element
   * @param source all its remaining elements are written; its position moves to its limit
   */
  public void set(int index, ShortBuffer source) {
    int count = Objects.requireNonNull(source, "source").remaining();
    ((ShortBuffer) range(Storage.SHORT, index, count))
        .put(at(index), source, source.position(), count);
    source.position(source.limit());
  }

  /**
   * Writes elements of a 32-bit integer type. The buffer's byte order is respected.
   *
   * @param index the flat index of the first element
   * @param source all its remaining elements are written; its position moves to its limit
   */
  public void set(int index, IntBuffer source) {
    int count = Objects.requireNonNull(source, "source").remaining();
    ((IntBuffer) range(Storage.INT, index, count)).put(at(index), source, source.position(), count);
    source.position(source.limit());
  }

  /**
   * Writes elements of a 64-bit integer type. The buffer's byte order is respected.
   *
   * @param index the flat index of the first element
   * @param source all its remaining elements are written; its position moves to its limit
   */
  public void set(int index, LongBuffer source) {
    int count = Objects.requireNonNull(source, "source").remaining();
    ((LongBuffer) range(Storage.LONG, index, count))
        .put(at(index), source, source.position(), count);
    source.position(source.limit());
  }

  /**
   * Writes elements of type {@code FLOAT32}, {@code FLOAT16} or {@code BFLOAT16}. The buffer's byte
   * order is respected.
   *
   * @param index the flat index of the first element
   * @param source all its remaining elements are written; its position moves to its limit
   */
  public void set(int index, FloatBuffer source) {
    int count = Objects.requireNonNull(source, "source").remaining();
    if (isHalf) {
      DType dtype = spec().dtype();
      ShortBuffer halves = (ShortBuffer) range(Storage.SHORT, index, count);
      for (int i = 0; i < count; i++) {
        halves.put(at(index) + i, dtype.fromFloat(source.get(source.position() + i)));
      }
    } else {
      ((FloatBuffer) range(Storage.FLOAT, index, count))
          .put(at(index), source, source.position(), count);
    }
    source.position(source.limit());
  }

  /**
   * Writes elements of type {@code FLOAT64}. The buffer's byte order is respected.
   *
   * @param index the flat index of the first element
   * @param source all its remaining elements are written; its position moves to its limit
   */
  public void set(int index, DoubleBuffer source) {
    int count = Objects.requireNonNull(source, "source").remaining();
    ((DoubleBuffer) range(Storage.DOUBLE, index, count))
        .put(at(index), source, source.position(), count);
    source.position(source.limit());
  }

  /**
   * Reads elements of an 8-bit type.
   *
   * @param index the flat index of the first element
   * @param target receives the values
   * @param from the index of the first value in {@code target}
   * @param count the number of elements
   */
  public void get(int index, byte[] target, int from, int count) {
    int length = Objects.requireNonNull(target, "target").length;
    ((ByteBuffer) range(Storage.BYTE, index, count, "target", length, from))
        .get(at(index), target, from, count);
  }

  /**
   * Reads elements of a 16-bit type.
   *
   * @param index the flat index of the first element
   * @param target receives the values
   * @param from the index of the first value in {@code target}
   * @param count the number of elements
   */
  public void get(int index, short[] target, int from, int count) {
    int length = Objects.requireNonNull(target, "target").length;
    ((ShortBuffer) range(Storage.SHORT, index, count, "target", length, from))
        .get(at(index), target, from, count);
  }

  /**
   * Reads elements of a 32-bit integer type.
   *
   * @param index the flat index of the first element
   * @param target receives the values
   * @param from the index of the first value in {@code target}
   * @param count the number of elements
   */
  public void get(int index, int[] target, int from, int count) {
    int length = Objects.requireNonNull(target, "target").length;
    ((IntBuffer) range(Storage.INT, index, count, "target", length, from))
        .get(at(index), target, from, count);
  }

  /**
   * Reads elements of a 64-bit integer type.
   *
   * @param index the flat index of the first element
   * @param target receives the values
   * @param from the index of the first value in {@code target}
   * @param count the number of elements
   */
  public void get(int index, long[] target, int from, int count) {
    int length = Objects.requireNonNull(target, "target").length;
    ((LongBuffer) range(Storage.LONG, index, count, "target", length, from))
        .get(at(index), target, from, count);
  }

  /**
   * Reads elements of type {@code FLOAT32}, {@code FLOAT16} or {@code BFLOAT16}.
   *
   * @param index the flat index of the first element
   * @param target receives the values
   * @param from the index of the first value in {@code target}
   * @param count the number of elements
   */
  public void get(int index, float[] target, int from, int count) {
    int length = Objects.requireNonNull(target, "target").length;
    if (isHalf) {
      DType dtype = spec().dtype();
      ShortBuffer halves = (ShortBuffer) range(Storage.SHORT, index, count, "target", length, from);
      for (int i = 0; i < count; i++) {
        target[from + i] = dtype.toFloat(halves.get(at(index) + i));
      }
    } else {
      ((FloatBuffer) range(Storage.FLOAT, index, count, "target", length, from))
          .get(at(index), target, from, count);
    }
  }

  /**
   * Reads elements of type {@code FLOAT64}.
   *
   * @param index the flat index of the first element
   * @param target receives the values
   * @param from the index of the first value in {@code target}
   * @param count the number of elements
   */
  public void get(int index, double[] target, int from, int count) {
    int length = Objects.requireNonNull(target, "target").length;
    ((DoubleBuffer) range(Storage.DOUBLE, index, count, "target", length, from))
        .get(at(index), target, from, count);
  }

  /** The array in its maximum shape, unguarded. Absolute use only. */
  ByteBuffer bytes() {
    return bytes;
  }

  /** Sets all elements of this batch to zero. */
  public void fillZero() {
    access.check(spec());
    fillZero(0);
  }

  /** Sets the elements of this batch to zero, from this index on. */
  void fillZero(int from) {
    int start = base * width();
    fillZero(start + from * width(), start + extent.bytes());
  }

  /** Sets the memory after the elements of this batch to zero. */
  void fillZeroBehind() {
    fillZero(extent.bytes(), bytes.capacity());
  }

  private void fillZero(int start, int end) {
    for (int at = start; at < end; at += ZEROS.length) {
      bytes.put(at, ZEROS, 0, Math.min(ZEROS.length, end - at));
    }
  }

  /**
   * Fills the whole array with raw bytes in native order from a channel. Blocks while the channel
   * blocks.
   *
   * @param channel in blocking mode; read from its position on, and not closed
   * @throws EOFException if the channel ends early; the message says how many bytes are missing.
   *     The bytes read so far are in the array
   * @throws IOException if the channel fails or is not in blocking mode
   */
  public void readFrom(ReadableByteChannel channel) throws IOException {
    Objects.requireNonNull(channel, "channel");
    ByteBuffer target = channelBuffer();
    while (target.hasRemaining()) {
      access.check(spec()); // the fill may return while a shared view reads
      checkRead(channel.read(target), target);
    }
  }

  /**
   * Fills the whole array with raw bytes in native order from a file, beginning at an offset.
   * Blocks while the file is read.
   *
   * <p>The channel's position does not move, so several threads may read from one channel. If one
   * of them is interrupted in this method, the channel closes for all of them.
   *
   * @param channel the file; not closed
   * @param position the offset of the first byte in the file, 0 or more
   * @throws EOFException if the file ends early; the message says how many bytes are missing. The
   *     bytes read so far are in the array
   * @throws IOException if reading fails
   * @throws IllegalArgumentException if the position is negative
   */
  public void readFrom(FileChannel channel, long position) throws IOException {
    Objects.requireNonNull(channel, "channel");
    if (position < 0) {
      throw HostArrayErrors.negativePosition(spec(), position);
    }
    ByteBuffer target = channelBuffer();
    int start = target.position();
    while (target.hasRemaining()) {
      access.check(spec());
      checkRead(channel.read(target, position + (target.position() - start)), target);
    }
  }

  private void checkRead(int read, ByteBuffer target) throws IOException {
    if (read < 0) {
      throw HostArrayErrors.ended(spec(), target.remaining(), extent.bytes());
    }
    if (read == 0) {
      throw HostArrayErrors.gaveNothing(spec());
    }
  }

  /**
   * The memory of this array in its present shape, in native byte order, for bulk work.
   *
   * <p>The buffer is <em>unguarded</em>: no check finds a use after the fill has returned. Such a
   * use writes into another batch, or into freed memory.
   *
   * @return a direct buffer at position 0. On the fill's thread each call resets and returns the
   *     same object. On a shared view, on a row of a variable array, on a row of a row, and on
   *     {@link #rows}, each call returns a new one
   */
  public ByteBuffer unsafeBuffer() {
    access.check(spec());
    return whole == null ? toArray(unsafeBuffer) : whole.rowBuffer(this);
  }

  private ByteBuffer rowBuffer(HostArray row) {
    boolean isOneRow = row.spec().rank() < spec().rank();
    if (access.isShared() || spec().isVariable() || whole != null || !isOneRow) {
      return row.newBuffer();
    }
    if (rowBuffers == null) {
      rowBuffers = new ByteBuffer[spec().dimension(0)];
    }
    int number = (row.base - base) / row.extent.elements();
    ByteBuffer buffer = rowBuffers[number];
    if (buffer == null) {
      buffer = row.newBuffer();
      rowBuffers[number] = buffer;
    }
    return buffer.clear().order(ByteOrder.nativeOrder());
  }

  private ByteBuffer newBuffer() {
    return bytes.slice(base * width(), extent.bytes()).order(ByteOrder.nativeOrder());
  }

  private ByteBuffer channelBuffer() {
    access.check(spec());
    return toArray(channelBuffer);
  }

  /** Sets a buffer of all of the memory to this array in its present shape. */
  private ByteBuffer toArray(@Nullable ByteBuffer kept) {
    ByteBuffer buffer = kept == null ? bytes.duplicate() : kept;
    int start = base * width();
    buffer.clear().limit(start + extent.bytes()).position(start);
    return buffer.order(ByteOrder.nativeOrder());
  }

  /**
   * Where an element lies in the memory of the whole array. The comparison lets the compiler leave
   * the addition out of loops over an array that is no row, which it then vectorizes.
   */
  private int at(int index) {
    return base == 0 ? index : base + index;
  }

  private int width() {
    return extent.spec().dtype().bytes();
  }

  /** The typed buffer, after all checks of the use of one element. */
  private Buffer element(Storage used, int index) {
    return range(used, index, 1);
  }

  private Buffer range(Storage used, int index, int count) {
    access.check(extent.spec());
    if (used != storage) {
      throw HostArrayErrors.wrongStorage(extent.spec(), used);
    }
    if (index < 0 || count < 0 || index > extent.elements() - count) {
      throw HostArrayErrors.outside(extent, index, count);
    }
    return elements;
  }

  /** The same for elements that are copied from or to a part of a Java array. */
  private Buffer range(Storage used, int index, int count, String what, int length, int from) {
    Buffer checked = range(used, index, count);
    if (from < 0 || from > length - count) {
      throw HostArrayErrors.outside(what, length, from, count);
    }
    return checked;
  }

  /** The specification, for example {@code "image: uint8 [16, 1, 33, 33, 33]"}. */
  @Override
  public String toString() {
    return spec().toString();
  }
}
