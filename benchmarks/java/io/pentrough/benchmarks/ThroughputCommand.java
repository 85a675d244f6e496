package io.pentrough.benchmarks;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Runs {@link Throughput}. */
@Command(
    name = "throughput",
    mixinStandardHelpOptions = true,
    description =
        "Batches per second, latency, CPU and heap of Pentrough and of three textbook loaders, the"
            + " rounds of all of them interleaved.")
final class ThroughputCommand implements Callable<Integer> {

  @Option(names = "--rounds", description = "times each is measured (default: ${DEFAULT-VALUE})")
  private int rounds = 7;

  @Option(names = "--seconds", description = "length of a measurement (default: ${DEFAULT-VALUE})")
  private double seconds = 0.7;

  @Option(
      names = "--workers",
      split = ",",
      description = "worker threads (default: ${DEFAULT-VALUE})")
  private List<Integer> workers = List.of(1, 2);

  @Option(names = "--workloads", split = ",", description = "which (default: all)")
  private List<Workload> workloads = List.of(Workload.values());

  @Option(
      names = "--contenders",
      split = ",",
      description = "${COMPLETION-CANDIDATES} (default: all)")
  private List<Contender> contenders = List.of(Contender.values());

  @Option(names = "--host-slots", description = "of a loader that copies (default: workers + 2)")
  private int hostSlots;

  @Option(
      names = "--device-slots",
      description = "of a loader that copies (default: ${DEFAULT-VALUE})")
  private int deviceSlots = Setup.USUAL_DEVICE_SLOTS;

  @Option(
      names = "--hold",
      description =
          "the consumer of pentrough and reuse_copy closes a batch right before it gets the next")
  private boolean holds;

  @Option(names = "--out", description = "where chart and figures go (default: ${DEFAULT-VALUE})")
  private Path out = Path.of("target", "benchmarks");

  @Override
  public Integer call() throws Exception {
    List<Setup> setups = new ArrayList<>();
    for (Workload workload : workloads) {
      for (int count : workers) {
        int slots = hostSlots > 0 ? hostSlots : Setup.usualHostSlots(count);
        setups.add(new Setup(workload, count, slots, deviceSlots, holds));
      }
    }
    new Throughput(rounds, seconds, setups, contenders).run(System.out, out);
    return 0;
  }
}
