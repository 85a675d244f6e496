package io.pentrough.example;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CheckpointTest {

  private static final int STEPS = 20;

  @TempDir Path folder;
  private Path volume;

  @BeforeEach
  void writeVolume() {
    byte[][][] raw = TestVolumes.raw(8, 8, 30);
    Random random = new Random(1);
    for (byte[][] slice : raw) {
      for (byte[] row : slice) {
        random.nextBytes(row);
      }
    }
    volume =
        TestVolumes.write(
            folder.resolve("v.h5"), raw, true, TestVolumes.labels(8, 8, 30, 3), 4, 4, 4);
  }

  @ParameterizedTest
  @CsvSource({"1, 1, none", "1, 4, flips", "4, 1, flips", "1, 2, full"})
  void anInterruptedRunEndsLikeAnUninterruptedOneBitForBit(
      int workersBefore, int workersAfter, String augment) throws Exception {
    Path whole = folder.resolve("whole");
    Path part = folder.resolve("part");
    Result uninterrupted = train(() -> {}, "--checkpoint", whole.toString(), "--augment", augment);
    assertEquals(0, uninterrupted.exitCode, uninterrupted.err);

    Result first =
        train(
            () -> Thread.currentThread().interrupt(),
            ("--checkpoint " + part + " --workers " + workersBefore + " --augment " + augment)
                .split(" "));
    assertEquals(Train.INTERRUPTED, first.exitCode, first.err);
    assertTrue(first.out.contains("interrupted after step 8 of 20; --resume " + part), first.out);
    assertTrue(first.out.contains("8 batches, "), "no statistics: " + first.out);
    Result second =
        train(
            () -> {},
            ("--resume " + part + " --checkpoint " + part + " --workers " + workersAfter)
                .concat(" --augment " + augment)
                .split(" "));

    assertEquals(0, second.exitCode, second.err);
    assertEquals(accuracy(uninterrupted), accuracy(second));
    assertArrayEquals(Files.readAllBytes(whole), Files.readAllBytes(part));
    try (Stream<Path> left = Files.list(folder)) {
      assertEquals(3, left.count(), "something is left over");
    }
  }

  @Test
  void aKilledRunGoesOnFromTheLastOfItsRegularCheckpoints() throws Exception {
    Path whole = folder.resolve("whole");
    Path saved = folder.resolve("saved");
    Result uninterrupted =
        train(
            () -> copy(whole, saved), "--checkpoint", whole.toString(), "--checkpoint-every", "3");
    Result resumed = train(() -> {}, "--resume", saved.toString());

    assertEquals(0, resumed.exitCode, resumed.err);
    assertEquals(accuracy(uninterrupted), accuracy(resumed));
    assertTrue(
        resumed.out.contains("14 batches, "), "not from step 6, the last before 8: " + resumed.out);
  }

  @Test
  void anEndedRunResumedIsEvaluatedOnly() throws Exception {
    Path file = folder.resolve("end");
    Result first = train(() -> {}, "--checkpoint", file.toString());
    Result again = train(() -> {}, "--resume", file.toString());

    assertEquals(0, again.exitCode, again.err);
    assertEquals(accuracy(first), accuracy(again));
  }

  @Test
  void refusesWhateverDamageTheFileHas() throws Exception {
    Path file = folder.resolve("run");
    train(() -> {}, "--checkpoint", file.toString());
    byte[] good = Files.readAllBytes(file);
    SplittableRandom random = new SplittableRandom(2);
    for (int i = 0; i < 10; i++) {
      byte[] bad = good.clone();
      if (i % 2 == 0) {
        bad[random.nextInt(Long.BYTES, bad.length)] ^= (byte) (1 << random.nextInt(8));
      } else {
        bad = Arrays.copyOf(bad, random.nextInt(Long.BYTES, bad.length));
      }
      Files.write(file, bad);
      assertRefused(train(() -> {}, "--resume", file.toString()), file + " is damaged");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "--patch 5, 'with --patch 3, but this one has --patch 5'",
    "--batch 17, 'with --batch 16, but this one has --batch 17'",
    "--steps 21, 'with --steps 20, but this one has --steps 21'",
    "--seed 6, 'with --seed 0, but this one has --seed 6'",
    "--augment none, 'with --augment full, but this one has --augment none'",
  })
  void refusesTheCheckpointOfAnotherRun(String other, String named) throws Exception {
    Path file = folder.resolve("run");
    train(() -> {}, "--checkpoint", file.toString());

    String[] option = other.split(" ", 2);
    assertRefused(train(() -> {}, "--resume", file.toString(), option[0], option[1]), named);
  }

  @Test
  void refusesTheCheckpointOfAnotherVolume() throws Exception {
    Path file = folder.resolve("run");
    train(() -> {}, "--checkpoint", file.toString());
    byte[][][] raw = TestVolumes.raw(8, 8, 30); // the same size
    TestVolumes.write(volume, raw, true, TestVolumes.labels(8, 8, 30, 3));

    assertRefused(
        train(() -> {}, "--resume", file.toString()), "with a volume of 8 x 8 x 30 with checksum");
  }

  @Test
  void aCheckpointThatFailsIsReportedAndTheRunGoesOn() throws Exception {
    Path runs = Files.createDirectory(folder.resolve("runs"));
    Path file = runs.resolve("run");
    Result result =
        train(
            () -> {
              delete(file);
              delete(runs);
            },
            "--checkpoint",
            file.toString(),
            "--checkpoint-every",
            "3");

    assertEquals(Train.NOT_SAVED, result.exitCode, result.err);
    assertTrue(result.out.contains("balanced accuracy"), result.out);
    List<String> said = result.err.lines().filter(line -> !line.startsWith("step ")).toList();
    assertEquals(
        List.of(
            "--checkpoint "
                + file
                + " cannot be written: there is no folder "
                + runs
                + "; create it first. The run goes on after step 9 without this checkpoint.",
            "5 of 7 checkpoints could not be written; the last one is among them."),
        said);
  }

  @Test
  void aCheckpointThatFailedIsNotForgottenWhenALaterOneIsWritten() throws Exception {
    Path runs = Files.createDirectory(folder.resolve("runs"));
    Path file = runs.resolve("run");
    Path away = folder.resolve("away");
    int[] moves = {0};
    Result result =
        train(
            line -> {
              if (line.startsWith("step 8 ")) {
                move(runs, away);
                moves[0]++;
              } else if (line.startsWith("step 14 ")) {
                move(away, runs);
                moves[0]++;
              }
            },
            "--checkpoint",
            file.toString(),
            "--checkpoint-every",
            "5");

    assertEquals(2, moves[0]);
    assertEquals(Train.NOT_SAVED, result.exitCode, result.err);
    assertTrue(
        result.err.contains("1 of 4 checkpoints could not be written; the last one was."),
        result.err);
    assertEquals(0, train(() -> {}, "--resume", file.toString()).exitCode);
  }

  @Test
  void anInterruptedRunThatCouldNotBeSavedDoesNotSayThatItWas() throws Exception {
    Path runs = Files.createDirectory(folder.resolve("runs"));
    Path file = runs.resolve("run");
    Result result =
        train(
            () -> {
              delete(runs);
              Thread.currentThread().interrupt();
            },
            "--checkpoint",
            file.toString());

    assertEquals(Train.INTERRUPTED, result.exitCode, result.err);
    assertTrue(result.out.lines().anyMatch("interrupted after step 8 of 20"::equals), result.out);
    assertTrue(result.err.contains("cannot be written: there is no folder " + runs), result.err);
  }

  @Test
  void aPlotThatCannotBeWrittenIsReportedAtTheEnd() throws Exception {
    Path plots = Files.createDirectory(folder.resolve("plots"));
    Path plot = plots.resolve("loss.png");
    Result result = train(() -> delete(plots), "--plot", plot.toString());

    assertEquals(Train.NOT_SAVED, result.exitCode, result.err);
    assertTrue(result.out.contains("balanced accuracy"), result.out);
    assertTrue(
        result.err.contains("--plot " + plot + " cannot be written: there is no folder " + plots),
        result.err);
  }

  @Test
  @DisabledOnOs(OS.WINDOWS) // where only administrators may make symbolic links
  void refusesToWriteOverTheFilesThatItReads() throws Exception {
    Path file = folder.resolve("run");
    train(() -> {}, "--checkpoint", file.toString());
    Path link = Files.createSymbolicLink(folder.resolve("link"), volume);
    byte[] before = Files.readAllBytes(volume);

    assertRefused(
        train(() -> {}, "--checkpoint", volume.toString()), "would write over --volume " + volume);
    assertRefused(train(() -> {}, "--plot", link.toString()), "would write over --volume");
    assertRefused(
        train(() -> {}, "--resume", file.toString(), "--plot", file.toString()),
        "would write over --resume");
    Path other = folder.resolve("other");
    assertRefused(
        train(() -> {}, "--checkpoint", other.toString(), "--plot", folder + "/./other"),
        "would write over --checkpoint");
    assertArrayEquals(before, Files.readAllBytes(volume));
  }

  @Test
  @DisabledOnOs(OS.WINDOWS) // where only administrators may make symbolic links
  void refusesToResumeWhatIsNoFile() throws Exception {
    assertRefused(train(() -> {}, "--resume", folder.toString()), "is a folder");
    assertRefused(train(() -> {}, "--resume", "/dev/zero"), "is a device");
    Path pipe = folder.resolve("pipe");
    assertEquals(0, new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor());
    assertRefused(train(() -> {}, "--resume", pipe.toString()), "pipe");
    Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of("gone"));
    assertRefused(train(() -> {}, "--resume", link.toString()), "a file that does not exist");
  }

  private static void delete(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void move(Path from, Path to) {
    try {
      Files.move(from, to);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void assertRefused(Result result, String named) {
    assertEquals(2, result.exitCode, result.err);
    assertEquals("", result.out);
    assertEquals(1, result.err.lines().count(), result.err);
    assertTrue(result.err.contains(named), result.err);
    assertFalse(result.err.contains("Exception"), result.err);
  }

  private static String accuracy(Result result) {
    return result.out.lines().filter(line -> line.contains("accuracy")).findFirst().orElseThrow();
  }

  private static void copy(Path from, Path to) {
    try {
      Files.copy(from, to);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private record Result(int exitCode, String out, String err) {}

  /**
   * Trains on the volume.
   *
   * @param afterStep8 runs on the training thread
   * @param args override the defaults
   */
  private Result train(Runnable afterStep8, String... args) throws Exception {
    return train(
        line -> {
          if (line.startsWith("step 8 ")) { // every second step is reported
            afterStep8.run();
          }
        },
        args);
  }

  /**
   * Trains on the volume.
   *
   * @param afterLine gets each line of the standard error on the training thread
   * @param args override the defaults
   */
  private Result train(Consumer<String> afterLine, String... args) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    OutputStream watched =
        new OutputStream() {
          @Override
          public void write(int b) {
            err.write(b);
            if (b == '\n') {
              List<String> lines = err.toString(UTF_8).lines().toList();
              afterLine.accept(lines.get(lines.size() - 1));
            }
          }
        };
    List<String> all = new ArrayList<>();
    List<String> defaults =
        List.of(
            "--volume",
            volume.toString(),
            "--raw",
            "/raw",
            "--labels",
            "/labels",
            "--patch",
            "3",
            "--batch",
            "16",
            "--steps",
            Integer.toString(STEPS),
            "--device",
            "host");
    List<String> own = List.of(args);
    for (int i = 0; i < defaults.size(); i += 2) {
      if (!own.contains(defaults.get(i))) {
        all.addAll(defaults.subList(i, i + 2));
      }
    }
    all.addAll(own);
    int exitCode =
        Train.run(
            all.toArray(String[]::new),
            new PrintStream(out, true, UTF_8),
            new PrintStream(watched, true, UTF_8));
    return new Result(exitCode, out.toString(UTF_8), err.toString(UTF_8));
  }
}
