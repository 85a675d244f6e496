package io.pentrough.device.cuda;

import static jcuda.driver.JCudaDriver.cuMemAlloc;
import static jcuda.driver.JCudaDriver.cuMemFree;
import static jcuda.driver.JCudaDriver.cuMemGetInfo;

import jcuda.driver.CUresult;

/** An allocation of device memory. */
final class CudaMemory extends CudaBuffer {

  private final CudaDevice device;
  private final DeviceAddress base;
  private final long bytes;
  private final CudaHandle handle;

  private CudaMemory(CudaDevice device, DeviceAddress base, long bytes) {
    this.device = device;
    this.base = base;
    this.bytes = bytes;
    handle =
        new CudaHandle(device.context()) {
          @Override
          void destroy() {
            CudaDriver.call(context.name, "cuMemFree", p -> cuMemFree(p), base);
          }

          @Override
          String what() {
            return "device buffer of " + bytes + " bytes";
          }
        };
  }

  /** Allocates. The handle is counted already. */
  static CudaMemory allocate(CudaDevice device, long bytes) {
    DeviceAddress base = new DeviceAddress();
    int code = CudaDriver.code((p, n) -> cuMemAlloc(p, n), base, bytes);
    if (code != CUresult.CUDA_SUCCESS) {
      throw CudaDriver.failure(
          device.name(), "cuMemAlloc", code, ": " + bytes + " bytes were asked for" + free(code));
    }
    return new CudaMemory(device, base, bytes);
  }

  private static String free(int code) {
    long[] free = {0};
    long[] total = {0};
    boolean known =
        code == CUresult.CUDA_ERROR_OUT_OF_MEMORY
            && CudaDriver.code((f, t) -> cuMemGetInfo(f, t), free, total) == CUresult.CUDA_SUCCESS;
    return known
        ? " and %d of %d are free; ask for less, or for fewer slots".formatted(free[0], total[0])
        : "";
  }

  @Override
  CudaHandle useMemory() {
    handle.use();
    return handle;
  }

  @Override
  DeviceAddress base() {
    return base;
  }

  @Override
  long start() {
    return 0;
  }

  @Override
  public CudaDevice device() {
    return device;
  }

  @Override
  public long bytes() {
    return bytes;
  }

  @Override
  public void close() {
    handle.closeOnce();
  }
}
