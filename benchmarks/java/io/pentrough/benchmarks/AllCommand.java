package io.pentrough.benchmarks;

import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Runs {@link All}. */
@Command(
    name = "all",
    mixinStandardHelpOptions = true,
    description =
        "Every command but gpu, waits, pictures and publish, one after the other, as"
            + " docs/performance.md has them; its report goes to a file too.")
final class AllCommand implements Callable<Integer> {

  @Option(
      names = "--quick",
      description = "a smoke run of about two minutes: to see that they run, not to measure")
  private boolean quick;

  @Option(
      names = "--out",
      description =
          "where the report goes (default: target/benchmarks/all.md; with --quick,"
              + " target/benchmarks/quick/all.md)")
  private @Nullable Path out;

  @Override
  public Integer call() throws Exception {
    Path folder = quick ? All.QUICK_FOLDER : All.FOLDER;
    boolean well =
        All.run(
            quick ? All.QUICK : All.USUAL,
            quick ? "Benchmarks: a SMOKE RUN, no figure means anything" : "Benchmarks",
            System.out,
            out == null ? folder.resolve("all.md") : out);
    return well ? 0 : 1;
  }
}
