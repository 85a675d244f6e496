package io.pentrough;

import io.pentrough.DType.Storage;
import io.pentrough.device.DeviceBuffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Locale;
import java.util.Objects;

/**
 * One array of a {@link DeviceBatch}: its memory on the device, and its shape in this batch.
 *
 * <pre>{@code
 * DeviceArray image = batch.array("image");
 * launch(image.buffer(), image.dimension(0)); // its memory on the device
 *
 * float[] values = new float[image.elements()];
 * image.copyTo(values); // to look at it
 * }</pre>
 *
 * <p><b>Threads.</b> Any thread may use it until the batch is closed.
 */
public final class DeviceArray {

  /** How much {@link #copyTo(float[])} and the like read at once. */
  static final int PART_BYTES = 4 << 20;

  private final DeviceBatch batch;
  private final ArraySpec spec;
  private final int[] shape;

  /** Including the rows after those that count. */
  private final long bytes;

  DeviceArray(DeviceBatch batch, ArraySpec spec, int[] shape, long bytes) {
    this.batch = batch;
    this.spec = spec;
    this.shape = shape;
    this.bytes = bytes;
  }

  /**
   * The array's specification: name, type and declared shape.
   *
   * @return the specification; the shape of a variable array in it is the maximum
   */
  public ArraySpec spec() {
    return spec;
  }

  /**
   * The shape in this batch. If the batch is partial, an array with a row for each sample has only
   * the rows that count (see {@link HostBatch#size}).
   *
   * @return a copy, slowest axis first
   * @throws IllegalStateException if the batch is closed
   */
  public int[] shape() {
    batch.requireOpen();
    return shape.clone();
  }

  /**
   * One dimension of the shape in this batch.
   *
   * @param axis the axis, 0 is the slowest
   * @return its length
   * @throws IndexOutOfBoundsException if there is no such axis
   * @throws IllegalStateException if the batch is closed
   */
  public int dimension(int axis) {
    batch.requireOpen();
    if (axis < 0 || axis >= shape.length) {
      throw spec.noSuchAxis(axis);
    }
    return shape[axis];
  }

  /**
   * How many elements the array has in this batch.
   *
   * @return the product of the shape
   * @throws IllegalStateException if the batch is closed
   */
  public int elements() {
    batch.requireOpen();
    int elements = 1;
    for (int length : shape) {
      elements *= length;
    }
    return elements;
  }

  /**
   * The array's device memory, with its elements in row-major order. In a partial batch it still
   * contains all rows, and the rows after those that count are zero. So a kernel may process the
   * same number of rows in every batch.
   *
   * @return a new slice of device memory, which contains nothing else; using it after the batch is
   *     closed throws {@link IllegalStateException}
   * @throws IllegalStateException if the batch is closed
   */
  public DeviceBuffer buffer() {
    batch.requireOpen();
    return batch.slice(spec, bytes);
  }

  /** The memory of the rows that count. */
  private DeviceBuffer counted() {
    return batch.slice(spec, (long) elements() * spec.dtype().bytes());
  }

  /**
   * Copies the array to the host as raw bytes, for tests and inspection. The bytes are in native
   * order, whatever the target's {@link ByteBuffer#order()}. Set that to {@link
   * ByteOrder#nativeOrder()} before you read numbers from the target, or copy to a Java array
   * instead.
   *
   * <p>The copy is queued on the batch's stream after everything that is queued there. This call
   * blocks until the copy has completed.
   *
   * @param target receives the bytes at its position, which moves past them
   * @throws java.nio.BufferOverflowException if the target has too little room
   * @throws java.nio.ReadOnlyBufferException if the target is read-only
   * @throws IllegalStateException if the batch or its stream is closed
   * @throws io.pentrough.device.DeviceException if the copy or something queued before it failed
   */
  public void copyTo(ByteBuffer target) {
    batch.stream().read(counted(), Objects.requireNonNull(target, "target"));
  }

  /**
   * Copies an array of an 8-bit type to the host, like {@link #copyTo(ByteBuffer)}.
   *
   * @param target receives the raw values from index 0 on; further elements are unchanged
   * @throws IllegalArgumentException if the array has another type, or the target has fewer
   *     elements; the target is unchanged then
   * @throws IllegalStateException if the batch or its stream is closed
   * @throws io.pentrough.device.DeviceException if the copy or work queued before it failed; part
   *     of the target may have been written then
   */
  public void copyTo(byte[] target) {
    int room = Objects.requireNonNull(target, "target").length;
    copyTo(Storage.BYTE, room, (bytes, first, count) -> bytes.get(target, first, count));
  }

  /**
   * Copies an array of a 16-bit type to the host, like {@link #copyTo(ByteBuffer)}.
   *
   * @param target receives the raw values from index 0 on, of a 16-bit floating-point type its
   *     bits; further elements are unchanged
   * @throws IllegalArgumentException if the array has another type, or the target has fewer
   *     elements; the target is unchanged then
   * @throws IllegalStateException if the batch or its stream is closed
   * @throws io.pentrough.device.DeviceException if the copy or work queued before it failed; part
   *     of the target may have been written then
   */
  public void copyTo(short[] target) {
    int room = Objects.requireNonNull(target, "target").length;
    copyTo(
        Storage.SHORT,
        room,
        (bytes, first, count) -> bytes.asShortBuffer().get(target, first, count));
  }

