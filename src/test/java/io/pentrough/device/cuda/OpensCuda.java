package io.pentrough.device.cuda;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceException;
import java.io.File;
import java.nio.file.Files;
import java.util.List;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;
import jcuda.runtime.JCuda;

/** What {@link CudaNativesTest} runs in JVMs of its own; prints what it finds. */
public final class OpensCuda {

  private OpensCuda() {}

  public static void main(String[] steps) throws Exception {
    for (String step : steps) {
      switch (step) {
        case "best" -> {
          try (Device device = Device.best()) {
            System.out.println(device.description());
          }
        }
        case "why" -> System.out.println(CudaDevice.whyUnavailable().orElse("available"));
        case "jcuda" -> {
          try {
            System.out.println("jcuda: " + JCudaDriver.cuInit(0));
          } catch (LinkageError e) {
            System.out.println("jcuda: " + e.getClass().getSimpleName());
          }
        }
        case "tmp" -> {
          File temporary = File.createTempFile("left", "");
          // The JDK reads the property once, and others each time.
          System.out.println(
              "tmp: " + temporary.getParent() + " = " + System.getProperty("java.io.tmpdir"));
          Files.delete(temporary.toPath());
        }
        case "noTmp" -> {
          Files.delete(File.createTempFile("read", "").toPath()); // the JDK has it now
          System.clearProperty("java.io.tmpdir");
        }
        case "session" -> {
          try (CudaDevice device = CudaDevice.open(0)) {
            Session.run(device);
            System.out.println("session done");
          }
        }
        case "mapped" -> mapped("libJCudaDriver");
        case "blas" -> loadLibrary(JCublas2.class);
        case "runtime" -> loadLibrary(JCuda.class);
        case "foreign" -> loadLibrary(OpensCuda.class);
        case "jcublas" -> {
          try {
            System.out.println("jcublas: " + JCublas2.cublasGetStatusName(0));
          } catch (LinkageError e) {
            System.out.println("jcublas: " + e.getClass().getSimpleName());
          }
        }
        case "cublasMapped" -> mapped("libJCublas2");
        default -> {
          if (!new File(step).isFile()) {
            throw new IllegalArgumentException(step);
          }
          System.load(step);
        }
      }
    }
  }

  private static void loadLibrary(Class<?> binding) {
    try {
      CudaDevice.loadLibrary(binding);
      System.out.println("loaded");
    } catch (DeviceException | IllegalArgumentException e) {
      System.out.println(e.getMessage());
    }
  }

  /**
   * How many copies of one of JCuda's libraries are in the process, and whether from a private
   * folder.
   */
  private static void mapped(String library) throws Exception {
    List<String> files =
        Files.readAllLines(new File("/proc/self/maps").toPath()).stream()
            .filter(line -> line.contains(library) && line.matches("\\S+ ..x.*"))
            .map(line -> line.substring(line.indexOf('/')))
            .distinct()
            .toList();
    System.out.println(
        "mapped: "
            + files.size()
            + (files.stream().allMatch(file -> file.contains("/pentrough-")) ? " private" : ""));
  }
}
