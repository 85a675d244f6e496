package io.pentrough.benchmarks;

import io.pentrough.Trace;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** What it costs that a loader records what happens to its batches. */
@Command(
    name = "trace",
    mixinStandardHelpOptions = true,
    description =
        "What loader.trace() costs for each batch, with the trace off and of 256 and 4,096 batches.")
final class TraceCommand implements Callable<Integer> {

  private static final List<Integer> TRACES = List.of(0, 256, 4096);

  /** Batches of a burst: a wake that is spread over them does not count. */
  private static final int RING = 64;

  @Option(names = "--rounds", description = "times each is measured (default: ${DEFAULT-VALUE})")
  private int rounds = 30;

  @Option(names = "--bursts", description = "of 64 batches, a round (default: ${DEFAULT-VALUE})")
  private int bursts = 500;

  /** What was read, so that no loop is left out by the compiler. */
  private long sum;

  /** What was measured of one loader, by round. */
  private final class Measured implements AutoCloseable {
    final int batches;
    final BurstCosts costs = new BurstCosts(rounds, bursts, RING);
    final double[] snapshot = new double[rounds];
    final GatedLoader gated;
    final Threads threads;

    Measured(int batches) {
      this.batches = batches;
      Set<Long> before = Threads.now();
      gated = new GatedLoader(RING, 1, RING, false, batches);
      threads = Threads.startedSince(before);
    }

    void measure(int round) throws Exception {
      sum += costs.measure(round, gated, threads);
      long started = System.nanoTime();
      sum += gated.loader.trace().batches().size();
      double snapshotNanos = System.nanoTime() - started;
      if (round >= 0) {
        snapshot[round] = snapshotNanos / 1e3;
      }
    }

    @Override
    public void close() {
      gated.close();
    }
  }

  @Override
  public Integer call() throws Exception {
    Machine machine = Machine.watch(System.out);
    Table table =
        new Table(
            "trace",
            "fill + copy, ns",
            "/ off [95 %]",
            "get + close, ns",
            "/ off [95 %]",
            "heap, B",
            "snapshot, us",
            "page, kB",
            "Chrome trace, kB");
    try (Measured off = new Measured(TRACES.get(0));
        Measured usual = new Measured(TRACES.get(1));
        Measured large = new Measured(TRACES.get(2))) {
      List<Measured> all = List.of(off, usual, large);
      for (int round = -2; round < rounds; round++) { // the first two are for the compiler
        for (int i = 0; i < all.size(); i++) {
          all.get(Math.floorMod(round + i, all.size())).measure(round);
        }
      }
      for (Measured each : all) {
        Trace trace = each.gated.loader.trace();
        Path file = Files.createTempFile("trace", null);
        try {
          trace.writeHtml(file);
          long page = Files.size(file);
          trace.writeChromeTrace(file);
          table.row(
              each.batches == 0 ? "off" : String.format(Locale.ROOT, "%,d", each.batches),
              median("%.0f", each.costs.fill),
              Estimate.ratio(each.costs.fill, off.costs.fill),
              median("%.0f", each.costs.get),
              Estimate.ratio(each.costs.get, off.costs.get),
              median("%.0f", each.costs.heap),
              median("%.0f", each.snapshot),
              page / 1000,
              Files.size(file) / 1000);
        } finally {
          Files.delete(file);
        }
      }
    }
    System.out.println(machine.others());
    System.out.println();
    System.out.println(table);
    return sum == 0 ? 1 : 0;
  }

  private static String median(String format, double[] values) {
    return String.format(Locale.ROOT, format, Estimate.median(values));
  }
}
