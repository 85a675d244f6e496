package io.pentrough.device;

import java.nio.ByteBuffer;

/**
 * The arguments and the grid of a launch, for a {@link HostKernel}.
 *
 * <p>Valid while the kernel runs, on its thread. After that the methods throw {@link
 * IllegalStateException}, or return values of a later launch.
 */
public interface KernelArguments {

  /**
   * The memory that a pointer points to.
   *
   * <p>The first launch on a range allocates an object for it. The device keeps the objects of the
   * 64 latest ranges of an allocation, and returns them again with position, limit and order reset.
   *
   * @param parameter the index of the parameter, from 0
   * @return exactly the buffer that was set, writable, in native byte order, at position 0
   * @throws IndexOutOfBoundsException if the kernel has no such parameter
   * @throws IllegalArgumentException if no buffer was set there
   */
  ByteBuffer bytes(int parameter);

  /**
   * A 32-bit integer.
   *
   * @param parameter the index of the parameter, from 0
   * @return the value
   * @throws IndexOutOfBoundsException if the kernel has no such parameter
   * @throws IllegalArgumentException if the parameter has another type
   */
  int getInt(int parameter);

  /**
   * A 64-bit integer.
   *
   * @param parameter the index of the parameter, from 0
   * @return the value
   * @throws IndexOutOfBoundsException if the kernel has no such parameter
   * @throws IllegalArgumentException if the parameter has another type, or a buffer was set
   */
  long getLong(int parameter);

  /**
   * A 32-bit floating-point number.
   *
   * @param parameter the index of the parameter, from 0
   * @return the value
   * @throws IndexOutOfBoundsException if the kernel has no such parameter
   * @throws IllegalArgumentException if the parameter has another type
   */
  float getFloat(int parameter);

  /**
   * A 64-bit floating-point number.
   *
   * @param parameter the index of the parameter, from 0
   * @return the value
   * @throws IndexOutOfBoundsException if the kernel has no such parameter
   * @throws IllegalArgumentException if the parameter has another type
   */
  double getDouble(int parameter);

  /**
   * The number of blocks along an axis.
   *
   * @param axis 0 for x, 1 for y, 2 for z
   * @return at least 1
   * @throws IndexOutOfBoundsException for another axis
   */
  int grid(int axis);

  /**
   * The number of threads in a block along an axis.
   *
   * @param axis 0 for x, 1 for y, 2 for z
   * @return at least 1
   * @throws IndexOutOfBoundsException for another axis
   */
  int block(int axis);
}
