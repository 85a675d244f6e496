package io.pentrough.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * What several loaders in one process deliver, and the CPU time that it takes, beside one loader
 * with as many workers and slots. In each round each is measured once.
 */
final class GroupThroughput {

  private static final String PART = "loaders in one process";

  private final int rounds;
  private final long measureNanos;
  private final List<Row> rows = new ArrayList<>();

  /** A figure for each round. */
  private static final class Seen {
    final double[] perSecond;
    final double[] cpuMicros;

    Seen(int rounds) {
      perSecond = new double[rounds];
      cpuMicros = new double[rounds];
    }
  }

  private static final class Row {
    final Setup each;
    final int loaders;
    final Map<Grouping, Seen> seen = new EnumMap<>(Grouping.class);

    Row(Setup each, int loaders, int rounds) {
      this.each = each;
      this.loaders = loaders;
      for (Grouping grouping : Grouping.values()) {
        seen.put(grouping, new Seen(rounds));
      }
    }

    Seen of(Grouping grouping) {
      Seen found = seen.get(grouping);
      if (found == null) {
        throw new IllegalStateException(grouping + " was not measured");
      }
      return found;
    }

    Estimate perSecondOverOne(Grouping grouping) {
      return Estimate.ratio(of(grouping).perSecond, of(Grouping.ONE).perSecond);
    }

    Estimate cpuOverOne(Grouping grouping) {
      return Estimate.ratio(of(grouping).cpuMicros, of(Grouping.ONE).cpuMicros);
    }
  }

  /**
   * What to measure.
   *
   * @param workers of each loader
   */
  GroupThroughput(
      int rounds, double seconds, List<Workload> workloads, List<Integer> loaders, int workers) {
    this.rounds = rounds;
    measureNanos = (long) (seconds * 1e9);
    for (Workload workload : workloads) {
      for (int count : loaders) {
        rows.add(new Row(Setup.usual(workload, workers), count, rounds));
      }
    }
  }

  void run(PrintStream out, Path folder, Figures figures) throws Exception {
    long started = System.nanoTime();
    for (int round = -1; round < rounds; round++) { // the first is for the compiler
      for (Row row : rows) {
        measure(row, round);
      }
      System.err.printf(
          Locale.ROOT,
          "loaders: %s after %.0f s%n",
          round < 0 ? "warm" : "round " + (round + 1) + " of " + rounds,
          (System.nanoTime() - started) / 1e9);
    }
    out.println(table(figures));
    chart(folder, out);
  }

  private void measure(Row row, int round) throws Exception {
    Grouping[] groupings = Grouping.values();
    for (int i = 0; i < groupings.length; i++) {
      Grouping grouping = groupings[Math.floorMod(i + round, groupings.length)];
      Set<Long> before = Threads.now();
      try (Loader loader = grouping.start(row.each, row.loaders)) {
        Throughput.consume(loader, measureNanos / 3, new Latencies());
        Threads threads = Threads.startedSince(before);
        Latencies latencies = new Latencies();
        long cpu = threads.cpuNanosWithCaller();
        double perSecond = Throughput.consume(loader, measureNanos, latencies);
        double cpuNanos = threads.cpuNanosWithCaller() - cpu;
        if (round >= 0) {
          Seen seen = row.of(grouping);
          seen.perSecond[round] = row.loaders * perSecond;
          seen.cpuMicros[round] = cpuNanos / 1e3 / row.loaders / latencies.count();
        }
      }
    }
    System.gc(); // only the collector gives direct memory back
  }

  private Table table(Figures figures) {
    Table table =
        new Table(
            "workload",
            "loaders",
            "workers in all",
            "kind",
            "batches/s",
            "CPU us/batch",
            "batches/s over one loader [95 %]",
            "CPU over one loader [95 %]");
    for (Row row : rows) {
      Workload workload = row.each.workload();
      for (Grouping grouping : Grouping.values()) {
        Seen seen = row.of(grouping);
        String name = workload + ", " + row.loaders + ", " + grouping;
        figures.add(PART, name, "batches/s", seen.perSecond);
        figures.add(PART, name, "CPU, us/batch", seen.cpuMicros);
        boolean isOne = grouping == Grouping.ONE;
        table.row(
            workload,
            row.loaders,
            row.loaders * row.each.workers(),
            grouping,
            String.format(Locale.ROOT, "%,.0f", Estimate.median(seen.perSecond)),
            String.format(Locale.ROOT, "%.1f", Estimate.median(seen.cpuMicros)),
            isOne ? "" : row.perSecondOverOne(grouping),
            isOne ? "" : row.cpuOverOne(grouping));
      }
    }
    return table;
  }

  private void chart(Path folder, PrintStream out) throws IOException {
    BarChart chart =
        new BarChart(
            "Several loaders over one with as many workers, batches per second",
            "ratio (1 = as fast)");
    for (Grouping grouping : List.of(Grouping.STEPS, Grouping.SHARDS)) {
      chart.series(
          grouping.toString(), rows.stream().map(row -> row.perSecondOverOne(grouping)).toList());
    }
    chart.write(
        rows.stream().map(row -> row.each.workload() + " " + row.loaders).toList(),
        folder.resolve("scale.png"),
        out);
  }
}
