package io.pentrough.benchmarks;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.device.Device;
import io.pentrough.device.host.HostDevice;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** What a batch costs, as one thing after the other grows. The target does nothing. */
final class Growth {

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** All slots of a loader together; the garbage of the one before may be there as well. */
  private static final long MAX_BYTES = 3L << 30;

  /** What is left to everybody else. */
  private static final long SPARE_BYTES = 2L << 30;

  private static final int MIN_BATCHES = 4;

  /**
   * Up to this ratio of the last cost to the first, or the first to the last, something is flat.
   */
  private static final double FLAT = 1.25;

  /** What grows. */
  enum Axis {
    /** Threads that run the target; the rings are as deep for one as for 64. */
    WORKERS("workers", 64),
    /** Depth of the host ring. */
    HOST_SLOTS("host slots", 64),
    /** Depth of the device ring. */
    DEVICE_SLOTS("device slots", 64),
    /** Arrays that the same bytes are divided into; the consumer asks for each. */
    ARRAYS("arrays", 32),
    /** Size of a batch. */
    BYTES("bytes", 1 << 30);

    private final String title;
    private final int max;

    Axis(String title, int max) {
      this.title = title;
      this.max = max;
    }

    @Override
    public String toString() {
      return title;
    }
  }

  /** A loader, and what was seen of it in each round. */
  private static final class Row {
    final Axis axis;
    final int value;
    final Ring ring;
    final int arrays;
    final int bytes;
    final double[] micros;
    final double[] cpuMicros;
    final double[] zeroCopyMicros;
    final double[] copyMicros;

    Row(Axis axis, int value, int rounds) {
      this.axis = axis;
      this.value = value;
      bytes = axis == Axis.BYTES ? value : 32 << 10;
      arrays = axis == Axis.ARRAYS ? value : 1;
      int usual = 7L * bytes > MAX_BYTES ? 1 : Setup.USUAL_DEVICE_SLOTS;
      ring =
          new Ring(
              axis == Axis.WORKERS ? value : 1,
              switch (axis) {
                case WORKERS -> Axis.WORKERS.max + 2;
                case HOST_SLOTS -> value;
                default -> usual;
              },
              axis == Axis.DEVICE_SLOTS ? value : usual);
      micros = new double[rounds];
      cpuMicros = new double[rounds];
      zeroCopyMicros = new double[rounds];
      copyMicros = new double[rounds];
    }

    long totalBytes() {
      return (long) bytes * (ring.hostSlots() + ring.deviceSlots());
    }

    BatchSpec spec() {
      BatchSpec.Builder spec = BatchSpec.builder();
      for (int i = 0; i < arrays; i++) {
        spec.array("a" + i, DType.UINT8, bytes / arrays);
      }
      return spec.build();
    }
  }

  private final int rounds;
  private final long measureNanos;
  private final PrintStream out;
  private final List<Row> rows = new ArrayList<>();

  Growth(int rounds, double seconds, List<Axis> axes, int max, int maxBytes, PrintStream out) {
    this.rounds = rounds;
    measureNanos = (long) (seconds * 1e9);
    this.out = out;
    for (Axis axis : axes) {
      long end = Math.min(axis.max, axis == Axis.BYTES ? maxBytes : max);
      for (long v = axis == Axis.BYTES ? 4096 : 1; v <= end; v *= axis == Axis.BYTES ? 4 : 2) {
        rows.add(new Row(axis, (int) v, rounds));
      }
    }
  }

  void run(Path folder) throws Exception {
    rows.removeIf(this::isTooLarge);
    long started = System.nanoTime();
    for (int round = -1; round < rounds; round++) { // the first is for the compiler
      for (Row row : rows) {
        if (round >= 0 || row.bytes <= 1 << 20) {
          measure(row, round);
        }
      }
      System.err.printf(
          Locale.ROOT,
          "%s after %.0f s%n",
          round < 0 ? "warm" : "round " + (round + 1) + " of " + rounds,
          (System.nanoTime() - started) / 1e9);
    }
    out.println();
    out.println(table());
    out.println(verdicts());
    chart(folder);
  }

