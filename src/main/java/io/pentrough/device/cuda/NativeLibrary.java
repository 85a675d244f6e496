package io.pentrough.device.cuda;

import io.pentrough.device.DeviceException;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.WeakHashMap;
import java.util.function.BiFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Loads a native library of JCuda so that what is loaded is what the jars have.
 *
 * <p>Left to itself, JCuda unpacks its library to a fixed name in the shared folder for temporary
 * files and loads whatever it finds there: half a file that another JVM is writing, or one that
 * somebody else put there. The JVM loads a file for one class loader only, so the second one of a
 * JVM cannot have that file at all. And if loading fails, it fails in a static initialiser, which
 * is final for the class loader. So, for each class loader:
 *
 * <pre>
 *   unpack   into a folder of this process alone, and compare what was written
 *   preload  the file by JCuda's own means, with java.io.tmpdir pointing to that folder for the
 *            moment: whatever is wrong with it or with the driver is reported here
 *   touch    JCuda's class: it finds the very file, which the JVM has loaded already
 *   delete   the folder: the mapping stays
 * </pre>
 *
 * <p>If the application touched JCuda first, its library is in the process already and is used as
 * it is; a second copy would be one too many. Whether a file in the process belongs to this class
 * loader is unknown if it has been deleted. Then there is no preload: the touch does nothing if
 * JCuda has started, and else finds the file that was unpacked. The same on Windows, where nothing
 * shows which files are in the process. There alone a failure in the touch is final.
 */
final class NativeLibrary {

  /**
   * Held while {@code java.io.tmpdir} points elsewhere. The property is the JVM's, and Pentrough
   * may be there once for each class loader: so is this lock, which a string literal is.
   */
  private static final Object JVM_LOCK = "io.pentrough.device.cuda.NativeLibrary";

  private static final String TEMPORARY = "java.io.tmpdir";
  private static final Path MAPS = Path.of("/proc/self/maps");

  /** "FROM-TO r-xp OFFSET DEVICE INODE FILE"; without x it is the rest of a failure to load it. */
  private static final Pattern LOADED_FILE = Pattern.compile("\\S+ ..x. [^/]*(/.*)");

  /** "java.lang.UnsatisfiedLinkError: FILE: REASON", in what JCuda says of its two tries. */
  private static final Pattern REASON =
      Pattern.compile("^[\\w.$]+(?:Error|Exception): (.*)$", Pattern.MULTILINE);

  /** "FILE: cannot open shared object file: ...", as the system's loader says it. */
  private static final Pattern MISSING = Pattern.compile("(lib[^:/ ]+): cannot open .*");

  /**
   * What the libraries are called that JCuda's are bindings of, by how their files' names begin.
   */
  private static final Map<String, String> PRODUCTS =
      Map.of(
          "libcublas.", "cuBLAS",
          "libcudnn.", "cuDNN",
          "libcufft.", "cuFFT",
          "libcurand.", "cuRAND",
          "libcusolver.", "cuSOLVER",
          "libcusparse.", "cuSPARSE");

  /** The classes whose library has been loaded. */
  private static final Set<Class<?>> LOADED =
      Collections.newSetFromMap(new WeakHashMap<Class<?>, Boolean>());

  /** What the library is to JCuda, for messages. */
  private final String owner;

  /** JCuda's class whose static initialiser loads the library. */
  private final Class<?> binding;

  /** What the JVM calls the library, and its file. */
  private final String name;

  private final String file;
  private final BiFunction<String, @Nullable Throwable, DeviceException> refusal;

  private NativeLibrary(
      String owner,
      Class<?> binding,
      String library,
      BiFunction<String, @Nullable Throwable, DeviceException> refusal) {
    CudaProbe machine = CudaProbe.ofThisMachine();
    String version = JCudaJars.versionFor(binding);
    this.owner = owner;
    this.binding = binding;
    this.name = machine.libraryName(library, version);
    this.file = machine.bindingFile(library, version);
    this.refusal = refusal;
  }

  /** JCuda's library for the driver. */
  static NativeLibrary ofDriver() {
    return new NativeLibrary("JCuda", JCudaJars.driver(), "JCudaDriver", NoCuda::new);
  }

  /** The library of one of JCuda's other classes; must not initialise the class. */
  static NativeLibrary of(Class<?> binding) {
    String name = binding.getSimpleName();
    return new NativeLibrary(
        name,
        binding,
        name.equals("JCuda") ? "JCudaRuntime" : name,
        (why, cause) -> new DeviceException(name + " cannot be used: " + why, cause));
  }

  /** Again at no harm. */
  void load() {
    synchronized (JVM_LOCK) {
      if (LOADED.contains(binding)) {
        return;
      }
      List<String> inProcess = inProcess();
      if (inProcess.stream().noneMatch(this::isOurs)) {
        loadOwnCopy(Files.isReadable(MAPS) && inProcess.isEmpty());
      }
      LOADED.add(binding);
    }
  }

  /** The files of the library's name that the process has loaded, for whatever class loader. */
  private List<String> inProcess() {
    if (!Files.isReadable(MAPS)) {
      return List.of();
    }
    try {
      return Files.readAllLines(MAPS).stream()
          .map(LOADED_FILE::matcher)
          .filter(Matcher::matches)
          .map(line -> line.group(1))
          .filter(path -> path.endsWith("/" + file) || path.endsWith("/" + file + " (deleted)"))
          .distinct()
          .toList();
    } catch (IOException e) {
      return List.of();
    }
  }

