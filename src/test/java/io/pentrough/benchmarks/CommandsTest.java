package io.pentrough.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** That each benchmark still runs; what it measures is of no interest here. */
class CommandsTest {

  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "overhead --rounds 1 --seconds 0.001 --forks 0",
        "failure-latency --repetitions 1 --warmup 0 --busy 0.001 --stuck 0.01 --idle 0.01",
        "host-kernels --rounds 1 --seconds 0.001",
        "transfer --to 16384 --seconds 0.001 --out OUT",
        "unwritten --rounds 1 --seconds 0.001 --workers 1 --workloads null_small",
        "permutation --rounds 1 --sizes 1,1000,2000",
        "images --rounds 1 --images 10 --batch 4 --side 16",
        "rows --rounds 1 --warm-up 0 --bytes 65536",
        "advice --batches 30 --cases LOOP_ON_THE_DEVICE",
        "trace --rounds 1 --bursts 1",
        "jfr --rounds 1 --bursts 1",
        "scale --rounds 1 --seconds 0.001 --workloads null_small --loaders 1 --max-shards 2"
            + " --nodes 2 --tasks 1,8 --out OUT --csv OUT/scale.csv",
      })
  void runs(String command) {
    String[] args = command.replace("OUT", folder.toString()).split(" ");
    assertEquals(0, Benchmarks.commandLine().execute(args));
  }

  @Test
  @Tag("exhaustive")
  void otherAdvice() {
    runs("advice --batches 30 --cases FILLS_WAIT_IN_ONE_SLOT,STAGES");
  }

  @ParameterizedTest
  @MethodSource("lists")
  void allIsEveryCommandThatNeedsNoGpu(List<String> commands) {
    Set<String> names = new TreeSet<>();
    for (String command : commands) {
      String[] args = command.split(" ");
      Benchmarks.commandLine().parseArgs(args); // throws if there is no such option
      names.add(args[0]);
    }

    Set<String> expected = new TreeSet<>(Benchmarks.commandLine().getSubcommands().keySet());
    expected.removeAll(Set.of("all", "gpu", "pictures", "publish", "waits"));
    assertEquals(expected, names);
  }

  static List<List<String>> lists() {
    return List.of(All.USUAL, All.QUICK);
  }

  @Test
  void allGoesOnBehindACommandThatFails() throws Exception {
    List<String> commands =
        List.of("host-kernels --none", "transfer --to 4096 --seconds 0.001 --out " + folder);
    Path report = folder.resolve("reports").resolve("all.md");
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);

    boolean well = All.run(commands, "Two", out, report);

    String text = bytes.toString(StandardCharsets.UTF_8);
    assertFalse(well, text);
    assertTrue(text.contains("Unknown option: '--none'"), text);
    assertTrue(text.contains("| 4 KiB"), text);
    List<String> lines = text.lines().toList();
    assertEquals(
        List.of("FAILED: host-kernels --none (exit status 2)", "report: " + report),
        lines.subList(lines.size() - 2, lines.size()));
    assertEquals(lines.subList(0, lines.size() - 1), Files.readAllLines(report));
  }

  @Test
  void allIsWellIfEveryCommandIs() throws Exception {
    Path report = folder.resolve("all.md");
    assertTrue(All.run(List.of("host-kernels --help"), "One", System.out, report));
  }

  @Test
  void failuresThatWarmUpAreThrownAway() throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);

    new FailureLatency(1, 2, 0.001, 0.01, 0.01).run(out);

    String text = bytes.toString(StandardCharsets.UTF_8);
    List<String[]> rows =
        text.lines()
            .filter(line -> line.matches("\\| [1-9] .*"))
            .map(line -> line.split(" *\\| *"))
            .toList();
    assertEquals(9, rows.size(), text);
    for (String[] row : rows) { // the first cell is what is left of the table
      assertEquals(row[1].contains("stuck") ? "1" : "2", row[3], text);
      assertEquals("1", row[4], text);
    }
  }

  @Test
  void ratiosOfOneRoundAreDrawn() throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    BarChart chart = new BarChart("ratios", "ratio");
    chart.series("one", List.of(Estimate.ratio(new double[] {3}, new double[] {2})));

    chart.write(List.of("row"), folder.resolve("ratios.png"), out);

    String text = bytes.toString(StandardCharsets.UTF_8);
    assertFalse(text.contains("IllegalArgumentException"), text); // no fonts is another one
  }

  @Test
  void everyBarHasItsLabel() throws Exception {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < 16; i++) {
      names.add("row of a table " + (char) ('a' + i));
    }
    Path file = folder.resolve("labels.png");
    bars(names.size()).write(names, file, System.out);
    assumeTrue(Files.exists(file), "this Java cannot draw, as it has no fonts");
    byte[] picture = Files.readAllBytes(file);

    for (int i = 0; i < names.size(); i++) {
      List<String> others = new ArrayList<>(names);
      others.set(i, "a table of row " + (char) ('a' + i));
      bars(names.size()).write(others, file, System.out);
      assertFalse(Arrays.equals(picture, Files.readAllBytes(file)), "no label at bar " + i);
    }
  }

  private static BarChart bars(int count) {
    BarChart chart = new BarChart("ratios", "ratio");
    Estimate ratio = Estimate.ratio(new double[] {3}, new double[] {2});
    chart.series("one", Collections.nCopies(count, ratio));
    return chart;
  }
}
