package io.pentrough.device.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** An application with a JCuda of another version than Pentrough is built with. */
@Tag("cuda")
@Tag("softwareDriver")
@EnabledOnOs(OS.LINUX)
@Timeout(180)
class JCudaVersionsTest {

  private static final String CLASSES = "jcuda-%s.jar";
  private static final String NATIVES = "jcuda-natives-%s-linux-x86_64.jar";

  /** What the build has put there. */
  private static final Path OLDEST =
      Path.of(System.getProperty("pentrough.oldestJCuda", "target/oldest-jcuda")).toAbsolutePath();

  @TempDir Path temporary;

  private List<String> run(String classes, String natives, String... steps) throws Exception {
    List<String> classPath = new ArrayList<>();
    for (String jar : List.of(CLASSES.formatted(classes), NATIVES.formatted(natives))) {
      classPath.add(jar(jar).toString());
    }
    classPath.add(Jvm.classPathWithout(entry -> entry.contains("jcuda")));
    return new Jvm(temporary)
        .start(String.join(File.pathSeparator, classPath), OpensCuda.class, steps)
        .said();
  }

  private static Path jar(String name) {
    for (String entry : Jvm.classPath()) {
      if (entry.endsWith(File.separator + name)) {
        return Path.of(entry);
      }
    }
    Path jar = OLDEST.resolve(name);
    assertTrue(Files.isRegularFile(jar), jar + " is not there; get it: mvn test-compile");
    return jar;
  }

  @Test
  @DisplayName("the oldest JCuda 12 works, with natives of its own")
  void oldest() throws Exception {
    List<String> said = run("12.0.0", "12.0.0", "best", "session", "mapped");
    assertTrue(said.get(0).startsWith("cuda:0 (Pentrough software CUDA device"), said::toString);
    assertEquals(List.of("session done", "mapped: 1 private"), said.subList(1, 3));
  }

  @Test
  @DisplayName("two versions that do not go together are both named")
  void mixed() throws Exception {
    assertEquals(
        List.of(
            "JCuda 12.0.0 does not go together with natives of version 12.6.0; use"
                + " org.jcuda:jcuda-natives:12.0.0:linux-x86_64"),
        run("12.0.0", "12.6.0", "why"));
    assertEquals(
        List.of(
            "JCuda 12.6.0 does not go together with natives of version 12.0.0; use"
                + " org.jcuda:jcuda-natives:12.6.0:linux-x86_64"),
        run("12.6.0", "12.0.0", "why"));
  }
}
