package io.pentrough.spark;

import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.spark.ExceptionFailure;
import org.apache.spark.TaskFailedReason;
import org.apache.spark.TaskKilled;
import org.apache.spark.scheduler.AccumulableInfo;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorMetricsUpdate;
import org.apache.spark.scheduler.SparkListenerJobEnd;
import org.apache.spark.scheduler.SparkListenerJobStart;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.scheduler.SparkListenerTaskStart;
import org.jspecify.annotations.Nullable;
import scala.Tuple4;
import scala.jdk.javaapi.CollectionConverters;
import scala.jdk.javaapi.OptionConverters;

/**
 * Hears on the driver what comes of an attempt's tasks: why they fail, and how far they are. What
 * Spark throws at the end has an executor's exception as text only, and of one task.
 */
final class AttemptListener extends SparkListener {

  private static final System.Logger LOG = System.getLogger(AttemptListener.class.getName());

  /** The property by which an attempt's job is known. */
  static final String PROPERTY = "pentrough.attempt";

  /**
   * Why a task has failed.
   *
   * @param rank the task
   * @param host where it ran
   * @param reason in words
   * @param refused whether it was a refusal
   * @param thrown what it has thrown, if it is known here
   */
  record TaskFailure(
      int rank, String host, String reason, boolean refused, @Nullable Throwable thrown) {}

  private final String tag;
  private final Pace pace;
  private final ProgressMeter meter;
  private final Consumer<ElasticProgress> progress;
  private final CountDownLatch begun = new CountDownLatch(1);
  private final Set<Integer> stages = new HashSet<>();
  private final List<TaskFailure> failures = new ArrayList<>();
  private int job = -1;
  private boolean jobEnded;
  private int running;

  AttemptListener(String tag, Pace pace, ProgressMeter meter, Consumer<ElasticProgress> progress) {
    this.tag = tag;
    this.pace = pace;
    this.meter = meter;
    this.progress = progress;
  }

  /**
   * Waits until a task has started. Spark starts all tasks of a barrier stage or none.
   *
   * @return false if the time is over
   */
  boolean awaitStart(long nanos) throws InterruptedException {
    return begun.await(nanos, TimeUnit.NANOSECONDS);
  }

  /**
   * Waits for the end of the attempt's job and of all its tasks, and returns why tasks have failed,
   * in the order in which the driver learned it. The first failure ends the job, so the others come
   * after its end.
   */
  synchronized List<TaskFailure> failures(long millis) throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
    while (!jobEnded || running > 0) {
      long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
      if (left <= 0) {
        LOG.log(Level.DEBUG, "attempt " + tag + ": " + running + " tasks were not heard to end");
        break;
      }
      wait(left);
    }
    return List.copyOf(failures);
  }

  @Override
  public synchronized void onJobStart(SparkListenerJobStart start) {
    @Nullable Properties properties = start.properties();
    if (properties != null && tag.equals(properties.getProperty(PROPERTY))) {
      job = start.jobId();
      CollectionConverters.asJava(start.stageInfos()).forEach(stage -> stages.add(stage.stageId()));
    }
  }

  @Override
  public synchronized void onJobEnd(SparkListenerJobEnd end) {
    if (end.jobId() == job) {
      jobEnded = true;
      notifyAll();
    }
  }

  @Override
  public synchronized void onTaskStart(SparkListenerTaskStart start) {
    if (stages.contains(start.stageId())) {
      running++;
      begun.countDown();
    }
  }

  @Override
  public synchronized void onTaskEnd(SparkListenerTaskEnd end) {
    if (!stages.contains(end.stageId())) {
      return;
    }
    running--;
    notifyAll();
    if (!(end.reason() instanceof TaskFailedReason reason)
        || reason instanceof TaskKilled) { // Spark has ended it, as another one has failed
      return;
    }
    @Nullable Throwable thrown = null;
    @Nullable String refusal = null;
    String words = reason.toErrorString();
    if (reason instanceof ExceptionFailure failure) {
      thrown = OptionConverters.toJava(failure.exception()).orElse(null);
      words = thrown == null ? failure.className() + ": " + failure.description() : "" + thrown;
      refusal = refusal(failure, thrown);
    }
    failures.add(
        new TaskFailure(
            end.taskInfo().index(),
            end.taskInfo().host(),
            refusal == null ? words : refusal,
            refusal != null,
            thrown));
  }

  /** The message of a refusal; null if it was none. */
  private static @Nullable String refusal(ExceptionFailure failure, @Nullable Throwable thrown) {
    for (Throwable each = thrown; each != null; each = each.getCause()) {
      if (each instanceof RefusedException) {
        return String.valueOf(each.getMessage());
      }
    }
    // A refusal whose cause cannot be serialised comes without the exception.
    return failure.className().equals(RefusedException.class.getName())
        ? failure.description()
        : null;
  }

  @Override
  public void onExecutorMetricsUpdate(SparkListenerExecutorMetricsUpdate update) {
    @Nullable ElasticProgress now = take(update);
    if (now != null) {
      try {
        progress.accept(now); // outside of the lock, as it may take long
      } catch (RuntimeException e) {
        LOG.log(Level.WARNING, "the progress listener failed", e);
      }
    }
  }

  private synchronized @Nullable ElasticProgress take(SparkListenerExecutorMetricsUpdate update) {
    boolean any = false;
    for (Tuple4<Object, Object, Object, scala.collection.immutable.Seq<AccumulableInfo>> task :
        CollectionConverters.asJava(update.accumUpdates())) {
      for (AccumulableInfo info : CollectionConverters.asJava(task._4())) {
        if (info.id() == pace.id()
            && OptionConverters.toJava(info.update()).orElse(null) instanceof Pace.Report report
            && report.rank() >= 0) {
          begun.countDown(); // Spark may drop the event of the start
          meter.report(report);
          any = true;
        }
      }
    }
    return any ? meter.progress() : null;
  }
}
