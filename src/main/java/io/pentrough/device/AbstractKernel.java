package io.pentrough.device;

import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The base class of the kernels of all devices: arguments and grid, and the checks of both. For
 * implementations of {@link Device}.
 *
 * <p><b>Threads.</b> Only one thread at a time may use it, see {@link DeviceKernel}.
 */
public abstract class AbstractKernel implements DeviceKernel {

  private static final int MAX_YZ_BLOCKS = 65_535;
  private static final int MAX_THREADS = 1_024;
  private static final int MAX_Z_THREADS = 64;
  private static final int MAX_SHARED_BYTES = 49_152;

  private final String name;
  private final List<KernelParameter> types;
  private final long[] bits;
  private final @Nullable DeviceBuffer[] buffers;
  private final boolean[] given;
  private final int[] grid = {1, 1, 1};
  private final int[] block = {1, 1, 1};
  private boolean gridGiven;
  private boolean blockGiven;
  private int sharedBytes;

  /**
   * A kernel with no argument set.
   *
   * @param name the name in the PTX
   * @param types the types of its parameters, see {@link KernelSource#parameters}
   */
  protected AbstractKernel(String name, List<KernelParameter> types) {
    this.name = name;
    this.types = types;
    bits = new long[types.size()];
    buffers = new @Nullable DeviceBuffer[types.size()];
    given = new boolean[types.size()];
  }

  /**
   * Refuses memory of another device.
   *
   * @param buffer the buffer to be set
   * @throws IllegalArgumentException if it belongs to another device
   */
  protected abstract void requireOwn(DeviceBuffer buffer);

  @Override
  public final String name() {
    return name;
  }

  @Override
  public final DeviceKernel set(int parameter, DeviceBuffer buffer) {
    Objects.requireNonNull(buffer, "buffer");
    requireType(parameter, KernelParameter.POINTER_OR_INT64);
    requireOwn(buffer);
    give(parameter, 0, buffer);
    return this;
  }

  @Override
  public final DeviceKernel setInt(int parameter, int value) {
    requireType(parameter, KernelParameter.INT32);
    give(parameter, value, null);
    return this;
  }

  @Override
  public final DeviceKernel setLong(int parameter, long value) {
    requireType(parameter, KernelParameter.POINTER_OR_INT64);
    give(parameter, value, null);
    return this;
  }

  @Override
  public final DeviceKernel setFloat(int parameter, float value) {
    requireType(parameter, KernelParameter.FLOAT32);
    give(parameter, Float.floatToRawIntBits(value), null);
    return this;
  }

  @Override
  public final DeviceKernel setDouble(int parameter, double value) {
    requireType(parameter, KernelParameter.FLOAT64);
    give(parameter, Double.doubleToRawLongBits(value), null);
    return this;
  }

  private void give(int parameter, long value, @Nullable DeviceBuffer buffer) {
    bits[parameter] = value;
    buffers[parameter] = buffer;
    given[parameter] = true;
  }

  private void requireType(int parameter, KernelParameter type) {
    int count = types.size();
    if (parameter < 0 || parameter >= count) {
      throw new IndexOutOfBoundsException(
          "kernel " + name + " has no parameter " + parameter + ": " + numbers(count));
    }
    if (types.get(parameter) != type) {
      throw new IllegalArgumentException(
          "kernel %s: parameter %d is %s, not %s; set it with %s"
              .formatted(
                  name, parameter, types.get(parameter), type, setter(types.get(parameter))));
    }
  }

  private static String setter(KernelParameter type) {
    return switch (type) {
      case INT32 -> "setInt";
      case POINTER_OR_INT64 -> "set, or setLong";
      case FLOAT32 -> "setFloat";
      case FLOAT64 -> "setDouble";
    };
  }

  private static String numbers(int count) {
    return switch (count) {
      case 0 -> "it takes none";
      case 1 -> "it takes one, number 0";
      default -> "it takes " + count + ", numbers 0 to " + (count - 1);
    };
  }

