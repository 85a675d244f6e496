package io.pentrough.benchmarks;

import io.pentrough.Position;
import io.pentrough.device.Device;
import io.pentrough.device.host.HostDevice;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.NavigableSet;
import java.util.TreeSet;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/** What a checkpoint of the whole costs, and a start from it, as the number of shards grows. */
final class PositionGrowth {

  private static final String PART = "positions";

  private static final String CHECKPOINT = "scale.checkpoint";

  /** Starts of a loader in each round. */
  private static final int STARTS = 11;

  /** Where the shards are when the checkpoint is made. */
  enum Case {
    IN_STEP("in step"),
    ORDERED("apart, in order"),
    UNORDERED("apart, unordered"),
    /** All shards went on where {@link #UNORDERED} had ended. */
    RESUMED("apart again, resumed");

    private final String title;

    Case(String title) {
      this.title = title;
    }

    @Override
    public String toString() {
      return title;
    }
  }

  /** A number of shards in a case, and what was seen; times in milliseconds, for each round. */
  static final class Row {
    final Case which;
    final int shards;

    /** The texts of all shards together. */
    final long gatheredBytes;

    /** The text of the whole. */
    final long checkpointBytes;

    final double[] parse;
    final double[] merge;
    final double[] write;
    final double[] start;
    final double[] startAnew;

    Row(Case which, int shards, long gatheredBytes, long checkpointBytes, int rounds) {
      this.which = which;
      this.shards = shards;
      this.gatheredBytes = gatheredBytes;
      this.checkpointBytes = checkpointBytes;
      parse = new double[rounds];
      merge = new double[rounds];
      write = new double[rounds];
      start = new double[rounds];
      startAnew = new double[rounds];
    }

    String name() {
      return which + ", " + shards + " shards";
    }
  }

  private interface Work {
    void run() throws Exception;
  }

  private final int rounds;
  private final long measureNanos;
  private final NavigableSet<Integer> shards = new TreeSet<>();
  private final int drift;
  private final List<Row> rows = new ArrayList<>();

  /**
   * What to measure.
   *
   * @param max of the shards, which grow by a factor of 2
   * @param also other numbers of shards; those above the maximum are left out
   * @param drift by how many batches one shard may be ahead of another
   */
  PositionGrowth(int rounds, double seconds, int max, List<Integer> also, int drift) {
    this.rounds = rounds;
    measureNanos = (long) (seconds * 1e9);
    this.drift = drift;
    for (long count = 1; count <= max; count *= 2) {
      shards.add((int) count);
    }
    also.stream().filter(count -> count <= max).forEach(shards::add);
  }

  List<Row> rows() {
    return rows;
  }

  void run(PrintStream out, Path folder, Figures figures) throws Exception {
    Files.createDirectories(folder);
    long started = System.nanoTime();
    try (Device device = HostDevice.open()) {
      for (int count : shards) {
        measure(new ShardSimulation(device, count), count, folder);
        System.err.printf(
            Locale.ROOT,
            "positions: %d shards after %.0f s%n",
            count,
            (System.nanoTime() - started) / 1e9);
      }
    }
    Files.delete(folder.resolve(CHECKPOINT));
    rows.forEach(row -> add(row, figures));
    out.println(table());
    out.println(slopes());
    chart(folder, out);
  }

  private void measure(ShardSimulation simulation, int count, Path folder) throws Exception {
    Position resumedAt = null;
    for (Case which : Case.values()) {
      List<Position> positions =
          simulation.positions(
              which == Case.IN_STEP ? 0 : drift,
              which == Case.IN_STEP || which == Case.ORDERED,
              which == Case.RESUMED ? resumedAt : null);
      resumedAt = Position.merge(positions);
      rows.add(measure(which, simulation, count, positions, folder));
    }
  }

  private Row measure(
      Case which, ShardSimulation simulation, int count, List<Position> positions, Path folder)
      throws Exception {
    List<String> texts = positions.stream().map(Position::toString).toList();
    Position whole = Position.merge(positions);
    Row row =
        new Row(
            which,
            count,
            texts.stream().mapToLong(String::length).sum(), // ASCII
            whole.toString().length(),
            rounds);
    for (int round = -1; round < rounds; round++) { // the first is for the compiler
      double parse = millis(() -> texts.forEach(Position::parse));
      double merge = millis(() -> Position.merge(positions));
      double write = millis(() -> write(whole, folder));
      double start = startMillis(simulation, count, whole);
      double startAnew = startMillis(simulation, count, null);
      if (round >= 0) {
        row.parse[round] = parse;
        row.merge[round] = merge;
        row.write[round] = write;
        row.start[round] = start;
        row.startAnew[round] = startAnew;
      }
    }
    return row;
  }

