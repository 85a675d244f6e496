package io.pentrough.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Figures on their way from a machine with a GPU into a page. */
class PublishCommandTest {

  @TempDir private Path folder;

  private Path csv;
  private Path page;
  private final StringWriter err = new StringWriter();

  @BeforeEach
  void makePage() throws IOException {
    csv = folder.resolve("figures.csv");
    page = folder.resolve("page.md");
    Files.writeString(
        page, "before\n" + PublishCommand.BEGIN + "old\n" + PublishCommand.END + "behind\n");
  }

  private void measured(String device) throws IOException {
    Figures figures = Figures.appendedTo(csv);
    figures.fact("device: " + device);
    figures.add("calls", "record, and wait", "ns", 30, 10, 20);
    figures.add("calls", "query", "ns", 1234.4);
    Figures.appendedTo(csv).add("kernels", "warp", "GB/s", 0.25);
  }

  private int publish(String... more) {
    List<String> args = new ArrayList<>(List.of("publish", "--csv", csv.toString()));
    args.addAll(List.of(more));
    CommandLine commandLine = Benchmarks.commandLine().setErr(new PrintWriter(err));
    return commandLine.execute(args.toArray(String[]::new));
  }

  @Test
  @DisplayName("the tables take the place of what stands between the markers, and nothing else")
  void publishes() throws IOException {
    measured("cuda:0 (a GPU)");
    for (int times = 0; times < 2; times++) { // the second time changes nothing
      assertEquals(0, publish("--into", page.toString()), err::toString);
      String text = Files.readString(page);
      assertTrue(text.startsWith("before\n" + PublishCommand.BEGIN), text);
      assertTrue(text.endsWith(PublishCommand.END + "behind\n"), text);
      assertFalse(text.contains("old"), text);
      assertTrue(text.contains("- device: cuda:0 (a GPU)\n"), text);
      assertTrue(text.contains("| record, and wait | 20 [10, 30] |"), text);
      assertTrue(text.contains(" 1,234 |"), text);
      assertTrue(text.contains("| warp    | 0.250 |"), text);
      assertEquals(2, text.split("<!--", -1).length - 1, text);
    }
  }

  @Test
  @DisplayName("figures of the software driver are refused, but for another page on request")
  void software() throws IOException {
    measured("cuda:0 (Pentrough software CUDA device (no GPU))");
    assertEquals(2, publish("--into", page.toString()));
    assertTrue(err.toString().contains("of the software CUDA driver, which mean nothing"));
    assertEquals(2, publish("--allow-software"));
    assertTrue(Files.readString(page).contains("old"));
    assertEquals(0, publish("--allow-software", "--into", page.toString()), err::toString);
    assertTrue(Files.readString(page).contains("**Of the software CUDA driver: no figure"));
  }

  @Test
  @DisplayName(
      "a file without a device, one that is no CSV, and a page without markers are refused")
  void refuses() throws IOException {
    Files.writeString(csv, Figures.HEADER + "\n");
    assertEquals(2, publish("--into", page.toString()));
    assertTrue(err.toString().contains("does not say which device was measured"));
    measured("cuda:0 (a GPU)");
    Files.writeString(page, "no place\n");
    assertEquals(2, publish("--into", page.toString()));
    assertTrue(err.toString().contains("has no place for the figures"));
    Files.writeString(csv, "hello\n");
    assertEquals(2, publish("--into", page.toString()));
    assertTrue(err.toString().contains("is no CSV of figures: line 1 is: hello"), err::toString);
  }

  @Test
  @DisplayName(
      "docs/performance.md has a place for them, which claims nothing of the software driver")
  void place() throws IOException {
    String text = Files.readString(PublishCommand.PAGE);
    int begin = text.indexOf(PublishCommand.BEGIN);
    assertTrue(begin > 0 && text.indexOf(PublishCommand.END) > begin);
    assertFalse(Devices.isSoftware(text.substring(begin)));
  }

  @Test
  @DisplayName("of many samples some are kept, evenly")
  void thinned() {
    Figures figures = Figures.kept();
    double[] many = new double[10_001];
    for (int i = 0; i < many.length; i++) {
      many[i] = i;
    }
    figures.add("part", "case", "ns", many);
    assertEquals(5000, figures.median("part", "case", "ns"), 50);
  }
}
