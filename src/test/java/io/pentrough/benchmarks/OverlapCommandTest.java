package io.pentrough.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

/** It runs to its end, and its tables have their rows. No figure is looked at. */
class OverlapCommandTest {

  @Test
  void bothTables() throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    Overlap overlap = new Overlap(1, new PrintStream(bytes, true, StandardCharsets.UTF_8));

    overlap.sweep(List.of(0.1, 0.2), List.of(1, 2), List.of(Draws.PARETO), 20);
    overlap.depths(List.of(0.1), List.of(2), List.of(1, 2), List.of(Draws.JITTERED), 20, 2);
    overlap.handOvers();

    String text = bytes.toString(StandardCharsets.UTF_8);
    assertEquals(16, text.lines().filter(line -> line.startsWith("| pareto")).count(), text);
    assertEquals(2, text.lines().filter(line -> line.contains("| jittered")).count(), text);
    assertTrue(text.contains("measured less model, 16 runs"), text);
    assertTrue(text.contains("| copy, behind its target"), text);
  }
}