  /** Of one of many runs. */
  private double millis(Work work) throws Exception {
    long began = System.nanoTime();
    long now;
    int times = 0;
    do {
      work.run();
      times++;
      now = System.nanoTime();
    } while (now - began < measureNanos);
    return (now - began) / 1e6 / times;
  }

  /** Median of some shards'. */
  private static double startMillis(ShardSimulation simulation, int shards, @Nullable Position from)
      throws Exception {
    double[] millis = new double[STARTS];
    for (int i = 0; i < STARTS; i++) {
      millis[i] = simulation.startMillis(i * shards / STARTS, from);
    }
    return Estimate.median(millis);
  }

  /** Aside, forced to the disk, and then given its name: there is never half a checkpoint. */
  private static void write(Position position, Path folder) throws IOException {
    Path aside = folder.resolve(CHECKPOINT + ".tmp");
    try (FileChannel file =
        FileChannel.open(
            aside,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE)) {
      ByteBuffer text = ByteBuffer.wrap(position.toString().getBytes(StandardCharsets.US_ASCII));
      while (text.hasRemaining()) {
        int unused = file.write(text);
      }
      file.force(true);
    }
    Path unused = Files.move(aside, folder.resolve(CHECKPOINT), StandardCopyOption.ATOMIC_MOVE);
  }

  private static void add(Row row, Figures figures) {
    figures.add(PART, row.name(), "texts of all shards, bytes", (double) row.gatheredBytes);
    figures.add(PART, row.name(), "checkpoint, bytes", (double) row.checkpointBytes);
    figures.add(PART, row.name(), "parse, ms", row.parse);
    figures.add(PART, row.name(), "merge, ms", row.merge);
    figures.add(PART, row.name(), "write, ms", row.write);
    figures.add(PART, row.name(), "start, ms", row.start);
    figures.add(PART, row.name(), "start at the beginning, ms", row.startAnew);
  }

  private Table table() {
    Table table =
        new Table(
            "shards are",
            "shards",
            "texts of all, bytes",
            "parse them, ms",
            "merge, ms",
            "checkpoint, bytes",
            "write, ms",
            "start to first batch, ms",
            "over a start at the beginning [95 %]");
    for (Case which : Case.values()) {
      for (Row row : rowsOf(which)) {
        table.row(
            which,
            format("%,d", row.shards),
            format("%,d", row.gatheredBytes),
            format("%.3f", Estimate.median(row.parse)),
            format("%.3f", Estimate.median(row.merge)),
            format("%,d", row.checkpointBytes),
            format("%.2f", Estimate.median(row.write)),
            format("%.2f", Estimate.median(row.start)),
            Estimate.ratio(row.start, row.startAnew));
      }
    }
    return table;
  }

  private Table slopes() {
    Table table =
        new Table(
            "slope from 64 shards on", "texts of all", "parse", "merge", "checkpoint", "start");
    for (Case which : Case.values()) {
      List<Row> many = rowsOf(which).stream().filter(row -> row.shards >= 64).toList();
      if (many.size() > 1) {
        table.row(
            which,
            slope(many, row -> row.gatheredBytes),
            slope(many, row -> Estimate.median(row.parse)),
            slope(many, row -> Estimate.median(row.merge)),
            slope(many, row -> row.checkpointBytes),
            slope(many, row -> Estimate.median(row.start)));
      }
    }
    return table;
  }

  private static String slope(List<Row> rows, ToDoubleFunction<Row> figure) {
    return format(
        "%+.2f",
        Growth.slope(
            rows.stream().mapToDouble(row -> Math.log(row.shards)).toArray(),
            rows.stream().mapToDouble(row -> Math.log(figure.applyAsDouble(row))).toArray()));
  }

  private List<Row> rowsOf(Case which) {
    return rows.stream().filter(row -> row.which == which).toList();
  }

  private void chart(Path folder, PrintStream out) throws IOException {
    LineChart times =
        new LineChart("A checkpoint of all shards, and a start from it", "shards", "ms");
    LineChart bytes = new LineChart("Texts of positions", "shards", "bytes");
    for (Case which : Case.values()) {
      List<Row> of = rowsOf(which);
      double[] x = of.stream().mapToDouble(row -> row.shards).toArray();
      times.line("merge, " + which, x, each(of, row -> Estimate.median(row.merge)));
      times.line("start, " + which, x, each(of, row -> Estimate.median(row.start)));
      bytes.line("checkpoint, " + which, x, each(of, row -> row.checkpointBytes));
      bytes.line("texts of all shards, " + which, x, each(of, row -> row.gatheredBytes));
    }
    times.write(folder.resolve("scale-positions.png"), out);
    bytes.write(folder.resolve("scale-bytes.png"), out);
  }

  private static double[] each(List<Row> rows, ToDoubleFunction<Row> figure) {
    return rows.stream().mapToDouble(figure).toArray();
  }

  private static String format(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }
}
