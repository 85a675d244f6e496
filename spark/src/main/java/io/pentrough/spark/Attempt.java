package io.pentrough.spark;

import io.pentrough.spark.TaskFailure.Kind;
import java.io.Serializable;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaSparkContext;
import org.jspecify.annotations.Nullable;
import scala.reflect.ClassTag;
import scala.reflect.ClassTag$;

/** One attempt: a Spark job with one barrier stage. For one thread. */
final class Attempt {

  /** How long the events of a job and of its tasks' ends may lag behind its end. */
  private static final long EVENTS_MILLIS = 10_000;

  /** How long a task that has failed may take to close what it has open. */
  private static final long CLOSE_MILLIS = 60_000;

  /** Spark needs a moment to start tasks, also where a job is to wait for no room. */
  private static final Duration MIN_START = Duration.ofSeconds(5);

  private static final String INTERRUPT = "spark.job.interruptOnCancel";

  private final JavaSparkContext spark;
  private final String job;
  private final int number;
  private final int tasks;
  private volatile @Nullable String notStarted;

  Attempt(JavaSparkContext spark, String job, int number, int tasks) {
    this.spark = spark;
    this.job = job;
    this.number = number;
    this.tasks = tasks;
  }

  /**
   * Why an attempt has failed.
   *
   * @param message in words
   * @param cause the exception of the task whose failure explains the others, with theirs; or
   *     Spark's
   * @param isFinal whether another attempt would fail as well
   */
  record Failure(String message, @Nullable Throwable cause, boolean isFinal) {}

  /** Carries a failure out of {@link #run}. */
  static final class FailedException extends Exception {

    private static final long serialVersionUID = 1;
    final transient Failure failure;

    FailedException(Failure failure) {
      super(failure.message());
      this.failure = failure;
    }
  }

  /**
   * Runs it to its end.
   *
   * @param startTimeout how long Spark may take to start the tasks; it would wait for ever
   * @return the results by rank
   * @throws FailedException if it failed
   * @throws InterruptedException if this thread was interrupted; the attempt has been cancelled
   */
  <R extends Serializable> List<R> run(
      ElasticTask<R> task,
      Ledger ledger,
      boolean needsGpu,
      @Nullable CheckpointName from,
      Duration startTimeout,
      Consumer<ElasticProgress> progress)
      throws FailedException, InterruptedException {
    String tag = "pentrough-" + UUID.randomUUID();
    Pace pace = new Pace();
    pace.registerWith(spark.sc());
    AttemptListener listener =
        new AttemptListener(
            tag, pace, new ProgressMeter(job, number, tasks, System::nanoTime), progress);
    spark.sc().addSparkListener(listener);
    spark.setLocalProperty(AttemptListener.PROPERTY, tag);
    @Nullable String interruptBefore = spark.getLocalProperty(INTERRUPT);
    spark.setLocalProperty(INTERRUPT, "true"); // a get of the loader may be interrupted
    spark.addJobTag(tag);
    Thread watchdog = watchdog(listener, tag, startTimeout);
    watchdog.start();
    try {
      return collect(new TaskMain<>(task, ledger, number, needsGpu, pace, from));
    } catch (Exception e) { // Scala declares none of those that come
      if (e instanceof InterruptedException interrupt) {
        spark.sc().cancelJobsWithTag(tag);
        listener.failures(EVENTS_MILLIS, EVENTS_MILLIS);
        throw interrupt;
      }
      throw new FailedException(failure(e, listener.failures(EVENTS_MILLIS, CLOSE_MILLIS)));
    } finally {
      watchdog.interrupt();
      spark.removeJobTag(tag);
      spark.setLocalProperty(INTERRUPT, interruptBefore);
      spark.setLocalProperty(AttemptListener.PROPERTY, null);
      spark.sc().removeSparkListener(listener);
    }
  }

  /** Cancels the job if its tasks are not started in time. */
  private Thread watchdog(AttemptListener listener, String tag, Duration roomTimeout) {
    Duration timeout = roomTimeout.compareTo(MIN_START) < 0 ? MIN_START : roomTimeout;
    Thread thread =
        new Thread(
            () -> {
              try {
                if (!listener.awaitStart(timeout.toNanos())) {
                  notStarted =
                      ("none of its tasks was started in " + timeout.toSeconds() + " s, although")
                          + " the application has slots for them; tasks of an earlier attempt that"
                          + " do not end may hold them (see spark.task.reaper.enabled)";
                  spark.sc().cancelJobsWithTag(tag);
                }
              } catch (InterruptedException e) {
                // The attempt is over.
              }
            },
            "pentrough-watchdog");
    thread.setDaemon(true);
    return thread;
  }

  private <R extends Serializable> List<R> collect(TaskMain<R> main) {
    List<Integer> partitions = IntStream.range(0, tasks).boxed().toList();
    ClassTag<R> tag = ClassTag$.MODULE$.apply(Object.class);
    Object results =
        spark
            .parallelize(partitions, tasks)
            .rdd()
            .barrier()
            .mapPartitions(main, false, tag)
            .collect();
    @SuppressWarnings("unchecked") // an Object[], whatever Scala's signature says
    List<R> list = (List<R>) (List<?>) Arrays.asList((Object[]) results);
    return list;
  }

  /**
   * Why the attempt has failed.
   *
   * @param thrown what Spark has thrown
   * @param failures what its listener has heard of the tasks
   */
  Failure failure(Exception thrown, List<TaskFailure> failures) {
    String where = "attempt " + number + " on " + tasks + " tasks failed";
    if (failures.isEmpty()) {
      @Nullable String reason = notStarted == null ? thrown.getMessage() : notStarted;
      return new Failure(where + ": " + reason, thrown, spark.sc().isStopped());
    }
    TaskFailure first = TaskFailure.first(failures);
    Throwable cause = first.thrown() == null ? thrown : first.thrown();
    for (TaskFailure other : failures) {
      Throwable second = other.asThrowable();
      if (!other.equals(first) && second != cause) {
        cause.addSuppressed(second);
      }
    }
    return new Failure(
        where + " in task " + first.rank() + " on " + first.host() + ": " + first.reason(),
        cause,
        first.kind() == Kind.REFUSED || spark.sc().isStopped());
  }
}
