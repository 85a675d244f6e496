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
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One array of a {@link HostBatch}, in pinned host memory.
 *
 * <p>Elements are named by their flat row-major index, and go in and out as the Java primitive of
 * the {@linkplain DType element type}'s size and kind: {@code byte} for {@code INT8} and {@code
 * UINT8}, {@code short} for every 16-bit type, {@code int} and {@code long} for the wider integers,
 * {@code float} and {@code double}. The methods for {@code float} also take and give elements of
 * {@code FLOAT16} and {@code BFLOAT16}, and round to the nearest, ties to even.
 *
 * <p>Every method but {@link #spec()} throws
 *
 * <ul>
 *   <li>{@link IllegalStateException} if the array is used from another thread than the fill's, or
 *       after the fill has returned (see {@link HostBatch#shared()} for threads of one's own),
 *   <li>{@link IllegalArgumentException} if its primitive is not the one of this array's type,
 *   <li>{@link IndexOutOfBoundsException} if an index lies outside <em>this</em> array in its
 *       present shape, or outside the Java array it is copied from or to, or there is no such axis;
 * </ul>
 *
 * and has changed nothing then; nor has a null argument, which is a {@link NullPointerException}.
 * Only {@code readFrom} blocks.
 *
 * <p><b>Threads.</b> For the thread of the fill only; a shared view for any.
 */
public final class HostArray {

  private static final byte[] ZEROS = new byte[8192];

  private final Extent extent;
  private final Access access;
  private final Storage storage;
  private final boolean isHalf;

  /** All of the array at its maximum; absolute use only, as the views share it. */
  private final ByteBuffer bytes;

  /** The same memory in elements of {@link #storage}; absolute use only. */
  private final Buffer elements;

  /** What {@link #unsafeBuffer()} gives out, and what channels read into; null in a shared view. */
  private final @Nullable ByteBuffer unsafeBuffer;

  private final @Nullable ByteBuffer channelBuffer;

  /** The array that this is a row of; null if it is none. */
  private final @Nullable HostArray whole;

  /** In elements, where a row begins in the whole array; 0 if this is no row. */
  private int base;

  /** What {@link #row} gives out; null before the first call, and in a shared view. */
  private @Nullable HostArray row;

  /** What {@link #unsafeBuffer()} of each row gives out; only in an array of fixed shape. */
  private @Nullable ByteBuffer @Nullable [] rowBuffers;

  /** The array of a slot. */
  HostArray(Extent extent, ByteBuffer bytes, Access access) {
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

  /** A row of an array, turned to none yet. */
  private HostArray(HostArray whole) {
    this.extent = new Extent(whole.spec().ofRow());
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
   * What the array is. May be asked at any time.
   *
   * @return its part of the batch's specification
   */
  public ArraySpec spec() {
    return extent.spec();
  }

  /**
   * The shape in this batch.
   *
   * @return a new array; the specified shape unless the array is variable and was resized
   */
  public int[] shape() {
    access.check(spec());
    return extent.shape().clone();
  }

  /**
   * One dimension of the shape in this batch, without allocating.
   *
   * @param axis 0 to {@code spec().rank()} - 1
   * @return the size along that axis
   */
  public int dimension(int axis) {
    access.check(spec());
    if (axis < 0 || axis >= extent.shape().length) {
      throw spec().noSuchAxis(axis);
    }
    return extent.shape()[axis];
  }

  /**
   * The number of elements in this batch.
   *
   * @return 0 or more
   */
  public int elements() {
    access.check(spec());
    return extent.elements();
  }

  /**
   * Gives a variable array its shape in this batch; without a call it has its maximum. Elements
   * keep their flat index: those below the new number of elements stay as they are.
   *
   * @param shape of the specified rank, each dimension 0 to its maximum
   * @throws IllegalArgumentException if the array is not variable, or the shape does not fit
   */
  public void resize(int... shape) {
    access.check(spec());
    if (whole != null) {
      throw new IllegalArgumentException(
          "this is one row of array '"
              + spec().name()
              + "', and all rows have one shape: resize the array before you write its rows");
    }
    extent.resize(Objects.requireNonNull(shape, "shape"));
  }

  /**
   * One row, which is what a sample has in this array: a view of the part of this array whose first
   * index is {@code row}, with the other dimensions as its shape. It is written in place, and its
   * flat indexes begin at 0. A row of an array of one dimension is a scalar, of index 0.
   *
   * <p>There is one such view, and each call turns it to a row. So ask for a row when you need it,
   * and do not keep two. If a variable array is resized, ask again.
   *
   * @param row 0 to {@code dimension(0)} - 1
   * @return always the same object; on a {@linkplain HostBatch#shared() shared} view a new one,
   *     since threads share it
   * @throws IndexOutOfBoundsException if there is no such row, or this array is a scalar
   */
  public HostArray row(int row) {
    access.check(spec());
    int[] shape = extent.shape();
    if (shape.length == 0 || row < 0 || row >= shape[0]) {
      throw new IndexOutOfBoundsException(
          "there is no row "
              + row
              + " in array '"
              + spec().name()
              + "', which has "
              + (shape.length == 0 ? "no dimension" : shape[0] + " rows"));
    }
    HostArray view = this.row;
    if (view == null) {
      view = new HostArray(this);
      if (!access.isShared()) {
        this.row = view;
      }
    }
    view.extent.rowOf(extent);
    view.base = base + row * view.extent.elements();
    return view;
  }

  /**
   * Writes an element of an 8-bit type.
   *
   * @param index the flat index
   * @param value the raw value
   */
  public void setByte(int index, byte value) {
    ((ByteBuffer) element(Storage.BYTE, index)).put(base + index, value);
  }

  /**
   * Writes an element of a 16-bit type.
   *
   * @param index the flat index
   * @param value the raw value
   */
  public void setShort(int index, short value) {
    ((ShortBuffer) element(Storage.SHORT, index)).put(base + index, value);
  }

  /**
   * Writes an element of a 32-bit integer type.
   *
   * @param index the flat index
   * @param value the raw value
   */
  public void setInt(int index, int value) {
    ((IntBuffer) element(Storage.INT, index)).put(base + index, value);
  }

  /**
   * Writes an element of a 64-bit integer type.
   *
   * @param index the flat index
   * @param value the raw value
   */
  public void setLong(int index, long value) {
    ((LongBuffer) element(Storage.LONG, index)).put(base + index, value);
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
      ((FloatBuffer) element(Storage.FLOAT, index)).put(base + index, value);
    }
  }

  /**
   * Writes an element of type {@code FLOAT64}.
   *
   * @param index the flat index
   * @param value the value
   */
  public void setDouble(int index, double value) {
    ((DoubleBuffer) element(Storage.DOUBLE, index)).put(base + index, value);
  }

  /**
   * Reads an element of an 8-bit type.
   *
   * @param index the flat index
   * @return the raw value
   */
  public byte getByte(int index) {
    return ((ByteBuffer) element(Storage.BYTE, index)).get(base + index);
  }

  /**
   * Reads an element of a 16-bit type.
   *
   * @param index the flat index
   * @return the raw value
   */
  public short getShort(int index) {
    return ((ShortBuffer) element(Storage.SHORT, index)).get(base + index);
  }

  /**
   * Reads an element of a 32-bit integer type.
   *
   * @param index the flat index
   * @return the raw value
   */
  public int getInt(int index) {
    return ((IntBuffer) element(Storage.INT, index)).get(base + index);
  }

  /**
   * Reads an element of a 64-bit integer type.
   *
   * @param index the flat index
   * @return the raw value
   */
  public long getLong(int index) {
    return ((LongBuffer) element(Storage.LONG, index)).get(base + index);
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
        : ((FloatBuffer) element(Storage.FLOAT, index)).get(base + index);
  }

  /**
   * Reads an element of type {@code FLOAT64}.
   *
   * @param index the flat index
   * @return the value
   */
  public double getDouble(int index) {
    return ((DoubleBuffer) element(Storage.DOUBLE, index)).get(base + index);
  }

  /**
   * Writes elements of an 8-bit type.
   *
   * @param index the flat index of the first
   * @param source where they come from
   * @param from the first to take of the source
   * @param count how many
   */
  public void set(int index, byte[] source, int from, int count) {
    int length = Objects.requireNonNull(source, "source").length;
    ((ByteBuffer) range(Storage.BYTE, index, count, "source", length, from))
        .put(base + index, source, from, count);
  }

  /**
   * Writes elements of a 16-bit type.
   *
   * @param index the flat index of the first
   * @param source where they come from
   * @param from the first to take of the source
   * @param count how many
   */
  public void set(int index, short[] source, int from, int count) {
    int length = Objects.requireNonNull(source, "source").length;
    ((ShortBuffer) range(Storage.SHORT, index, count, "source", length, from))
        .put(base + index, source, from, count);
  }

  /**
   * Writes elements of a 32-bit integer type.
   *
   * @param index the flat index of the first
   * @param source where they come from
   * @param from the first to take of the source
   * @param count how many
   */
  public void set(int index, int[] source, int from, int count) {
    int length = Objects.requireNonNull(source, "source").length;
    ((IntBuffer) range(Storage.INT, index, count, "source", length, from))
        .put(base + index, source, from, count);
  }

  /**
   * Writes elements of a 64-bit integer type.
   *
   * @param index the flat index of the first
   * @param source where they come from
   * @param from the first to take of the source
   * @param count how many
   */
  public void set(int index, long[] source, int from, int count) {
    int length = Objects.requireNonNull(source, "source").length;
    ((LongBuffer) range(Storage.LONG, index, count, "source", length, from))
        .put(base + index, source, from, count);
  }

  /**
   * Writes elements of type {@code FLOAT32}, {@code FLOAT16} or {@code BFLOAT16}.
   *
   * @param index the flat index of the first
   * @param source where they come from
   * @param from the first to take of the source
   * @param count how many
   */
  public void set(int index, float[] source, int from, int count) {
    int length = Objects.requireNonNull(source, "source").length;
    if (isHalf) {
      DType dtype = spec().dtype();
      ShortBuffer halves = (ShortBuffer) range(Storage.SHORT, index, count, "source", length, from);
      for (int i = 0; i < count; i++) {
        halves.put(base + index + i, dtype.fromFloat(source[from + i]));
      }
    } else {
      ((FloatBuffer) range(Storage.FLOAT, index, count, "source", length, from))
          .put(base + index, source, from, count);
    }
  }

  /**
   * Writes elements of type {@code FLOAT64}.
   *
   * @param index the flat index of the first
   * @param source where they come from
   * @param from the first to take of the source
   * @param count how many
   */
  public void set(int index, double[] source, int from, int count) {
    int length = Objects.requireNonNull(source, "source").length;
    ((DoubleBuffer) range(Storage.DOUBLE, index, count, "source", length, from))
        .put(base + index, source, from, count);
  }

  /**
   * Writes raw bytes in native order, whatever {@link ByteBuffer#order()} says, into an array of
   * any type.
   *
   * <p>A new {@code ByteBuffer} says big-endian, also if what is read into it is not, so the order
   * is not asked for. Give numbers of another order as a typed buffer, which carries its order:
   * {@code set(0, source.order(ByteOrder.BIG_ENDIAN).asFloatBuffer())}.
   *
   * @param index the flat index of the first element
   * @param source its remaining bytes are taken; its position moves behind them
   * @throws IllegalArgumentException if the remaining bytes are not a whole number of elements
   */
  public void set(int index, ByteBuffer source) {
    range(storage, index, Objects.requireNonNull(source, "source").remaining() / width());
    if (source.remaining() % width() != 0) {
      throw new IllegalArgumentException(
          source.remaining()
              + " bytes are not a whole number of elements of array '"
              + spec().name()
              + "', which takes "
              + width()
              + " bytes each: set the source's limit behind a whole element");
    }
    bytes.put((base + index) * width(), source, source.position(), source.remaining());
    source.position(source.limit());
  }

  /**
   * Writes elements of a 16-bit type, whose order the buffer carries.
   *
   * @param index the flat index of the first
   * @param source its remaining elements are taken; its position moves behind them
   */
  public void set(int index, ShortBuffer source) {
    int count = Objects.requireNonNull(source, "source").remaining();
    ((ShortBuffer) range(Storage.SHORT, index, count))
        .put(base + index, source, source.position(), count);
    source.position(source.limit());
  }

  /**
   * Writes elements of a 32-bit integer type, whose order the buffer carries.
   *
   * @param index the flat index of the first
   * @param source its remaining elements are taken; its position moves behind them
   */
  public void set(int index, IntBuffer source) {
    int count = Objects.requireNonNull(source, "source").remaining();
    ((IntBuffer) range(Storage.INT, index, count))
        .put(base + index, source, source.position(), count);
    source.position(source.limit());
  }

  /**
   * Writes elements of a 64-bit integer type, whose order the buffer carries.
   *
   * @param index the flat index of the first
   * @param source its remaining elements are taken; its position moves behind them
   */
  public void set(int index, LongBuffer source) {
    int count = Objects.requireNonNull(source, "source").remaining();
    ((LongBuffer) range(Storage.LONG, index, count))
        .put(base + index, source, source.position(), count);
    source.position(source.limit());
  }

  /**
   * Writes elements of type {@code FLOAT32}, {@code FLOAT16} or {@code BFLOAT16}, whose order the
   * buffer carries.
   *
   * @param index the flat index of the first
   * @param source its remaining elements are taken; its position moves behind them
   */
  public void set(int index, FloatBuffer source) {
    int count = Objects.requireNonNull(source, "source").remaining();
    if (isHalf) {
      DType dtype = spec().dtype();
      ShortBuffer halves = (ShortBuffer) range(Storage.SHORT, index, count);
      for (int i = 0; i < count; i++) {
        halves.put(base + index + i, dtype.fromFloat(source.get(source.position() + i)));
      }
    } else {
      ((FloatBuffer) range(Storage.FLOAT, index, count))
          .put(base + index, source, source.position(), count);
    }
    source.position(source.limit());
  }

  /**
   * Writes elements of type {@code FLOAT64}, whose order the buffer carries.
   *
   * @param index the flat index of the first
   * @param source its remaining elements are taken; its position moves behind them
   */
  public void set(int index, DoubleBuffer source) {
    int count = Objects.requireNonNull(source, "source").remaining();
    ((DoubleBuffer) range(Storage.DOUBLE, index, count))
        .put(base + index, source, source.position(), count);
    source.position(source.limit());
  }

  /**
   * Reads elements of an 8-bit type.
   *
   * @param index the flat index of the first
   * @param target where they go
   * @param from the first to overwrite in the target
   * @param count how many
   */
  public void get(int index, byte[] target, int from, int count) {
    int length = Objects.requireNonNull(target, "target").length;
    ((ByteBuffer) range(Storage.BYTE, index, count, "target", length, from))
        .get(base + index, target, from, count);
  }

  /**
   * Reads elements of a 16-bit type.
   *
   * @param index the flat index of the first
   * @param target where they go
   * @param from the first to overwrite in the target
   * @param count how many
   */
  public void get(int index, short[] target, int from, int count) {
    int length = Objects.requireNonNull(target, "target").length;
    ((ShortBuffer) range(Storage.SHORT, index, count, "target", length, from))
        .get(base + index, target, from, count);
  }

  /**
   * Reads elements of a 32-bit integer type.
   *
   * @param index the flat index of the first
   * @param target where they go
   * @param from the first to overwrite in the target
   * @param count how many
   */
  public void get(int index, int[] target, int from, int count) {
    int length = Objects.requireNonNull(target, "target").length;
    ((IntBuffer) range(Storage.INT, index, count, "target", length, from))
        .get(base + index, target, from, count);
  }

  /**
   * Reads elements of a 64-bit integer type.
   *
   * @param index the flat index of the first
   * @param target where they go
   * @param from the first to overwrite in the target
   * @param count how many
   */
  public void get(int index, long[] target, int from, int count) {
    int length = Objects.requireNonNull(target, "target").length;
    ((LongBuffer) range(Storage.LONG, index, count, "target", length, from))
        .get(base + index, target, from, count);
  }

  /**
   * Reads elements of type {@code FLOAT32}, {@code FLOAT16} or {@code BFLOAT16}.
   *
   * @param index the flat index of the first
   * @param target where they go
   * @param from the first to overwrite in the target
   * @param count how many
   */
  public void get(int index, float[] target, int from, int count) {
    int length = Objects.requireNonNull(target, "target").length;
    if (isHalf) {
      DType dtype = spec().dtype();
      ShortBuffer halves = (ShortBuffer) range(Storage.SHORT, index, count, "target", length, from);
      for (int i = 0; i < count; i++) {
        target[from + i] = dtype.toFloat(halves.get(base + index + i));
      }
    } else {
      ((FloatBuffer) range(Storage.FLOAT, index, count, "target", length, from))
          .get(base + index, target, from, count);
    }
  }

  /**
   * Reads elements of type {@code FLOAT64}.
   *
   * @param index the flat index of the first
   * @param target where they go
   * @param from the first to overwrite in the target
   * @param count how many
   */
  public void get(int index, double[] target, int from, int count) {
    int length = Objects.requireNonNull(target, "target").length;
    ((DoubleBuffer) range(Storage.DOUBLE, index, count, "target", length, from))
        .get(base + index, target, from, count);
  }

  /** All of the array at its maximum, unguarded; absolute use only. */
  ByteBuffer bytes() {
    return bytes;
  }

  /** Sets all elements of this batch to zero. */
  public void fillZero() {
    access.check(spec());
    fillZero(0);
  }

  /** Sets the elements of this batch to zero from this one on. */
  void fillZero(int from) {
    int start = base * width();
    fillZero(start + from * width(), start + extent.bytes());
  }

  /** Sets to zero what is not of this batch. */
  void fillZeroBehind() {
    fillZero(extent.bytes(), bytes.capacity());
  }

  private void fillZero(int start, int end) {
    for (int at = start; at < end; at += ZEROS.length) {
      bytes.put(at, ZEROS, 0, Math.min(ZEROS.length, end - at));
    }
  }

  /**
   * Fills all of the array from a channel, as raw bytes in native order. Blocks as the channel
   * does.
   *
   * @param channel in blocking mode; read from its position on, not closed
   * @throws EOFException if the channel ends early; the message says how many bytes are missing,
   *     and what was read is in the array
   * @throws IOException if the channel fails or is not in blocking mode
   */
  public void readFrom(ReadableByteChannel channel) throws IOException {
    Objects.requireNonNull(channel, "channel");
    ByteBuffer target = channelBuffer();
    while (target.hasRemaining()) {
      access.check(spec()); // a shared view's fill may return while the channel blocks
      checkRead(channel.read(target), target);
    }
  }

  /**
   * Fills all of the array from a place in a file, as raw bytes in native order, without moving the
   * channel's position: several threads may read from one channel. Interrupting a thread in here
   * closes the channel for all.
   *
   * @param channel the file, not closed
   * @param position where the bytes begin, 0 or more
   * @throws EOFException if the file ends early; the message says how many bytes are missing, and
   *     what was read is in the array
   * @throws IOException if reading fails
   * @throws IllegalArgumentException if the position is negative
   */
  public void readFrom(FileChannel channel, long position) throws IOException {
    Objects.requireNonNull(channel, "channel");
    if (position < 0) {
      throw new IllegalArgumentException(
          "array '"
              + spec().name()
              + "' cannot be read from position "
              + position
              + " of a file: give the number of bytes before it, 0 or more");
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
      throw new EOFException(
          "the channel ended "
              + target.remaining()
              + " bytes short of the "
              + extent.bytes()
              + " of array '"
              + spec().name()
              + "'");
    }
    if (read == 0) {
      throw new IOException(
          "the channel gave no bytes for array '"
              + spec().name()
              + "': it is in non-blocking mode; readFrom needs a blocking channel");
    }
  }

  /**
   * The memory of exactly this array in its present shape, in native byte order: for bulk work, and
   * <em>unguarded</em>. Nothing finds its use after the fill has returned: it then writes into
   * another batch, or into memory that is freed.
   *
   * @return direct, at position 0; the same object at each call on the fill's thread, set back
   *     again, and a new one at each call on a shared view, on a row of a variable array and on a
   *     row of a row
   */
  public ByteBuffer unsafeBuffer() {
    access.check(spec());
    return whole == null ? toArray(unsafeBuffer) : whole.rowBuffer(this);
  }

  private ByteBuffer rowBuffer(HostArray row) {
    if (access.isShared() || spec().isVariable() || whole != null) {
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

  private int width() {
    return extent.spec().dtype().bytes();
  }

  /**
   * The typed buffer, once everything that may be wrong with the use of an element is ruled out.
   */
  private Buffer element(Storage used, int index) {
    return range(used, index, 1);
  }

  private Buffer range(Storage used, int index, int count) {
    access.check(extent.spec());
    if (used != storage) {
      throw wrongStorage(used);
    }
    if (index < 0 || count < 0 || index > extent.elements() - count) {
      throw outside(index, count);
    }
    return elements;
  }

  /** The same for elements that come from a Java array or go to one, of which part is used. */
  private Buffer range(Storage used, int index, int count, String what, int length, int from) {
    Buffer checked = range(used, index, count);
    if (from < 0 || from > length - count) {
      throw new IndexOutOfBoundsException(
          count
              + " elements from index "
              + from
              + " are not inside the "
              + what
              + ", which has "
              + length
              + " elements");
    }
    return checked;
  }

  private IndexOutOfBoundsException outside(int index, int count) {
    return new IndexOutOfBoundsException(
        (count == 1 ? "index " + index + " is" : count + " elements from index " + index + " are")
            + " not inside array '"
            + spec().name()
            + "', which has "
            + extent.elements()
            + " elements");
  }

  private IllegalArgumentException wrongStorage(Storage used) {
    return new IllegalArgumentException(
        "array '"
            + spec().name()
            + "' is "
            + spec().dtype().label()
            + ": use "
            + (isHalf ? waysIn(Storage.FLOAT) + " for values, or for raw bits " : "")
            + waysIn(storage)
            + ", not "
            + used.name().toLowerCase(Locale.ROOT));
  }

  private static String waysIn(Storage storage) {
    String suffix = storage.methodSuffix();
    return "set%s and get%s, or %s[]".formatted(suffix, suffix, suffix.toLowerCase(Locale.ROOT));
  }

  /** The specification, for example {@code "image: uint8 [16, 1, 33, 33, 33]"}. */
  @Override
  public String toString() {
    return spec().toString();
  }
}
