package io.pentrough.spark;

import java.time.Duration;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Makes progress of the reports of an attempt. For one thread at a time. */
final class ProgressMeter {

  private final String job;
  private final int attempt;
  private final TreeMap<Integer, Pace.Report> before = new TreeMap<>();
  private final TreeMap<Integer, TaskProgress> tasks = new TreeMap<>();

  ProgressMeter(String job, int attempt) {
    this.job = job;
    this.attempt = attempt;
  }

  /** Takes the report of a task. */
  void report(Pace.Report report) {
    Pace.@Nullable Report last = before.put(report.rank(), report);
    long steps = report.steps() - (last == null ? 0 : last.steps());
    long nanos = report.nanos() - (last == null ? 0 : last.nanos());
    if (nanos == 0 && last != null) {
      return; // the same report again
    }
    long waited = report.waitedNanos() - (last == null ? 0 : last.waitedNanos());
    tasks.put(
        report.rank(),
        new TaskProgress(
            report.rank(),
            report.host(),
            report.steps(),
            nanos == 0 ? 0 : steps * 1e9 / nanos,
            Duration.ofNanos(Math.max(0, nanos - waited) / Math.max(1, steps))));
  }

  /** What is known now; some task must have reported. */
  ElasticProgress progress() {
    return new ElasticProgress(job, attempt, tasks.values().stream().toList());
  }
}
