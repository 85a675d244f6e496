package io.pentrough;

import io.pentrough.device.DeviceStream;
import io.pentrough.device.cuda.CudaDevice;
import java.time.Duration;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;

/** The samples of the Javadoc for code that calls CUDA itself. */
final class JavadocCudaSamples {

  private JavadocCudaSamples() {}

  static void cudaDevice(BatchSpec spec, BatchTarget target) throws InterruptedException {
    // [cuda-device]
    try (CudaDevice cuda = CudaDevice.open(0)) { // its context is now current on this thread
      CUstream cuStream = new CUstream();
      JCudaDriver.cuStreamCreate(cuStream, CUstream_flags.CU_STREAM_NON_BLOCKING);
      try (DeviceStream stream = cuda.wrap(cuStream);
          BackgroundLoader loader =
              BackgroundLoader.builder(cuda, spec, target).consumerStream(stream).start();
          DeviceBatch batch = loader.getQueued()) {
        CUdeviceptr image = CudaDevice.pointer(batch.array("image").buffer());
        train(image, cuStream); // queues kernels on your stream
      }
      JCudaDriver.cuStreamDestroy(cuStream);
    }
    // [/cuda-device]
  }

  private static void train(CUdeviceptr image, CUstream cuStream) {
    JCudaDriver.cuMemsetD8Async(image, (byte) 1, 4, cuStream);
  }

  static void loadLibrary() {
    // [load-library]
    CudaDevice.loadLibrary(JCublas2.class); // a class literal initialises nothing
    // [/load-library]
  }

  /** Compiled only: the software driver launches no graphs. */
  static void graphs(
      BackgroundLoader.Builder builder, BackgroundLoader loader, CUstream stream, Duration patience)
      throws InterruptedException, BatchTimeoutException {
    // [graphs]
    CUgraphExec[] graphs = new CUgraphExec[builder.plan().deviceSlots()];
    try (DeviceBatch batch = loader.get(patience)) {
      int slot = batch.slot();
      if (graphs[slot] == null) {
        graphs[slot] = capture(stream, batch); // begins and ends a capture; nothing runs yet
      }
      JCudaDriver.cuGraphLaunch(graphs[slot], stream);
    } // closed outside the capture
    // [/graphs]
  }

  private static CUgraphExec capture(CUstream stream, DeviceBatch batch) {
    throw new UnsupportedOperationException(stream + ", " + batch);
  }
}
