package io.pentrough.benchmarks;

import io.pentrough.device.Device;
import io.pentrough.device.cuda.CudaDevice;
import io.pentrough.device.host.HostDevice;
import java.nio.file.Files;
import java.nio.file.Path;

/** What a benchmark can be run on. */
enum Devices {
  HOST,
  CUDA;

  static final String SOFTWARE = "pentrough.softwareCuda";

  /** Opens it; a CUDA device with marks that measure time. */
  Device open() {
    if (this == HOST) {
      return HostDevice.open();
    }
    if (Boolean.getBoolean(SOFTWARE)) {
      Path driver = Path.of("target", "software-cuda", "libcuda.so.1").toAbsolutePath();
      if (!Files.isRegularFile(driver)) {
        throw new IllegalStateException(
            "-D%s=true needs %s: mvn process-test-classes builds it where there is gcc"
                .formatted(SOFTWARE, driver));
      }
      System.load(driver.toString());
    }
    return CudaDevice.builder().timing(true).open(0);
  }

  /** A warning to stand above figures, or nothing. */
  static String warning(Device device) {
    if (device instanceof HostDevice) {
      return "On the host device a transfer is a copy from memory to memory by the CPU: these"
          + " figures say nothing about a GPU.";
    }
    return isSoftware(device.description())
        ? "!!! THE CUDA DRIVER IS SOFTWARE: THESE FIGURES MEAN NOTHING. They show that it runs. !!!"
        : "";
  }

  /** Whether this is the description of the CUDA device in software. */
  static boolean isSoftware(String description) {
    return description.contains("no GPU");
  }
}
