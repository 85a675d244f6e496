package io.pentrough.benchmarks;

import java.io.PrintStream;
import java.util.List;
import java.util.Locale;

/**
 * What a cluster waits for at a checkpoint: arithmetic, from what {@link PositionGrowth} measured
 * here, and from what Spark takes to gather.
 *
 * @param nodes of the cluster
 * @param tasks on a node, each with a shard; a row for each number
 * @param gigabytesPerSecond that the driver can send
 */
record CheckpointWait(int nodes, List<Integer> tasks, double gigabytesPerSecond) {

  /** What {@code allGather} takes, measured with Spark 4.2.0 on two executors, in seconds. */
  private static final double MIN_GATHER = 0.84;

  private static final double MAX_GATHER = 1.02;

  /** Of the time between two checkpoints. */
  private static final double SHARE = 0.01;

  /** The numbers of shards that it needs. */
  List<Integer> shards() {
    return tasks.stream().map(each -> nodes * each).toList();
  }

  void print(List<PositionGrowth.Row> measured, PrintStream out) {
    Table table =
        new Table(
            "nodes x tasks",
            "shards are",
            "allGather, s",
            "sent by the driver, MB",
            "send, s",
            "parse and merge, s",
            "write, s",
            "wait, s",
            "interval at which this is 1 %, s");
    for (int each : tasks) {
      List<PositionGrowth.Row> rows =
          measured.stream().filter(row -> row.shards == nodes * each).toList();
      if (rows.isEmpty()) {
        out.printf(
            Locale.ROOT,
            "left out: %d nodes with %d tasks each, as %d shards were not measured%n",
            nodes,
            each,
            nodes * each);
      }
      rows.forEach(row -> add(table, each, row));
    }
    out.println(table);
    out.printf(
        Locale.ROOT,
        """
        Assumptions:
        - A checkpoint is one allGather of all shards' positions; then one task reads, merges and writes them, and the others wait for it.
        - allGather takes %.2f to %.2f s: measured with Spark 4.2.0 on two executors, with 10 bytes and with 8 MiB. More executors were not tried.
        - Gathering sends all positions to every task, from the driver, at %.2f GB/s. That is not measured.
        - Reading, merging and writing are those of this run, and so is the disk. The weights are not counted.
        - Nobody is late. A task that comes late to the checkpoint keeps all others waiting as well.

        """,
        MIN_GATHER,
        MAX_GATHER,
        gigabytesPerSecond);
  }

  private void add(Table table, int each, PositionGrowth.Row row) {
    double sent = (double) row.gatheredBytes * row.shards;
    double send = sent / (gigabytesPerSecond * 1e9);
    double merge = (Estimate.median(row.parse) + Estimate.median(row.merge)) / 1e3;
    double write = Estimate.median(row.write) / 1e3;
    double rest = send + merge + write;
    table.row(
        nodes + " x " + each,
        row.which,
        range(MIN_GATHER, MAX_GATHER, 2),
        String.format(Locale.ROOT, "%,.1f", sent / 1e6),
        String.format(Locale.ROOT, "%.3f", send),
        String.format(Locale.ROOT, "%.3f", merge),
        String.format(Locale.ROOT, "%.3f", write),
        range(MIN_GATHER + rest, MAX_GATHER + rest, 2),
        range((MIN_GATHER + rest) / SHARE, (MAX_GATHER + rest) / SHARE, 0));
  }

  private static String range(double from, double to, int decimals) {
    String each = "%." + decimals + "f";
    return String.format(Locale.ROOT, each + " to " + each, from, to);
  }
}
