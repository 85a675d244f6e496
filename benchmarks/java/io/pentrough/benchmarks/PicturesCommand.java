package io.pentrough.benchmarks;

import io.pentrough.TimelineGallery;
import io.pentrough.augment.AugmentationGallery;
import io.pentrough.example.Train;
import io.pentrough.testkit.Browser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Makes the pictures of the pages. */
@Command(
    name = "pictures",
    mixinStandardHelpOptions = true,
    description =
        "Makes the pictures of docs/images anew: timelines, loss and augmentation. Those of figures"
            + " stay as they are without --charts or --measure, as they belong to the tables beside"
            + " them.")
final class PicturesCommand implements Callable<Integer> {

  static final Path FOLDER = Path.of("docs", "images");

  /** What is made apart from the rest. */
  enum Part {
    /** Screenshots of pages that {@link TimelineGallery} writes. */
    TIMELINES,
    /** What the training example draws. */
    LOSS,
    /** What {@link AugmentationGallery} draws. */
    AUGMENTATION,
    /** What the benchmarks draw. */
    CHARTS;

    /** Below the folder of all pictures. */
    List<String> files() {
      return switch (this) {
        case TIMELINES ->
            Stream.concat(
                    Stream.of("timeline.png"),
                    TimelineGallery.cases().stream().map(name -> "timeline-" + name + ".png"))
                .toList();
        case LOSS -> List.of("loss.png");
        case AUGMENTATION ->
            AugmentationGallery.pictures().stream().map(name -> "augmentation/" + name).toList();
        case CHARTS ->
            List.of(
                "throughput.png",
                "growth.png",
                "scale.png",
                "scale-positions.png",
                "scale-bytes.png");
      };
    }
  }

  /** With {@code --measure}: what draws the charts, as docs/performance.md has it. */
  private static final Set<String> MEASURED = Set.of("throughput", "growth", "scale");

  @Option(
      names = "--parts",
      split = ",",
      description = "${COMPLETION-CANDIDATES} (default: all of them)")
  private Set<Part> parts = EnumSet.allOf(Part.class);

  @Option(
      names = "--charts",
      paramLabel = "FOLDER",
      description = "takes the charts of figures from there; benchmarks leave them in their --out")
  private @Nullable Path charts;

  @Option(
      names = "--measure",
      description =
          "runs the benchmarks that draw the charts, with the options of docs/performance.md, and"
              + " takes their charts; some ten minutes on a quiet machine")
  private boolean measure;

  @Option(
      names = "--browser",
      paramLabel = "PROGRAM",
      description = "Chromium or Chrome, for the timelines (default: one in the search path)")
  private @Nullable String browser;

  @Option(names = "--into", description = "where the pictures go (default: ${DEFAULT-VALUE})")
  private Path into = FOLDER;

  private final List<String> notMade = new ArrayList<>();

  @Override
  public Integer call() throws Exception {
    Files.createDirectories(into);
    for (Part part : parts) {
      switch (part) {
        case TIMELINES -> timelines();
        case LOSS -> Train.main(new String[] {"--device", "host", "--plot", at("loss.png")});
        case AUGMENTATION -> augmentation();
        case CHARTS -> charts();
      }
    }
    notMade.forEach(System.out::println);
    return notMade.isEmpty() ? 0 : 1;
  }

  private String at(String file) {
    return into.resolve(file).toString();
  }

  private void keep(Part part, String why) {
    notMade.add(
        "Not made: "
            + String.join(", ", part.files().stream().map(this::at).toList())
            + ": "
            + why);
  }

  private void timelines() throws IOException, InterruptedException {
    String program =
        (browser == null
                ? Browser.find("chromium", "google-chrome", "chrome")
                : Browser.find(browser))
            .orElse(null);
    if (program == null) {
      String why = browser == null ? "no browser" : "no program " + browser;
      keep(Part.TIMELINES, why + "; install Chromium or Chrome, or name one with --browser.");
      return;
    }
    Path pages = Path.of("target", "timelines");
    TimelineGallery.main(new String[] {pages.toString()});
    TimelineShot shot = new TimelineShot(program, pages);
    shot.whole(pages.resolve("timeline.html"), into.resolve("timeline.png"));
    for (String name : TimelineGallery.cases()) {
      shot.chartOnly(pages.resolve(name + ".html"), into.resolve("timeline-" + name + ".png"));
    }
    Part.TIMELINES.files().forEach(file -> System.out.println(at(file)));
  }

  private void augmentation() throws Exception {
    if (!Files.exists(Path.of("target", "software-cuda"))) {
      keep(Part.AUGMENTATION, "no software CUDA driver; gcc builds it in process-test-classes.");
      return;
    }
    AugmentationGallery.main(new String[] {at("augmentation")});
  }

  private void charts() throws IOException, InterruptedException {
    Path from = charts;
    if (measure) {
      List<String> commands =
          All.USUAL.stream().filter(each -> MEASURED.contains(each.split(" ", -1)[0])).toList();
      if (!All.run(commands, "Charts", System.out, All.FOLDER.resolve("charts.md"))) {
        keep(Part.CHARTS, "a benchmark failed.");
        return;
      }
      from = All.FOLDER;
    }
    if (from == null) {
      System.out.println(
          "Left as they are, as they show figures: "
              + String.join(", ", Part.CHARTS.files().stream().map(this::at).toList())
              + ". --charts "
              + All.FOLDER
              + " takes those of the last run of the benchmarks, --measure runs them.");
      return;
    }
    for (String file : Part.CHARTS.files()) {
      Path chart = from.resolve(file);
      if (Files.exists(chart)) {
        Path copy = Files.copy(chart, into.resolve(file), StandardCopyOption.REPLACE_EXISTING);
        System.out.println(copy + ": drawn " + Files.getLastModifiedTime(chart));
      } else {
        notMade.add("Not made: " + at(file) + ": there is no " + chart + ".");
      }
    }
  }
}
