package io.pentrough.benchmarks;

import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Runs {@link Overlap}. */
@Command(
    name = "overlap",
    mixinStandardHelpOptions = true,
    description =
        "How much of its time an emulated consumer computes, beside a model of a loader that costs"
            + " nothing: target (P), copy (C) and consumer (K) only let time pass.")
final class OverlapCommand implements Callable<Integer> {

  @Option(
      names = "--millis",
      split = ",",
      description = "times of P, C and K in the sweep (default: ${DEFAULT-VALUE})")
  private List<Double> millis = List.of(1.0, 3.0, 10.0);

  @Option(
      names = "--workers",
      split = ",",
      description = "worker threads (default: ${DEFAULT-VALUE})")
  private List<Integer> workers = List.of(1, 2, 4);

  @Option(
      names = "--sweep-targets",
      split = ",",
      description = "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE})")
  private List<Draws> sweepTargets = List.of(Draws.JITTERED, Draws.LOGNORMAL);

  @Option(
      names = "--sweep-batches",
      description = "batches of each combination; 0: no sweep (default: ${DEFAULT-VALUE})")
  private int sweepBatches = 100;

  @Option(
      names = "--depths",
      split = ",",
      description = "depths of the rings in the second table (default: ${DEFAULT-VALUE})")
  private List<Integer> depths = List.of(2, 4, 8);

  @Option(
      names = "--depth-millis",
      split = ",",
      description = "times of K in the second table (default: ${DEFAULT-VALUE})")
  private List<Double> depthMillis = List.of(1.0, 3.0);

  @Option(
      names = "--depth-targets",
      split = ",",
      description = "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE})")
  private List<Draws> depthTargets = List.of(Draws.LOGNORMAL, Draws.PARETO);

  @Option(
      names = "--depth-batches",
      description = "batches of each row; 0: no second table (default: ${DEFAULT-VALUE})")
  private int depthBatches = 400;

  @Option(
      names = "--rounds",
      description = "times each row of the second table is measured (default: ${DEFAULT-VALUE})")
  private int rounds = 3;

  @Option(names = "--seed", description = "of the targets' times (default: ${DEFAULT-VALUE})")
  private long seed = 1;

  @Override
  public Integer call() throws Exception {
    Machine machine = Machine.watch(System.out);
    Overlap overlap = new Overlap(seed, System.out);
    overlap.warm();
    if (sweepBatches > 0) {
      overlap.sweep(millis, workers, sweepTargets, sweepBatches);
    }
    if (depthBatches > 0) {
      overlap.depths(depthMillis, workers, depths, depthTargets, depthBatches, rounds);
    }
    overlap.handOvers();
    System.out.println(machine.others());
    return 0;
  }
}
