package io.pentrough.benchmarks;

import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * What it costs that a target's forgotten elements show nothing of an earlier batch: zeros before
 * each fill, and what the loader does instead, a look at the first fill of each host slot.
 */
@Command(
    name = "unwritten",
    mixinStandardHelpOptions = true,
    description =
        "What zeroing each batch before its fill would cost, and what the check of the first fills"
            + " costs at the start.")
final class UnwrittenCommand implements Callable<Integer> {

  private static final String CHECK = "pentrough.checkFills";

  @Option(names = "--rounds", description = "times each is measured (default: ${DEFAULT-VALUE})")
  private int rounds = 15;

  @Option(names = "--seconds", description = "length of a measurement (default: ${DEFAULT-VALUE})")
  private double seconds = 0.3;

  @Option(
      names = "--workers",
      split = ",",
      description = "worker threads (default: ${DEFAULT-VALUE})")
  private List<Integer> workers = List.of(1, 2);

  @Option(names = "--workloads", split = ",", description = "which (default: all)")
  private List<Workload> workloads = List.of(Workload.values());

  @Override
  public Integer call() throws Exception {
    Machine machine = Machine.watch(System.out);
    Table table =
        new Table(
            "workload",
            "workers",
            "zeroed / not, batches/s [95 %]",
            "first batch, ms: unchecked",
            "checked",
            "a batch of each host slot, ms: unchecked",
            "checked");
    for (Workload workload : workloads) {
      for (int count : workers) {
        double[][] perSecond = new double[2][rounds];
        double[][] first = new double[2][rounds];
        double[][] ring = new double[2][rounds];
        for (int round = -2; round < rounds; round++) { // the first two are for the compiler
          for (int i = 0; i < 2; i++) {
            int which = Math.floorMod(round + i, 2);
            double rate = perSecond(workload, count, which == 1);
            double[] start = start(workload, count, which == 1);
            if (round >= 0) {
              perSecond[which][round] = rate;
              first[which][round] = start[0];
              ring[which][round] = start[1];
            }
          }
        }
        table.row(
            workload,
            count,
            Estimate.ratio(perSecond[1], perSecond[0]),
            median(first[0]),
            median(first[1]),
            median(ring[0]),
            median(ring[1]));
      }
    }
    System.out.println(machine.others());
    System.out.println();
    System.out.println(table);
    return 0;
  }

  private static String median(double[] millis) {
    return "%.2f".formatted(Estimate.median(millis));
  }

  private double perSecond(Workload workload, int count, boolean zeros) throws Exception {
    try (Loader loader = new PentroughLoader(Setup.usual(workload, count), false, zeros)) {
      consume(loader, seconds / 3);
      return consume(loader, seconds);
    }
  }

  private static double consume(Loader loader, double seconds) throws Exception {
    long started = System.nanoTime();
    long batches = 0;
    long now;
    do {
      loader.consume(true);
      batches++;
      now = System.nanoTime();
    } while (now - started < seconds * 1e9);
    return batches * 1e9 / (now - started);
  }

  /** Milliseconds from start() to the first batch, and to as many as there are host slots. */
  private static double[] start(Workload workload, int count, boolean checked) throws Exception {
    System.setProperty(CHECK, Boolean.toString(checked));
    long started = System.nanoTime();
    try (Loader loader = new PentroughLoader(Setup.usual(workload, count), false)) {
      loader.consume(true);
      double first = (System.nanoTime() - started) / 1e6;
      for (int i = 1; i < Setup.usualHostSlots(count); i++) {
        loader.consume(true);
      }
      return new double[] {first, (System.nanoTime() - started) / 1e6};
    } finally {
      System.clearProperty(CHECK);
    }
  }
}
