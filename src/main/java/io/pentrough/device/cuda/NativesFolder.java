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
 * A folder for unpacking a native library. It belongs to this process, with a random name and mode
 * 700. Closing deletes it. A library that was loaded from it stays loaded.
 */
final class NativesFolder implements AutoCloseable {

  /** Names the parent folder, for machines whose temporary files cannot be executed. */
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

  /** Uses a folder. */
  interface Use {
    /** Throws {@link IOException} to try another folder. */
    void run(NativesFolder folder) throws IOException, ReflectiveOperationException;
  }

  /**
   * Makes a folder in the first parent that works, uses it, and deletes it. The parents are the one
   * that the property names, or else the folder for temporary files and Linux's other ones.
   */
  static void use(Use use) throws Refused, ReflectiveOperationException {
    List<IOException> reasons = new ArrayList<>();
    List<String> tried = new ArrayList<>();
    for (String parent : parents()) {
      try (NativesFolder folder = in(parent)) {
        use.run(folder);
        return;
      } catch (IOException e) {
        reasons.add(e);
        tried.add(parent + " (" + (e instanceof NotExecutable ? e.getMessage() : e) + ")");
      }
    }
    throw new Refused(reasons, tried);
  }

  private static Set<String> parents() {
    @Nullable String asked = System.getProperty(ASKED);
    if (asked != null) {
      return Set.of(asked);
    }
    Set<String> parents = new LinkedHashSet<>();
    parents.add(System.getProperty("java.io.tmpdir", "."));
    if (File.separatorChar == '/') {
      parents.addAll(List.of("/var/tmp", "/dev/shm", System.getProperty("user.home", "/")));
    }
    return parents;
  }

  private static NativesFolder in(String parent) throws IOException {
    try {
      return new NativesFolder(Files.createTempDirectory(Path.of(parent), "pentrough-"));
    } catch (InvalidPathException e) {
      throw new IOException(e);
    }
  }

  /** Writes a file, and checks that it can be read back and executed. */
  void unpack(String name, byte[] content) throws IOException {
    File file = path.resolve(name).toFile();
    // Does not use Files, whose channels would keep direct memory of this size per thread.
    try (FileOutputStream out = new FileOutputStream(file)) {
      out.write(content);
    }
    try (FileInputStream in = new FileInputStream(file)) {
      if (!Arrays.equals(content, in.readAllBytes())) {
        throw new IOException("what was written is not what can be read");
      }
    }
    // If the folder is mounted with noexec, no file in it can be executed, whatever its mode.
    if (!file.setExecutable(true) || !file.canExecute()) {
      throw new NotExecutable("it is mounted noexec", null);
    }
  }

  /** Some systems do not delete loaded files. */
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
