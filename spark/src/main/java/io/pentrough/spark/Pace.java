package io.pentrough.spark;

import org.apache.spark.util.AccumulatorV2;
import org.jspecify.annotations.Nullable;

/**
 * How far a task has come. Spark's heartbeat carries it to the driver, on a thread of its own.
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
   */
  record Report(int rank, String host, long steps, long nanos, long waitedNanos)
      implements java.io.Serializable {

    static final Report NONE = new Report(-1, "", 0, 0, 0);
  }

  private volatile Report report = Report.NONE;
  private transient long began;

  /** Begins to count, in a task. */
  void begin(int rank, String host) {
    began = System.nanoTime();
    report = new Report(rank, host, 0, 0, 0);
  }

  void step() {
    Report now = report;
    report = new Report(now.rank, now.host, now.steps + 1, elapsed(), now.waitedNanos);
  }

  void waited(long nanos) {
    Report now = report;
    report = new Report(now.rank, now.host, now.steps, elapsed(), now.waitedNanos + nanos);
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
