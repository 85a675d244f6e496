package io.pentrough.device.cuda;

import io.pentrough.device.DeviceBuffer;
import java.util.Objects;
import jcuda.driver.CUdeviceptr;

/** Device memory: a whole allocation, the device's view of pinned memory, or a slice of either. */
abstract sealed class CudaBuffer implements DeviceBuffer permits CudaMemory, CudaMapped, CudaSlice {

  /**
   * Keeps the memory from being freed until {@link CudaHandle#done()} of the result. Throws if the
   * memory is closed or a guard refuses.
   */
  abstract CudaHandle useMemory();

  /** The address of the allocation. */
  abstract DeviceAddress base();

  /** The offset of this buffer in its allocation. */
  abstract long start();

  @Override
  public abstract CudaDevice device();

  /** The address of a byte. Allocates only if it is not the first of the allocation. */
  final CUdeviceptr address(long offset) {
    long from = start() + offset;
    return from == 0 ? base() : base().withByteOffset(from);
  }

  @Override
  public final DeviceBuffer slice(long offset, long bytes, Runnable guard) {
    Objects.requireNonNull(guard, "guard");
    checkRange("slice", offset, bytes, bytes());
    useMemory().done();
    return new CudaSlice(this, start() + offset, bytes, guard);
  }

  /** Refuses a range that leaves a buffer of the given size. */
  static void checkRange(String what, long offset, long count, long size) {
    if (offset < 0 || count < 0 || offset > size - count) {
      throw new IndexOutOfBoundsException(
          "%s: %d bytes from offset %d leave the buffer of %d bytes"
              .formatted(what, count, offset, size));
    }
  }
}
