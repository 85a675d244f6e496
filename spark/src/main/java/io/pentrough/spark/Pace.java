package io.pentrough.spark;

import java.io.Serializable;
import org.apache.spark.SparkContext;
import org.apache.spark.util.AccumulatorV2;
import org.jspecify.annotations.Nullable;
import scala.Option;

/**
 * How far a task has come, and why it fails. Spark's heartbeat carries it to the driver, on a
 * thread of its own, and so does the end of the task.
 *
 * <p>An accumulator in form only: each task's copy has one value, and nothing is added up.
 */
final class Pace extends AccumulatorV2<Pace.Report, Pace.Report> {

  private static final long serialVersionUID = 1;

  /**
   * A report.
   *
   * @param rank the task; -1 for none
   * @param host where it runs
   * @param steps how many it has done
   * @param nanos how long it has run
   * @param waitedNanos how long of that it waited for other tasks
   * @param waits whether it waits for other tasks from then on
   * @param failure why it fails; null if it does not
   */
  record Report(
      int rank,
      String host,
      long steps,
      long nanos,
      long waitedNanos,
      boolean waits,
      TaskFailure.@Nullable Report failure)
      implements Serializable {

    static final Report NONE = new Report(-1, "", 0, 0, 0, false, null);
  }

  private volatile Report report = Report.NONE;
  private transient long began;

  /** Makes it known to Spark, which then carries it also from a task that fails or is ended. */
  void registerWith(SparkContext spark) {
    register(spark, Option.empty(), true); // public in bytecode only
  }

  /** Begins to count, in a task. */
  void begin(int rank, String host) {
    began = System.nanoTime();
    report = new Report(rank, host, 0, 0, 0, false, null);
  }

  void step() {
    Report now = report;
    report = next(now, now.steps + 1, now.waitedNanos, false);
  }

  /** The task begins to wait for others, until {@link #waited}. */
  void waits() {
    Report now = report;
    report = next(now, now.steps, now.waitedNanos, true);
  }

  void waited(long nanos) {
    Report now = report;
    report = next(now, now.steps, now.waitedNanos + nanos, false);
  }

  private Report next(Report now, long steps, long waitedNanos, boolean waits) {
    return new Report(now.rank, now.host, steps, elapsed(), waitedNanos, waits, now.failure);
  }

  /**
   * The task fails.
   *
   * @param atEnd whether Spark is ending it
   */
  void fails(Throwable thrown, boolean atEnd) {
    if (atEnd && TaskFailure.isEnd(thrown)) {
      return;
    }
    Report now = report;
    report =
        new Report(
            now.rank,
            now.host,
            now.steps,
            elapsed(),
            now.waitedNanos,
            false,
            new TaskFailure.Report(thrown, atEnd));
  }

  private long elapsed() {
    return System.nanoTime() - began;
  }

  @Override
  public boolean isZero() {
    return report.rank < 0;
  }

  @Override
  public AccumulatorV2<Report, Report> copy() {
    Pace copy = new Pace();
    copy.report = report;
    return copy;
  }

  @Override
  public void reset() {
    report = Report.NONE;
  }

  @Override
  public void add(@Nullable Report next) {
    throw new UnsupportedOperationException("a pace counts by itself");
  }

  @Override
  public void merge(AccumulatorV2<Report, Report> other) {}

  @Override
  public Report value() {
    return report;
  }
}
