package io.pentrough.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** It runs to its end, and its tables have their rows. No figure is looked at. */
class GrowthCommandTest {

  @TempDir Path folder;

  @Test
  void everyAxis() throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);

    new Growth(2, 0.001, List.of(Growth.Axis.values()), 2, 16 << 10, out).run(folder);

    String text = bytes.toString(StandardCharsets.UTF_8);
    for (Growth.Axis axis : Growth.Axis.values()) {
      // two values, and three figures to judge
      long rows = text.lines().filter(line -> line.startsWith("| " + axis + " ")).count();
      assertEquals(5, rows, axis + " in " + text);
    }
    assertTrue(Files.exists(folder.resolve("growth.png")) || text.contains("No chart"), text);
  }

  @Test
  void aVerdictNeedsTheWholeInterval() {
    assertEquals("flat", Growth.verdict(new Estimate(1.02, 0.9, 1.1)));
    assertEquals("grows", Growth.verdict(new Estimate(3, 1.3, 7)));
    assertEquals("falls", Growth.verdict(new Estimate(0.3, 0.2, 0.7)));
    assertEquals("too noisy to tell", Growth.verdict(new Estimate(0.84, 0.02, 30.9)));
  }

  @Test
  void slopeOfPowers() {
    assertEquals(0, Growth.slope(new double[] {0, 1, 2}, new double[] {3, 3, 3}));
    assertEquals(1.5, Growth.slope(new double[] {0, 1, 2}, new double[] {1, 2.5, 4}), 1e-12);
  }
}
