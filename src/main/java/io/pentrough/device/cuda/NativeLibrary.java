package io.pentrough.device.cuda;

import io.pentrough.device.DeviceException;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;

/**
 * Loads a native library of JCuda so that what is loaded is what the class path has.
 *
 * <p>Left to itself, JCuda unpacks its library to a fixed name in the shared folder for temporary
 * files and loads whatever it finds there: half a file that another JVM is writing, or one that
 * somebody else put there. And if loading fails, it fails in a static initialiser, which is final
 * for the JVM. So:
 *
 * <pre>
 *   unpack   into a folder of this process alone (mode 700), and compare what was written
 *   preload  the file ourselves: whatever is wrong with it or with the driver is told here
 *   touch    JCuda, with java.io.tmpdir pointing to that folder for the moment: it finds the very
 *            file, which the JVM has loaded already
 *   delete   the folder: the mapping stays
 * </pre>
 *
 * <p>If the application touched JCuda first, its library is in the process already and is used as
 * it is; a second copy would have uninitialised state of its own. Where the JVM cannot see that
 * (Windows), or JCuda belongs to another class loader than Pentrough (the JVM loads a library for
 * one loader only), there is no preload, and a failure in the touch is final.
 */
final class NativeLibrary {

  /** Another folder to unpack to, for machines whose temporary files cannot be executed. */
  private static final String FOLDER = "pentrough.nativesFolder";

  private static final String TEMPORARY = "java.io.tmpdir";
  private static final Path MAPPED = Path.of("/proc/self/maps");

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

  /** What the library is to JCuda, for messages. */
  private final String owner;

  /** A class from the jar whose native library it is; touching another must have loaded it. */
  private final Class<?> binding;

  private final String file;
  private final Touch touch;
  private final BiFunction<String, @Nullable Throwable, DeviceException> refusal;

  /** Initialises JCuda's class, whose static initialiser loads the library. */
  private interface Touch {
    void run() throws ClassNotFoundException;
  }

  private NativeLibrary(
      String owner,
      Class<?> binding,
      String file,
      Touch touch,
      BiFunction<String, @Nullable Throwable, DeviceException> refusal) {
    this.owner = owner;
    this.binding = binding;
    this.file = file;
    this.touch = touch;
    this.refusal = refusal;
  }

  /** JCuda's library for the driver. */
  static NativeLibrary ofDriver() {
    return new NativeLibrary(
        "JCuda",
        JCudaResource.binding(),
        CudaProbe.ofThisMachine().bindingFile(),
        () -> JCudaDriver.cuDriverGetVersion(new int[1]),
        NoCuda::new);
  }

  /** The library of one of JCuda's other classes; must not initialise the class. */
  static NativeLibrary of(Class<?> binding) {
    String name = binding.getSimpleName();
    return new NativeLibrary(
        name,
        binding,
        CudaProbe.ofThisMachine().bindingFile(name.equals("JCuda") ? "JCudaRuntime" : name),
        () -> Class.forName(binding.getName(), true, binding.getClassLoader()),
        (why, cause) -> new DeviceException(name + " cannot be used: " + why, cause));
  }

  /** Under the lock of {@link CudaNatives}; again at no harm. */
  void load() {
    if (isMapped(file)) {
      touch();
      return;
    }
    @Nullable Path folder = null;
    try {
      folder = privateFolder();
      Path library = folder.resolve(file);
      if (unpack(library)) {
        preload(library);
        touchWithin(folder);
      } else if (CudaProbe.ofThisMachine().isOnLibraryPath(file)) { // where JCuda looks first
        touch();
      } else {
        throw refusal.apply(
            "its native library "
                + file
                + " is not on the class path; add the artifact of JCuda's natives that has it",
            null);
      }
    } catch (IOException e) {
      throw refusal.apply(
          owner
              + "'s native library could not be unpacked to "
              + (folder == null
                  ? System.getProperty(FOLDER, System.getProperty(TEMPORARY))
                  : folder)
              + " ("
              + e
              + "); name a folder that can be written with -D"
              + FOLDER
              + "=FOLDER",
          e);
    } finally {
      delete(folder, file);
    }
  }

