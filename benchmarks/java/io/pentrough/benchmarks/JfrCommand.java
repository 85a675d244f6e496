package io.pentrough.benchmarks;

import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** What the events of the JDK Flight Recorder cost. */
@Command(
    name = "jfr",
    mixinStandardHelpOptions = true,
    description =
        "What the events of the JDK Flight Recorder cost for each batch: without a recording, with"
            + " one that does not ask for them, and with one that does.")
final class JfrCommand implements Callable<Integer> {

  /** Batches of a burst: a wake that is spread over them does not count. */
  private static final int RING = 64;

  @Option(names = "--rounds", description = "times each is measured (default: ${DEFAULT-VALUE})")
  private int rounds = 30;

  @Option(names = "--bursts", description = "of 64 batches, a round (default: ${DEFAULT-VALUE})")
  private int bursts = 500;

  /** What was read, so that no loop is left out by the compiler. */
  private long sum;

  /** What was measured under a recording, by round. */
  private final class Measured {
    final String name;

    /** The events that the recording asks for; null if there is no recording. */
    final @Nullable List<String> events;

    final BurstCosts costs = new BurstCosts(rounds, bursts, RING);

    Measured(String name, @Nullable List<String> events) {
      this.name = name;
      this.events = events;
    }

    void measure(int round, GatedLoader gated, Threads threads) throws Exception {
      try (AutoCloseable recording = events == null ? () -> {} : new FlightRecording(events)) {
        sum += recording.hashCode() & 1;
        sum += costs.measure(round, gated, threads);
      }
    }
  }

  @Override
  public Integer call() throws Exception {
    if (ModuleLayer.boot().findModule("jdk.jfr").isEmpty()) {
      System.out.println("left out: this Java has no module jdk.jfr");
      return 0;
    }
    Machine machine = Machine.watch(System.out);
    Measured never = new Measured("never recorded", null);
    Measured none = new Measured("no recording now", null);
    List<Measured> inTurn =
        List.of(
            none,
            new Measured("a recording without them", List.of()),
            new Measured("Batch", List.of("Batch")),
            new Measured("Batch, Fill, Get, Loader", List.of("Batch", "Fill", "Get", "Loader")));
    Set<Long> before = Threads.now();
    try (GatedLoader gated = new GatedLoader(RING, 1, RING, false)) {
      Threads threads = Threads.startedSince(before);
      for (int round = -2; round < rounds; round++) { // the first two are for the compiler
        never.measure(round, gated, threads);
      }
      for (int round = -2; round < rounds; round++) {
        for (int i = 0; i < inTurn.size(); i++) {
          inTurn.get(Math.floorMod(round + i, inTurn.size())).measure(round, gated, threads);
        }
      }
    }
    Table table =
        new Table(
            "jfr",
            "fill + copy, ns",
            "/ no recording [95 %]",
            "get + close, ns",
            "/ no recording [95 %]",
            "heap, B");
    row(table, never, none);
    for (Measured each : inTurn) {
      row(table, each, none);
    }
    System.out.println(machine.others());
    System.out.println();
    System.out.println(table);
    return sum == 0 ? 1 : 0;
  }

  private static void row(Table table, Measured each, Measured base) {
    table.row(
        each.name,
        median(each.costs.fill),
        Estimate.ratio(each.costs.fill, base.costs.fill),
        median(each.costs.get),
        Estimate.ratio(each.costs.get, base.costs.get),
        median(each.costs.heap));
  }

  private static String median(double[] values) {
    return String.format(Locale.ROOT, "%.0f", Estimate.median(values));
  }
}
