package io.pentrough.device;

import java.nio.ByteBuffer;

/**
 * The arguments and the grid of a launch, for a {@link HostKernel}. Valid while it runs, on its
 * thread; used later it throws {@link IllegalStateException}, or has become those of another
 * launch.
 */
public interface KernelArguments {

  /**
   * The memory a pointer points to. The first launch on a range makes an object for it; those of
   * the 64 latest ranges of an allocation are kept for the next.
   *
   * @param parameter which, from 0
   * @return exactly the buffer that was set, writable, in native byte order, position 0; the same
   *     object may be handed out again, its position, limit and order reset
   * @throws IndexOutOfBoundsException if there is no such parameter
   * @throws IllegalArgumentException if no buffer was set there
   */
  ByteBuffer bytes(int parameter);

  /**
   * A 32-bit integer.
   *
   * @param parameter which, from 0
   * @return the value
   * @throws IndexOutOfBoundsException if there is no such parameter
   * @throws IllegalArgumentException if it is of another type
   */
  int getInt(int parameter);

  /**
   * A 64-bit integer.
   *
   * @param parameter which, from 0
   * @return the value
   * @throws IndexOutOfBoundsException if there is no such parameter
   * @throws IllegalArgumentException if it is of another type, or a buffer was set
   */
  long getLong(int parameter);

  /**
   * A 32-bit floating-point number.
   *
   * @param parameter which, from 0
   * @return the value
   * @throws IndexOutOfBoundsException if there is no such parameter
   * @throws IllegalArgumentException if it is of another type
   */
  float getFloat(int parameter);

  /**
   * A 64-bit floating-point number.
   *
   * @param parameter which, from 0
   * @return the value
   * @throws IndexOutOfBoundsException if there is no such parameter
   * @throws IllegalArgumentException if it is of another type
   */
  double getDouble(int parameter);

  /**
   * How many blocks there are along an axis.
   *
   * @param axis 0 for x, 1 for y, 2 for z
   * @return at least 1
   */
  int grid(int axis);

  /**
   * How many threads a block has along an axis.
   *
   * @param axis 0 for x, 1 for y, 2 for z
   * @return at least 1
   */
  int block(int axis);
}
