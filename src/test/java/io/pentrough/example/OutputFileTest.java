package io.pentrough.example;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class OutputFileTest {

  @TempDir Path folder;

  @Test
  void replacesAFile() throws Exception {
    Path file = Files.writeString(folder.resolve("run"), "old");
    write(file, "new");

    assertEquals("new", Files.readString(file));
    assertEquals(List.of("run"), names(folder));
  }

  @Test
  @DisabledOnOs(OS.WINDOWS) // where only administrators may make symbolic links
  void writesTheFileThatALinkLeadsTo() throws Exception {
    Path elsewhere = Files.createDirectory(folder.resolve("elsewhere"));
    Path links = Files.createDirectory(folder.resolve("links"));
    Path target = Files.writeString(elsewhere.resolve("run"), "old");
    Path link = Files.createSymbolicLink(links.resolve("b"), Path.of("../elsewhere/run"));
    Path linkToLink = Files.createSymbolicLink(links.resolve("a"), Path.of("b"));
    write(linkToLink, "new");

    assertEquals("new", Files.readString(target));
    assertEquals(Path.of("b"), Files.readSymbolicLink(linkToLink));
    assertEquals(Path.of("../elsewhere/run"), Files.readSymbolicLink(link));
    assertEquals(List.of("run"), names(elsewhere));
    assertEquals(List.of("a", "b"), names(links));
  }

  @Test
  @DisabledOnOs(OS.WINDOWS)
  void createsTheFileThatALinkNames() throws Exception {
    Path link = Files.createSymbolicLink(folder.resolve("link"), folder.resolve("run"));
    write(link, "new");

    assertTrue(Files.isSymbolicLink(link));
    assertEquals("new", Files.readString(folder.resolve("run")));
  }

  @Test
  @DisabledOnOs(OS.WINDOWS)
  void refusesWhatIsNoRegularFile() throws Exception {
    Path circle = Files.createSymbolicLink(folder.resolve("circle"), Path.of("circle"));
    assertRefused(circle, "circle");
    Path nowhere = Files.createSymbolicLink(folder.resolve("nowhere"), Path.of("gone/run"));
    assertRefused(nowhere, "there is no folder " + folder.resolve("gone") + "; create it first");
    assertRefused(Files.createSymbolicLink(folder.resolve("folder"), folder), "is a folder");
    assertRefused(folder, "is a folder");
    assertRefused(Path.of("/dev/null"), "is a device");
    assertRefused(
        Files.createSymbolicLink(folder.resolve("device"), Path.of("/dev/null")), "is a device");
    Path pipe = folder.resolve("pipe");
    assertEquals(0, new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor());
    assertRefused(pipe, "is a device, pipe or socket, but must be a file");
  }

  private static void assertRefused(Path file, String reason) {
    BadInputException refused =
        assertThrows(
            BadInputException.class, () -> new OutputFile("--plot", file).requireWritable());
    String message = String.valueOf(refused.getMessage());
    assertTrue(message.startsWith("--plot " + file + " "), message);
    assertTrue(message.contains(reason), message);
  }

  /** One run starts, and saves, while the other is in the midst of saving. */
  @Test
  void runsThatShareANameDoNotDisturbEachOther() throws Exception {
    Path file = folder.resolve("run");
    OutputFile one = new OutputFile("--checkpoint", file);
    OutputFile other = new OutputFile("--checkpoint", file);
    one.requireWritable();
    String failure =
        one.write(
            out -> {
              out.write('1');
              other.requireWritable();
              assertNull(other.write(more -> more.write('x')));
              assertEquals("x", Files.readString(file));
              out.write('2');
            });

    assertNull(failure);
    assertEquals("12", Files.readString(file));
    assertEquals(List.of("run"), names(folder));
  }

  @Test
  void startingChangesNothing() throws Exception {
    Path file = Files.writeString(folder.resolve("run"), "old");
    Path foreign = Files.writeString(folder.resolve("run.tmp"), "foreign");
    OutputFile output = new OutputFile("--checkpoint", file);
    output.requireWritable();

    assertEquals("old", Files.readString(file));
    assertEquals("foreign", Files.readString(foreign));
    assertEquals(List.of("run", "run.tmp"), names(folder));
  }

  @Test
  void keepsTheOldContentIfTheDiskIsFull() throws Exception {
    Path file = Files.writeString(folder.resolve("run"), "old");
    String failure =
        new OutputFile("--checkpoint", file)
            .write(
                out -> {
                  out.write(1);
                  throw new IOException("No space left on device");
                });

    assertEquals("--checkpoint " + file + " cannot be written: No space left on device.", failure);
    assertEquals("old", Files.readString(file));
    assertEquals(List.of("run"), names(folder));
  }

  @Test
  void anInterruptDoesNotDisturbIt() throws Exception {
    Path file = folder.resolve("run");
    Thread.currentThread().interrupt();
    write(file, "new");

    assertTrue(Thread.interrupted());
    assertArrayEquals("new".getBytes(UTF_8), Files.readAllBytes(file));
  }

  private static void write(Path file, String content) {
    OutputFile output = new OutputFile("--checkpoint", file);
    output.requireWritable();
    assertNull(output.write(out -> out.write(content.getBytes(UTF_8))));
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }
}
