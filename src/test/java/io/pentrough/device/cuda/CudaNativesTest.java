package io.pentrough.device.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** How JCuda's native library gets into the process; each in a JVM of its own. */
@Tag("cuda")
@Tag("softwareDriver")
@EnabledOnOs(OS.LINUX)
@Timeout(120)
class CudaNativesTest {

  private static final String LIBRARY = "libJCudaDriver-12.6.0-linux-x86_64.so";
  private static final byte[] GARBAGE = "not a library".getBytes(StandardCharsets.UTF_8);

  private static final Path DRIVER =
      Path.of(
              System.getProperty(
                  "pentrough.softwareCuda.library", "target/software-cuda/libcuda.so.1"))
          .toAbsolutePath();

  @TempDir Path temporary;

  private Process start(boolean withDriver, String classPath, List<String> flags, String... steps)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-cp", classPath, "-Djava.io.tmpdir=" + temporary));
    command.addAll(
        List.of("-XX:+IgnoreUnrecognizedVMOptions", "--enable-native-access=ALL-UNNAMED"));
    command.addAll(flags);
    command.add(OpensCuda.class.getName());
    command.addAll(List.of(steps));
    ProcessBuilder builder = new ProcessBuilder(command);
    // The JVM itself has something to say about a library that is none.
    builder.redirectError(ProcessBuilder.Redirect.INHERIT);
    builder.environment().remove("LD_LIBRARY_PATH");
    if (withDriver) {
      builder.environment().put("LD_LIBRARY_PATH", DRIVER.resolveSibling("").toString());
    }
    return builder.start();
  }

  private static List<String> output(Process process) throws Exception {
    String all = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), all);
    return all.lines().toList();
  }

  private List<String> run(boolean withDriver, String... steps) throws Exception {
    return output(start(withDriver, System.getProperty("java.class.path"), List.of(), steps));
  }

  private List<String> filesLeft() throws IOException {
    try (Stream<Path> files = Files.list(temporary)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> !name.startsWith("hsperfdata"))
          .toList();
    }
  }

  @Test
  @DisplayName(
      "a foreign file of the library's name in the shared folder is neither loaded nor touched")
  void aForeignFileIsLeftAlone() throws Exception {
    Path foreign = Files.write(temporary.resolve(LIBRARY), GARBAGE);
    List<String> said = run(true, "best", "session", "mapped", "tmp");
    assertTrue(said.get(0).startsWith("cuda:0 ("), said::toString);
    assertEquals(
        List.of("session done", "mapped: 1 private", "tmp: " + temporary + " = " + temporary),
        tail(said, 3));
    assertArrayEquals(GARBAGE, Files.readAllBytes(foreign));
    assertEquals(List.of(LIBRARY), filesLeft(), "what is unpacked is deleted again");
  }

  @Test
  void twoJvmsMayStartAtOnce() throws Exception {
    List<Process> processes = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      processes.add(
          start(true, System.getProperty("java.class.path"), List.of(), "session", "mapped"));
    }
    for (Process process : processes) {
      assertEquals(List.of("session done", "mapped: 1 private"), output(process));
    }
    assertEquals(List.of(), filesLeft());
  }

  @Test
  @DisplayName("without a driver there is a sentence each time, and JCuda is not poisoned")
  void noDriver() throws Exception {
    List<String> said = run(false, "why", "best", "why", "jcuda", "why");
    String why =
        "no NVIDIA driver found (libcuda.so.1: cannot open shared object file: No such file or"
            + " directory)";
    assertEquals(
        List.of(why, "host (no CUDA: " + why + ")", why, "jcuda: UnsatisfiedLinkError", why), said);
  }

  @Test
  @DisplayName("if the application used JCuda first, its library is used as it is")
  void theApplicationFirst() throws Exception {
    assertEquals(
        List.of("jcuda: 0", "session done", "mapped: 1"), run(true, "jcuda", "session", "mapped"));
  }

  @Test
  @DisplayName("if JCuda has failed for the application, that is final, and said so")
  void theApplicationFailedFirst() throws Exception {
    Files.write(temporary.resolve(LIBRARY), GARBAGE); // which JCuda trusts
    List<String> said = run(true, "jcuda", "why");
    assertEquals("jcuda: UnsatisfiedLinkError", said.get(0));
    assertTrue(
        said.get(1).startsWith("JCuda has failed to start earlier in this JVM"), said.get(1));
  }

  @Test
  void missingNativesAreNamed() throws Exception {
    String without =
        Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
            .filter(entry -> !entry.contains("jcuda-natives"))
            .collect(Collectors.joining(File.pathSeparator));
    List<String> said = output(start(true, without, List.of(), "best"));
    assertEquals(
        List.of(
            "host (no CUDA: JCuda's native library "
                + LIBRARY
                + " is not on the class path; add org.jcuda:jcuda-natives:12.6.0:linux-x86_64)"),
        said);
  }

  @Test
  void missingJCudaIsNamed() throws Exception {
    String without =
        Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
            .filter(entry -> !entry.contains("jcuda"))
            .collect(Collectors.joining(File.pathSeparator));
    assertEquals(
        List.of("host (no CUDA: JCuda is not on the class path; add org.jcuda:jcuda:12.6.0)"),
        output(start(true, without, List.of(), "best")));
  }

  @Test
  void aFolderThatCannotBeWrittenIsNamedWithTheCure() throws Exception {
    Path file = Files.write(temporary.resolve("file"), GARBAGE);
    List<String> said =
        output(
            start(
                true,
                System.getProperty("java.class.path"),
                List.of("-Dpentrough.nativesFolder=" + file),
                "why"));
    assertTrue(
        said.get(0).startsWith("JCuda's native library could not be unpacked to " + file),
        said::toString);
    assertTrue(
        said.get(0)
            .endsWith(
                "name a folder that can be written with" + " -Dpentrough.nativesFolder=FOLDER"),
        said::toString);
  }

  @Test
  @DisplayName("with a folder named, the shared one need not be there at all")
  void noSharedFolder() throws Exception {
    List<String> flags =
        List.of(
            "-Dpentrough.nativesFolder=" + temporary,
            "-Djava.io.tmpdir=" + temporary.resolve("missing"));
    assertEquals(
        List.of("available", "session done", "mapped: 1 private"),
        output(
            start(true, System.getProperty("java.class.path"), flags, "why", "session", "mapped")));
    assertEquals(List.of(), filesLeft());
  }

  // --- JCuda's other libraries

  private static final String CUBLAS = "libJCublas2-12.6.0-linux-x86_64.so";

  private static final String NO_CUBLAS =
      "JCublas2 cannot be used: cuBLAS is not installed (libcublas.so.12: cannot open shared object"
          + " file: No such file or directory); install the CUDA 12 toolkit's libraries, or name"
          + " their folder in LD_LIBRARY_PATH before the JVM starts";

  /** With the driver, which is loaded by its path, but without cuBLAS until it is, too. */
  private List<String> runWithoutCublas(String... steps) throws Exception {
    List<String> all = new ArrayList<>(List.of(DRIVER.toString()));
    all.addAll(List.of(steps));
    return run(false, all.toArray(new String[0]));
  }

  @Test
  @DisplayName("without cuBLAS there is a sentence each time, and it may still come")
  void noCublas() throws Exception {
    String cublas = DRIVER.resolveSibling("libcublas.so.12").toString();
    assertEquals(
        List.of(NO_CUBLAS, NO_CUBLAS, "loaded", "jcublas: CUBLAS_STATUS_SUCCESS"),
        runWithoutCublas("blas", "blas", cublas, "blas", "jcublas"));
    assertEquals(List.of(), filesLeft());
  }

  @Test
  @DisplayName("a second call is harmless, and nothing is left behind")
  void cublasTwice() throws Exception {
    Path foreign = Files.write(temporary.resolve(CUBLAS), GARBAGE);
    assertEquals(
        List.of(
            "loaded",
            "loaded",
            "mapped: 1 private",
            "jcublas: CUBLAS_STATUS_SUCCESS",
            "tmp: " + temporary + " = " + temporary),
        run(true, "blas", "blas", "cublasMapped", "jcublas", "tmp"));
    assertArrayEquals(GARBAGE, Files.readAllBytes(foreign), "neither loaded nor touched");
    assertEquals(List.of(CUBLAS), filesLeft());
  }

  @Test
  @DisplayName("if the application used JCublas first, its library is used as it is")
  void theApplicationUsedJCublasFirst() throws Exception {
    assertEquals(
        List.of("jcublas: CUBLAS_STATUS_SUCCESS", "loaded", "mapped: 1"),
        run(true, "jcublas", "blas", "cublasMapped"));
  }

  @Test
  void theApplicationFailedWithJCublasFirst() throws Exception {
    List<String> said = runWithoutCublas("jcublas", "blas");
    assertEquals("jcublas: UnsatisfiedLinkError", said.get(0));
    assertEquals(NO_CUBLAS, said.get(1), "what is missing comes first");
    Files.write(temporary.resolve(CUBLAS), GARBAGE); // which JCublas trusts
    said = run(true, "jcublas", "blas");
    assertEquals("jcublas: UnsatisfiedLinkError", said.get(0));
    assertTrue(
        said.get(1)
            .startsWith(
                "JCublas2 cannot be used: JCublas2 has failed to start earlier in this JVM"),
        said::toString);
  }

  @Test
  void otherLibrariesAndOtherClasses() throws Exception {
    assertEquals(
        List.of("loaded", "io.pentrough.device.cuda.OpensCuda is no class of JCuda's"),
        run(true, "runtime", "foreign"));
    assertTrue(run(false, "blas").get(0).startsWith("no CUDA: no NVIDIA driver found"));
    String without =
        Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
            .filter(entry -> !entry.contains("jcublas-natives"))
            .collect(Collectors.joining(File.pathSeparator));
    assertEquals(
        List.of(
            "JCublas2 cannot be used: its native library "
                + CUBLAS
                + " is not on the class path; add the artifact of JCuda's natives that has it"),
        output(start(true, without, List.of(), "blas")));
  }

  private static List<String> tail(List<String> list, int count) {
    return list.subList(list.size() - count, list.size());
  }
}
