package io.pentrough.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * The workloads, with every loader, in rounds: in each round every loader is measured once on every
 * row, so that what disturbs the machine for a while disturbs all of them.
 */
final class Throughput {

  private final int rounds;
  private final long measureNanos;
  private final List<Contender> contenders;
  private final List<Row> rows = new ArrayList<>();

  /** What was seen of a loader on a row; a figure for each round. */
  private static final class Seen {
    final double[] perSecond;
    final double[] cpuNanos;
    final double[] heap;
    final double[] p50;
    final double[] p99;
    final double[] pacedP50;
    final double[] pacedP99;

    Seen(int rounds) {
      perSecond = new double[rounds];
      cpuNanos = new double[rounds];
      heap = new double[rounds];
      p50 = new double[rounds];
      p99 = new double[rounds];
      pacedP50 = new double[rounds];
      pacedP99 = new double[rounds];
    }
  }

  private static final class Row {
    final Setup setup;
    final Workload workload;
    final int workers;
    final Map<Contender, Seen> seen = new EnumMap<>(Contender.class);

    /** Fills per second of one thread that does nothing else. */
    final double[] targetAlone;

    /** Of fills with a copy behind each, by as many threads as there are cores. */
    final double[] limit;

    /** Of one copy by one thread, in nanoseconds. */
    final double[] copyNanos;

    Row(Setup setup, int rounds) {
      this.setup = setup;
      workload = setup.workload();
      workers = setup.workers();
      targetAlone = new double[rounds];
      limit = new double[rounds];
      copyNanos = new double[rounds];
    }

    Seen of(Contender contender) {
      Seen found = seen.get(contender);
      if (found == null) {
        throw new IllegalStateException(contender + " was not measured");
      }
      return found;
    }
  }

  Throughput(int rounds, double seconds, List<Setup> setups, List<Contender> contenders) {
    this.rounds = rounds;
    measureNanos = (long) (seconds * 1e9);
    this.contenders = contenders;
    for (Setup setup : setups) {
      Row row = new Row(setup, rounds);
      contenders.forEach(contender -> row.seen.put(contender, new Seen(rounds)));
      rows.add(row);
    }
  }

  void run(PrintStream out, Path folder) throws Exception {
    Machine machine = Machine.watch(out);
    long started = System.nanoTime();
    for (int round = -1; round < rounds; round++) { // the first is for the compiler
      for (Row row : rows) {
        measure(row, round);
      }
      System.err.printf(
          Locale.ROOT,
          "%s after %.0f s%n",
          round < 0 ? "warm" : "round " + (round + 1) + " of " + rounds,
          (System.nanoTime() - started) / 1e9);
    }
    out.println(machine.others());
    out.println();
    out.println(table());
    if (contenders.containsAll(List.of(Contender.values()))) {
      out.println(verdicts());
      chart(folder, out);
    }
  }

  private void measure(Row row, int round) throws Exception {
    double targetAlone = perSecond(1, row.workload, false);
    double limit =
        perSecond(Math.min(2, Runtime.getRuntime().availableProcessors()), row.workload, true);
    double copyNanos = copyNanos(row.workload.shape);
    if (round >= 0) {
      row.targetAlone[round] = targetAlone;
      row.limit[round] = limit;
      row.copyNanos[round] = copyNanos;
    }
    for (int i = 0; i < contenders.size(); i++) {
      Contender contender = contenders.get(Math.floorMod(i + round, contenders.size()));
      Seen seen = row.of(contender);
      Set<Long> before = Threads.now();
      try (Loader loader = contender.start(row.setup)) {
        measure(loader, Threads.startedSince(before), round, seen);
      }
    }
  }

  private void measure(Loader loader, Threads threads, int round, Seen seen) throws Exception {
    consume(loader, measureNanos / 3, new Latencies());
    Latencies latencies = new Latencies();
    long cpu = threads.cpuNanos();
    double perSecond = consume(loader, measureNanos, latencies);
    double cpuNanos = (double) (threads.cpuNanos() - cpu) / latencies.count();

    long gapNanos = Math.max(1_000_000, (long) (3e9 / perSecond));
    int paced = (int) Math.max(20, Math.min(200, measureNanos / gapNanos));
    Latencies pacedLatencies = new Latencies();
    for (int i = 0; i < paced; i++) {
      Latencies.sleepUntil(System.nanoTime() + gapNanos);
      pacedLatencies.consume(loader, false);
    }

    int unread = (int) Math.max(20, Math.min(500, perSecond * measureNanos / 4e9));
    long allocated = threads.allocatedBytes();
    for (int i = 0; i < unread; i++) {
      loader.consume(false);
    }
    double heap = (double) (threads.allocatedBytes() - allocated) / unread;

    if (round >= 0) {
      seen.perSecond[round] = perSecond;
      seen.cpuNanos[round] = cpuNanos;
      seen.heap[round] = heap;
      seen.p50[round] = latencies.quantile(0.5);
      seen.p99[round] = latencies.quantile(0.99);
      seen.pacedP50[round] = pacedLatencies.quantile(0.5);
      seen.pacedP99[round] = pacedLatencies.quantile(0.99);
    }
  }

  /** How often a second. */
  static double consume(Loader loader, long nanos, Latencies latencies) throws Exception {
    long started = System.nanoTime();
    long end = started + nanos;
    long now;
    do {
      now = latencies.consume(loader, true);
    } while (now < end);
    return latencies.count() * 1e9 / (now - started);
  }

