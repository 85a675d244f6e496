package io.pentrough.device.cuda;

import static jcuda.driver.JCudaDriver.CU_MEMHOSTALLOC_DEVICEMAP;
import static jcuda.driver.JCudaDriver.CU_MEMHOSTALLOC_PORTABLE;
import static jcuda.driver.JCudaDriver.cuMemFreeHost;
import static jcuda.driver.JCudaDriver.cuMemHostAlloc;
import static jcuda.driver.JCudaDriver.cuMemHostGetDevicePointer;

import io.pentrough.device.DeviceException;
import io.pentrough.device.PinnedBuffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;
import jcuda.driver.CUresult;

/**
 * Page-locked memory, or ordinary memory if the driver refused and the application allowed that.
 */
final class CudaPinned extends CudaHandle implements PinnedBuffer {

  /** JCuda truncates larger sizes to an int, without an error from 4 GiB on. */
  static final long MAX_BYTES = 1L << 30;

  private static final int ALIGNMENT = 256;

  /**
   * The memory itself. Its owner must free it.
   *
   * @param pageable whether it is ordinary memory, which must not be freed
   */
  record Memory(Pointer pointer, ByteBuffer bytes, boolean pageable) {

    /** Allocates. The context must be current. */
    static Memory allocate(String device, int bytes, boolean allowPageable) {
      Pointer pointer = new Pointer();
      int code =
          CudaDriver.code(
              (p, n) -> cuMemHostAlloc(p, n, CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP),
              pointer,
              bytes);
      if (code == CUresult.CUDA_SUCCESS) {
        return new Memory(pointer, pointer.getByteBuffer(0, bytes), false);
      }
      if (isRefusal(code) && allowPageable) {
        int rounded = (bytes + ALIGNMENT - 1) & -ALIGNMENT;
        ByteBuffer ordinary =
            ByteBuffer.allocateDirect(rounded + ALIGNMENT - 1)
                .alignedSlice(ALIGNMENT)
                .slice(0, bytes);
        return new Memory(Pointer.toBuffer(ordinary), ordinary, true);
      }
      throw refused(device, code, bytes);
    }

    /** Frees the memory. The context must be current. */
    void free(String device) {
      if (!pageable) {
        CudaDriver.call(device, "cuMemFreeHost", p -> cuMemFreeHost(p), pointer);
      }
    }
  }

  final CudaDevice device;
  final Pointer pointer;
  private final Memory memory;

  private CudaPinned(CudaDevice device, Memory memory) {
    super(device.context());
    this.device = device;
    this.memory = memory;
    pointer = memory.pointer;
  }

  /** Allocates. The handle is counted already. */
  static CudaPinned allocate(CudaDevice device, int bytes, boolean allowPageable) {
    return new CudaPinned(device, Memory.allocate(device.name(), bytes, allowPageable));
  }

  static DeviceException refused(String device, int code, int bytes) {
    return CudaDriver.failure(
        device,
        "cuMemHostAlloc",
        code,
        ": "
            + bytes
            + " bytes of pinned memory were refused; ask for less, raise the limit of locked memory"
            + " (ulimit -l), or allow ordinary memory with CudaDevice.builder().allowPageable(true)");
  }

  /** Whether the driver only lacks pinned memory, and has not failed. */
  static boolean isRefusal(int code) {
    return code == CUresult.CUDA_ERROR_OUT_OF_MEMORY
        || code == CUresult.CUDA_ERROR_NOT_PERMITTED
        || code == CUresult.CUDA_ERROR_NOT_SUPPORTED;
  }

  /** The address of this memory on the device. */
  DeviceAddress devicePointer() {
    if (memory.pageable) {
      throw new UnsupportedOperationException(
          device.name()
              + " cannot work in ordinary memory, which it fell back to: leave zeroCopy(true) or"
              + " allowPageable(true) out");
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
    return memory.bytes.capacity();
  }

  @Override
  public boolean isPageable() {
    return memory.pageable;
  }

  @Override
  public ByteBuffer unsafeBuffer() {
    use();
    try {
      return memory.bytes.duplicate().order(ByteOrder.nativeOrder());
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
    memory.free(context.name);
  }

  @Override
  String what() {
    return "pinned buffer of " + bytes() + " bytes";
  }
}
