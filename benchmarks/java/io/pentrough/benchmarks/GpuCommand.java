package io.pentrough.benchmarks;

import io.pentrough.device.cuda.CudaDevice;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Runs {@link Gpu}. */
@Command(
    name = "gpu",
    mixinStandardHelpOptions = true,
    description =
        "On CUDA, by its events: augmentation kernels beside the device memory's bandwidth, and the"
            + " loader streaming while a kernel computes.")
final class GpuCommand implements Callable<Integer> {

  @Option(names = "--bytes", description = "of a batch (default: ${DEFAULT-VALUE})")
  private int bytes = 32 << 20;

  @Option(names = "--batches", description = "how many (default: ${DEFAULT-VALUE})")
  private int batches = 100;

  @Override
  public Integer call() throws Exception {
    try (CudaDevice device = (CudaDevice) Devices.CUDA.open()) {
      new Gpu(device, System.out, bytes, batches).run();
    }
    return 0;
  }
}
