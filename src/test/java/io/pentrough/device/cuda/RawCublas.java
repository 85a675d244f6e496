package io.pentrough.device.cuda;

import static io.pentrough.device.cuda.RawCuda.ok;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoHAsync;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoDAsync;
import static jcuda.driver.JCudaDriver.cuStreamSynchronize;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.pentrough.device.cuda.RawCuda.Memory;
import io.pentrough.device.cuda.RawCuda.Pinned;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUstream;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.cudaStream_t;

/** A cuBLAS handle, straight through JCublas2, and what its tests need around it. */
final class RawCublas implements AutoCloseable {

  static {
    CudaDevice.loadLibrary(JCublas2.class);
  }

  final cublasHandle handle = new cublasHandle();
  final CUstream stream;
  private final RawCuda cuda;

  /** Works on a stream of its own. */
  RawCublas(RawCuda cuda) {
    this.cuda = cuda;
    stream = cuda.stream();
    fine(JCublas2.cublasCreate(handle));
    on(stream);
  }

  void on(CUstream other) {
    fine(JCublas2.cublasSetStream(handle, new cudaStream_t(other)));
  }

  static void fine(int status) {
    assertEquals("CUBLAS_STATUS_SUCCESS", cublasStatus.stringFor(status));
  }

  static void refused(int expected, int status) {
    assertEquals(cublasStatus.stringFor(expected), cublasStatus.stringFor(status));
  }

  /** A number in the host's memory. */
  static Pointer host(float value) {
    return Pointer.to(new float[] {value});
  }

  /** c = a b, of square matrices without gaps. */
  int multiply(int size, CUdeviceptr a, CUdeviceptr b, CUdeviceptr c) {
    return JCublas2.cublasSgemm(
        handle, 0, 0, size, size, size, host(1), a, size, b, size, host(0), c, size);
  }

  Memory upload(float... values) {
    Memory memory = cuda.memory(Math.max(4, 4 * values.length));
    Pinned pinned = cuda.pinned(Math.max(4, 4 * values.length));
    pinned.bytes().asFloatBuffer().put(values);
    ok(cuMemcpyHtoDAsync(memory, pinned, 4L * values.length, stream));
    ok(cuStreamSynchronize(stream));
    return memory;
  }

  /** What device memory holds when all queued on this stream before has run. */
  float[] download(CUdeviceptr memory, int count) {
    Pinned pinned = cuda.pinned(4 * count);
    ok(cuMemcpyDtoHAsync(pinned, memory, 4L * count, stream));
    ok(cuStreamSynchronize(stream));
    float[] values = new float[count];
    pinned.bytes().asFloatBuffer().get(values);
    return values;
  }

  @Override
  public void close() {
    cuda.openGates();
    JCublas2.cublasDestroy(handle);
  }
}