  private boolean isTooLarge(Row row) {
    boolean tooLarge = row.totalBytes() > Math.min(MAX_BYTES, freeBytes() - SPARE_BYTES);
    if (tooLarge) {
      out.printf(
          Locale.ROOT,
          "left out: %s %,d, as its slots take %,d MiB and there is not as much to spare%n",
          row.axis,
          row.value,
          row.totalBytes() >> 20);
    }
    return tooLarge;
  }

  /** Memory that a process may still have; a lot where the system does not say. */
  private static long freeBytes() {
    try {
      return Files.readAllLines(Path.of("/proc/meminfo")).stream()
          .filter(line -> line.startsWith("MemAvailable:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10)
          .findFirst()
          .orElse(Long.MAX_VALUE);
    } catch (IOException e) {
      return Long.MAX_VALUE;
    }
  }

  private void measure(Row row, int round) throws Exception {
    double copy = copyMicros(row.bytes);
    double[] copied = loaderMicros(row, false);
    double[] zeroCopy = loaderMicros(row, true);
    if (round >= 0) {
      row.copyMicros[round] = copy;
      row.micros[round] = copied[0];
      row.cpuMicros[round] = copied[1];
      row.zeroCopyMicros[round] = zeroCopy[0];
    }
  }

  /** Time and CPU time of a batch. */
  private double[] loaderMicros(Row row, boolean zeroCopy) throws Exception {
    Set<Long> before = Threads.now();
    double[] micros;
    try (Device device = HostDevice.open()) {
      BackgroundLoader.Builder builder =
          BackgroundLoader.builder(device, row.spec(), (batch, context) -> {})
              .workers(row.ring.workers())
              .hostSlots(row.ring.hostSlots())
              .deviceSlots(row.ring.deviceSlots());
      try (BackgroundLoader loader = (zeroCopy ? builder.zeroCopy(true) : builder).start()) {
        consume(loader, row.arrays, measureNanos / 3);
        Threads threads = Threads.startedSince(before);
        long cpu = threads.cpuNanos();
        long started = System.nanoTime();
        int batches = consume(loader, row.arrays, measureNanos);
        double nanos = System.nanoTime() - started;
        micros =
            new double[] {
              nanos / batches / 1e3, (double) (threads.cpuNanos() - cpu) / batches / 1e3
            };
      }
    }
    if (row.totalBytes() > 64 << 20) {
      System.gc(); // only the collector gives direct memory back
    }
    return micros;
  }

  private static int consume(BackgroundLoader loader, int arrays, long nanos) throws Exception {
    long started = System.nanoTime();
    int count = 0;
    do {
      try (DeviceBatch batch = loader.get(PATIENCE)) {
        for (int i = 0; i < arrays; i++) {
          batch.array(i);
        }
      }
      count++;
    } while (count < MIN_BATCHES || System.nanoTime() - started < nanos);
    return count;
  }

  /** A plain copy between as many buffers as a ring has, or one pair if they are large. */
  private double copyMicros(int bytes) {
    int pairs = 7L * bytes > MAX_BYTES ? 1 : Setup.USUAL_DEVICE_SLOTS;
    List<ByteBuffer> buffers = new ArrayList<>();
    for (int i = 0; i < 2 * pairs; i++) {
      ByteBuffer buffer = ByteBuffer.allocateDirect(bytes);
      for (int at = 0; at < bytes; at += 4096) {
        buffer.put(at, (byte) 1);
      }
      buffers.add(buffer);
    }
    long started = System.nanoTime();
    long now;
    int count = 0;
    do {
      int pair = count++ % pairs;
      buffers.get(pairs + pair).put(0, buffers.get(pair), 0, bytes);
      now = System.nanoTime();
    } while (count < MIN_BATCHES || now - started < measureNanos / 6);
    buffers.clear();
    if (bytes > 16 << 20) {
      System.gc();
    }
    return (now - started) / 1e3 / count;
  }

  private Table table() {
    Table table =
        new Table(
            "what grows",
            "to",
            "us/batch",
            "CPU us/batch",
            "no copy, us/batch",
            "plain copy, us",
            "us/batch over a plain copy");
    for (Row row : rows) {
      table.row(
          row.axis,
          format("%,d", row.value),
          format("%,.1f", Estimate.median(row.micros)),
          format("%,.1f", Estimate.median(row.cpuMicros)),
          format("%,.1f", Estimate.median(row.zeroCopyMicros)),
          format("%,.1f", Estimate.median(row.copyMicros)),
          Estimate.ratio(row.micros, row.copyMicros));
    }
    return table;
  }

  private Table verdicts() {
    Table table =
        new Table("what grows", "from", "to", "figure", "last / first [95 %]", "slope", "verdict");
    for (Axis axis : Axis.values()) {
      List<Row> of = rows.stream().filter(row -> row.axis == axis).toList();
      if (of.size() > 1) {
        verdict(table, of, "us/batch", row -> row.micros);
        verdict(table, of, "CPU us/batch", row -> row.cpuMicros);
        verdict(table, of, "no copy, us/batch", row -> row.zeroCopyMicros);
      }
    }
    return table;
  }

  private interface Figure {
    double[] of(Row row);
  }

  private static void verdict(Table table, List<Row> rows, String name, Figure figure) {
    Row first = rows.get(0);
    Row last = rows.get(rows.size() - 1);
    Estimate ratio = Estimate.ratio(figure.of(last), figure.of(first));
    double slope =
        slope(
            rows.stream().mapToDouble(row -> Math.log(row.value)).toArray(),
            rows.stream().mapToDouble(row -> Math.log(Estimate.median(figure.of(row)))).toArray());
    table.row(
        first.axis,
        format("%,d", first.value),
        format("%,d", last.value),
        name,
        ratio,
        format("%+.2f", slope),
        verdict(ratio));
  }

  /** As far as the interval allows one. */
  static String verdict(Estimate ratio) {
    if (ratio.low() > FLAT) {
      return "grows";
    }
    if (ratio.high() < 1 / FLAT) {
      return "falls";
    }
    return ratio.low() >= 1 / FLAT && ratio.high() <= FLAT ? "flat" : "too noisy to tell";
  }

  /** Of the line that fits best: 0 is flat, 1 proportional. */
  static double slope(double[] x, double[] y) {
    double meanX = Arrays.stream(x).average().orElseThrow();
    double meanY = Arrays.stream(y).average().orElseThrow();
    double products = 0;
    double squares = 0;
    for (int i = 0; i < x.length; i++) {
      products += (x[i] - meanX) * (y[i] - meanY);
      squares += (x[i] - meanX) * (x[i] - meanX);
    }
    return products / squares;
  }

  private void chart(Path folder) throws IOException {
    LineChart counts = new LineChart("Cost of a batch of 32 KiB", "how many", "us a batch");
    LineChart bytes = new LineChart("Cost of a batch", "bytes", "us a batch");
    boolean anyCounts = false;
    boolean anyBytes = false;
    for (Axis axis : Axis.values()) {
      List<Row> of = rows.stream().filter(row -> row.axis == axis).toList();
      if (of.isEmpty()) {
        continue;
      }
      double[] x = of.stream().mapToDouble(row -> row.value).toArray();
      if (axis == Axis.BYTES) {
        anyBytes = true;
        bytes.line("loader", x, medians(of, row -> row.micros));
        bytes.line("loader, no copy", x, medians(of, row -> row.zeroCopyMicros));
        bytes.line("plain copy", x, medians(of, row -> row.copyMicros));
      } else {
        anyCounts = true;
        counts.line(axis.title, x, medians(of, row -> row.micros));
        counts.line(axis.title + ", no copy", x, medians(of, row -> row.zeroCopyMicros));
      }
    }
    if (anyCounts) {
      counts.write(folder.resolve("growth.png"), out);
    }
    if (anyBytes) {
      bytes.write(folder.resolve("growth-bytes.png"), out);
    }
  }

  private static double[] medians(List<Row> rows, Figure figure) {
    return rows.stream().mapToDouble(row -> Estimate.median(figure.of(row))).toArray();
  }

  private static String format(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }
}
