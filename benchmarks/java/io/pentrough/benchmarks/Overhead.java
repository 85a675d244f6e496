package io.pentrough.benchmarks;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * What single calls cost, by JMH. In each round every benchmark has a JVM of its own once, so that
 * what disturbs the machine for a while disturbs all of them.
 */
final class Overhead {

  private static final String BYTES = "gc.alloc.rate.norm";

  /** Through the library, and the same without it. */
  private static final Map<String, String> COUNTERPARTS =
      new TreeMap<>(
          Map.of(
              "rowsHostArray", "rowsPlain",
              "bulkHostArray", "bulkPlain",
              "elementsHostArray", "elementsPlain"));

  private final int rounds;
  private final double seconds;
  private final int forks;
  private final String which;

  /** Of each benchmark, in the order of their names: a figure for each round. */
  private final Map<String, Seen> seen = new TreeMap<>();

  private static final class Seen {
    final List<Double> nanos = new ArrayList<>();
    final List<Double> bytes = new ArrayList<>();
  }

  Overhead(int rounds, double seconds, int forks, String which) {
    this.rounds = rounds;
    this.seconds = seconds;
    this.forks = forks;
    this.which = which;
  }

  void run(PrintStream out) throws RunnerException {
    Machine machine = Machine.watch(out);
    for (int round = 0; round < rounds; round++) {
      results().forEach(this::add);
      System.err.printf(Locale.ROOT, "round %d of %d%n", round + 1, rounds);
    }
    out.println(machine.others());
    out.println();
    out.println(table());
    out.println(withoutStatistics());
    out.println();
    out.println(ratios());
  }

  private Collection<RunResult> results() throws RunnerException {
    TimeValue time = TimeValue.microseconds((long) (seconds * 1e6));
    return new Runner(
            new OptionsBuilder()
                .include(Overhead.class.getPackageName() + "\\..*Benchmark\\..*(" + which + ")")
                .mode(Mode.AverageTime)
                .timeUnit(TimeUnit.NANOSECONDS)
                .forks(forks)
                .warmupIterations(3)
                .warmupTime(time)
                .measurementIterations(4)
                .measurementTime(time)
                .addProfiler(GCProfiler.class)
                .jvmArgs("-Xms256m", "-Xmx256m", "-XX:+UseParallelGC", "-Djmh.ignoreLock=true")
                .verbosity(VerboseMode.SILENT)
                .shouldFailOnError(true)
                .build())
        .run();
  }

  private void add(RunResult result) {
    String name = result.getParams().getBenchmark();
    Seen all =
        seen.computeIfAbsent(name.substring(name.lastIndexOf('.') + 1), unseen -> new Seen());
    all.nanos.add(result.getPrimaryResult().getScore());
    Result<?> bytes = result.getSecondaryResults().get(BYTES);
    all.bytes.add(bytes == null ? Double.NaN : bytes.getScore());
  }

  private Table table() {
    Table table = new Table("operation", "ns", "min", "max", "heap B");
    seen.forEach(
        (name, all) ->
            table.row(
                name,
                format("%,.1f", Estimate.median(values(all.nanos))),
                format("%,.1f", all.nanos.stream().min(Double::compare).orElse(Double.NaN)),
                format("%,.1f", all.nanos.stream().max(Double::compare).orElse(Double.NaN)),
                format("%,.0f", Estimate.median(values(all.bytes)))));
    return table;
  }

  /** What get and close would cost if nothing were counted; nothing if that was not measured. */
  private String withoutStatistics() {
    Seen all = seen.get("readyRing");
    Seen statistics = seen.get("statisticsOfAGet");
    if (all == null || statistics == null) {
      return "";
    }
    double with = Estimate.median(values(all.nanos));
    return format(
        "get + close on a ready ring: %,.1f ns with statistics (readyRing), %,.1f ns without (less"
            + " statisticsOfAGet)",
        with, with - Estimate.median(values(statistics.nanos)));
  }

  /** As speeds: 1 is as fast. */
  private Table ratios() {
    Table table = new Table("speed of", "over", "ratio [95 %]");
    COUNTERPARTS.forEach(
        (through, without) -> {
          Seen ours = seen.get(through);
          Seen plain = seen.get(without);
          if (ours != null && plain != null) {
            table.row(through, without, Estimate.ratio(values(plain.nanos), values(ours.nanos)));
          }
        });
    return table;
  }

  private static double[] values(List<Double> list) {
    return list.stream().mapToDouble(Double::doubleValue).toArray();
  }

  private static String format(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }
}
