package io.pentrough.spark;

import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** Makes progress of the reports of an attempt. For one thread at a time. */
final class ProgressMeter {

  /** How long a task waits at most in a round for which no other task is late. */
  private static final long ROUND_NANOS = 2_000_000_000;

  /** What part of its step a task must wait less than another one, to be the one waited for. */
  private static final double LESS = 0.05;

  private final String job;
  private final int attempt;
  private final int attemptTasks;
  private final LongSupplier nanoTime;
  private final TreeMap<Integer, Meter> meters = new TreeMap<>();

  /**
   * A meter.
   *
   * @param attemptTasks how many tasks the attempt has
   * @param nanoTime the driver's clock; a task that hangs does not report its own
   */
  ProgressMeter(String job, int attempt, int attemptTasks, LongSupplier nanoTime) {
    this.job = job;
    this.attempt = attempt;
    this.attemptTasks = attemptTasks;
    this.nanoTime = nanoTime;
  }

  /** Takes the report of a task. */
  void report(Pace.Report report) {
    meters.computeIfAbsent(report.rank(), rank -> new Meter()).report(report, nanoTime.getAsLong());
  }

  /** What is known now; some task must have reported. */
  ElasticProgress progress() {
    return new ElasticProgress(
        job,
        attempt,
        attemptTasks,
        meters.values().stream().map(Meter::progress).toList(),
        waitedFor().map(Meter::progress));
  }

  /**
   * The task for which others wait.
   *
   * @return empty if nothing shows that others wait, or for whom
   */
  private Optional<Meter> waitedFor() {
    OptionalLong waitsSince =
        meters.values().stream().filter(Meter::waits).mapToLong(meter -> meter.waitsSince).min();
    if (waitsSince.isPresent() && nanoTime.getAsLong() - waitsSince.getAsLong() >= ROUND_NANOS) {
      // A task that has not reported since may wait as well.
      return slowest(
          meters.values().stream()
              .filter(meter -> !meter.waits() && meter.heard > waitsSince.getAsLong())
              .toList());
    }
    if (!meters.values().stream().allMatch(meter -> meter.moves)) {
      return Optional.empty(); // who has done no step may be at work, or wait in its own exchange
    }
    return slowest(List.copyOf(meters.values())).filter(this::isWaitedFor);
  }

  private static Optional<Meter> slowest(List<Meter> meters) {
    return meters.stream().max(Comparator.comparingDouble(meter -> meter.own));
  }

  private boolean isWaitedFor(Meter slowest) {
    double less = LESS * (slowest.own + slowest.waited);
    return meters.values().stream().anyMatch(other -> other.waited - slowest.waited > less);
  }

  /** What one task has reported. Times are nanoseconds. */
  private static final class Meter {

    /** The first report with the present number of steps, and when it came. */
    private Pace.@Nullable Report stepped;

    private long since;
    private Pace.@Nullable Report last;
    private long heard;

    /** When the report came by which it waits. */
    private long waitsSince;

    /** Whether it has done a step between the last two reports. */
    private boolean moves;

    /** Of a step, or of the time since the last one. */
    private double own;

    private double waited;
    private double stepsPerSecond;

    void report(Pace.Report report, long now) {
      Pace.Report from = stepped == null ? Pace.Report.NONE : stepped;
      long steps = report.steps() - from.steps();
      double nanos = report.nanos() - from.nanos();
      double waitedNanos = report.waitedNanos() - from.waitedNanos();
      moves = steps > 0;
      if (report.waits() && (last == null || !last.waits() || last.nanos() != report.nanos())) {
        waitsSince = now;
      }
      last = report;
      heard = now;
      if (stepped != null && !moves) {
        // A task that hangs or waits sends the same report again.
        nanos = report.waits() ? nanos + now - waitsSince : now - since;
        waitedNanos += report.waits() ? now - waitsSince : 0;
      } else {
        stepped = report;
        since = now;
      }
      stepsPerSecond = nanos == 0 ? 0 : steps * 1e9 / nanos;
      waited = waitedNanos / Math.max(1, steps);
      own = Math.max(0, nanos - waitedNanos) / Math.max(1, steps);
    }

    boolean waits() {
      return last != null && last.waits();
    }

    TaskProgress progress() {
      Pace.Report report = last == null ? Pace.Report.NONE : last;
      return new TaskProgress(
          report.rank(),
          report.host(),
          report.steps(),
          stepsPerSecond,
          Duration.ofNanos(Math.round(own)));
    }
  }
}
