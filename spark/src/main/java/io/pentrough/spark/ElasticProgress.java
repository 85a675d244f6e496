package io.pentrough.spark;

import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * How an attempt gets on, as of the tasks' last heartbeats.
 *
 * @param job the job's name
 * @param attempt its number
 * @param attemptTasks how many tasks the attempt has
 * @param tasks each task that has reported, by rank; there is at least one
 * @param slowest the one of {@code tasks} for which others wait: of those that do not wait, the one
 *     that needs the longest for a step; empty if nothing shows that tasks wait, or for whom
 */
public record ElasticProgress(
    String job,
    int attempt,
    int attemptTasks,
    List<TaskProgress> tasks,
    Optional<TaskProgress> slowest) {

  /**
   * How many steps all tasks have done that have reported.
   *
   * @return those of the task with the fewest, in this attempt
   */
  public long steps() {
    return tasks.stream().mapToLong(TaskProgress::steps).min().orElse(0);
  }

  /**
   * How fast the attempt is.
   *
   * @return the steps per second of the slowest task since the report before
   */
  public double stepsPerSecond() {
    return tasks.stream().mapToDouble(TaskProgress::stepsPerSecond).min().orElse(0);
  }

  /** One line for people. */
  @Override
  public String toString() {
    if (steps() == 0) {
      return String.format(
          Locale.ROOT, "%s: attempt %d begins on %d tasks", job, attempt, attemptTasks);
    }
    String line =
        String.format(
            Locale.ROOT,
            "%s: attempt %d, step %d of the attempt on %d tasks, %.1f steps/s",
            job,
            attempt,
            steps(),
            attemptTasks,
            stepsPerSecond());
    if (tasks.size() < attemptTasks) {
      line += "; " + (attemptTasks - tasks.size()) + " of them have not reported yet";
    }
    return slowest.isEmpty() ? line : line + "; " + slowestLine(slowest.get());
  }

  private String slowestLine(TaskProgress slowest) {
    double others =
        tasks.stream()
            .filter(task -> task.rank() != slowest.rank())
            .mapToDouble(task -> millis(task.ownTimePerStep()))
            .average()
            .orElse(0);
    return String.format(
        Locale.ROOT,
        "task %d on %s is the slowest, with %.1f ms a step, the others %.1f ms",
        slowest.rank(),
        slowest.host(),
        millis(slowest.ownTimePerStep()),
        others);
  }

  private static double millis(Duration duration) {
    return duration.toNanos() / 1e6;
  }
}