  private static boolean isMapped(String file) {
    try {
      return Files.isReadable(MAPPED)
          && Files.readAllLines(MAPPED).stream()
              .anyMatch(line -> line.endsWith(file) || line.endsWith(file + " (deleted)"));
    } catch (IOException e) {
      return false;
    }
  }

  private static Path privateFolder() throws IOException {
    String asked = System.getProperty(FOLDER);
    return asked == null
        ? Files.createTempDirectory("pentrough-")
        : Files.createTempDirectory(Path.of(asked), "pentrough-");
  }

  /** False if the class path has no such library. */
  private boolean unpack(Path target) throws IOException {
    byte[] bytes;
    try (InputStream in = binding.getResourceAsStream("/lib/" + file)) {
      if (in == null) {
        return false;
      }
      bytes = in.readAllBytes();
    }
    // Not by Files, whose channels would keep direct memory of this size with the thread.
    try (FileOutputStream out = new FileOutputStream(target.toFile())) {
      out.write(bytes);
    }
    try (FileInputStream written = new FileInputStream(target.toFile())) {
      if (!Arrays.equals(bytes, written.readAllBytes())) {
        throw new IOException("what was written is not what can be read");
      }
    }
    return true;
  }

  private void preload(Path library) {
    ClassLoader own = NativeLibrary.class.getClassLoader();
    if (!Files.isReadable(MAPPED) || binding.getClassLoader() != own) {
      return;
    }
    try {
      System.load(library.toAbsolutePath().toString());
    } catch (UnsatisfiedLinkError e) {
      throw refusal.apply(whyNotLoaded(String.valueOf(e.getMessage()), library), e);
    }
  }

  private String whyNotLoaded(String message, Path library) {
    // The system's loader says "FILE: REASON", where FILE is what could not be had.
    String reason = message.replace(library + ": ", "");
    if (reason.startsWith("libcuda.so.1:")) {
      return "no NVIDIA driver found (" + reason + ")";
    }
    Matcher missing = MISSING.matcher(reason);
    if (missing.matches()) {
      return "%s is not installed (%s); install the CUDA 12 toolkit's libraries, or name their folder in LD_LIBRARY_PATH before the JVM starts"
          .formatted(product(missing.group(1)), reason);
    }
    if (reason.contains("failed to map segment") || reason.contains("not permitted")) {
      return owner
          + "'s native library cannot be executed in "
          + library.getParent()
          + " ("
          + reason
          + "); name another folder with -D"
          + FOLDER
          + "=FOLDER";
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

  /**
   * Others that look up the folder for temporary files in this moment get ours. The JDK reads it
   * once: that must have happened before.
   */
  private void touchWithin(Path folder) {
    try {
      Files.deleteIfExists(File.createTempFile("pentrough-", null).toPath());
    } catch (IOException e) {
      // It has been read all the same. Where nothing can be written nobody will miss it.
    }
    String usual = System.getProperty(TEMPORARY);
    System.setProperty(TEMPORARY, folder.toAbsolutePath().toString());
    try {
      touch();
    } finally {
      System.setProperty(TEMPORARY, usual);
    }
  }

  private void touch() {
    try {
      touch.run();
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
      throw refusal.apply(owner + "'s native library cannot be loaded (" + firstLine(e) + ")", e);
    } catch (ClassNotFoundException e) {
      throw new AssertionError(e); // its Class object is in our hands
    }
  }

  private static String firstLine(Throwable t) {
    return String.valueOf(t.getMessage()).lines().findFirst().orElse("");
  }

  /** A system that keeps loaded files from being deleted keeps them. */
  private static void delete(@Nullable Path folder, String file) {
    if (folder == null) {
      return;
    }
    for (Path path : List.of(folder.resolve(file), folder)) {
      try {
        Files.deleteIfExists(path);
      } catch (IOException e) {
        path.toFile().deleteOnExit();
      }
    }
  }
}
