package io.pentrough.device;

/**
 * A kernel, with the arguments and the grid it is launched with. They stay as they are until they
 * are set again, so what does not change from launch to launch is set once. Setting and launching
 * allocate nothing.
 *
 * <pre>{@code
 * DeviceKernel scale = module.kernel("scale");
 * scale.set(0, buffer).setInt(1, count).setFloat(2, 0.5f).cover(count, 256).launch(stream);
 * }</pre>
 *
 * <p>Parameters are counted from 0, and their types are those of the PTX ({@link
 * KernelSource#parameters}), on every device: an argument of another type is refused when it is
 * set.
 *
 * <p><b>Threads.</b> Not thread safe: one thread at a time.
 */
public interface DeviceKernel extends AutoCloseable {

  /**
   * Its name.
   *
   * @return as in the PTX
   */
  String name();

  /**
   * Sets a pointer.
   *
   * @param parameter which, from 0
   * @param buffer memory of this device, or a slice; its guard is asked at each launch. Kept until
   *     another is set or this kernel is closed
   * @return this
   * @throws IndexOutOfBoundsException if there is no such parameter
   * @throws IllegalArgumentException if it is of another type, or the buffer belongs to another
   *     device
   */
  DeviceKernel set(int parameter, DeviceBuffer buffer);

  /**
   * Sets a 32-bit integer, signed or not.
   *
   * @param parameter which, from 0
   * @param value the value
   * @return this
   * @throws IndexOutOfBoundsException if there is no such parameter
   * @throws IllegalArgumentException if it is of another type
   */
  DeviceKernel setInt(int parameter, int value);

  /**
   * Sets a 64-bit integer, signed or not.
   *
   * @param parameter which, from 0
   * @param value the value
   * @return this
   * @throws IndexOutOfBoundsException if there is no such parameter
   * @throws IllegalArgumentException if it is of another type
   */
  DeviceKernel setLong(int parameter, long value);

  /**
   * Sets a 32-bit floating-point number.
   *
   * @param parameter which, from 0
   * @param value the value
   * @return this
   * @throws IndexOutOfBoundsException if there is no such parameter
   * @throws IllegalArgumentException if it is of another type
   */
  DeviceKernel setFloat(int parameter, float value);

  /**
   * Sets a 64-bit floating-point number.
   *
   * @param parameter which, from 0
   * @param value the value
   * @return this
   * @throws IndexOutOfBoundsException if there is no such parameter
   * @throws IllegalArgumentException if it is of another type
   */
  DeviceKernel setDouble(int parameter, double value);

  /**
   * Sets how many blocks of threads there are.
   *
   * @param x blocks along x, 1 to 2,147,483,647
   * @param y blocks along y, 1 to 65,535
   * @param z blocks along z, 1 to 65,535
   * @return this
   * @throws IllegalArgumentException if a number is out of range
   */
  DeviceKernel grid(int x, int y, int z);

  /**
   * Sets how many threads a block has.
   *
   * @param x threads along x, 1 to 1,024
   * @param y threads along y, 1 to 1,024
   * @param z threads along z, 1 to 64
   * @return this
   * @throws IllegalArgumentException if a number is out of range, or the product is above 1,024
   */
  DeviceKernel block(int x, int y, int z);

  /**
   * Sets blocks along x, as many as it takes to have a thread for each element.
   *
   * @param elements how many elements, at least 1; the last block may reach beyond them
   * @param threads how many threads a block has, 1 to 1,024
   * @return this
   * @throws IllegalArgumentException if a number is out of range; grid and block stay as they were
   */
  default DeviceKernel cover(long elements, int threads) {
    if (elements < 1) {
      throw new IllegalArgumentException(name() + ": elements must be at least 1, not " + elements);
    }
    long blocks = (elements - 1) / Math.max(threads, 1) + 1; // block() refuses less than 1
    if (blocks > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          name()
              + ": "
              + elements
              + " elements are too many for blocks of "
              + threads
              + ": take more threads");
    }
    return block(threads, 1, 1).grid((int) blocks, 1, 1);
  }

  /**
   * Sets how much shared memory a block has besides what the kernel declares.
   *
   * @param bytes how many bytes, 0 to 49,152; 0 unless set
   * @return this
   * @throws IllegalArgumentException if the number is out of range
   */
  DeviceKernel sharedBytes(int bytes);

  /**
   * Queues the kernel with the arguments as they are now: setting them anew does not change what is
   * queued. Returns before it has run. None of the buffers may be closed before that.
   *
   * <p>If the kernel fails when it runs, the stream fails with it; on CUDA the whole context does.
   *
   * @param stream a stream of this device
   * @throws IllegalArgumentException if the stream belongs to another device
   * @throws IllegalStateException if an argument was never set, or a buffer, the stream, this
   *     kernel or its module is closed
   * @throws DeviceException if the device refuses the launch; the message names the kernel, its
   *     grid and its block
   */
  void launch(DeviceStream stream);

  /**
   * Gives the argument memory back. What is queued runs all the same. Idempotent.
   *
   * @throws DeviceException if the device refuses; the argument memory then counts as leaked
   */
  @Override
  void close();
}
