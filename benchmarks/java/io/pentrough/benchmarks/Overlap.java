package io.pentrough.benchmarks;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * How much of its time an emulated consumer computes, beside a loader that costs nothing: {@link
 * LoaderModel}, given what target, copy and consumer really took.
 */
final class Overlap {

  private final long seed;
  private final PrintStream out;
  private final List<Measurement> all = new ArrayList<>();

  /** One run, and the model's of the same times. */
  private record Measurement(Ring ring, Durations drawn, Timeline seen, int first) {

    Timeline model() {
      return LoaderModel.run(ring, seen.durations());
    }

    double utilisation() {
      return 100 * seen.utilisation(first);
    }

    double modelUtilisation() {
      return 100 * model().utilisation(first);
    }

    /** In points of utilisation. */
    double difference() {
      return utilisation() - modelUtilisation();
    }

    /** What the model loses if the hand-overs that are not left out cost what they were seen to. */
    double lostTo(boolean worker, boolean copy, boolean consumer) {
      long[] nothing = new long[seen.batches()];
      LoaderModel.Costs costs = seen.costs(ring);
      Timeline slowed =
          LoaderModel.run(
              ring,
              seen.durations(),
              new LoaderModel.Costs(
                  worker ? costs.worker() : nothing,
                  copy ? costs.copy() : nothing,
                  consumer ? costs.consumer() : nothing));
      return 100 * slowed.utilisation(first) - modelUtilisation();
    }
  }

  Overlap(long seed, PrintStream out) {
    this.seed = seed;
    this.out = out;
  }

  /** For the compiler. */
  void warm() throws Exception {
    int batches = 200;
    Emulation.run(
        Ring.deep(2, 3), Durations.drawn(batches, Draws.JITTERED, 4e5, 100_000, 100_000, seed));
  }

  /** Every combination of the times, in milliseconds, with a ring of the usual depth. */
  void sweep(List<Double> millis, List<Integer> workers, List<Draws> draws, int batches)
      throws Exception {
    Table table =
        new Table(
            "target",
            "P ms",
            "C ms",
            "K ms",
            "workers",
            "utilisation %",
            "model %",
            "difference",
            "overlap efficiency",
            "model's");
    List<Measurement> measured = new ArrayList<>();
    for (Draws drawn : draws) {
      for (double fill : millis) {
        for (double copy : millis) {
          for (double compute : millis) {
            for (int count : workers) {
              Ring ring = new Ring(count, Setup.usualHostSlots(count), Setup.USUAL_DEVICE_SLOTS);
              Measurement m = measure(ring, drawn, fill, copy, compute, batches, seed);
              measured.add(m);
              table.row(
                  drawn,
                  fill,
                  copy,
                  compute,
                  count,
                  format("%.1f", m.utilisation()),
                  format("%.1f", m.modelUtilisation()),
                  format("%+.1f", m.difference()),
                  format("%.3f", m.seen.overlap(m.first, count)),
                  format("%.3f", m.model().overlap(m.first, count)));
            }
          }
        }
      }
      System.err.println("measured: " + drawn);
    }
    out.println(
        "Every combination of the times, " + batches + " batches each, " + "default depths:");
    out.println(table);
    out.println(summary(measured));
    out.println();
  }

  /**
   * Where depth matters: workers that together are on average as fast as the consumer, and a copy
   * that takes half as long.
   */
  void depths(
      List<Double> millis,
      List<Integer> workers,
      List<Integer> depths,
      List<Draws> draws,
      int batches,
      int rounds)
      throws Exception {
    List<List<Measurement>> rows = new ArrayList<>();
    for (int round = 0; round < rounds; round++) {
      int row = 0;
      for (double compute : millis) {
        for (Draws drawn : draws) {
          for (int depth : depths) {
            for (int count : workers) {
              if (round == 0) {
                rows.add(new ArrayList<>());
              }
              rows.get(row++)
                  .add(
                      measure(
                          Ring.deep(count, depth),
                          drawn,
                          compute * count,
                          compute / 2,
                          compute,
                          batches,
                          seed + round));
            }
          }
        }
      }
      System.err.println("round " + (round + 1) + " of " + rounds);
    }
    Table table =
        new Table(
            "K ms",
            "target",
            "depth",
            "workers",
            "utilisation %",
            "model %",
            "difference",
            "worst round",
            "lost to a worker's claim",
            "to the copy's start",
            "to the consumer's get",
            "not explained");
    int row = 0;
    for (double compute : millis) {
      for (Draws drawn : draws) {
        for (int depth : depths) {
          for (int count : workers) {
            List<Measurement> m = rows.get(row++);
            table.row(
                compute,
                drawn,
                depth,
                count,
                format("%.1f", median(m, Measurement::utilisation)),
                format("%.1f", median(m, Measurement::modelUtilisation)),
                format("%+.2f", median(m, Measurement::difference)),
                format(
                    "%+.2f", m.stream().mapToDouble(Measurement::difference).min().orElseThrow()),
                format("%+.2f", median(m, each -> each.lostTo(true, false, false))),
                format("%+.2f", median(m, each -> each.lostTo(false, true, false))),
                format("%+.2f", median(m, each -> each.lostTo(false, false, true))),
                format(
                    "%+.2f", median(m, each -> each.difference() - each.lostTo(true, true, true))));
          }
        }
      }
    }
    out.printf(
        Locale.ROOT,
        "Workers together as fast as the consumer (P = K x workers), C = K / 2, depth slots on the"
            + " device and depth + workers on the host; %d batches, medians of %d rounds:%n",
        batches,
        rounds);
    out.println(table);
    out.println(summary(rows.stream().flatMap(List::stream).toList()));
    out.println();
  }

