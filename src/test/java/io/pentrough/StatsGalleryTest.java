package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.LoaderStats.Bottleneck;
import io.pentrough.StatsGallery.Exhibit;
import java.nio.file.Files;
import java.nio.file.Path;
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
          "(?:after the first batch: )?loop starved (\\d+) %, copy under way (\\d+) %(?:, held up (\\d+) %)?"
              + "(?:, stages at work (\\d+) %)?, workers \\((\\d+) on (\\d+) cores\\) waiting for a"
              + " slot (\\d+) %(?:, without a job (\\d+) %)?\\n([A-Z]+: .*(?:\\n.*)*)");
  private static final Pattern COUNTS =
      Pattern.compile(
          "(\\d+) batches, .* in ([0-9.]+ m?s) \\(.*\\n.*\\nfill +(\\d+)(?: +[0-9.]+ [mun]?s) +([0-9.]+ [mun]?s) ");
  private static final Pattern NUMBER = Pattern.compile("\\b\\d+(?:\\.\\d+)?\\b");

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
    Matcher shown = SHARES.matcher(page.substring(begin, page.indexOf("```", begin)));
    assertTrue(shown.find(), "no shares under: " + exhibit.title());

    // The last line of shares is the one that the bottleneck comes from.
    LoaderStats stats = stats(exhibit, shown);
    assertEquals(exhibit.workers(), Integer.parseInt(shown.group(5)));
    assertEquals(exhibit.bottleneck(), stats.bottleneck());
    String sinceFirst = "after the first batch ";
    assertEquals(
        shown.group(9).replace(sinceFirst, ""),
        stats.toString().lines().reduce("", (before, line) -> line));
    assertEquals(shown.group(9).contains(sinceFirst), shown.group().startsWith("after the first"));
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
  private static LoaderStats stats(Exhibit exhibit, Matcher shown) {
    int starved = share(shown, 1);
    int copying = share(shown, 2);
    int heldUp = share(shown, 3);
    int staging = share(shown, 4);
    int workers = exhibit.workers();
    int cores = Integer.parseInt(shown.group(6));
    int idle = share(shown, 7);
    int jobless = share(shown, 8);
    StatsRecorder recorder = new StatsRecorder(workers, cores, exhibit.hostSlots(), 3);
    recorder.started(0);
    recorder.firstReady(0);
    for (int i = 0; i < exhibit.batches(); i++) {
      recorder.delivered(exhibit.elements());
    }
    recorder.consumerStarving(0);
    recorder.consumerFed(nanos(starved));
    recorder.copyStarted(0);
    recorder.copyEnded(nanos(copying));
    if (heldUp >= 0) {
      recorder.copyHeldUp(0);
      recorder.copyLetGo(nanos(heldUp));
    }
    if (staging >= 0) {
      recorder.staged(1);
      recorder.stagesStarted(0);
      recorder.stagesEnded(nanos(staging));
    }
    for (int i = 0; i < workers; i++) {
      recorder.workerIdle(0);
    }
    long busyAt = nanos(idle);
    if (jobless >= 0) {
      recorder.starved(true, busyAt);
      busyAt += nanos(jobless);
    }
    for (int i = 0; i < workers; i++) {
      recorder.workerBusy(busyAt);
    }
    return recorder.snapshot(1_000_000_000);
  }

  private static long nanos(int percent) {
    return percent * 10_000_000L + 5_000_000;
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
