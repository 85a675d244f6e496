package io.pentrough.device.cuda;

import static jcuda.driver.JCudaDriver.cuDeviceGet;
import static jcuda.driver.JCudaDriver.cuDeviceGetCount;
import static jcuda.driver.JCudaDriver.cuDevicePrimaryCtxRelease;
import static jcuda.driver.JCudaDriver.cuDevicePrimaryCtxRetain;
import static jcuda.driver.JCudaDriver.cuDriverGetVersion;
import static jcuda.driver.JCudaDriver.cuInit;

import io.pentrough.device.DeviceException;
import java.util.Optional;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;

/**
 * Makes the driver ready, step by step: the native libraries, the driver's version, its first call,
 * and a device. Each step can fail.
 */
final class CudaNatives {

  /** The version that JCuda's native libraries are built for. */
  private static final int MIN_DRIVER = 12_000;

  private static boolean loaded;

  private CudaNatives() {}

  /** Why there is no CUDA device to open; empty if there is one. Never throws. */
  static Optional<String> whyUnavailable() {
    try {
      start();
      requireContext();
      return Optional.empty();
    } catch (NoCuda e) {
      return Optional.of(e.why);
    } catch (DeviceException e) {
      return Optional.of(String.valueOf(e.getMessage()));
    } catch (Throwable t) { // LinkageError, or anything else from a foreign native library
      return Optional.of("JCuda does not work here (" + t + ")");
    }
  }

  /** Another process may hold a listed device. Only a try shows that. */
  private static void requireContext() {
    CUdevice first = new CUdevice();
    CudaDriver.call("cuda:0", "cuDeviceGet", (d, i) -> cuDeviceGet(d, i), first, 0);
    CudaDriver.call(
        "cuda:0",
        "cuDevicePrimaryCtxRetain",
        (c, d) -> cuDevicePrimaryCtxRetain(c, d),
        new CUcontext(),
        first);
    CudaDriver.call(
        "cuda:0", "cuDevicePrimaryCtxRelease", d -> cuDevicePrimaryCtxRelease(d), first);
  }

  /**
   * Makes the driver ready for calls; again at each call, at the cost of a few of them, as a driver
   * that said no may say yes later.
   *
   * @return the driver's version: 1000 * major + 10 * minor
   * @throws DeviceException if there is no driver, or no device; the message says why
   */
  static synchronized int start() {
    if (!loaded) {
      Optional<String> impossible = CudaProbe.ofThisMachine().whyImpossible();
      if (impossible.isPresent()) {
        throw new NoCuda(impossible.get(), null);
      }
      NativeLibrary.ofDriver().load();
      CudaDriver.prepareForFailures();
      loaded = true;
    }
    int version = version(); // first: in an old driver other functions are missing, which is fatal
    if (version < MIN_DRIVER) {
      throw new NoCuda(
          "the NVIDIA driver is too old: it is made for CUDA %s, and 12.0 or newer is needed"
                  .formatted(versionText(version))
              + " (driver 525 or newer); update the driver",
          null);
    }
    int code = CudaDriver.code(flags -> cuInit(flags), 0);
    if (code == CUresult.CUDA_ERROR_NO_DEVICE) {
      throw noDevice();
    }
    if (code == CUresult.CUDA_ERROR_STUB_LIBRARY) {
      throw new NoCuda(
          "the libcuda found is the toolkit's stub for linking, not a driver: take the folder"
              + " \"stubs\" off the library path",
          null);
    }
    CudaDriver.check("cuda", "cuInit", code);
    if (deviceCount() == 0) {
      throw noDevice();
    }
    return version;
  }

  /** See {@link CudaDevice#loadLibrary}; under the same lock, as the folder is the JVM's. */
  static synchronized void loadLibrary(Class<?> binding) {
    start();
    NativeLibrary.of(binding).load();
  }

  /** How many devices there are; only after {@link #start()}. */
  static int deviceCount() {
    int[] count = {0};
    CudaDriver.call("cuda", "cuDeviceGetCount", c -> cuDeviceGetCount(c), count);
    return count[0];
  }

  /** A version as people know it: 12040 is 12.4. */
  static String versionText(int version) {
    return version / 1000 + "." + version % 1000 / 10;
  }

  private static int version() {
    int[] version = {0};
    CudaDriver.call("cuda", "cuDriverGetVersion", v -> cuDriverGetVersion(v), version);
    return version[0];
  }

  private static NoCuda noDevice() {
    String visible = System.getenv("CUDA_VISIBLE_DEVICES");
    return new NoCuda(
        "an NVIDIA driver is installed, but it sees no GPU"
            + (visible == null ? "" : " (CUDA_VISIBLE_DEVICES is \"" + visible + "\")"),
        visible == null
            ? "see what nvidia-smi lists; a container needs access to the GPU, too"
            : "let that variable name a GPU that nvidia-smi -L lists, or unset it",
        null);
  }
}
