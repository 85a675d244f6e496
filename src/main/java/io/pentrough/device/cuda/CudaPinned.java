package io.pentrough.device.cuda;

import static jcuda.driver.JCudaDriver.CU_MEMHOSTALLOC_DEVICEMAP;
import static jcuda.driver.JCudaDriver.CU_MEMHOSTALLOC_PORTABLE;
import static jcuda.driver.JCudaDriver.cuMemFreeHost;
import static jcuda.driver.JCudaDriver.cuMemHostAlloc;
import static jcuda.driver.JCudaDriver.cuMemHostGetDevicePointer;

import io.pentrough.device.PinnedBuffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;
import jcuda.driver.CUresult;

/**
 * Page-locked memory; or, where the application allowed it and the driver refused, ordinary memory
 * in its place.
 */
final class CudaPinned extends CudaHandle implements PinnedBuffer {

  /** JCuda cuts off what does not fit into an int, silently from 4 GiB on. */
  static final long MAX_BYTES = 1L << 30;

  private static final int ALIGNMENT = 256;

  final CudaDevice device;
  final Pointer pointer;
  private final long bytes;
  private final ByteBuffer memory;
  private final boolean pageable;

  private CudaPinned(CudaDevice device, Pointer pointer, ByteBuffer memory, boolean pageable) {
    super(device.context());
    this.device = device;
    this.pointer = pointer;
    this.bytes = memory.capacity();
    this.memory = memory;
    this.pageable = pageable;
  }

  /** Allocates; for a handle that is counted already. */
  static CudaPinned allocate(CudaDevice device, int bytes, boolean allowPageable) {
    Pointer pointer = new Pointer();
    int code =
        CudaDriver.code(
            (p, n) -> cuMemHostAlloc(p, n, CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP),
            pointer,
            bytes);
    if (code == CUresult.CUDA_SUCCESS) {
      return new CudaPinned(device, pointer, pointer.getByteBuffer(0, bytes), false);
    }
    boolean refused =
        code == CUresult.CUDA_ERROR_OUT_OF_MEMORY
            || code == CUresult.CUDA_ERROR_NOT_PERMITTED
            || code == CUresult.CUDA_ERROR_NOT_SUPPORTED;
    if (refused && allowPageable) {
      int rounded = (bytes + ALIGNMENT - 1) & -ALIGNMENT;
      ByteBuffer ordinary =
          ByteBuffer.allocateDirect(rounded + ALIGNMENT - 1)
              .alignedSlice(ALIGNMENT)
              .slice(0, bytes);
      return new CudaPinned(device, Pointer.toBuffer(ordinary), ordinary, true);
    }
    throw CudaDriver.failure(
        device.name(),
        "cuMemHostAlloc",
        code,
        ": "
            + bytes
            + " bytes of pinned memory were refused; ask for less, raise the limit of locked memory"
            + " (ulimit -l), or allow ordinary memory with CudaDevice.builder().allowPageable()");
  }

  /** What the device calls this memory. */
  DeviceAddress devicePointer() {
    if (pageable) {
      throw new UnsupportedOperationException(
          device.name()
              + " cannot work in ordinary memory, which it fell back to: leave handOver() or"
              + " allowPageable() out");
    }
    DeviceAddress mapped = new DeviceAddress();
    CudaDriver.call(
        device.name(),
        "cuMemHostGetDevicePointer",
        (d, p) -> cuMemHostGetDevicePointer(d, p, 0),
        mapped,
        pointer);
    return mapped;
  }

  @Override
  public long bytes() {
    return bytes;
  }

  @Override
  public boolean isPageable() {
    return pageable;
  }

  @Override
  public ByteBuffer unsafeBuffer() {
    use();
    try {
      return memory.duplicate().order(ByteOrder.nativeOrder());
    } finally {
      done();
    }
  }

  @Override
  public void close() {
    closeOnce();
  }

  @Override
  void destroy() {
    if (!pageable) {
      CudaDriver.call(context.name, "cuMemFreeHost", p -> cuMemFreeHost(p), pointer);
    }
  }

  @Override
  String what() {
    return "pinned buffer of " + bytes + " bytes";
  }
}