  /** Fills, and copies if asked to, by threads that know nothing of each other. */
  private double perSecond(int threads, Workload workload, boolean copies) throws Exception {
    double[] rates = new double[threads];
    List<Thread> running = new ArrayList<>();
    for (int t = 0; t < threads; t++) {
      int number = t;
      Target target = workload.targets().get();
      List<BufferOutput> from = buffers(workload.shape, Setup.usualHostSlots(1));
      List<BufferOutput> to = buffers(workload.shape, copies ? Setup.USUAL_DEVICE_SLOTS : 0);
      running.add(
          new Thread(
              () -> {
                SplittableRandom random = new SplittableRandom(number);
                long started = System.nanoTime();
                long now;
                int count = 0;
                do {
                  BufferOutput filled = from.get(count % from.size());
                  target.fill(filled, random);
                  if (copies) {
                    to.get(count % to.size()).bytes.put(0, filled.bytes, 0, filled.bytes.limit());
                  }
                  count++;
                  now = System.nanoTime();
                } while (now - started < measureNanos / 3);
                rates[number] = count * 1e9 / (now - started);
              }));
    }
    running.forEach(Thread::start);
    for (Thread thread : running) {
      thread.join();
    }
    return Arrays.stream(rates).sum();
  }

  private double copyNanos(Shape shape) {
    List<BufferOutput> buffers = buffers(shape, 8);
    long started = System.nanoTime();
    long now;
    int count = 0;
    do {
      BufferOutput from = buffers.get(count % 4);
      buffers.get(4 + count % 4).bytes.put(0, from.bytes, 0, from.bytes.limit());
      count++;
      now = System.nanoTime();
    } while (now - started < measureNanos / 6);
    return (double) (now - started) / count;
  }

  /** Buffers whose pages are there. */
  private static List<BufferOutput> buffers(Shape shape, int count) {
    List<BufferOutput> buffers = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      BufferOutput buffer = new BufferOutput(shape);
      for (int at = 0; at < buffer.bytes.limit(); at += 4096) {
        buffer.bytes.put(at, (byte) 1);
      }
      buffers.add(buffer);
    }
    return buffers;
  }

  private Table table() {
    Table table =
        new Table(
            "workload",
            "workers",
            "loader",
            "batches/s",
            "GB/s",
            "efficiency",
            "get+close p50 us",
            "p99 us",
            "paced p50 us",
            "p99 us",
            "CPU us/batch",
            "CPU s/GB",
            "heap B/batch");
    for (Row row : rows) {
      for (Contender contender : contenders) {
        Seen seen = row.of(contender);
        double perSecond = Estimate.median(seen.perSecond);
        double cpu = Estimate.median(seen.cpuNanos);
        table.row(
            row.workload,
            row.workers,
            contender,
            format("%,.0f", perSecond),
            format("%.2f", perSecond * row.workload.shape.bytes() / 1e9),
            row.workload.kind == Workload.Kind.NULL ? "" : format("%.2f", efficiency(row, seen)),
            format("%.1f", Estimate.median(seen.p50) / 1e3),
            format("%.1f", Estimate.median(seen.p99) / 1e3),
            format("%.1f", Estimate.median(seen.pacedP50) / 1e3),
            format("%.1f", Estimate.median(seen.pacedP99) / 1e3),
            format("%.1f", cpu / 1e3),
            format("%.2f", cpu / row.workload.shape.bytes()),
            format("%,.0f", Estimate.median(seen.heap)));
      }
    }
    return table;
  }

  private static double efficiency(Row row, Seen seen) {
    int threads = Math.min(row.workers, Runtime.getRuntime().availableProcessors());
    double[] shares = new double[seen.perSecond.length];
    for (int i = 0; i < shares.length; i++) {
      shares[i] = seen.perSecond[i] / (threads * row.targetAlone[i]);
    }
    return Estimate.median(shares);
  }

  private static Estimate overReuseCopy(Row row) {
    return Estimate.ratio(
        row.of(Contender.PENTROUGH).perSecond, row.of(Contender.REUSE_COPY).perSecond);
  }

  private static Estimate overReuse(Row row) {
    return Estimate.ratio(row.of(Contender.ZERO_COPY).perSecond, row.of(Contender.REUSE).perSecond);
  }

  private String verdicts() {
    Table table =
        new Table(
            "workload",
            "workers",
            "Pentrough / reuse+copy [95 %]",
            "no copy / reuse [95 %]",
            "of the two-copy limit [95 %]",
            "CPU less the copy, us: Pentrough",
            "reuse+copy");
    double logs = 0;
    for (Row row : rows) {
      Estimate zeroCopy = overReuse(row);
      logs += Math.log(zeroCopy.mean());
      double copy = Estimate.median(row.copyNanos) / 1e3;
      table.row(
          row.workload,
          row.workers,
          overReuseCopy(row),
          zeroCopy,
          Estimate.ratio(row.of(Contender.PENTROUGH).perSecond, row.limit),
          format("%.1f", Estimate.median(row.of(Contender.PENTROUGH).cpuNanos) / 1e3 - copy),
          format("%.1f", Estimate.median(row.of(Contender.REUSE_COPY).cpuNanos) / 1e3 - copy));
    }
    return table
        + System.lineSeparator()
        + format("no copy / reuse, geometric mean of all rows: %.2f", Math.exp(logs / rows.size()));
  }

  private void chart(Path folder, PrintStream out) throws IOException {
    BarChart chart =
        new BarChart("Pentrough over the textbook, batches per second", "ratio (1 = as fast)");
    chart.series("over reuse+copy", rows.stream().map(Throughput::overReuseCopy).toList());
    chart.series("no copy, over reuse", rows.stream().map(Throughput::overReuse).toList());
    chart.write(
        rows.stream().map(row -> row.workload + " " + row.workers).toList(),
        folder.resolve("throughput.png"),
        out);
  }

  private static String format(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }
}
