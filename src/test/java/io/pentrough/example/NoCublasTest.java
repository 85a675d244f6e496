package io.pentrough.example;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** A driver is there, but no cuBLAS; in a JVM of its own, for this one may have loaded it. */
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

  @Test
  @DisplayName("--device cuda says so in a sentence, and what to do")
  void cudaWasAskedFor() throws Exception {
    Path libraries = Files.createDirectory(folder.resolve("lib"));
    Files.copy(DRIVER, libraries.resolve("libcuda.so.1"));
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:+IgnoreUnrecognizedVMOptions",
            "--enable-native-access=ALL-UNNAMED",
            "-Djava.io.tmpdir=" + folder,
            "-cp",
            System.getProperty("java.class.path"),
            Train.class.getName(),
            "--device",
            "cuda",
            "--steps",
            "2");
    builder.environment().put("LD_LIBRARY_PATH", libraries.toString());
    builder.redirectOutput(out.toFile());
    builder.redirectError(err.toFile());
    Process process = builder.start();
    try {
      assertTrue(process.waitFor(60, TimeUnit.SECONDS), "it hangs");
    } finally {
      process.destroyForcibly();
    }
    List<String> said = Files.readAllLines(err, UTF_8);
    assertEquals(2, process.exitValue(), said::toString);
    assertEquals(1, said.size(), said::toString);
    String line = said.get(0);
    assertTrue(line.contains("the network cannot be set up on cuda:0"), line);
    assertTrue(line.contains("cuBLAS is not installed (libcublas.so.12: "), line);
    assertTrue(line.contains("LD_LIBRARY_PATH"), line);
    assertTrue(line.endsWith("--device host does without."), line);
    assertFalse(line.contains("Exception"), line);
    assertEquals("", Files.readString(out));
  }
}
