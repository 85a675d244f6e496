package io.pentrough.device.cuda;

import static jcuda.driver.JCudaDriver.cuLaunchKernel;

import com.sun.management.ThreadMXBean;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceKernel;
import io.pentrough.device.DeviceModule;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.TestKernels;
import java.lang.management.ManagementFactory;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

/**
 * Prints what a launch costs the thread that queues it, against the same through JCuda's own
 * objects. On the software driver the difference counts, not the sum: the driver's part of it is
 * invented. Not a test: run its main.
 */
final class LaunchCost {

  private static final int LAUNCHES = 1_000;
  private static final int ROUNDS = 25;

  private LaunchCost() {}

  public static void main(String[] none) {
    if (!CudaRuns.REAL) {
      CudaSim.load();
    }
    try (CudaDevice device = CudaDevice.open(0);
        CudaStream stream = (CudaStream) device.newStream();
        DeviceBuffer x = device.allocate(64);
        DeviceBuffer y = device.allocate(64);
        DeviceModule module = device.load(TestKernels.SOURCE);
        DeviceKernel saxpy = module.kernel("saxpy")) {
      device.bindThread();
      saxpy.set(2, x).set(3, y).cover(1, 1);
      measure("pentrough", stream, i -> saxpy.setInt(0, 0).setFloat(1, i).launch(stream));
      CUmodule own = new CUmodule();
      CUfunction function = new CUfunction();
      CudaWork.check(JCudaDriver.cuModuleLoadData(own, TestKernels.SOURCE.ptx()));
      CudaWork.check(JCudaDriver.cuModuleGetFunction(function, own, "saxpy"));
      Pointer px = CudaDevice.pointer(x);
      Pointer py = CudaDevice.pointer(y);
      CUstream queue = stream.handle;
      measure(
          "JCuda, pointers to pointers",
          stream,
          i -> {
            Pointer arguments =
                Pointer.to(
                    Pointer.to(new int[] {0}),
                    Pointer.to(new float[] {i}),
                    Pointer.to(px),
                    Pointer.to(py));
            CudaWork.check(cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, queue, arguments, null));
          });
      CudaWork.check(JCudaDriver.cuModuleUnload(own));
    }
  }

  private interface Launch {
    void run(int i);
  }

  private static void measure(String what, DeviceStream stream, Launch launch) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long best = Long.MAX_VALUE;
    long least = Long.MAX_VALUE;
    for (int round = 0; round < ROUNDS; round++) {
      CudaWork.Word gate = new CudaWork.Word(((CudaStream) stream).device());
      gate.hold(stream); // so that no kernel runs meanwhile
      long bytes = threads.getCurrentThreadAllocatedBytes();
      long start = System.nanoTime();
      for (int i = 0; i < LAUNCHES; i++) {
        launch.run(i);
      }
      best = Math.min(best, System.nanoTime() - start);
      least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - bytes);
      gate.open();
      gate.free();
      stream.synchronize();
    }
    System.out.printf("%s: %d ns, %d bytes a launch%n", what, best / LAUNCHES, least / LAUNCHES);
  }
}
