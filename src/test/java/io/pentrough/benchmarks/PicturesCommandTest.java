package io.pentrough.benchmarks;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.benchmarks.PicturesCommand.Part;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.api.parallel.Resources;

/** The pictures of the pages, and the command that makes them. */
class PicturesCommandTest {

  private static final Pattern LINK = Pattern.compile("]\\(([^)\\s]+\\.png)\\)");

  @TempDir private Path folder;

  private static Set<Path> pictures() throws IOException {
    try (Stream<Path> files = Files.walk(PicturesCommand.FOLDER)) {
      return files
          .filter(file -> file.toString().endsWith(".png"))
          .collect(Collectors.toCollection(TreeSet::new));
    }
  }

  @Test
  @Tag("sources")
  @DisplayName("each picture in docs/images is one that the command makes, and none is missing")
  void eachIsMade() throws Exception {
    Set<Path> made =
        Stream.of(Part.values())
            .flatMap(part -> part.files().stream())
            .map(PicturesCommand.FOLDER::resolve)
            .collect(Collectors.toCollection(TreeSet::new));
    assertEquals(made, pictures());
  }

  @Test
  @Tag("sources")
  @DisplayName("each picture in docs/images is shown by a page, or a page links to it")
  void eachIsShown() throws Exception {
    Set<Path> shown = new TreeSet<>();
    List<Path> pages = new ArrayList<>(List.of(Path.of("README.md")));
    try (Stream<Path> files = Files.walk(Path.of("docs"))) {
      files.filter(file -> file.toString().endsWith(".md")).forEach(pages::add);
    }
    for (Path page : pages) {
      Matcher link = LINK.matcher(Files.readString(page));
      while (link.find()) {
        Path beside = page.getParent();
        shown.add((beside == null ? Path.of("") : beside).resolve(link.group(1)).normalize());
      }
    }
    shown.retainAll(pictures());
    assertEquals(pictures(), shown);
  }

  private String printed(int status, String... args) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PrintStream before = System.out;
    System.setOut(new PrintStream(bytes, true, StandardCharsets.UTF_8));
    try {
      List<String> all =
          Stream.concat(
                  Stream.of("pictures", "--into", folder.resolve("images").toString()),
                  Stream.of(args))
              .toList();
      int seen = Benchmarks.commandLine().execute(all.toArray(String[]::new));
      assertEquals(status, seen, () -> bytes.toString(StandardCharsets.UTF_8));
    } finally {
      System.setOut(before);
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Test
  @ResourceLock(Resources.SYSTEM_OUT)
  @DisplayName("charts of figures stay as they are, unless they are asked for")
  void chartsStay() {
    String said = printed(0, "--parts", "charts");
    assertTrue(said.startsWith("Left as they are, as they show figures: "), said);
    assertTrue(said.contains("--measure"), said);
  }

  @Test
  @ResourceLock(Resources.SYSTEM_OUT)
  @DisplayName("charts are taken from a folder, and a line names each that is not there")
  void chartsAreTaken() throws Exception {
    Path measured = Files.createDirectories(folder.resolve("measured"));
    byte[] chart = {1, 2, 3};
    Files.write(measured.resolve("growth.png"), chart);
    String said = printed(1, "--parts", "charts", "--charts", measured.toString());
    assertArrayEquals(chart, Files.readAllBytes(folder.resolve("images/growth.png")));
    assertEquals(4, said.lines().filter(line -> line.startsWith("Not made: ")).count(), said);
  }

  @Test
  @ResourceLock(Resources.SYSTEM_OUT)
  @DisplayName("without a browser a line says which pictures are missing, and what to do")
  void noBrowser() {
    String said = printed(1, "--parts", "timelines", "--browser", "no-such-browser");
    assertTrue(said.startsWith("Not made: "), said);
    assertTrue(said.contains("timeline-held.png") && said.contains("--browser"), said);
  }
}
