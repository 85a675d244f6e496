package io.pentrough.benchmarks;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Runs {@link Growth}. */
@Command(
    name = "growth",
    mixinStandardHelpOptions = true,
    description =
        "What a batch costs as workers, slots, arrays and bytes grow, with a target that does"
            + " nothing: what is flat, and what is not.")
final class GrowthCommand implements Callable<Integer> {

  @Option(names = "--rounds", description = "times each is measured (default: ${DEFAULT-VALUE})")
  private int rounds = 4;

  @Option(names = "--seconds", description = "length of a measurement (default: ${DEFAULT-VALUE})")
  private double seconds = 0.15;

  @Option(
      names = "--axes",
      split = ",",
      description = "what grows: ${COMPLETION-CANDIDATES} (default: all)")
  private List<Growth.Axis> axes = List.of(Growth.Axis.values());

  @Option(names = "--max", description = "of workers, slots, arrays (default: ${DEFAULT-VALUE})")
  private int max = 64;

  @Option(names = "--max-bytes", description = "of a batch (default: ${DEFAULT-VALUE})")
  private int maxBytes = 1 << 30;

  @Option(names = "--out", description = "where the charts go (default: ${DEFAULT-VALUE})")
  private Path out = Path.of("target", "benchmarks");

  @Override
  public Integer call() throws Exception {
    Machine machine = Machine.watch(System.out);
    new Growth(rounds, seconds, axes, max, maxBytes, System.out).run(out);
    System.out.println(machine.others());
    return 0;
  }
}
