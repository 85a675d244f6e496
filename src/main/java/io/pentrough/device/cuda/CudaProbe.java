package io.pentrough.device.cuda;

import java.io.File;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * Finds out why CUDA cannot be used as far as looking can tell: no library is loaded and no class
 * of JCuda touched, so asking changes nothing for later.
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

  /** Looked for here, as nothing else can tell a missing driver before JCuda is touched. */
  private static final String WINDOWS_DRIVER = "nvcuda.dll";

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

  /** Why JCuda cannot even be tried here; completes the sentence "no CUDA: ...". */
  Optional<String> whyImpossible() {
    boolean x86 = osArch.equals("amd64") || osArch.equals("x86_64");
    if (!x86 || !(isWindows(osName) || osName.equals("Linux"))) {
      return Optional.of(
          "JCuda runs on Linux and Windows on x86-64 only, and this is %s on %s"
              .formatted(osName, osArch));
    }
    if (!hasResource.test("jcuda/driver/JCudaDriver.class")) {
      return Optional.of("JCuda is not on the class path; add org.jcuda:jcuda:" + JCUDA_VERSION);
    }
    String binding = bindingFile();
    if (!hasResource.test("lib/" + binding) && !isIn(libraryFolders, binding)) {
      return Optional.of(
          "JCuda's native library %s is not on the class path; add org.jcuda:jcuda-natives:%s:%s"
              .formatted(binding, JCUDA_VERSION, platform()));
    }
    if (isWindows(osName) && !isIn(libraryFolders, WINDOWS_DRIVER)) {
      return Optional.of("no NVIDIA driver found (no " + WINDOWS_DRIVER + " on the path)");
    }
    return Optional.empty();
  }

  /** The file name of JCuda's native library on this platform. */
  String bindingFile() {
    return bindingFile("JCudaDriver");
  }

  /** The same of another of JCuda's libraries. */
  String bindingFile(String library) {
    String name = library + "-" + JCUDA_VERSION + "-" + platform();
    return isWindows(osName) ? name + ".dll" : "lib" + name + ".so";
  }

  /** Whether the JVM finds a library of this name by itself. */
  boolean isOnLibraryPath(String file) {
    return isIn(libraryFolders, file);
  }

  private String platform() {
    return isWindows(osName) ? "windows-x86_64" : "linux-x86_64";
  }

  private boolean isIn(List<String> folders, String file) {
    String separator = isWindows(osName) ? "\\" : "/";
    return folders.stream().anyMatch(folder -> hasFile.test(folder + separator + file));
  }

  private static boolean isWindows(String osName) {
    return osName.toLowerCase(Locale.ROOT).startsWith("windows");
  }
}
