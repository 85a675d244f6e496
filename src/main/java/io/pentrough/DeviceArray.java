package io.pentrough;

import io.pentrough.device.DeviceBuffer;
import java.nio.ByteBuffer;

/**
 * One array of a {@link DeviceBatch}: where it lies on the device, and what shape it has in this
 * batch.
 *
 * <p><b>Threads.</b> Any thread may use it until the batch is closed.
 */
public final class DeviceArray {

  private final DeviceBatch batch;
  private final ArraySpec spec;
  private final int[] shape;

  DeviceArray(DeviceBatch batch, ArraySpec spec, int[] shape) {
    this.batch = batch;
    this.spec = spec;
    this.shape = shape;
  }

  /**
   * Name, type and declared shape.
   *
   * @return the specification; for a variable array its shape is the maximum
   */
  public ArraySpec spec() {
    return spec;
  }

  /**
   * The shape in this batch.
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
   * Where the array lies: its elements in row-major order, nothing else.
   *
   * @return a new slice of device memory; using it after the batch is closed throws {@link
   *     IllegalStateException}
   * @throws IllegalStateException if the batch is closed
   */
  public DeviceBuffer buffer() {
    return batch.slice(spec, (long) elements() * spec.dtype().bytes());
  }

  /**
   * Copies the array to the host behind everything queued on the batch's stream, and waits for it:
   * for tests and for looking.
   *
   * @param target receives the elements, as bytes in the device's order, at its position, which
   *     moves behind them
   * @throws java.nio.BufferOverflowException if the target has too little room
   * @throws IllegalStateException if the batch is closed
   * @throws io.pentrough.device.DeviceException if the copy or something queued before it failed
   */
  public void copyTo(ByteBuffer target) {
    batch.stream().read(buffer(), target);
  }

  @Override
  public String toString() {
    return spec.toString();
  }
}
