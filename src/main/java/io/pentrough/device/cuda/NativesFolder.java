package io.pentrough.device.cuda;

import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A folder of this process alone, with a random name and mode 700, that a native library is
 * unpacked to. Closing deletes it: what is loaded from it stays loaded.
 */
final class NativesFolder implements AutoCloseable {

  /** Names the folder to make it in, for machines whose temporary files cannot be executed. */
  private static final String ASKED = "pentrough.nativesFolder";

  final Path path;

  private NativesFolder(Path path) {
    this.path = path;
  }

  /** No folder can take the library; the message lists them, each with the reason. */
  static final class Refused extends IOException {

    private static final long serialVersionUID = 1L;

    private Refused(List<IOException> reasons, List<String> tried) {
      super(
          String.join(", ", tried)
              + "; name a folder that can be written"
              + (reasons.stream().anyMatch(NotExecutable.class::isInstance)
                  ? " and is not mounted noexec"
                  : "")
              + " with -D"
              + ASKED
              + "=FOLDER");
      reasons.forEach(this::addSuppressed);
    }
  }

  /** Files in a folder cannot be executed, so no library can be loaded from it. */
  static final class NotExecutable extends IOException {

    private static final long serialVersionUID = 1L;

    NotExecutable(String how, @Nullable Throwable cause) {
      super("files cannot be executed there: " + how, cause);
    }
  }

  /** What is to be done with a folder. */
  interface Use {
    /** Throws {@link IOException} if another folder may do. */
    void run(NativesFolder folder) throws IOException, ReflectiveOperationException;
  }

  /**
   * Makes a folder in the first place that can be used, and deletes it behind the use: the place
   * that was asked for, or else the one for temporary files and those that Linux has besides.
   */
  static void use(Use use) throws Refused, ReflectiveOperationException {
    List<IOException> reasons = new ArrayList<>();
    List<String> tried = new ArrayList<>();
    for (String place : places()) {
      try (NativesFolder folder = in(place)) {
        use.run(folder);
        return;
      } catch (IOException e) {
        reasons.add(e);
        tried.add(place + " (" + (e instanceof NotExecutable ? e.getMessage() : e) + ")");
      }
    }
    throw new Refused(reasons, tried);
  }

  private static Set<String> places() {
    @Nullable String asked = System.getProperty(ASKED);
    if (asked != null) {
      return Set.of(asked);
    }
    Set<String> places = new LinkedHashSet<>();
    places.add(System.getProperty("java.io.tmpdir", "."));
    if (File.separatorChar == '/') {
      places.addAll(List.of("/var/tmp", "/dev/shm", System.getProperty("user.home", "/")));
    }
    return places;
  }

  private static NativesFolder in(String place) throws IOException {
    try {
      return new NativesFolder(Files.createTempDirectory(Path.of(place), "pentrough-"));
    } catch (InvalidPathException e) {
      throw new IOException(e);
    }
  }

  /** Writes a file and looks whether that is what can be read, and may be executed. */
  void unpack(String name, byte[] content) throws IOException {
    File file = path.resolve(name).toFile();
    // Not by Files, whose channels would keep direct memory of this size with the thread.
    try (FileOutputStream out = new FileOutputStream(file)) {
      out.write(content);
    }
    try (FileInputStream in = new FileInputStream(file)) {
      if (!Arrays.equals(content, in.readAllBytes())) {
        throw new IOException("what was written is not what can be read");
      }
    }
    // Where the folder is mounted with noexec, the system says no whatever the file's mode.
    if (!file.setExecutable(true) || !file.canExecute()) {
      throw new NotExecutable("it is mounted noexec", null);
    }
  }

  /** A system that keeps loaded files from being deleted keeps them. */
  @Override
  public void close() {
    @Nullable File[] inside = path.toFile().listFiles();
    for (File file : inside == null ? new File[0] : inside) {
      if (!file.delete()) {
        file.deleteOnExit();
      }
    }
    if (!path.toFile().delete()) {
      path.toFile().deleteOnExit();
    }
  }
}
