package io.pentrough;

import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.cuda.CudaDevice;
import java.time.Duration;
import jcuda.Pointer;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasHandle;
import jcuda.runtime.JCuda;
import jcuda.runtime.cudaStream_t;

/** The samples of docs/cuda-notes.md: other libraries of CUDA's on a batch's stream. */
final class CudaLibrariesSample {

  private CudaLibrariesSample() {}

  /** Compiled only: the software driver has no runtime API. */
  static void zeroWithRuntime(DeviceBatch batch) {
    // [runtime]
    cudaStream_t stream = new cudaStream_t(CudaDevice.stream(batch.stream()));
    DeviceBuffer image = batch.array("image").buffer();
    JCuda.cudaMemsetAsync(CudaDevice.pointer(image), 0, image.bytes(), stream);
    // [/runtime]
  }

  /** On the thread that opened the device, whose context is current there. */
  static void tripleWithCublas(DeviceStream stream, BackgroundLoader loader)
      throws InterruptedException, BatchTimeoutException {
    // [cublas]
    CudaDevice.loadLibrary(JCublas2.class);
    cublasHandle blas = new cublasHandle();
    JCublas2.cublasCreate(blas);
    JCublas2.cublasSetStream(blas, new cudaStream_t(CudaDevice.stream(stream)));
    Pointer two = Pointer.to(new float[] {2});
    for (int i = 0; i < 10; i++) {
      try (DeviceBatch batch = loader.getQueued(stream, Duration.ofSeconds(30))) {
        DeviceArray image = batch.array("image");
        Pointer x = CudaDevice.pointer(image.buffer());
        JCublas2.cublasSaxpy(blas, image.elements(), two, x, 1, x, 1); // x = 2 x + x
      }
    }
    JCublas2.cublasDestroy(blas);
    // [/cublas]
  }
}
