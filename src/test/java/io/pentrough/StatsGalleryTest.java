package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.LoaderStats.Bottleneck;
import io.pentrough.StatsGallery.Exhibit;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * docs/reading-the-stats.md shows what {@link StatsGallery} printed once. The shares of a new run
 * are up to the machine, so nothing here judges one: it is the shares on the page that must give
 * the bottleneck, and the words, on the page.
 */
class StatsGalleryTest {

  private static final Path PAGE = Path.of("docs/reading-the-stats.md");
  private static final Pattern SHARES =
      Pattern.compile(
          "(?:after the first batch: )?loop starved (\\d+) %, copy under way (\\d+) %(?:, held up"
              + " (\\d+) %)?(?:, stages at work (\\d+) %)?, workers \\((\\d+) on (\\d+) cores\\)"
              + " waiting for a slot (\\d+) %(?:, without a job (\\d+) %)?\\n"
              + "([A-Z]+: .*)");
  private static final Pattern TIMES =
      Pattern.compile(
          "in ([0-9.]+) (m?s) \\(.*\\n.*\\nfill +(\\d+) +[0-9.]+ m?s +([0-9.]+) ([mu]s) ");
  private static final Pattern NUMBER = Pattern.compile("\\d+(?:\\.\\d+)?");

  static Stream<Exhibit> exhibits() {
    return StatsGallery.EXHIBITS.stream();
  }

  @ParameterizedTest
  @MethodSource("exhibits")
  @DisplayName("the shares that the page shows give the bottleneck and the advice that it shows")
  void thePageIsRight(Exhibit exhibit) throws Exception {
    String page = Files.readString(PAGE);
    int begin = page.indexOf("== " + exhibit.title() + "\n");
    assertTrue(begin >= 0, "the page lacks: " + exhibit.title());
    String printed = page.substring(begin, page.indexOf("```", begin));
    Matcher shown = SHARES.matcher(printed);
    assertTrue(shown.find(), "no shares under: " + exhibit.title());

    // The last line of shares is the one that the bottleneck comes from.
    Matcher times = TIMES.matcher(printed);
    assertTrue(times.find(), "no times under: " + exhibit.title());
    LoaderStats stats = stats(exhibit, shown, times);
    assertEquals(exhibit.workers(), Integer.parseInt(shown.group(5)));
    assertEquals(exhibit.bottleneck(), stats.bottleneck());
    String sinceFirst = "after the first batch ";
    String computed = stats.toString();
    computed = computed.substring(computed.indexOf(exhibit.bottleneck() + ": "));
    List<String> lines = computed.lines().toList();
    assertEquals(shown.group(9).replace(sinceFirst, ""), lines.get(0));
    String advice = printed.substring(shown.end()).strip();
    assertAlike(advice, String.join("\n", lines.subList(1, lines.size())));
    assertEquals(shown.group(9).contains(sinceFirst), shown.group().startsWith("after the first"));
  }

  /** The same words, and nearly the same numbers: those shown are rounded. */
  private static void assertAlike(String shown, String computed) {
    assertEquals(
        NUMBER.matcher(shown).replaceAll("N"), NUMBER.matcher(computed).replaceAll("N"), computed);
    Matcher one = NUMBER.matcher(shown);
    Matcher other = NUMBER.matcher(computed);
    while (one.find() && other.find()) {
      double number = Double.parseDouble(one.group());
      assertEquals(number, Double.parseDouble(other.group()), 0.05 * number, computed);
    }
  }

  /** Negative if it is not shown. */
  private static int share(Matcher shown, int group) {
    return shown.group(group) == null ? -1 : Integer.parseInt(shown.group(group));
  }

  @ParameterizedTest
  @EnumSource
  @DisplayName("each bottleneck has a section, with a program that provokes it")
  void everyBottleneckIsShown(Bottleneck bottleneck) throws Exception {
    String page = Files.readString(PAGE);
    int begin = page.indexOf("\n## " + bottleneck + ": ");
    assertTrue(begin >= 0, "no section of the page is about " + bottleneck);
    String section = page.substring(begin, page.indexOf("\n## ", begin + 1));
    assertTrue(
        exhibits()
            .filter(exhibit -> exhibit.bottleneck() == bottleneck)
            .anyMatch(exhibit -> section.contains("\n== " + exhibit.title() + "\n")),
        "the section shows no program that gets " + bottleneck + ":" + section);
  }

  /** A snapshot with these shares, in whole percents and a half, made without a clock. */
  private static LoaderStats stats(Exhibit exhibit, Matcher shown, Matcher times) {
    long elapsed =
        (long) (Double.parseDouble(times.group(1)) * (times.group(2).equals("s") ? 1e9 : 1e6));
    double fill = Double.parseDouble(times.group(4)) * (times.group(5).equals("ms") ? 1e6 : 1e3);
    int starved = share(shown, 1);
    int copying = share(shown, 2);
    int heldUp = share(shown, 3);
    int staging = share(shown, 4);
    int workers = exhibit.workers();
    int cores = Integer.parseInt(shown.group(6));
    int idle = share(shown, 7);
    int workersStarved = share(shown, 8);
    StatsRecorder recorder = new StatsRecorder(workers, cores, exhibit.hostSlots(), 3);
    recorder.started(0);
    recorder.firstReady(0);
    for (int i = 0; i < Integer.parseInt(times.group(3)); i++) {
      recorder.filled((long) fill);
    }
    for (int i = 0; i < exhibit.batches(); i++) {
      recorder.copied(1_000);
      recorder.delivered(exhibit.elements());
    }
    recorder.consumerStarving(0);
    recorder.consumerFed(nanos(starved, elapsed));
    recorder.copyStarted(0);
    recorder.copyEnded(nanos(copying, elapsed));
    if (heldUp >= 0) {
      recorder.stalls.copyHeldUp(0);
      recorder.stalls.copyLetGo(nanos(heldUp, elapsed));
    }
    if (staging >= 0) {
      recorder.staged(1);
      recorder.stagesStarted(0);
      recorder.stagesEnded(nanos(staging, elapsed));
    }
    if (exhibit.pauseMillis() > 0) { // the waits that matter are as long as the pauses
      for (int i = 0; i < exhibit.batches() / 10; i++) {
        recorder.slotWaited((exhibit.pauseMillis() - 25) * 1_000_000L);
      }
    }
    for (int i = 0; i < workers; i++) {
      recorder.stalls.workerIdle(0);
    }
    long busyAt = nanos(idle, elapsed);
    if (workersStarved >= 0) {
      recorder.stalls.starved(true, busyAt);
      busyAt += nanos(workersStarved, elapsed);
    }
    for (int i = 0; i < workers; i++) {
      recorder.stalls.workerBusy(busyAt);
    }
    return recorder.snapshot(elapsed, new ThreadUsage(1_000_000, 1_000_000, 0, 0, -1, null));
  }

  private static long nanos(int percent, long elapsed) {
    return (long) ((percent + 0.5) / 100 * elapsed);
  }

  @ParameterizedTest
  @MethodSource("exhibits")
  @DisplayName("the program runs, here without its delays")
  void theGalleryRuns(Exhibit exhibit) throws Exception {
    LoaderStats stats = StatsGallery.run(exhibit, 20, 0);
    assertEquals(20, stats.batches());
    assertEquals(20L * exhibit.elements() * exhibit.dtype().bytes(), stats.bytes());
  }
}
