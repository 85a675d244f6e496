package io.pentrough.example;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.testkit.JavaCommand;
import io.pentrough.testkit.Patience;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The example where a folder, a locale or the like is not what it expects, each in its own JVM. */
@EnabledOnOs(OS.LINUX)
@Timeout(120)
class TrainSurroundingsTest {

  @TempDir Path folder;

  /** No folder by that name is as little use as one that cannot be written, also for root. */
  @Test
  void needsNoFolderForTemporaryFiles() throws Exception {
    Path plot = folder.resolve("loss.png");
    Ended ended =
        train(
            folder.toString(),
            List.of("-Djava.io.tmpdir=/proc/no-such-folder"),
            Map.of(),
            "--steps",
            "3",
            "--plot",
            plot.toString());

    assertEquals(0, ended.exitCode, ended.err);
    assertTrue(ended.out.contains("balanced accuracy"), ended.out);
    assertTrue(Files.size(plot) > 0);
  }

  @Test
  void saysWhatToDoAboutLettersThatTheLocaleLacks() throws Exception {
    for (List<String> args :
        List.of(
            List.of("--volume", folder + "/caf\u00e9.h5"),
            List.of("--checkpoint=" + folder + "/caf\u00e9"),
            List.of("--raw", "/volumes/r\u00f6ntgen"))) {
      Ended ended =
          train(folder.toString(), List.of(), Map.of("LC_ALL", "C"), args.toArray(String[]::new));

      assertEquals(2, ended.exitCode, ended.err);
      assertEquals(1, ended.err.lines().count(), ended.err);
      assertTrue(ended.err.startsWith("The argument "), ended.err);
      assertTrue(ended.err.strip().endsWith("; set LC_ALL=C.UTF-8 and run it again."), ended.err);
    }
  }

  @Test
  void saysWhatToDoAboutAFolderThatTheLocaleCannotName() throws Exception {
    Ended ended =
        train(folder + "/caf\u00e9", List.of(), Map.of("LC_ALL", "C"), "--checkpoint", "run");

    assertEquals(2, ended.exitCode, ended.err);
    assertTrue(ended.err.startsWith("The current folder "), ended.err);
    assertTrue(ended.err.contains("LC_ALL=C.UTF-8"), ended.err);
  }

  private record Ended(int exitCode, String out, String err) {}

  private Ended train(
      String here, List<String> properties, Map<String, String> environment, String... args)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("env"));
    environment.forEach((name, value) -> command.add(name + "=" + value));
    command.addAll(JavaCommand.start());
    command.addAll(properties);
    command.addAll(List.of("-cp", absoluteClassPath(), Train.class.getName()));
    command.addAll(List.of("--device", "host", "--batch", "16"));
    command.addAll(List.of(args));
    // By a script in UTF-8, for this JVM may lack the letters too.
    Path script = folder.resolve("run.sh");
    Files.writeString(
        script,
        ("mkdir -p " + quoted(List.of(here)) + "\ncd " + quoted(List.of(here)))
            + ("\nexec " + quoted(command) + "\n"));
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    ProcessBuilder builder = new ProcessBuilder("sh", script.toString());
    builder.redirectOutput(out.toFile()).redirectError(err.toFile());
    Process process = builder.start();
    int exitCode = Patience.exitCode(process);
    return new Ended(exitCode, read(out), read(err));
  }

  private static String quoted(List<String> command) {
    StringBuilder quoted = new StringBuilder();
    for (String word : command) {
      quoted.append('\'').append(word.replace("'", "'\\''")).append("' ");
    }
    return quoted.toString();
  }

  private static String absoluteClassPath() {
    String separator = System.getProperty("path.separator");
    List<String> entries = new ArrayList<>();
    for (String entry : System.getProperty("java.class.path").split(separator, -1)) {
      entries.add(Path.of(entry).toAbsolutePath().toString());
    }
    return String.join(separator, entries);
  }

  private static String read(Path file) throws IOException {
    return new String(Files.readAllBytes(file), UTF_8);
  }
}
