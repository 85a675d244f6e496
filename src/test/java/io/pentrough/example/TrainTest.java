package io.pentrough.example;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.cuda.CudaProvider;
import io.pentrough.testkit.Exhaustive;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TrainTest {

  @TempDir Path folder;

  @Test
  void printsDeviceFiguresAndStatistics() throws Exception {
    Result result = train("--steps", "20", "--batch", "256", "--device", "host");

    assertEquals(0, result.exitCode, result.err);
    List<String> lines = result.out.lines().toList();
    assertEquals("device: host", lines.get(0));
    assertTrue(
        lines
            .get(1)
            .matches(
                "validation balanced accuracy: 0\\.\\d{3} \\(single-voxel baseline 0\\.\\d{3}\\)"),
        lines.get(1));
    // 20 batches of 256: 29 words are drawn, 9^3 bytes copied and 7^3 floats made; 4 is the label.
    assertEquals(
        "copied to the device: 4.1 MiB as uint8, with what was drawn to vary it; as float32 it"
            + " would have been 6.7 MiB, 1.6 times as much",
        lines.get(2));
    assertTrue(lines.get(3).startsWith("20 batches, "), lines.get(3));
    List<String> progress = result.err.lines().toList();
    assertEquals(10, progress.size(), "a line every tenth of the way where there is no terminal");
    assertTrue(
        progress.get(9).matches("step 20 of 20: loss .*, \\d+ batches/s, .* % waiting"),
        progress.get(9));
  }

  @ParameterizedTest
  @CsvSource({
    "--augment none, '2.3 MiB', '6.7 MiB, 3.0 times as much'",
    "--augment flips, '2.3 MiB', '6.7 MiB, 3.0 times as much'",
    "--augment full --patch 1, '0.7 MiB', '0.0 MiB, so nothing is saved'",
  })
  void saysWhatWasSavedOnTheBusIfAnything(String args, String copied, String otherwise)
      throws Exception {
    Result result = train((args + " --steps 20 --batch 256 --device host").split(" "));

    assertEquals(0, result.exitCode, result.err);
    assertEquals(
        "copied to the device: "
            + copied
            + " as uint8, with what was drawn to vary it; as float32"
            + " it would have been "
            + otherwise,
        result.out.lines().toList().get(2));
  }

  @Test
  void sameSeedGivesTheSameFigureWhateverTheWorkers() throws Exception {
    String first = figure("--seed", "7", "--workers", "1");

    assertEquals(first, figure("--seed", "7", "--workers", "1"));
    assertEquals(first, figure("--seed", "7", "--workers", "2"));
    assertEquals(first, figure("--seed", "7", "--workers", "8"));
    assertTrue(!first.equals(figure("--seed", "8")), "the seed changes nothing");
  }

  @Test
  void eachWayToVaryThePatchesIsItsOwnWhateverTheWorkers() throws Exception {
    String none = figure("--augment", "none", "--workers", "1");
    String flips = figure("--augment", "flips", "--workers", "1");
    String full = figure("--augment", "full", "--workers", "1");

    assertEquals(3, Set.of(none, flips, full).size());
    assertEquals(none, figure("--augment", "none", "--workers", "2"));
    assertEquals(flips, figure("--augment", "flips", "--workers", "2"));
    assertEquals(full, figure("--augment", "FULL", "--workers", "2"));
  }

  /** A third of the default steps, or of the work; the same options give the same figure. */
  @Test
  @Timeout(120)
  void beatsTheBaselineByMuch() throws Exception {
    String options = Exhaustive.ON ? "--steps 1000" : "--steps 600 --batch 64";
    Result result = train(options.split(" "));

    assertEquals(0, result.exitCode, result.err);
    Matcher figures =
        Pattern.compile("balanced accuracy: (0\\.\\d+) \\(single-voxel baseline (0\\.\\d+)\\)")
            .matcher(result.out);
    assertTrue(figures.find(), result.out);
    double margin = Double.parseDouble(figures.group(1)) - Double.parseDouble(figures.group(2));
    assertTrue(margin >= 0.05, "only " + margin + " above the baseline");
  }

  /** The loss at the end and the figures. */
  private static String figure(String... args) throws Exception {
    String[] all = Arrays.copyOf(args, args.length + 4);
    System.arraycopy(new String[] {"--steps", "25", "--batch", "48"}, 0, all, args.length, 4);
    Result result = train(all);
    assertEquals(0, result.exitCode, result.err);
    String progress = result.err.lines().toList().get(9);
    return progress.substring(0, progress.indexOf(',')) + result.out.lines().toList().get(1);
  }

  @Test
  void writesATimelineOfTheRun() throws Exception {
    Path page = folder.resolve("timeline.html");
    Files.writeString(page, "an older page");

    Result result =
        train("--steps", "5", "--batch", "16", "--device", "host", "--timeline", page.toString());

    assertEquals(0, result.exitCode, result.err);
    String html = Files.readString(page);
    assertTrue(html.startsWith("<!DOCTYPE html>"), html);
    assertTrue(html.contains("\"stages\":true"), "the augmentation has a row");
    assertTrue(
        html.contains(
            result.out.lines().filter(l -> l.startsWith("5 batches")).findAny().orElseThrow()),
        "the statistics on the page are those that are printed");
  }

  @Test
  void comparesTheLoaderWithBatchesThatItHolds() throws Exception {
    Result result = train("--steps", "120", "--batch", "16", "--device", "host");

    assertEquals(0, result.exitCode, result.err);
    Matcher rates =
        Pattern.compile(
                "steps/s in the second half: ([0-9.]+); without the ([0-9.]+) % in which the loop"
                    + " waited for data: ([0-9.]+); measured with the loader at rest, on the same"
                    + " few batches again and again: ([0-9.]+)")
            .matcher(result.out);
    assertTrue(rates.find(), result.out);
    double steps = Double.parseDouble(rates.group(1));
    double waited = Double.parseDouble(rates.group(2)) / 100;
    assertEquals(steps / (1 - waited), Double.parseDouble(rates.group(3)), 0.01 * steps);
    assertTrue(Double.parseDouble(rates.group(4)) > 0);
    assertTrue(result.out.contains("left on the device: nothing"), result.out);
  }

  @Test
  void refusesATimelineOverAnotherFile() throws Exception {
    String file = folder.resolve("run").toString();
    assertRefused(
        train("--steps", "1", "--timeline", file, "--plot", file), "would write over --plot");
  }

  @Test
  void helpListsTheOptions() throws Exception {
    Result result = train("--help");

    assertEquals(0, result.exitCode);
    for (String option :
        List.of(
            "--volume",
            "--raw",
            "--labels",
            "--steps",
            "--batch",
            "--patch",
            "--augment",
            "--checkpoint",
            "--resume",
            "--plot",
            "--timeline")) {
      assertTrue(result.out.contains(option + "="), option);
    }
    for (int exitCode : new int[] {0, 1, 2, Train.NOT_SAVED, Train.INTERRUPTED}) {
      assertTrue(result.out.lines().anyMatch(line -> line.strip().startsWith(exitCode + " ")));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "--steps, 0, 0",
    "--steps, many, many",
    "--batch, -3, -3",
    "--batch, 100000000, 100000000",
    "--patch, 4, 4",
    "--patch, 0, 0",
    "--patch, 39, 39",
    "--workers, 0, 0",
    "--checkpoint, ., --checkpoint .",
    "--checkpoint, no-such-folder/run, there is no folder",
    "--checkpoint, pom.xml/run, pom.xml",
    "--checkpoint-every, 0, 0",
    "--plot, no-such-folder/loss.png, no-such-folder",
    "--timeline, no-such-folder/page.html, no-such-folder",
    "--resume, no-such-file, no-such-file",
    "--resume, pom.xml, pom.xml is no checkpoint",
    "--seed, 1.5, 1.5",
    "--device, abacus, abacus",
    "--augment, mirrors, '[NONE, FLIPS, FULL] (case-insensitive)'",
    "--augment, mirrors, mirrors",
    "--augment, '', FULL",
    "--batch, 9001, 9001",
    "--raw, /volumes/nothing, '/volumes/nothing; it has /volumes/raw'",
    "--raw, /volumes/labels, uint16",
    "--labels, /volumes, /volumes",
    "--volume, no-such.h5, no-such.h5",
    "--speed, 3, --speed"
  })
  void refusesInOneSentenceThatNamesTheValue(String option, String value, String named)
      throws Exception {
    String[] args = {option, value, "--steps", "1"}; // one step, should it be accepted
    assertRefused(train(Arrays.copyOf(args, option.equals("--steps") ? 2 : 4)), named);
  }

  @Test
  void refusesMoreMemoryThanThereIsBeforeItTakesAny() throws Exception {
    long before = directBytes();
    Result result = train("--batch", "9000", "--patch", "21", "--workers", "4", "--steps", "1");

    // 1.7 GiB are needed; the tests run with 1 GiB.
    assertRefused(result, "-XX:MaxDirectMemorySize");
    assertTrue(result.err.contains("6 slots of "), result.err);
    long more = directBytes() - before; // less, where what others had was collected meanwhile
    assertTrue(more < 1 << 20, () -> more + " bytes more");
  }

  private static long directBytes() {
    return ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
        .filter(pool -> pool.getName().equals("direct"))
        .mapToLong(BufferPoolMXBean::getMemoryUsed)
        .sum();
  }

  @Test
  void refusesAnOptionWithoutValue() throws Exception {
    assertRefused(train("--steps"), "--steps");
  }

  @Test
  void refusesCudaWhereThereIsNone() throws Exception {
    if (new CudaProvider().whyUnavailable().isPresent()) {
      assertRefused(train("--device", "cuda"), "no CUDA: ");
    } else {
      assertEquals(0, train("--device", "cuda", "--steps", "1").exitCode);
    }
  }

  @Test
  void refusesAnotherKindOfFile() throws Exception {
    Path file = Files.writeString(folder.resolve("text.h5"), "no HDF5");
    assertRefused(train("--volume", file.toString(), "--steps", "1"), file.toString());
  }

  @Test
  void refusesATruncatedFile() throws Exception {
    byte[] whole;
    try (var in = Train.class.getResourceAsStream("/" + Options.BUNDLED_VOLUME)) {
      whole = in.readAllBytes();
    }
    for (int length : new int[] {8, 100, 5_000, whole.length / 2}) {
      Path file = Files.write(folder.resolve("cut.h5"), Arrays.copyOf(whole, length));
      assertRefused(train("--volume", file.toString(), "--steps", "1"), file.toString());
    }
  }

  @Test
  void refusesATruncatedContiguousFile() throws Exception {
    Path file =
        TestVolumes.write(
            folder.resolve("cut.h5"),
            TestVolumes.raw(20, 20, 20),
            true,
            TestVolumes.labels(20, 20, 20, 2));
    byte[] whole = Files.readAllBytes(file);
    for (int eighths = 1; eighths < 8; eighths++) {
      Files.write(file, Arrays.copyOf(whole, whole.length * eighths / 8));
      assertRefused(
          train("--volume", file.toString(), "--raw", "/raw", "--labels", "/labels"),
          file.toString());
    }
  }

  @Test
  void trainsOnTheBoundariesOfObjects() throws Exception {
    int[][][] ids = new int[8][12][40];
    for (int z = 0; z < 8; z++) {
      for (int y = 0; y < 12; y++) {
        for (int x = 0; x < 40; x++) {
          ids[z][y][x] = y / 4 * 10 + x / 4;
        }
      }
    }
    Result result = trainOn(TestVolumes.raw(8, 12, 40), true, ids);

    assertEquals(0, result.exitCode, result.err);
    assertTrue(result.out.contains("task: boundaries"), result.out);
  }

  @Test
  void refusesARegionWithoutBoundaries() throws Exception {
    int[][][] ids = TestVolumes.labels(8, 12, 40, 40); // left of the border each x is an object
    for (int[][] slice : ids) {
      for (int[] row : slice) {
        Arrays.fill(row, 27, 40, 100);
      }
    }
    assertRefused(
        trainOn(TestVolumes.raw(8, 12, 40), true, ids),
        "training region (x from 0 to 27) has no inner voxel");
  }

  @Test
  void refusesShapesThatDiffer() throws Exception {
    assertRefused(
        trainOn(TestVolumes.raw(6, 6, 20), true, TestVolumes.labels(6, 5, 20, 2)), "[6, 5, 20]");
  }

  @Test
  void refusesAFlatImage() throws Exception {
    assertRefused(trainOn(new byte[6][20], true, new int[6][20]), "[6, 20]");
  }

  @Test
  void refusesSignedGreyValues() throws Exception {
    assertRefused(
        trainOn(TestVolumes.raw(6, 6, 20), false, TestVolumes.labels(6, 6, 20, 2)), "int8");
  }

  @Test
  void refusesLabelsThatAreNoIntegers() throws Exception {
    assertRefused(trainOn(TestVolumes.raw(6, 6, 20), true, new float[6][6][20]), "float32");
  }

  @Test
  void refusesASingleLabel() throws Exception {
    assertRefused(
        trainOn(TestVolumes.raw(6, 6, 20), true, TestVolumes.labels(6, 6, 20, 1)), "label 0");
  }

  @Test
  void refusesAClassThatOneRegionLacks() throws Exception {
    int[][][] labels = TestVolumes.labels(6, 6, 20, 2);
    labels[3][3][16] = 5;
    assertRefused(
        trainOn(TestVolumes.raw(6, 6, 20), true, labels),
        "training region (x from 0 to 13) has no voxel labelled 5");
  }

  @Test
  void refusesAPatchLargerThanTheVolume() throws Exception {
    assertRefused(
        trainOn(TestVolumes.raw(2, 6, 20), true, TestVolumes.labels(2, 6, 20, 2)), "2 x 6 x 14");
  }

  @Test
  void refusesAPatchThatWouldFitIfItWereNotTurned() throws Exception {
    Object raw = TestVolumes.raw(4, 6, 20);
    Object labels = TestVolumes.labels(4, 6, 20, 2);
    assertRefused(trainOn(raw, true, labels), "A patch of 3 voxels and 1 more on each side");
    assertEquals(0, trainOn(raw, true, labels, "--augment", "flips").exitCode);
  }

  private Result trainOn(Object raw, boolean unsignedRaw, Object labels, String... more)
      throws Exception {
    Path file = TestVolumes.write(folder.resolve("volume.h5"), raw, unsignedRaw, labels);
    List<String> args =
        new ArrayList<>(List.of("--raw", "/raw", "--labels", "/labels", "--patch", "3"));
    args.addAll(List.of("--volume", file.toString(), "--steps", "1"));
    args.addAll(List.of(more));
    return train(args.toArray(String[]::new));
  }

  private static void assertRefused(Result result, String named) {
    assertEquals(2, result.exitCode, result.err);
    assertEquals("", result.out);
    assertEquals(1, result.err.lines().count(), result.err);
    assertTrue(result.err.contains(named), result.err);
  }

  private record Result(int exitCode, String out, String err) {}

  private static Result train(String... args) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    int exitCode =
        Train.run(args, new PrintStream(out, true, UTF_8), new PrintStream(err, true, UTF_8));
    return new Result(exitCode, out.toString(UTF_8), err.toString(UTF_8));
  }
}
