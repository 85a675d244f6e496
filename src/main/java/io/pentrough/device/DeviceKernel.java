package io.pentrough.device;

/**
 * A kernel, with the arguments and the grid for its launches. They keep their values until they are
 * set again. So set what does not change only once. Setting and launching allocate nothing.
 *
 * <pre>{@code
 * DeviceKernel scale = module.kernel("scale");
 * scale.set(0, in).set(1, out).setInt(2, count).setFloat(3, 0.5f);
 * scale.cover(count, 256).launch(stream);
 * }</pre>
 *
 * <p>Parameters are counted from 0. On every device their types are those of the PTX ({@link
 * KernelSource#parameters}). An argument of another type is refused when it is set. A setter that
 * throws has changed nothing.
 *
 * <p><b>Threads.</b> Not thread safe: only one thread at a time may use it.
 */
public interface DeviceKernel extends AutoCloseable {

  /**
   * The kernel's name.
   *
   * @return the name in the PTX
   */
  String name();

  /**
   * Sets a pointer.
   *
   * @param parameter the index of the parameter, from 0
   * @param buffer memory of this device, or a slice, whose guard is asked at each launch. The
   *     kernel refers to it until another buffer is set or the kernel is closed
   * @return this
   * @throws IndexOutOfBoundsException if the kernel has no such parameter
   * @throws IllegalArgumentException if the parameter has another type, or the buffer belongs to
   *     another device
   */
  DeviceKernel set(int parameter, DeviceBuffer buffer);

  /**
   * Sets a 32-bit integer, signed or not.
   *
   * @param parameter the index of the parameter, from 0
   * @param value the value
   * @return this
   * @throws IndexOutOfBoundsException if the kernel has no such parameter
   * @throws IllegalArgumentException if the parameter has another type
   */
  DeviceKernel setInt(int parameter, int value);

  /**
   * Sets a 64-bit integer, signed or not.
   *
   * @param parameter the index of the parameter, from 0
   * @param value the value
   * @return this
   * @throws IndexOutOfBoundsException if the kernel has no such parameter
   * @throws IllegalArgumentException if the parameter has another type
   */
  DeviceKernel setLong(int parameter, long value);

  /**
   * Sets a 32-bit floating-point number.
   *
   * @param parameter the index of the parameter, from 0
   * @param value the value
   * @return this
   * @throws IndexOutOfBoundsException if the kernel has no such parameter
   * @throws IllegalArgumentException if the parameter has another type
   */
  DeviceKernel setFloat(int parameter, float value);

  /**
   * Sets a 64-bit floating-point number.
   *
   * @param parameter the index of the parameter, from 0
   * @param value the value
   * @return this
   * @throws IndexOutOfBoundsException if the kernel has no such parameter
   * @throws IllegalArgumentException if the parameter has another type
   */
  DeviceKernel setDouble(int parameter, double value);

  /**
   * Sets the number of blocks. There is no default.
   *
   * @param x blocks along x, 1 to 2,147,483,647
   * @param y blocks along y, 1 to 65,535
   * @param z blocks along z, 1 to 65,535
   * @return this
   * @throws IllegalArgumentException if a number is out of range
   */
  DeviceKernel grid(int x, int y, int z);

  /**
   * Sets the number of threads in a block. There is no default.
   *
   * @param x threads along x, 1 to 1,024
   * @param y threads along y, 1 to 1,024
   * @param z threads along z, 1 to 64
   * @return this
   * @throws IllegalArgumentException if a number is out of range, or the product is above 1,024
   */
  DeviceKernel block(int x, int y, int z);

  /**
   * Sets as many blocks along x as give each element a thread.
   *
   * @param elements the number of elements, at least 1; the last block may reach beyond them
   * @param threads the number of threads in a block, 1 to 1,024
   * @return this
   * @throws IllegalArgumentException if a number is out of range
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
   * Sets how much shared memory a block has in addition to what the kernel declares. Default 0.
   *
   * @param bytes the number of bytes, 0 to 49,152
   * @return this
   * @throws IllegalArgumentException if the number is out of range
   */
  DeviceKernel sharedBytes(int bytes);

  /**
   * Queues the kernel with its present arguments. To set them again does not change what is queued.
   * Returns before the kernel has run. Close no buffer before that.
   *
   * <p>If the kernel fails when it runs, the stream fails. On CUDA the whole context fails.
   *
   * @param stream a stream of this device
   * @throws IllegalArgumentException if the stream belongs to another device
   * @throws IllegalStateException if an argument, the grid or the block was never set, or a buffer,
   *     the stream, this kernel or its module is closed
   * @throws DeviceException if the device refuses the launch; the message names the kernel, its
   *     grid and its block
   */
  void launch(DeviceStream stream);

  /**
   * Frees the memory of the arguments. Queued launches still run. Idempotent.
   *
   * @throws DeviceException if the device refuses; the argument memory then counts as leaked
   */
  @Override
  void close();
}
