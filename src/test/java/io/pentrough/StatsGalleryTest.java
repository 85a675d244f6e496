package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.StatsGallery.Exhibit;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
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
          "loop starved (\\d+) %, copy under way (\\d+) %,"
              + " workers \\((\\d+)\\) waiting for a slot (\\d+) %\\n(.*)");

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

    int workers = Integer.parseInt(shown.group(3));
    LoaderStats stats =
        stats(
            Integer.parseInt(shown.group(1)),
            Integer.parseInt(shown.group(2)),
            workers,
            Integer.parseInt(shown.group(4)));
    assertEquals(exhibit.workers(), workers);
    assertEquals(exhibit.verdict(), stats.verdict());
    assertEquals(shown.group(5), stats.toString().lines().reduce("", (before, line) -> line));
  }

  /** A snapshot with these shares, in whole percents and a half, made without a clock. */
  private static LoaderStats stats(int starved, int copying, int workers, int idle) {
    StatsRecorder recorder = new StatsRecorder(workers);
    recorder.started(0);
    recorder.delivered(1);
    recorder.consumerStarving(0);
    recorder.consumerFed(starved * 10 + 5);
    recorder.copyStarted(0);
    recorder.copyEnded(copying * 10 + 5);
    for (int i = 0; i < workers; i++) {
      recorder.workerIdle(0);
    }
    for (int i = 0; i < workers; i++) {
      recorder.workerBusy(idle * 10 + 5);
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
