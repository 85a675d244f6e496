package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.api.parallel.Resources;

/** The sample of README.md does what it says, and is the one that was tried. */
@Timeout(60)
class ReadmeSampleTest {

  private static final Path README = Path.of("README.md");

  @Test
  @ResourceLock(Resources.SYSTEM_OUT)
  @DisplayName("the sample trains on every patch it was given, and prints the statistics")
  void runs() throws Exception {
    ReadmeSample sample = new ReadmeSample(20);
    PrintStream out = System.out;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
    try {
      sample.run();
    } finally {
      System.setOut(out);
    }
    assertEquals(20 * 16, sample.labels.size());
    for (int i = 0; i < sample.labels.size(); i++) {
      int grey = Byte.toUnsignedInt(sample.voxels.get(i));
      assertEquals(grey < 128 ? 0 : 1, sample.labels.get(i), "patch " + i);
    }
    assertEquals(List.of(0, 1), sample.labels.stream().distinct().sorted().toList());
    assertTrue(printed.toString(StandardCharsets.UTF_8).contains("20 batches"), printed::toString);
  }

  @Test
  @DisplayName("README.md carries the compiled sample, but for the line breaks")
  void readmeHasIt() throws Exception {
    String sample = Snippets.compiled(ReadmeSample.class).get("sample");
    assertTrue(Snippets.shown(README).contains(sample), "README.md lacks the compiled sample");
  }
}