  /** Whether a file in the process was loaded for JCuda's class loader; if so, JCuda is touched. */
  private boolean isOurs(String loaded) {
    File there = new File(loaded);
    if (!there.isFile()) {
      return false;
    }
    try {
      within(
          there.getParentFile().toPath(),
          () -> {
            JCudaJars.loadLibrary(binding, name); // without effect, if it is ours
            touch();
          });
      return true;
    } catch (LinkageError | ReflectiveOperationException | IOException e) {
      return false; // "already loaded in another classloader"
    }
  }

  private void loadOwnCopy(boolean preload) {
    try {
      byte[] content = content();
      NativesFolder.use(
          folder -> {
            folder.unpack(file, content);
            within(
                folder.path,
                () -> {
                  if (preload) {
                    preload(folder.path.resolve(file));
                  }
                  touch();
                });
          });
    } catch (ReflectiveOperationException | IOException e) {
      throw refusal.apply(
          owner + "'s native library could not be unpacked to " + e.getMessage(), e);
    }
  }

  /**
   * From a jar, or else from the library path: JCuda looks there first, but only for one class
   * loader.
   */
  private byte[] content() throws IOException {
    byte[] inJar = JCudaJars.read(binding, "lib/" + file);
    if (inJar != null) {
      return inJar;
    }
    Optional<Path> onPath = CudaProbe.ofThisMachine().onLibraryPath(file);
    if (onPath.isPresent()) {
      return Files.readAllBytes(onPath.get());
    }
    throw refusal.apply(
        "its native library "
            + file
            + " is not on the class path; add "
            + CudaProbe.ofThisMachine().natives(artifact(), JCudaJars.versionFor(binding)),
        null);
  }

  /** JCuda names its artifacts after the package; the driver's and the runtime's are in one. */
  private String artifact() {
    String name = binding.getPackageName().replaceFirst(".*\\.", "");
    return name.startsWith("j") ? name : "jcuda";
  }

  private void preload(Path library) throws IOException, ReflectiveOperationException {
    try {
      JCudaJars.loadLibrary(binding, name);
    } catch (LinkageError e) {
      String reason = reason(e, library);
      if (reason.contains("failed to map segment") || reason.contains("not permitted")) {
        throw new NativesFolder.NotExecutable(reason, e);
      }
      throw notLoaded(reason, e);
    }
  }

  private DeviceException notLoaded(String reason, LinkageError e) {
    if (reason.startsWith("libcuda.so.1:")) {
      return new NoCuda(
          "no NVIDIA driver found (" + reason + ")",
          "install the driver; in a container, start that with access to the GPU (docker run --gpus"
              + " all); if the driver lies in a folder of its own, name that in LD_LIBRARY_PATH"
              + " before the JVM starts",
          e);
    }
    return refusal.apply(whyNotLoaded(reason), e);
  }

  /**
   * What JCuda says is a page, with the stack of its try on the library path and of that with the
   * unpacked file.
   */
  private String reason(LinkageError e, Path library) {
    String message = String.valueOf(e.getMessage());
    return REASON
        .matcher(message)
        .results()
        .map(found -> found.group(1))
        .filter(reason -> !reason.startsWith("no " + name))
        .reduce((first, second) -> second)
        .orElseGet(() -> message.lines().findFirst().orElse(""))
        .replace(library + ": ", ""); // as the system's loader begins
  }

  private String whyNotLoaded(String reason) {
    if (reason.contains("llegal native access")) {
      Module module = binding.getModule();
      return "the JVM does not let JCuda call native code (%s); start it with --enable-native-access=%s"
          .formatted(reason, module.isNamed() ? module.getName() : "ALL-UNNAMED");
    }
    Matcher missing = MISSING.matcher(reason);
    if (missing.matches()) {
      return "%s is not installed (%s); install the CUDA 12 toolkit's libraries, or name their folder in LD_LIBRARY_PATH before the JVM starts"
          .formatted(product(missing.group(1)), reason);
    }
    return owner + "'s native library cannot be loaded (" + reason + ")";
  }

  private static String product(String file) {
    return PRODUCTS.entrySet().stream()
        .filter(product -> file.startsWith(product.getKey()))
        .map(Map.Entry::getValue)
        .findFirst()
        .orElse(file);
  }

  /** What is done while JCuda takes a folder for the one for temporary files. */
  private interface Work {
    void run() throws IOException, ReflectiveOperationException;
  }

  /**
   * Others that look up the folder for temporary files in this moment get ours. The JDK reads it
   * once: that must have happened before.
   */
  private static void within(Path folder, Work work)
      throws IOException, ReflectiveOperationException {
    try {
      Files.deleteIfExists(File.createTempFile("pentrough-", null).toPath());
    } catch (IOException e) {
      // The JDK has read the folder anyway.
    }
    Properties properties = System.getProperties();
    String usual = properties.getProperty(TEMPORARY);
    String ours = folder.toAbsolutePath().toString();
    properties.setProperty(TEMPORARY, ours);
    try {
      work.run();
    } finally { // unless somebody else has set it meanwhile
      if (usual == null) {
        properties.remove(TEMPORARY, ours);
      } else {
        properties.replace(TEMPORARY, ours, usual);
      }
    }
  }

  private void touch() throws ClassNotFoundException {
    try {
      Class.forName(binding.getName(), true, binding.getClassLoader());
    } catch (NoClassDefFoundError e) {
      throw refusal.apply(
          owner
              + " has failed to start earlier in this JVM, which is final; start the JVM anew, and"
              + " let Pentrough be the first to use "
              + owner
              + ": it says what is wrong ("
              + e.getMessage()
              + ")",
          e);
    } catch (LinkageError e) {
      throw notLoaded(reason(e, Path.of(file)), e);
    }
  }
}
