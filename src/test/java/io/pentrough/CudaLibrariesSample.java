package io.pentrough;

import static jcuda.driver.JCudaDriver.cuLaunchKernel;
import static jcuda.driver.JCudaDriver.cuMemAlloc;
import static jcuda.driver.JCudaDriver.cuMemFree;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoH;
import static jcuda.driver.JCudaDriver.cuModuleGetFunction;
import static jcuda.driver.JCudaDriver.cuModuleLoadData;
import static jcuda.driver.JCudaDriver.cuModuleUnload;
import static jcuda.driver.JCudaDriver.cuStreamCreate;
import static jcuda.driver.JCudaDriver.cuStreamDestroy;
import static jcuda.driver.JCudaDriver.cuStreamSynchronize;

import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.KernelSource;
import io.pentrough.device.cuda.CudaDevice;
import java.nio.ByteBuffer;
import java.time.Duration;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasHandle;
import jcuda.nvrtc.JNvrtc;
import jcuda.nvrtc.nvrtcProgram;
import jcuda.runtime.JCuda;
import jcuda.runtime.cudaStream_t;

/** The samples of docs/cookbook.md for code that calls CUDA itself. */
final class CudaLibrariesSample {

  private CudaLibrariesSample() {}

  /**
   * A JCuda program with a stream, a module and a kernel of its own, which takes (in, out, count,
   * factor).
   *
   * @param result receives the floats of the last batch
   */
  static void driverApi(
      BatchSpec spec, BatchTarget target, String ptx, int steps, ByteBuffer result)
      throws InterruptedException, BatchTimeoutException {
    // [driver-setup]
    CudaDevice cuda = CudaDevice.open(0); // its context is now current on this thread
    CUstream cuStream = new CUstream();
    check(cuStreamCreate(cuStream, CUstream_flags.CU_STREAM_NON_BLOCKING));
    CUmodule module = new CUmodule();
    check(cuModuleLoadData(module, ptx));
    CUfunction scale = new CUfunction();
    check(cuModuleGetFunction(scale, module, "scale"));
    CUdeviceptr floats = new CUdeviceptr();
    check(cuMemAlloc(floats, 4L * spec.array("image").elements()));
    // [/driver-setup]

    // [driver]
    try (DeviceStream stream = cuda.wrap(cuStream);
        BackgroundLoader loader =
            BackgroundLoader.builder(cuda, spec, target).consumerStream(stream).start()) {
      for (int step = 0; step < steps; step++) {
        try (DeviceBatch batch = loader.getQueued(Duration.ofSeconds(30))) {
          DeviceArray image = batch.array("image");
          int count = image.elements();
          Pointer arguments =
              Pointer.to(
                  Pointer.to(CudaDevice.pointer(image.buffer())),
                  Pointer.to(floats),
                  Pointer.to(new int[] {count}),
                  Pointer.to(new float[] {1 / 255f}));
          check(
              cuLaunchKernel(
                  scale, (count + 255) / 256, 1, 1, 256, 1, 1, 0, cuStream, arguments, null));
        } // close: the slot is written again only after the kernel
      }
    }
    // [/driver]

    // [driver-end]
    check(cuStreamSynchronize(cuStream));
    check(cuMemcpyDtoH(Pointer.to(result), floats, result.remaining())); // of the last batch
    check(cuMemFree(floats));
    check(cuModuleUnload(module));
    check(cuStreamDestroy(cuStream));
    cuda.close();
    // [/driver-end]
  }

  // [check]
  static void check(int result) { // the loader is faster with JCuda's own exceptions off
    if (result != CUresult.CUDA_SUCCESS) {
      throw new IllegalStateException(CUresult.stringFor(result));
    }
  }

  // [/check]

  // [address]
  /** The address of device memory as a number, for libraries that know no pointers of JCuda's. */
  static final class Address extends CUdeviceptr {

    Address(DeviceBuffer buffer) {
      super(CudaDevice.pointer(buffer));
    }

    long value() {
      return getNativePointer() + getByteOffset();
    }
  }

  // [/address]

  /** Compiled only: NVRTC is a library of NVIDIA's. */
  static KernelSource compileWithNvrtc(String cudaC) {
    // [nvrtc]
    CudaDevice.loadLibrary(JNvrtc.class);
    JNvrtc.setExceptionsEnabled(true); // text that does not compile throws
    nvrtcProgram program = new nvrtcProgram();
    JNvrtc.nvrtcCreateProgram(program, cudaC, "scale.cu", 0, null, null);
    JNvrtc.nvrtcCompileProgram(program, 1, new String[] {"--gpu-architecture=compute_75"});
    String[] ptx = new String[1];
    JNvrtc.nvrtcGetPTX(program, ptx);
    JNvrtc.nvrtcDestroyProgram(program);
    KernelSource source = KernelSource.of("scale.cu", ptx[0]);
    // [/nvrtc]
    return source;
  }

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
