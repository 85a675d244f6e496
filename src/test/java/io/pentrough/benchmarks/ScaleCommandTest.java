package io.pentrough.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.Position;
import io.pentrough.device.TestDevice;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Its tables have their rows, its shards are where it says, its sums are right. */
class ScaleCommandTest {

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);

  @TempDir Path folder;

  @Test
  void everyGroupingIsMeasured() throws Exception {
    Path csv = folder.resolve("figures.csv");

    new GroupThroughput(2, 0.001, List.of(Workload.NULL_SMALL), List.of(1, 3), 2)
        .run(out, folder, Figures.appendedTo(csv));

    String text = text();
    for (Grouping grouping : Grouping.values()) {
      assertEquals(2, rows(text, grouping.toString()), text);
    }
    assertEquals(6, rows(text, "null-small"), text);
    assertTrue(text.contains("|              6 |"), text); // workers of three loaders
    assertTrue(Files.exists(folder.resolve("scale.png")) || text.contains("No chart"), text);
    Figures read = Figures.read(csv);
    assertTrue(
        read.median("loaders in one process", "null-small, 3, ParallelLoader", "batches/s") > 0);
  }

  @Test
  void everyNumberOfShardsIsMeasured() throws Exception {
    PositionGrowth growth = new PositionGrowth(2, 0.0001, 4, List.of(3, 5), 2);

    growth.run(out, folder, Figures.kept());

    String text = text();
    for (PositionGrowth.Case which : PositionGrowth.Case.values()) {
      List<PositionGrowth.Row> rows =
          growth.rows().stream().filter(row -> row.which == which).toList();
      assertEquals(List.of(1, 2, 3, 4), rows.stream().map(row -> row.shards).toList());
      assertEquals(4, rows(text, which + " "), text);
    }
  }

  @Test
  void shardsInStepMakeAPositionWithoutRuns() throws Exception {
    ShardSimulation simulation = new ShardSimulation(TestDevice.open(), 16);

    Position whole = Position.merge(simulation.positions(0, true, null));

    assertEquals(64, whole.index());
    assertTrue(whole.toString().contains(" delivered=- "), whole.toString());
  }

  @Test
  void everyUnorderedShardHasBeenOvertakenAtOneBatch() throws Exception {
    ShardSimulation simulation = new ShardSimulation(TestDevice.open(), 16);

    for (Position position : simulation.positions(2, false, null)) {
      String text = position.toString();
      assertFalse(text.contains(" delivered=- "), text);
    }
  }

  @Test
  void shardsGoOnTogetherWhereOthersHaveEnded() throws Exception {
    ShardSimulation simulation = new ShardSimulation(TestDevice.open(), 4);
    Position first = Position.merge(simulation.positions(8, false, null));

    List<Position> positions = simulation.positions(8, false, first);

    assertTrue(positions.get(0).toString().contains(" base="), positions.get(0).toString());
    assertNotEquals(first, Position.merge(positions));
  }

  @Test
  void aWaitIsTheSumOfItsParts() {
    PositionGrowth.Row row =
        new PositionGrowth.Row(PositionGrowth.Case.ORDERED, 8, 1_000_000, 500_000, 1);
    row.parse[0] = 100;
    row.merge[0] = 20;
    row.write[0] = 7;

    new CheckpointWait(4, List.of(1, 2), 2).print(List.of(row), out);

    String text = text();
    assertTrue(text.startsWith("left out: 4 nodes with 1 tasks each"), text);
    List<String> cells =
        Arrays.asList(
            text.lines()
                .filter(line -> line.startsWith("| 4 x 2 "))
                .findFirst()
                .orElseThrow()
                .split(" *\\| *"));
    assertEquals(
        List.of(
            "4 x 2",
            "apart, in order",
            "0.84 to 1.02",
            "8.0",
            "0.004",
            "0.120",
            "0.007",
            "0.97 to 1.15",
            "97 to 115"),
        cells.subList(1, cells.size()));
  }

  private String text() {
    return bytes.toString(StandardCharsets.UTF_8);
  }

  /** Lines of a table that have such a cell. */
  private static long rows(String text, String cell) {
    return text.lines().filter(line -> line.startsWith("| ") && line.contains(cell)).count();
  }
}
