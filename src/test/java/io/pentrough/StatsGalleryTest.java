package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.LoaderStats.Verdict;
import io.pentrough.StatsGallery.Exhibit;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * docs/reading-the-stats.md shows what {@link StatsGallery} printed once. The shares of a new run
 * are up to the machine, so nothing here judges one: it is the shares on the page that must give
 * the verdict, and the words, on the page.
 */
@Timeout(60)
class StatsGalleryTest {

  private static final Path PAGE = Path.of("docs/reading-the-stats.md");
  private static final Pattern SHARES =
      Pattern.compile(
          "loop starved (\\d+) %, copy under way (\\d+) %(?:, held up (\\d+) %)?"
              + "(?:, stages at work (\\d+) %)?, workers \\((\\d+)\\) waiting for a slot (\\d+) %"
              + "(?:, without a job (\\d+) %)?\\n(.*)");

  static Stream<Exhibit> exhibits() {
    return StatsGallery.EXHIBITS.stream();
  }

  @ParameterizedTest
  @MethodSource("exhibits")
  @DisplayName("the shares that the page shows give the verdict and the advice that it shows")
  void thePageIsRight(Exhibit exhibit) throws Exception {
    String page = Files.readString(PAGE);
    int begin = page.indexOf("== " + exhibit.title() + "\n");
    assertTrue(begin >= 0, "the page lacks: " + exhibit.title());
    Matcher shown = SHARES.matcher(page.substring(begin, page.indexOf("```", begin)));
    assertTrue(shown.find(), "no shares under: " + exhibit.title());

    int workers = Integer.parseInt(shown.group(5));
    LoaderStats stats =
        stats(
            share(shown, 1),
            share(shown, 2),
            share(shown, 3),
            share(shown, 4),
            workers,
            share(shown, 6),
            share(shown, 7));
    assertEquals(exhibit.workers(), workers);
    assertEquals(exhibit.verdict(), stats.verdict());
    assertEquals(shown.group(8), stats.toString().lines().reduce("", (before, line) -> line));
  }

  /** Negative if it is not shown. */
  private static int share(Matcher shown, int group) {
    return shown.group(group) == null ? -1 : Integer.parseInt(shown.group(group));
  }

  @ParameterizedTest
  @EnumSource
  @DisplayName("each verdict has a section, with a program that provokes it")
  void everyVerdictIsShown(Verdict verdict) throws Exception {
    String page = Files.readString(PAGE);
    int begin = page.indexOf("\n## " + verdict + ": ");
    assertTrue(begin >= 0, "no section of the page is about " + verdict);
    String section = page.substring(begin, page.indexOf("\n## ", begin + 1));
    assertTrue(
        exhibits()
            .filter(exhibit -> exhibit.verdict() == verdict)
            .anyMatch(exhibit -> section.contains("\n== " + exhibit.title() + "\n")),
        "the section shows no program that gets " + verdict + ":" + section);
  }

  /**
   * A snapshot with these shares, in whole percents and a half, made without a clock.
   *
   * @param heldUp negative if no copy was
   * @param staging negative without stages
   * @param jobless negative if there was always a job
   */
  private static LoaderStats stats(
      int starved, int copying, int heldUp, int staging, int workers, int idle, int jobless) {
    StatsRecorder recorder = new StatsRecorder(workers);
    recorder.started(0);
    recorder.delivered(1);
    recorder.consumerStarving(0);
    recorder.consumerFed(starved * 10 + 5);
    recorder.copyStarted(0);
    recorder.copyEnded(copying * 10 + 5);
    if (heldUp >= 0) {
      recorder.copyHeldUp(0);
      recorder.copyLetGo(heldUp * 10 + 5);
    }
    if (staging >= 0) {
      recorder.staged(1);
      recorder.stagesStarted(0);
      recorder.stagesEnded(staging * 10 + 5);
    }
    for (int i = 0; i < workers; i++) {
      recorder.workerIdle(0);
    }
    int busyAt = idle * 10 + 5;
    if (jobless >= 0) {
      recorder.dry(true, busyAt);
      busyAt += jobless * 10 + 5;
    }
    for (int i = 0; i < workers; i++) {
      recorder.workerBusy(busyAt);
    }
    return recorder.snapshot(1000);
  }

  @ParameterizedTest
  @MethodSource("exhibits")
  @DisplayName("the program runs, here without its delays")
  void theGalleryRuns(Exhibit exhibit) throws Exception {
    LoaderStats stats = StatsGallery.run(exhibit, 20, 0);
    assertEquals(20, stats.batches());
    assertEquals((20L << 20) * exhibit.dtype().bytes(), stats.bytes());
  }
}
