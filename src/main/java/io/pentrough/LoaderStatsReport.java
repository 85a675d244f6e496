package io.pentrough;

import io.pentrough.LoaderStats.Timing;
import java.util.List;
import java.util.Locale;

/** {@link LoaderStats} as several lines for people, or as their parts. */
final class LoaderStatsReport {

  private final LoaderStats stats;
  private final PipelineSetup setup;
  private final PipelineTimes times;
  private final PipelineTimes sinceFirst;
  private final BottleneckAnalysis analysis;

  /**
   * A report.
   *
   * @param sinceFirst the part of {@code times} after the first batch was ready
   */
  LoaderStatsReport(
      LoaderStats stats, PipelineSetup setup, PipelineTimes times, PipelineTimes sinceFirst) {
    this.stats = stats;
    this.setup = setup;
    this.times = times;
    this.sinceFirst = sinceFirst;
    analysis = stats.analysis();
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder(figures());
    text.append(bottleneck()).append(": ").append(evidence());
    String either = "";
    for (Advice advice : advice()) {
      text.append(format("%n%s%s", either, advice));
      either = "or ";
    }
    return text.toString();
  }

  /** The lines with figures; each ends with a line separator. */
  String figures() {
    StringBuilder text = new StringBuilder();
    appendCounts(text);
    appendTimings(text);
    String all = shares(times);
    String afterFirst = shares(sinceFirst);
    text.append(format("%s%n", all));
    if (!all.equals(afterFirst)) {
      text.append(format("after the first batch: %s%n", afterFirst));
    }
    if (setup.pageableBytes() > 0) {
      text.append(
          format(
              "host memory not pinned: %s; copies from it hold up the copy thread%n",
              Units.bytes(setup.pageableBytes())));
    }
    return text.toString();
  }

  LoaderStats.Bottleneck bottleneck() {
    return analysis.bottleneck();
  }

  /** The figures that the bottleneck is based on, as a sentence. */
  String evidence() {
    return new BottleneckEvidence(analysis).explain(!shares(times).equals(shares(sinceFirst)));
  }

  List<Advice> advice() {
    return stats.advice(analysis);
  }

  private void appendCounts(StringBuilder text) {
    long batches = stats.batches();
    long bytes = stats.bytes();
    double seconds = times.elapsed() / 1e9;
    text.append(
        format(
            "%d batches, %s in %s", batches, Units.bytes(bytes), Units.duration(times.elapsed())));
    if (batches > 0 && seconds > 0) {
      text.append(
          format(
              " (%.1f batches/s, %s/s)", batches / seconds, Units.bytes((long) (bytes / seconds))));
    }
    text.append(
        format(
            "; %s; failures: %d, skipped: %d%s%n",
            stats
                .timeToFirstBatch()
                .map(first -> "first batch ready after " + Units.duration(first.toNanos()))
                .orElse("no batch ready yet"),
            stats.failures(),
            stats.skips(),
            stats.badSamples() == 0 ? "" : format(", bad samples: %d", stats.badSamples())));
  }

  private void appendTimings(StringBuilder text) {
    text.append(
        format("%-14s%10s%10s%10s%10s%10s%10s%n", "", "count", "sum", "mean", "p50", "p99", "max"));
    append(text, "fill", stats.fillTime());
    append(text, "slot wait", stats.slotWait());
    append(text, "copy (at most)", stats.copyTime());
    if (stats.stageTime().count() > 0) {
      append(text, "stages", stats.stageTime());
    }
    append(text, "consumer wait", stats.consumerWait());
  }

  private static void append(StringBuilder text, String name, Timing timing) {
    text.append(
        format(
            "%-14s%10d%10s%10s%10s%10s%10s%n",
            name,
            timing.count(),
            Units.duration(timing.sumNanos()),
            Units.duration(timing.meanNanos()),
            Units.duration(timing.p50Nanos()),
            Units.duration(timing.p99Nanos()),
            Units.duration(timing.maxNanos())));
  }

  private String shares(PipelineTimes of) {
    return format(
        "loop starved %s, copy under way %s%s%s, workers (%d on %d cores) waiting for a slot %s%s",
        Units.percent(of.starvedShare()),
        Units.percent(of.copyingShare()),
        of.heldUp() <= 0 ? "" : ", held up " + Units.percent(of.heldUpShare()),
        of.staging() <= 0 && stats.stageTime().count() == 0
            ? ""
            : ", stages at work " + Units.percent(of.stagingShare()),
        setup.workers(),
        setup.cores(),
        Units.percent(of.idleShare(setup.workers())),
        of.workersStarved() <= 0
            ? ""
            : ", without a job " + Units.percent(of.workerStarvedShare(setup.workers())));
  }

  private static String format(String pattern, Object... values) {
    return String.format(Locale.ROOT, pattern, values);
  }
}
