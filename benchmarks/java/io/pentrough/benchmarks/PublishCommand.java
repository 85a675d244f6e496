package io.pentrough.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Writes the figures of a run on a GPU into a page, so that nobody types them. */
@Command(
    name = "publish",
    mixinStandardHelpOptions = true,
    description =
        "Writes the tables of a run on a GPU into a page, between two markers, in place of what is"
            + " there.")
final class PublishCommand implements Callable<Integer> {

  static final Path PAGE = Path.of("docs", "performance.md");
  static final String BEGIN = "<!-- figures of a GPU: begin -->\n";
  static final String END = "<!-- figures of a GPU: end -->\n";

  @SuppressWarnings("NullAway.Init") // picocli's part
  @Spec
  private CommandSpec spec;

  @SuppressWarnings("NullAway.Init")
  @Option(names = "--csv", required = true, description = "the figures.csv of the run")
  private Path csv;

  @Option(names = "--into", description = "the page (default: ${DEFAULT-VALUE})")
  private Path page = PAGE;

  @Option(
      names = "--allow-software",
      description = "takes figures of the software CUDA driver too, for a page named by --into")
  private boolean allowSoftware;

  @Override
  public Integer call() {
    try {
      publish();
      return 0;
    } catch (IOException e) {
      throw refused("It cannot be read or written: " + e.getMessage());
    }
  }

  private void publish() throws IOException {
    Figures figures = Figures.read(csv);
    List<String> devices =
        figures.facts().stream().filter(fact -> fact.startsWith("device: ")).toList();
    if (devices.isEmpty()) {
      throw refused(csv + " does not say which device was measured.");
    }
    boolean software = devices.stream().anyMatch(Devices::isSoftware);
    boolean isDefault = page.toAbsolutePath().normalize().equals(PAGE.toAbsolutePath());
    if (software && (!allowSoftware || isDefault)) {
      throw refused(
          csv
              + " has figures of the software CUDA driver, which mean nothing. To see the tables,"
              + " name another page with --into, and add --allow-software.");
    }
    String text = Files.readString(page);
    int begin = text.indexOf(BEGIN);
    int end = text.indexOf(END);
    if (begin < 0 || end < begin) {
      throw refused(
          (page + " has no place for the figures; add these two lines to it:\n") + BEGIN + END);
    }
    Files.writeString(
        page, text.substring(0, begin) + BEGIN + tables(figures, software) + text.substring(end));
    System.out.println("written into " + page + ": " + String.join(", ", figures.parts()));
  }

  private ParameterException refused(String why) {
    return new ParameterException(spec.commandLine(), why);
  }

  private static String tables(Figures figures, boolean software) {
    StringBuilder text = new StringBuilder("\n");
    if (software) {
      text.append("**Of the software CUDA driver: no figure here means anything.**\n\n");
    }
    figures.facts().forEach(fact -> text.append("- ").append(fact).append('\n'));
    text.append("\nA cell is the median [between what eight of ten samples lie].\n\n");
    for (String part : figures.parts()) {
      text.append(figures.table(part)).append('\n');
    }
    return text.toString();
  }
}
