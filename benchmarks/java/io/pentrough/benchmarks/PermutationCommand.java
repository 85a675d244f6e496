package io.pentrough.benchmarks;

import io.pentrough.data.Permutation;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** What shuffled indexes cost: a {@link Permutation} beside a table that is shuffled per epoch. */
@Command(
    name = "permutation",
    mixinStandardHelpOptions = true,
    description =
        "Nanoseconds for each index of an epoch: by a Permutation, and by a table that is shuffled"
            + " for the epoch and read once.")
final class PermutationCommand implements Callable<Integer> {

  @Option(names = "--rounds", description = "times each is measured (default: ${DEFAULT-VALUE})")
  private int rounds = 9;

  @Option(
      names = "--sizes",
      split = ",",
      description = "samples in the dataset (default: ${DEFAULT-VALUE})")
  private List<Integer> sizes = List.of(1000, 100_000, 1_000_000, 10_000_000);

  /** What was read, so that no loop is left out by the compiler. */
  private long sum;

  private interface Epoch {
    void run(int epoch);
  }

  @Override
  public Integer call() {
    Machine machine = Machine.watch(System.out);
    Table table =
        new Table(
            "samples",
            "permutation, ns/index",
            "its inverse, ns/index",
            "rekey, us",
            "table, ns/index",
            "table, MiB",
            "permutation / table [95 %]");
    for (int size : sizes) {
      measure(size, table);
    }
    System.out.println(machine.others());
    System.out.println();
    System.out.println(table);
    return sum == 0 ? 1 : 0;
  }

  private void measure(int size, Table table) {
    Permutation permutation = Permutation.of(42, 0, size);
    int[] indexes = new int[size];
    List<Epoch> epochs =
        List.of(
            epoch -> {
              permutation.rekey(42, epoch);
              for (int i = 0; i < size; i++) {
                sum += permutation.at(i);
              }
            },
            epoch -> {
              permutation.rekey(42, epoch);
              for (int i = 0; i < size; i++) {
                sum += permutation.indexOf(i);
              }
            },
            epoch -> {
              permutation.rekey(42, epoch);
              sum += permutation.at(0);
            },
            epoch -> {
              shuffle(indexes, epoch);
              for (int index : indexes) {
                sum += index;
              }
            });
    double[][] nanos = new double[epochs.size()][rounds];
    for (int round = -2; round < rounds; round++) { // the first two are for the compiler
      for (int which = 0; which < epochs.size(); which++) {
        boolean isRekey = which == 2;
        int repetitions = isRekey ? 10_000 : Math.max(1, 1_000_000 / size);
        long started = System.nanoTime();
        for (int i = 0; i < repetitions; i++) {
          epochs.get(which).run(i);
        }
        if (round >= 0) {
          double each = (double) (System.nanoTime() - started) / repetitions;
          nanos[which][round] = isRekey ? each : each / size;
        }
      }
    }
    table.row(
        String.format(Locale.ROOT, "%,d", size),
        median("%.1f", nanos[0], 1),
        median("%.1f", nanos[1], 1),
        median("%.2f", nanos[2], 1000),
        median("%.1f", nanos[3], 1),
        String.format(Locale.ROOT, "%.1f", size * 4.0 / (1 << 20)),
        Estimate.ratio(nanos[0], nanos[3]));
  }

  private static String median(String format, double[] nanos, double unit) {
    return String.format(Locale.ROOT, format, Estimate.median(nanos) / unit);
  }

  /** As one would write it: Fisher-Yates, from the dataset's order. */
  private static void shuffle(int[] indexes, int epoch) {
    for (int i = 0; i < indexes.length; i++) {
      indexes[i] = i;
    }
    SplittableRandom random = new SplittableRandom(epoch);
    for (int i = indexes.length - 1; i > 0; i--) {
      int other = random.nextInt(i + 1);
      int index = indexes[i];
      indexes[i] = indexes[other];
      indexes[other] = index;
    }
  }
}
