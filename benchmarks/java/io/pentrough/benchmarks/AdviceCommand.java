package io.pentrough.benchmarks;

import io.pentrough.Advice;
import io.pentrough.LoaderStats;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Runs each {@link AdviceCase}, follows the advice that it gets, and runs it again. */
@Command(
    name = "advice",
    mixinStandardHelpOptions = true,
    description =
        "Bottlenecks made on purpose: the rate before, the advice, and whether the rate after is"
            + " the predicted one.")
final class AdviceCommand implements Callable<Integer> {

  @Option(names = "--batches", description = "batches of each run (default: ${DEFAULT-VALUE})")
  private int batches = 200;

  @Option(
      names = "--cases",
      split = ",",
      description = "${COMPLETION-CANDIDATES} (default: all of them)")
  private List<AdviceCase> cases = List.of(AdviceCase.values());

  @Override
  public Integer call() throws Exception {
    Machine machine = Machine.watch(System.out);
    Table table =
        new Table(
            "case",
            "bottleneck",
            "batches/s",
            "advice",
            "if",
            "predicted",
            "after",
            "after / predicted",
            "within 15 %");
    for (AdviceCase each : cases) {
      measure(each, table);
      System.err.println("measured: " + each);
    }
    System.out.println(table);
    System.out.println(machine.others());
    return 0;
  }

  private void measure(AdviceCase each, Table table) throws Exception {
    LoaderStats before = each.run(each.ring, batches);
    String name = each.name().toLowerCase(Locale.ROOT).replace('_', ' ');
    Advice advice = settings(before);
    if (advice == null) {
      String said = before.advice().isEmpty() ? "none" : changes(before.advice().get(0));
      table.row(name, before.bottleneck(), rate(before), said, "", "", "", "", "");
      return;
    }
    LoaderStats after = each.run(follow(each.ring, advice), batches);
    double ratio = batchesPerSecond(after) / advice.batchesPerSecond();
    table.row(
        name,
        before.bottleneck(),
        rate(before),
        changes(advice),
        advice.condition(),
        format(advice.batchesPerSecond()),
        rate(after),
        String.format(Locale.ROOT, "%.2f", ratio),
        ratio >= 0.85 && ratio <= 1.15
            ? "yes"
            : each.breaksCondition() ? "no: the fills wait for each other" : "NO");
  }

  /** The first advice that settings alone can follow; null if there is none. */
  private static @Nullable Advice settings(LoaderStats stats) {
    return stats.advice().stream()
        .filter(advice -> advice.changes().stream().noneMatch(change -> change.subject().isTime()))
        .findFirst()
        .orElse(null);
  }

  /** Host slots that are the default follow the workers. */
  private static Ring follow(Ring ring, Advice advice) {
    int workers = ring.workers();
    int hostSlots = ring.hostSlots();
    int deviceSlots = ring.deviceSlots();
    for (Advice.Change change : advice.changes()) {
      switch (change.subject()) {
        case WORKERS -> {
          workers = (int) change.to();
          hostSlots =
              hostSlots == Setup.usualHostSlots(ring.workers())
                  ? Setup.usualHostSlots(workers)
                  : hostSlots;
        }
        case HOST_SLOTS -> hostSlots = (int) change.to();
        case DEVICE_SLOTS -> deviceSlots = (int) change.to();
        default -> throw new IllegalArgumentException(change + " is no setting of these cases");
      }
    }
    return new Ring(workers, hostSlots, deviceSlots);
  }

  private static String changes(Advice advice) {
    return String.join(", ", advice.changes().stream().map(Advice.Change::toString).toList());
  }

  private static double batchesPerSecond(LoaderStats stats) {
    return 1e9 * stats.batches() / stats.elapsed().toNanos();
  }

  private static String rate(LoaderStats stats) {
    return format(batchesPerSecond(stats));
  }

  private static String format(double rate) {
    return String.format(Locale.ROOT, "%.1f", rate);
  }
}
