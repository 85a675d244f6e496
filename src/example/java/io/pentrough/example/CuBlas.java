package io.pentrough.example;

import static jcuda.jcublas.JCublas2.cublasCreate;
import static jcuda.jcublas.JCublas2.cublasDestroy;
import static jcuda.jcublas.JCublas2.cublasSetStream;
import static jcuda.jcublas.JCublas2.cublasSgemm;

import io.pentrough.device.DeviceException;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUstream;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasOperation;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.cudaStream_t;

/** Matrix products on a stream. Touching this class loads JCublas. */
final class CuBlas implements AutoCloseable {

  /**
   * A matrix as BLAS counts it, by columns.
   *
   * @param stride from one column to the next
   */
  record Matrix(CUdeviceptr at, int stride) {}

  static final int PLAIN = cublasOperation.CUBLAS_OP_N;
  static final int TRANSPOSED = cublasOperation.CUBLAS_OP_T;

  private final Pointer one = Pointer.to(new float[] {1});
  private final Pointer zero = Pointer.to(new float[] {0});
  private final cublasHandle handle = new cublasHandle();

  /**
   * Ready to work on a stream of the thread's current context.
   *
   * @throws DeviceException if cuBLAS refuses
   */
  CuBlas(CUstream stream) {
    check("cublasCreate", cublasCreate(handle));
    try {
      check("cublasSetStream", cublasSetStream(handle, new cudaStream_t(stream)));
    } catch (DeviceException e) {
      cublasDestroy(handle);
      throw e;
    }
  }

  /**
   * Queues result = a * b.
   *
   * @param how {@link #PLAIN} or {@link #TRANSPOSED}, what is multiplied
   * @param howToo the same of b
   */
  void multiply(
      int rows, int columns, int inner, Matrix a, int how, Matrix b, int howToo, Matrix result) {
    check(
        "cublasSgemm",
        cublasSgemm(
            handle,
            how,
            howToo,
            rows,
            columns,
            inner,
            one,
            a.at,
            a.stride,
            b.at,
            b.stride,
            zero,
            result.at,
            result.stride));
  }

  private static void check(String call, int status) {
    if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
      throw new DeviceException(
          "cuBLAS: %s failed with %d (%s)".formatted(call, status, cublasStatus.stringFor(status))
              + (status == cublasStatus.CUBLAS_STATUS_EXECUTION_FAILED
                  ? "; so it answers when work queued earlier has failed, too"
                  : ""));
    }
  }

  @Override
  public void close() {
    check("cublasDestroy", cublasDestroy(handle));
  }
}
