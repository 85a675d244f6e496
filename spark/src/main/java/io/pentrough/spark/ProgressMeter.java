package io.pentrough.spark;

import java.time.Duration;
import java.util.TreeMap;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** Makes progress of the reports of an attempt. For one thread at a time. */
final class ProgressMeter {

  private final String job;
  private final int attempt;
  private final int attemptTasks;
  private final LongSupplier nanoTime;

  /** Of each task the first report with its present number of steps, and when it came. */
  private final TreeMap<Integer, Pace.Report> before = new TreeMap<>();

  private final TreeMap<Integer, Long> since = new TreeMap<>();
  private final TreeMap<Integer, TaskProgress> tasks = new TreeMap<>();

  /**
   * A meter.
   *
   * @param attemptTasks how many tasks the attempt has
   * @param nanoTime the driver's clock; a task that hangs does not tell its own
   */
  ProgressMeter(String job, int attempt, int attemptTasks, LongSupplier nanoTime) {
    this.job = job;
    this.attempt = attempt;
    this.attemptTasks = attemptTasks;
    this.nanoTime = nanoTime;
  }

  /** Takes the report of a task. */
  void report(Pace.Report report) {
    Pace.@Nullable Report last = before.get(report.rank());
    long steps = report.steps() - (last == null ? 0 : last.steps());
    long nanos = report.nanos() - (last == null ? 0 : last.nanos());
    long waited = report.waitedNanos() - (last == null ? 0 : last.waitedNanos());
    if (last != null && steps == 0) {
      nanos = nanoTime.getAsLong() - since.getOrDefault(report.rank(), 0L);
    } else {
      before.put(report.rank(), report);
      since.put(report.rank(), nanoTime.getAsLong());
    }
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
    return new ElasticProgress(job, attempt, attemptTasks, tasks.values().stream().toList());
  }
}
