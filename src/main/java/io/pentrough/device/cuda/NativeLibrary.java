package io.pentrough.device.cuda;

import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;

/**
 * Loads JCuda's native library so that what is loaded is what the class path has.
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

  private NativeLibrary() {}

  /** Under the lock of {@link CudaNatives}. */
  static void load() {
    String file = CudaProbe.ofThisMachine().bindingFile();
    if (isMapped(file)) {
      touch();
      return;
    }
    @Nullable Path folder = null;
    try {
      folder = privateFolder();
      Path library = folder.resolve(file);
      if (unpack(file, library)) { // else it is on java.library.path, where JCuda looks first
        preload(library);
        touchWithin(folder);
      } else {
        touch();
      }
    } catch (IOException e) {
      throw new NoCuda(
          "JCuda's native library could not be unpacked to "
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
          && Files.readAllLines(MAPPED).stream().anyMatch(line -> line.endsWith(file));
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
  private static boolean unpack(String file, Path target) throws IOException {
    byte[] bytes;
    try (InputStream in = JCudaResource.open("/lib/" + file)) {
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

  private static void preload(Path library) {
    ClassLoader own = NativeLibrary.class.getClassLoader();
    if (!Files.isReadable(MAPPED) || JCudaResource.loader() != own) {
      return;
    }
    try {
      System.load(library.toAbsolutePath().toString());
    } catch (UnsatisfiedLinkError e) {
      throw new NoCuda(whyNotLoaded(String.valueOf(e.getMessage()), library), e);
    }
  }

  private static String whyNotLoaded(String message, Path library) {
    // The system's loader says "FILE: REASON", where FILE is what could not be had.
    String reason = message.replace(library + ": ", "");
    if (reason.startsWith("libcuda.so.1:")) {
      return "no NVIDIA driver found (" + reason + ")";
    }
    if (reason.contains("failed to map segment") || reason.contains("not permitted")) {
      return "JCuda's native library cannot be executed in "
          + library.getParent()
          + " ("
          + reason
          + "); name another folder with -D"
          + FOLDER
          + "=FOLDER";
    }
    return "JCuda's native library cannot be loaded (" + reason + ")";
  }

  /**
   * Others that look up the folder for temporary files in this moment get ours. The JDK reads it
   * once: that must have happened before.
   */
  private static void touchWithin(Path folder) {
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

  private static void touch() {
    try {
      JCudaDriver.cuDriverGetVersion(new int[1]);
    } catch (NoClassDefFoundError e) {
      throw new NoCuda(
          "JCuda has failed to start earlier in this JVM, which is final; start the JVM anew, and"
              + " let Pentrough be the first to use JCuda: it says what is wrong ("
              + e.getMessage()
              + ")",
          e);
    } catch (LinkageError e) {
      throw new NoCuda("JCuda's native library cannot be loaded (" + firstLine(e) + ")", e);
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