  /**
   * Copies an array of a 32-bit integer type to the host, like {@link #copyTo(ByteBuffer)}.
   *
   * @param target receives the raw values from index 0 on; further elements are unchanged
   * @throws IllegalArgumentException if the array has another type, or the target has fewer
   *     elements; the target is unchanged then
   * @throws IllegalStateException if the batch or its stream is closed
   * @throws io.pentrough.device.DeviceException if the copy or work queued before it failed; part
   *     of the target may have been written then
   */
  public void copyTo(int[] target) {
    int room = Objects.requireNonNull(target, "target").length;
    copyTo(
        Storage.INT, room, (bytes, first, count) -> bytes.asIntBuffer().get(target, first, count));
  }

  /**
   * Copies an array of a 64-bit integer type to the host, like {@link #copyTo(ByteBuffer)}.
   *
   * @param target receives the raw values from index 0 on; further elements are unchanged
   * @throws IllegalArgumentException if the array has another type, or the target has fewer
   *     elements; the target is unchanged then
   * @throws IllegalStateException if the batch or its stream is closed
   * @throws io.pentrough.device.DeviceException if the copy or work queued before it failed; part
   *     of the target may have been written then
   */
  public void copyTo(long[] target) {
    int room = Objects.requireNonNull(target, "target").length;
    copyTo(
        Storage.LONG,
        room,
        (bytes, first, count) -> bytes.asLongBuffer().get(target, first, count));
  }

  /**
   * Copies an array of type {@code FLOAT32}, {@code FLOAT16} or {@code BFLOAT16} to the host, like
   * {@link #copyTo(ByteBuffer)}.
   *
   * @param target receives the values from index 0 on; further elements are unchanged
   * @throws IllegalArgumentException if the array has another type, or the target has fewer
   *     elements; the target is unchanged then
   * @throws IllegalStateException if the batch or its stream is closed
   * @throws io.pentrough.device.DeviceException if the copy or work queued before it failed; part
   *     of the target may have been written then
   */
  public void copyTo(float[] target) {
    int room = Objects.requireNonNull(target, "target").length;
    copyTo(
        Storage.FLOAT,
        room,
        (bytes, first, count) -> {
          if (spec.dtype().isHalf()) {
            spec.dtype().toFloats(bytes.asShortBuffer(), FloatBuffer.wrap(target, first, count));
          } else {
            bytes.asFloatBuffer().get(target, first, count);
          }
        });
  }

  /**
   * Copies an array of type {@code FLOAT64} to the host, like {@link #copyTo(ByteBuffer)}.
   *
   * @param target receives the values from index 0 on; further elements are unchanged
   * @throws IllegalArgumentException if the array has another type, or the target has fewer
   *     elements; the target is unchanged then
   * @throws IllegalStateException if the batch or its stream is closed
   * @throws io.pentrough.device.DeviceException if the copy or work queued before it failed; part
   *     of the target may have been written then
   */
  public void copyTo(double[] target) {
    int room = Objects.requireNonNull(target, "target").length;
    copyTo(
        Storage.DOUBLE,
        room,
        (bytes, first, count) -> bytes.asDoubleBuffer().get(target, first, count));
  }

  /** Copies elements from a buffer in native order to a Java array. */
  @FunctionalInterface
  private interface Sink {
    void take(ByteBuffer bytes, int first, int count);
  }

  /** Reads a part at a time, so that a large array needs no second buffer of its size. */
  private void copyTo(Storage primitive, int room, Sink sink) {
    int elements = elements();
    String name = primitive.name().toLowerCase(Locale.ROOT);
    if (!spec.dtype().takes(primitive)) {
      throw new IllegalArgumentException(
          "array '%s' is %s: copy it to %s, not %s[]"
              .formatted(
                  spec.name(),
                  spec.dtype().label(),
                  spec.dtype().isHalf()
                      ? "float[] for values, or to short[] for raw bits"
                      : spec.dtype().storage().name().toLowerCase(Locale.ROOT) + "[]",
                  name));
    }
    if (room < elements) {
      throw new IllegalArgumentException(
          "array '%s' has %d elements in this batch, but the %s[] has room for %d: make it longer"
              .formatted(spec.name(), elements, name, room));
    }
    DeviceBuffer buffer = counted();
    int width = spec.dtype().bytes();
    int most = Math.min(elements, PART_BYTES / width);
    ByteBuffer part = ByteBuffer.allocate(most * width).order(ByteOrder.nativeOrder());
    int first = 0;
    do { // runs once even without elements, to wait for the stream
      int count = Math.min(most, elements - first);
      DeviceBuffer source = buffer.slice((long) first * width, (long) count * width, () -> {});
      batch.stream().read(source, part.clear());
      sink.take(part.flip(), first, count);
      first += count;
    } while (first < elements);
  }

  @Override
  public String toString() {
    return spec.toString();
  }
}
