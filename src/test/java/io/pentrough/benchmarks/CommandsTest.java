package io.pentrough.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** That each benchmark still runs; what it measures is of no interest here. */
class CommandsTest {

  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "overhead --rounds 1 --seconds 0.001 --forks 0",
        "badnews --repetitions 1 --busy 0.001 --stuck 0.01 --idle 0.01",
        "twins --rounds 1 --seconds 0.001",
        "transfer --to 16384 --seconds 0.001 --out OUT",
      })
  void runs(String command) {
    String[] args = command.replace("OUT", folder.toString()).split(" ");
    assertEquals(0, Benchmarks.commandLine().execute(args));
  }
}
