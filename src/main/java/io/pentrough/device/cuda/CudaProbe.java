package io.pentrough.device.cuda;

import java.io.File;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Finds out why CUDA cannot be used as far as looking can tell: no library is loaded and no class
 * of JCuda initialised that would load one, so asking changes nothing for later.
 *
 * @param osName {@code os.name}
 * @param osArch {@code os.arch}
 * @param libraryFolders where the JVM and the system's loader look for libraries by request: {@code
 *     java.library.path} and the environment's search path
 * @param jcuda the JCuda that can be seen
 * @param hasResource whether a jar has a file of this name
 * @param hasFile whether there is a file at this path
 */
record CudaProbe(
    String osName,
    String osArch,
    List<String> libraryFolders,
    Found jcuda,
    Predicate<String> hasResource,
    Predicate<String> hasFile) {

  /** The version to ask for: the one this project builds with. 12.0.0 works too, and 11.8.0. */
  private static final String JCUDA_VERSION = "12.6.0";

  /** Looked for here, as nothing else detects a missing driver before JCuda is touched. */
  private static final String WINDOWS_DRIVER = "nvcuda.dll";

  /**
   * What can be seen of JCuda.
   *
   * @param present whether Pentrough sees it
   * @param presentForThread whether the application does
   * @param version its version; null if its classes do not contain it, as in 10.2.0
   * @param natives the versions of the natives that can be seen
   * @param path where jars are to be put
   */
  record Found(
      boolean present,
      boolean presentForThread,
      @Nullable String version,
      Supplier<List<String>> natives,
      String path) {

    static Found here() {
      boolean present = JCudaJars.arePresent();
      return new Found(
          present,
          present || JCudaJars.arePresentForThread(),
          JCudaJars.version(),
          JCudaJars::nativesVersions,
          CudaProbe.class.getModule().isNamed() ? "module path" : "class path");
    }
  }

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
        Found.here(),
        name -> JCudaJars.hasFile(JCudaJars.driver(), name),
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
    if (!jcuda.present && jcuda.presentForThread) {
      return Optional.of(
          "the application sees JCuda, but Pentrough's class loader does not; put the jars of"
              + " Pentrough and JCuda in the same place");
    }
    if (!jcuda.present) {
      return Optional.of(
          "JCuda is not on the %s; add org.jcuda:jcuda:%s".formatted(jcuda.path, JCUDA_VERSION));
    }
    if (jcuda.version == null) {
      return Optional.of(
          "the JCuda on the %s is too old; use org.jcuda:jcuda:%s and its natives"
              .formatted(jcuda.path, JCUDA_VERSION));
    }
    String binding = bindingFile("JCudaDriver", jcuda.version);
    if (!hasResource.test("lib/" + binding) && !isIn(libraryFolders, binding)) {
      return Optional.of(whyNoNatives(binding));
    }
    if (isWindows(osName) && !isIn(libraryFolders, WINDOWS_DRIVER)) {
      return Optional.of("no NVIDIA driver found (no " + WINDOWS_DRIVER + " on the path)");
    }
    return Optional.empty();
  }

  private String whyNoNatives(String binding) {
    String artifact = natives("jcuda", jcuda.version);
    List<String> natives = jcuda.natives.get();
    boolean ofOtherVersion = !natives.isEmpty() && !natives.contains(jcuda.version);
    return ofOtherVersion
        ? "JCuda %s does not go together with natives of version %s; use %s"
            .formatted(jcuda.version, String.join(" and ", natives), artifact)
        : "JCuda's native library %s is not on the %s; add %s"
            .formatted(binding, jcuda.path, artifact);
  }

  /** The coordinates of JCuda's native libraries that belong to an artifact of its classes. */
  String natives(String artifact, @Nullable String version) {
    return "org.jcuda:" + artifact + "-natives:" + version + ":" + platform();
  }

  /** The file name of one of JCuda's native libraries on this platform. */
  String bindingFile(String library, @Nullable String version) {
    String name = libraryName(library, version);
    return isWindows(osName) ? name + ".dll" : "lib" + name + ".so";
  }

  /** What the JVM calls the library. */
  String libraryName(String library, @Nullable String version) {
    return library + "-" + version + "-" + platform();
  }

  /** Where the JVM finds a library of this name by itself. */
  Optional<Path> onLibraryPath(String file) {
    return in(libraryFolders, file).map(Path::of);
  }

  private String platform() {
    return isWindows(osName) ? "windows-x86_64" : "linux-x86_64";
  }

  private boolean isIn(List<String> folders, String file) {
    return in(folders, file).isPresent();
  }

  private Optional<String> in(List<String> folders, String file) {
    String separator = isWindows(osName) ? "\\" : "/";
    return folders.stream().map(folder -> folder + separator + file).filter(hasFile).findFirst();
  }

  private static boolean isWindows(String osName) {
    return osName.toLowerCase(Locale.ROOT).startsWith("windows");
  }
}
