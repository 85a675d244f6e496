package io.pentrough.example;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.testkit.JavaCommand;
import io.pentrough.testkit.Patience;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** A driver is there, but no cuBLAS 12; in a JVM of its own, for this one may have loaded it. */
@Tag("cuda")
@Tag("softwareDriver")
@EnabledOnOs(OS.LINUX)
@Timeout(120)
class NoCublasTest {

  private static final Path DRIVER =
      Path.of(
              System.getProperty(
                  "pentrough.softwareCuda.library", "target/software-cuda/libcuda.so.1"))
          .toAbsolutePath();

  @TempDir Path folder;

  private Path libraries;

  @BeforeEach
  void driverAlone() throws IOException {
    libraries = Files.createDirectory(folder.resolve("lib"));
    Files.copy(DRIVER, libraries.resolve("libcuda.so.1"));
    // Where it looks for kernels that gcc has compiled before.
    Path cache = Files.createDirectories(DRIVER.resolveSibling("cache"));
    Files.createSymbolicLink(libraries.resolve("cache"), cache);
  }

  private record Ended(int status, List<String> out, List<String> err) {}

  private Ended train(String... more) throws Exception {
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    List<String> command = JavaCommand.start();
    command.addAll(
        List.of(
            "-XX:+IgnoreUnrecognizedVMOptions",
            "--enable-native-access=ALL-UNNAMED",
            "-Djava.io.tmpdir=" + folder,
            "-cp",
            System.getProperty("java.class.path"),
            Train.class.getName(),
            "--batch",
            "16",
            "--steps",
            "2"));
    command.addAll(List.of(more));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().put("LD_LIBRARY_PATH", libraries.toString());
    builder.redirectOutput(out.toFile());
    builder.redirectError(err.toFile());
    Process process = builder.start();
    int exitCode = Patience.exitCode(process);
    return new Ended(exitCode, Files.readAllLines(out, UTF_8), Files.readAllLines(err, UTF_8));
  }

  @Test
  @DisplayName("--device cuda says so in a sentence, and what to do")
  void cudaWasAskedFor() throws Exception {
    Ended ended = train("--device", "cuda");
    assertEquals(2, ended.status, ended::toString);
    assertEquals(1, ended.err.size(), ended::toString);
    String line = ended.err.get(0);
    assertTrue(line.contains("the network cannot be set up on cuda:0"), line);
    assertTrue(line.contains("cuBLAS is not installed (libcublas.so.12: "), line);
    assertTrue(line.contains("LD_LIBRARY_PATH"), line);
    assertTrue(line.endsWith("--device host does without."), line);
    assertFalse(line.contains("Exception"), line);
    assertEquals(List.of(), ended.out);
  }

  @Test
  @DisplayName("if nobody asked for CUDA the network runs on the host, and one line says why")
  void fallsBack() throws Exception {
    Ended ended = train();
    assertEquals(0, ended.status, ended::toString);
    String line = ended.err.get(0);
    assertTrue(line.startsWith("The network runs on the host: "), ended::toString);
    assertTrue(line.contains("cuBLAS is not installed (libcublas.so.12: "), line);
    assertTrue(
        ended.err.stream().skip(1).allMatch(later -> later.startsWith("step ")), ended::toString);
    assertEquals("device: host", ended.out.get(0));
  }

  @Test
  @DisplayName("cuBLAS 13 serves by way of the library that forwards to it")
  void forwarded() throws Exception {
    Files.copy(
        DRIVER.resolveSibling("cublas13").resolve("libcublas.so.12"),
        libraries.resolve("libcublas.so.12"));
    Files.copy(DRIVER.resolveSibling("libcublas.so.12"), libraries.resolve("libcublas.so.13"));

    Ended ended = train("--device", "cuda");

    assertEquals(0, ended.status, ended::toString);
    assertTrue(ended.out.get(0).startsWith("device: cuda:0 "), ended::toString);
  }

  @Test
  @Tag("exhaustive")
  @DisplayName("the library that forwards says so if there is no cuBLAS 13 either")
  void nothingToForwardTo() throws Exception {
    Files.copy(
        DRIVER.resolveSibling("cublas13").resolve("libcublas.so.12"),
        libraries.resolve("libcublas.so.12"));

    Ended ended = train("--device", "cuda");

    assertEquals(2, ended.status, ended::toString);
    assertTrue(ended.err.get(0).contains("libcublas.so.13: cannot open"), ended::toString);
    assertTrue(ended.err.get(1).contains("cublasCreate failed with 15"), ended::toString);
  }
}
