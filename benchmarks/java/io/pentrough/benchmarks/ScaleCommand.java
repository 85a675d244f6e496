package io.pentrough.benchmarks;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Runs {@link GroupThroughput}, {@link PositionGrowth} and {@link CheckpointWait}. */
@Command(
    name = "scale",
    mixinStandardHelpOptions = true,
    description =
        "What several loaders in one process cost, what checkpoints of many shards cost, and what a"
            + " cluster would wait for at one.")
final class ScaleCommand implements Callable<Integer> {

  @Option(names = "--rounds", description = "times each is measured (default: ${DEFAULT-VALUE})")
  private int rounds = 5;

  @Option(
      names = "--seconds",
      description =
          "length of a measurement of loaders; one of positions takes a twentieth of it"
              + " (default: ${DEFAULT-VALUE})")
  private double seconds = 0.4;

  @Option(
      names = "--workloads",
      split = ",",
      description = "what the loaders' targets do (default: ${DEFAULT-VALUE})")
  private List<Workload> workloads = List.of(Workload.MEMCPY_SMALL, Workload.MEMCPY_CNN);

  @Option(
      names = "--loaders",
      split = ",",
      description = "how many in the process (default: ${DEFAULT-VALUE})")
  private List<Integer> loaders = List.of(1, 2, 4);

  @Option(names = "--workers", description = "of each loader (default: ${DEFAULT-VALUE})")
  private int workers = 1;

  @Option(
      names = "--max-shards",
      description = "most shards whose positions are merged (default: ${DEFAULT-VALUE})")
  private int maxShards = 1024;

  @Option(
      names = "--drift",
      description =
          "by how many batches a shard may be ahead of another (default: ${DEFAULT-VALUE})")
  private int drift = 16;

  @Option(names = "--nodes", description = "of the cluster (default: ${DEFAULT-VALUE})")
  private int nodes = 64;

  @Option(names = "--tasks", split = ",", description = "on a node (default: ${DEFAULT-VALUE})")
  private List<Integer> tasks = List.of(1, 8);

  @Option(
      names = "--network",
      description = "what the driver can send, in GB per second (default: ${DEFAULT-VALUE})")
  private double network = 1.25;

  @Option(names = "--out", description = "where the charts go (default: ${DEFAULT-VALUE})")
  private Path out = Path.of("target", "benchmarks");

  @Option(names = "--csv", description = "a file that gets every sample, behind what is there")
  private @Nullable Path csv;

  @Override
  public Integer call() throws Exception {
    Machine machine = Machine.watch(System.out);
    System.out.println();
    Figures figures = csv == null ? Figures.kept() : Figures.appendedTo(csv);
    CheckpointWait wait = new CheckpointWait(nodes, tasks, network);
    new GroupThroughput(rounds, seconds, workloads, loaders, workers).run(System.out, out, figures);
    PositionGrowth positions =
        new PositionGrowth(rounds, seconds / 20, maxShards, wait.shards(), drift);
    positions.run(System.out, out, figures);
    wait.print(positions.rows(), System.out);
    System.out.println(machine.others());
    return 0;
  }
}
