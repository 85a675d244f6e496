package io.pentrough.device.cuda;

import java.io.File;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * Finds out why CUDA cannot be used, by looking only: no library is loaded and no class of JCuda
 * touched, so asking changes nothing for later.
 *
 * @param osName {@code os.name}
 * @param osArch {@code os.arch}
 * @param libraryFolders where the JVM and the system's loader look for libraries by request: {@code
 *     java.library.path} and the environment's search path
 * @param hasResource whether the class path has a resource of this name
 * @param hasFile whether there is a file at this path
 */
record CudaProbe(
    String osName,
    String osArch,
    List<String> libraryFolders,
    Predicate<String> hasResource,
    Predicate<String> hasFile) {

  /** The version in the names of JCuda's native libraries: the one this project builds with. */
  private static final String JCUDA_VERSION = "12.6.0";

  /**
   * Where drivers live that the linker's cache knows about: distributions, containers with NVIDIA's
   * toolkit, WSL, NixOS.
   */
  private static final List<String> USUAL_LINUX_FOLDERS =
      List.of(
          "/usr/lib/x86_64-linux-gnu",
          "/lib/x86_64-linux-gnu",
          "/usr/lib64",
          "/lib64",
          "/usr/lib",
          "/lib",
          "/usr/lib/x86_64-linux-gnu/nvidia/current",
          "/usr/lib64/nvidia",
          "/usr/local/nvidia/lib64",
          "/usr/local/nvidia/lib",
          "/usr/local/cuda/compat",
          "/usr/lib/wsl/lib",
          "/run/opengl-driver/lib");

  static CudaProbe ofThisMachine() {
    String osName = System.getProperty("os.name");
    String searchPath = System.getenv(isWindows(osName) ? "PATH" : "LD_LIBRARY_PATH");
    return new CudaProbe(
        osName,
        System.getProperty("os.arch"),
        Stream.of(System.getProperty("java.library.path"), searchPath)
            .filter(Objects::nonNull)
            .flatMap(path -> Stream.of(path.split(File.pathSeparator)))
            .filter(folder -> !folder.isEmpty())
            .toList(),
        name -> CudaProbe.class.getResource("/" + name) != null,
        path -> new File(path).isFile());
  }

  /** Completes the sentence "no CUDA: ...". */
  String whyUnavailable() {
    boolean windows = isWindows(osName);
    boolean linux = osName.equals("Linux");
    if (!(windows || linux) || !(osArch.equals("amd64") || osArch.equals("x86_64"))) {
      return "JCuda runs on Linux and Windows on x86-64 only, and this is %s on %s"
          .formatted(osName, osArch);
    }
    if (!hasResource.test("jcuda/driver/JCudaDriver.class")) {
      return "JCuda is not on the class path; add org.jcuda:jcuda:" + JCUDA_VERSION;
    }
    String platform = windows ? "windows-x86_64" : "linux-x86_64";
    String binding =
        windows
            ? "JCudaDriver-" + JCUDA_VERSION + "-" + platform + ".dll"
            : "libJCudaDriver-" + JCUDA_VERSION + "-" + platform + ".so";
    if (!hasResource.test("lib/" + binding) && !isIn(libraryFolders, binding)) {
      return "JCuda's native library %s is not on the class path; add org.jcuda:jcuda-natives:%s:%s"
          .formatted(binding, JCUDA_VERSION, platform);
    }
    String driver = windows ? "nvcuda.dll" : "libcuda.so.1";
    if (!isIn(libraryFolders, driver) && !(linux && isIn(USUAL_LINUX_FOLDERS, driver))) {
      return "no NVIDIA driver found (no %s on the library path or in the usual folders)"
          .formatted(driver);
    }
    return "an NVIDIA driver is installed, but this version of Pentrough has no CUDA device yet"
        + " (it is next on the roadmap)";
  }

  private boolean isIn(List<String> folders, String file) {
    String separator = isWindows(osName) ? "\\" : "/";
    return folders.stream().anyMatch(folder -> hasFile.test(folder + separator + file));
  }

  private static boolean isWindows(String osName) {
    return osName.toLowerCase(Locale.ROOT).startsWith("windows");
  }
}
