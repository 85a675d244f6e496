package io.pentrough.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.pentrough.testkit.JavaCommand;
import io.pentrough.testkit.Patience;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/** A JVM that a test starts, in a folder of its own; what it says goes into the failure. */
public final class Jvm {

  static final Path DRIVER =
      Path.of(
              System.getProperty(
                  "pentrough.softwareCuda.library", "target/software-cuda/libcuda.so.1"))
          .toAbsolutePath();

  private final Path folder;
  private final List<String> wrapper = new ArrayList<>();
  private final List<String> flags =
      new ArrayList<>(
          List.of("-XX:+IgnoreUnrecognizedVMOptions", "--enable-native-access=ALL-UNNAMED"));

  private boolean withDriver = true;

  /**
   * A JVM with the software driver.
   *
   * @param folder where temporary files go, and what it writes is kept
   */
  public Jvm(Path folder) {
    this.folder = folder;
    flags.add("-Djava.io.tmpdir=" + folder);
  }

  /** The entries of this JVM's class path. */
  public static List<String> classPath() {
    return List.of(System.getProperty("java.class.path").split(File.pathSeparator, -1));
  }

  /** This JVM's class path, less the entries that are not wanted. */
  static String classPathWithout(Predicate<String> unwanted) {
    return classPath().stream()
        .filter(unwanted.negate())
        .collect(Collectors.joining(File.pathSeparator));
  }

  /** The entry of the class path that has a class. */
  static Path jarOf(Class<?> type) {
    try {
      return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI());
    } catch (java.net.URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  public Jvm flags(String... more) {
    flags.addAll(List.of(more));
    return this;
  }

  public Jvm withoutDriver() {
    withDriver = false;
    return this;
  }

  Jvm withoutNativeAccess() {
    flags.removeIf(flag -> flag.startsWith("--enable-native-access"));
    return this;
  }

  /** A command that the JVM's is handed to. */
  Jvm wrapper(String... command) {
    wrapper.addAll(List.of(command));
    return this;
  }

  /** Starts a class of this JVM's class path. */
  public Running start(Class<?> main, String... arguments) throws IOException {
    return start(System.getProperty("java.class.path"), main, arguments);
  }

  Running start(String classPath, Class<?> main, String... arguments) throws IOException {
    List<String> rest = new ArrayList<>(List.of("-cp", classPath, main.getName()));
    rest.addAll(List.of(arguments));
    return start(rest);
  }

  /** Starts what the rest of a command line says. */
  Running start(List<String> rest) throws IOException {
    List<String> command = new ArrayList<>(wrapper);
    command.addAll(JavaCommand.start());
    command.addAll(flags);
    command.addAll(rest);
    File out = Files.createTempFile(folder, "jvm", ".out").toFile();
    File err = Files.createTempFile(folder, "jvm", ".err").toFile();
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.directory(folder.toFile());
    builder.redirectOutput(out).redirectError(err);
    builder.environment().remove("LD_LIBRARY_PATH");
    if (withDriver) {
      builder.environment().put("LD_LIBRARY_PATH", DRIVER.resolveSibling("").toString());
    }
    return new Running(builder.start(), out, err);
  }

  /** A JVM that has been started. */
  public static final class Running {

    private final Process process;
    private final File out;
    private final File err;

    private Running(Process process, File out, File err) {
      this.process = process;
      this.out = out;
      this.err = err;
    }

    /** What it has printed, line by line, once it has ended well. */
    public List<String> said() throws Exception {
      IllegalStateException inVain = null;
      try {
        Patience.exitCode(process);
      } catch (IllegalStateException e) {
        inVain = e;
      }
      String said = Files.readString(out.toPath(), StandardCharsets.UTF_8);
      String complaints = Files.readString(err.toPath(), StandardCharsets.UTF_8);
      Files.delete(out.toPath());
      Files.delete(err.toPath());
      String all = said + "\n--- it complains:\n" + complaints;
      if (inVain != null) {
        throw new AssertionError(all, inVain);
      }
      assertEquals(0, process.exitValue(), all);
      return said.lines().toList();
    }
  }
}