  private interface Figure {
    double of(Measurement measurement);
  }

  private static double median(List<Measurement> measurements, Figure figure) {
    return Estimate.median(measurements.stream().mapToDouble(figure::of).toArray());
  }

  private Measurement measure(
      Ring ring,
      Draws draws,
      double fillMillis,
      double copyMillis,
      double computeMillis,
      int batches,
      long drawnFrom)
      throws Exception {
    Durations drawn =
        Durations.drawn(
            batches,
            draws,
            fillMillis * 1e6,
            Math.round(copyMillis * 1e6),
            Math.round(computeMillis * 1e6),
            drawnFrom);
    int first = Math.max(1, batches / 20);
    Measurement measurement = new Measurement(ring, drawn, Emulation.run(ring, drawn), first);
    all.add(measurement);
    return measurement;
  }

  private static String summary(List<Measurement> measured) {
    double[] differences = measured.stream().mapToDouble(Measurement::difference).toArray();
    return format(
        "measured less model, %d runs: median %+.2f points, worst %+.2f; %.0f %% of the runs are"
            + " less than 1 point below the model",
        differences.length,
        Estimate.median(differences),
        Arrays.stream(differences).min().orElse(Double.NaN),
        100.0 * Arrays.stream(differences).filter(d -> d > -1).count() / differences.length);
  }

  /** What hand-overs cost in all runs so far, and how late the emulation itself was. */
  void handOvers() {
    Samples claimed = new Samples();
    Samples copyAtOnce = new Samples();
    Samples copyFilled = new Samples();
    Samples copyReleased = new Samples();
    Samples gotReady = new Samples();
    Samples gotAwaited = new Samples();
    Samples late = new Samples();
    for (Measurement m : all) {
      LoaderModel.Costs costs = m.seen.costs(m.ring);
      Durations spent = m.seen.durations();
      for (int i = m.first; i < m.seen.batches(); i++) {
        claimed.add(costs.worker()[i]);
        long possible = m.seen.copyPossible(i, m.ring);
        if (possible == m.seen.copied[i - 1]) {
          copyAtOnce.add(costs.copy()[i]);
        } else if (possible == m.seen.filled[i]) {
          copyFilled.add(costs.copy()[i]);
        } else {
          copyReleased.add(costs.copy()[i]);
        }
        (m.seen.copied[i] < m.seen.closed[i - 1] ? gotReady : gotAwaited).add(costs.consumer()[i]);
        late.add(spent.fill()[i] - m.drawn.fill()[i]);
        late.add(spent.copy()[i] - m.drawn.copy()[i]);
        late.add(spent.compute()[i] - m.drawn.compute()[i]);
      }
    }
    Table table = new Table("later than it could be, us", "mean", "p50", "p99", "times");
    claimed.row(table, "claim, behind the worker's last batch or for a slot that got free");
    copyAtOnce.row(table, "copy, behind the copy before");
    copyFilled.row(table, "copy, behind its target");
    copyReleased.row(table, "copy, behind the close of the slot's last batch");
    gotReady.row(table, "get, of a batch that is there, with the close before it");
    gotAwaited.row(table, "get, of a batch that is waited for");
    late.row(table, "the emulation itself: end of a wait (the model is given this)");
    out.println(table);
  }

  /** Times in nanoseconds. */
  private static final class Samples {

    private final Latencies nanos = new Latencies();
    private double sum;

    void add(long elapsedNanos) {
      nanos.add(elapsedNanos);
      sum += elapsedNanos;
    }

    void row(Table table, String name) {
      int count = nanos.count();
      if (count == 0) {
        table.row(name, "", "", "", 0);
        return;
      }
      table.row(
          name,
          format("%.1f", sum / count / 1e3),
          format("%.1f", nanos.quantile(0.5) / 1e3),
          format("%.1f", nanos.quantile(0.99) / 1e3),
          count);
    }
  }

  private static String format(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }
}