  @Override
  public final DeviceKernel grid(int x, int y, int z) {
    if (x < 1 || y < 1 || y > MAX_YZ_BLOCKS || z < 1 || z > MAX_YZ_BLOCKS) {
      throw new IllegalArgumentException(
          "kernel %s: a grid has 1 to 2147483647 by 1 to %d by 1 to %d blocks, not %s"
              .formatted(name, MAX_YZ_BLOCKS, MAX_YZ_BLOCKS, extent(x, y, z)));
    }
    put(grid, x, y, z);
    gridGiven = true;
    return this;
  }

  @Override
  public final DeviceKernel block(int x, int y, int z) {
    boolean inRange =
        x >= 1 && x <= MAX_THREADS && y >= 1 && y <= MAX_THREADS && z >= 1 && z <= MAX_Z_THREADS;
    if (!inRange || x * y * z > MAX_THREADS) { // at most 2^26
      throw new IllegalArgumentException(
          "kernel %s: a block has 1 to %d threads, at most %d along z, not %s"
              .formatted(name, MAX_THREADS, MAX_Z_THREADS, extent(x, y, z)));
    }
    put(block, x, y, z);
    blockGiven = true;
    return this;
  }

  private static void put(int[] axes, int x, int y, int z) {
    axes[0] = x;
    axes[1] = y;
    axes[2] = z;
  }

  @Override
  public final DeviceKernel sharedBytes(int bytes) {
    if (bytes < 0 || bytes > MAX_SHARED_BYTES) {
      throw new IllegalArgumentException(
          "kernel %s: a block has 0 to %d bytes of shared memory, not %d"
              .formatted(name, MAX_SHARED_BYTES, bytes));
    }
    sharedBytes = bytes;
    return this;
  }

  /**
   * The types of the parameters.
   *
   * @return an immutable list
   */
  protected final List<KernelParameter> types() {
    return types;
  }

  /**
   * The value that was set.
   *
   * @param parameter the index of the parameter, from 0
   * @return the bits of the value; 32-bit types use the lower half, and a buffer is 0
   */
  protected final long bits(int parameter) {
    return bits[parameter];
  }

  /**
   * The buffer that was set.
   *
   * @param parameter the index of the parameter, from 0
   * @return the buffer; null if a number was set
   */
  protected final @Nullable DeviceBuffer buffer(int parameter) {
    return buffers[parameter];
  }

  /**
   * The number of blocks along an axis.
   *
   * @param axis 0 for x, 1 for y, 2 for z
   * @return at least 1
   */
  protected final int gridAlong(int axis) {
    return grid[axis];
  }

  /**
   * The number of threads in a block along an axis.
   *
   * @param axis 0 for x, 1 for y, 2 for z
   * @return at least 1
   */
  protected final int blockAlong(int axis) {
    return block[axis];
  }

  /**
   * How much shared memory a block has in addition to what the kernel declares.
   *
   * @return the number of bytes
   */
  protected final int sharedBytes() {
    return sharedBytes;
  }

  /**
   * Refuses a launch if an argument, the grid or the block is missing.
   *
   * @throws IllegalStateException if one of them was never set
   */
  protected final void requireLaunchable() {
    for (int i = 0; i < given.length; i++) {
      if (!given[i]) {
        throw new IllegalStateException(
            "kernel %s: parameter %d, %s, was never set; set it with %s"
                .formatted(name, i, types.get(i), setter(types.get(i))));
      }
    }
    if (!gridGiven || !blockGiven) { // on the host too, which would do all of the work without
      throw new IllegalStateException(
          "kernel %s: the number of %s was never set; set both with cover(elements, threads), or with grid(...) and block(...)"
              .formatted(name, gridGiven ? "threads in a block" : "blocks"));
    }
  }

  /** Drops the references to the buffers. For close(). Every argument then counts as never set. */
  protected final void forgetArguments() {
    for (int i = 0; i < given.length; i++) {
      buffers[i] = null;
      given[i] = false;
    }
  }

  private static String extent(int x, int y, int z) {
    return x + " x " + y + " x " + z;
  }

  /** The name, grid, block and shared memory, for messages. */
  @Override
  public String toString() {
    return "kernel %s, grid %s, block %s, %d bytes of shared memory"
        .formatted(
            name,
            extent(grid[0], grid[1], grid[2]),
            extent(block[0], block[1], block[2]),
            sharedBytes);
  }
}
