package io.pentrough.example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.testkit.JavaCommand;
import io.pentrough.testkit.Patience;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Presses Ctrl-C on a pseudo-terminal. Excluded by its tag where there is no python3 to open one
 * with: see the profile in pom.xml.
 */
@Tag("pty")
@Timeout(60)
class CtrlCTest {

  /** So that the script says so itself. */
  private static final int SECONDS = Patience.PROGRAM_SECONDS - 10;

  @TempDir Path folder;

  @Test
  void endsInOrderWithACheckpointAndStatisticsAndLeaksNothing() throws Exception {
    Path checkpoint = folder.resolve("run");

    Path plot = folder.resolve("loss.png");

    Ended ended =
        pressCtrlC(
            "batches/s",
            "--steps",
            "100000",
            "--checkpoint",
            checkpoint.toString(),
            "--plot",
            plot.toString());

    assertEquals(Train.INTERRUPTED, ended.exitCode, ended.output);
    Matcher step = Pattern.compile("interrupted after step (\\d+) of 100000").matcher(ended.output);
    assertTrue(step.find(), ended.output);
    assertTrue(ended.output.contains(step.group(1) + " batches, "), ended.output);
    assertFalse(ended.output.contains("Exception"), ended.output);
    assertTrue(ended.output.contains("left on the device: nothing"), ended.output);
    assertTrue(Files.size(checkpoint) > 0);
    assertFalse(Files.exists(plot), "as --help says");
    assertFalse(ended.output.contains("No plot"), ended.output);
  }

  @Test
  void endsBeforeTheFirstStepToo() throws Exception {
    Ended ended = pressCtrlC("^", "--steps", "100000");

    assertEquals(Train.INTERRUPTED, ended.exitCode, ended.output);
    assertFalse(ended.output.contains("Exception"), ended.output);
  }

  private record Ended(int exitCode, String output) {}

  private static Ended pressCtrlC(String pattern, String... args) throws Exception {
    List<String> command =
        new ArrayList<>(
            List.of("python3", "src/test/python/ctrl_c.py", pattern, Integer.toString(SECONDS)));
    command.addAll(JavaCommand.start());
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Train.class.getName()));
    command.addAll(List.of("--device", "host", "--batch", "16"));
    command.addAll(List.of(args));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = Patience.output(process);
    return new Ended(process.exitValue(), output);
  }
}
