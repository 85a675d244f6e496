package io.pentrough.spark;

import io.pentrough.spark.TaskFailure.Kind;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.spark.ExceptionFailure;
import org.apache.spark.ExecutorLostFailure;
import org.apache.spark.TaskFailedReason;
import org.apache.spark.TaskKilled;
import org.apache.spark.scheduler.AccumulableInfo;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerApplicationEnd;
import org.apache.spark.scheduler.SparkListenerExecutorMetricsUpdate;
import org.apache.spark.scheduler.SparkListenerJobEnd;
import org.apache.spark.scheduler.SparkListenerJobStart;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.scheduler.SparkListenerTaskStart;
import org.apache.spark.scheduler.TaskInfo;
import org.jspecify.annotations.Nullable;
import scala.Tuple4;
import scala.collection.immutable.Seq;
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

  private final String tag;
  private final Pace pace;
  private final ProgressMeter meter;
  private final Consumer<ElasticProgress> progress;
  private final CountDownLatch begun = new CountDownLatch(1);
  private final Set<Integer> stages = new HashSet<>();

  /** By rank, in the order in which the driver has heard of them. */
  private final Map<Integer, TaskFailure> failures = new LinkedHashMap<>();

  private int job = -1;
  private boolean jobEnded;
  private boolean applicationEnded;
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
   * in the order in which the driver has heard of it. The first failure ends the job, so the others
   * come after its end. Of an application that is stopped, nothing more is waited for.
   *
   * @param millis how long to wait, if something is known that may be the cause
   * @param consequenceMillis how long, if all that is known has a cause in another task
   */
  synchronized List<TaskFailure> failures(long millis, long consequenceMillis)
      throws InterruptedException {
    long began = System.nanoTime();
    while (!applicationEnded && (!jobEnded || running > 0)) {
      long end = areConsequences() ? consequenceMillis : millis;
      long left = end - TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
      if (left <= 0) {
        LOG.log(Level.DEBUG, "attempt " + tag + ": " + running + " tasks were not heard to end");
        break;
      }
      wait(left);
    }
    return List.copyOf(failures.values());
  }

  private boolean areConsequences() {
    return !failures.isEmpty()
        && failures.values().stream().allMatch(failure -> failure.kind() == Kind.PEER_LOST);
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

  /** The application is stopped, and Spark reports no more. */
  @Override
  public synchronized void onApplicationEnd(SparkListenerApplicationEnd end) {
    applicationEnded = true;
    notifyAll();
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
    TaskInfo task = end.taskInfo();
    if (end.reason() instanceof ExceptionFailure failure) {
      reports(failure.accumUpdates()).forEach(this::hear);
      threw(task, failure);
    } else if (end.reason() instanceof TaskKilled killed) { // as another one has failed
      reports(killed.accumUpdates()).forEach(this::hear);
    } else if (end.reason() instanceof TaskFailedReason reason) {
      Kind kind = reason instanceof ExecutorLostFailure ? Kind.EXECUTOR_LOST : Kind.THROWN;
      lost(new TaskFailure(task.index(), task.host(), kind, reason.toErrorString(), null));
    }
    notifyAll();
  }

  /** A task has ended with an exception. */
  private void threw(TaskInfo task, ExceptionFailure failure) {
    @Nullable Throwable thrown = OptionConverters.toJava(failure.exception()).orElse(null);
    if (thrown != null) { // says more than the task's report: with what its closing has thrown
      failed(
          new TaskFailure(
              task.index(),
              task.host(),
              Kind.of(thrown, false),
              TaskFailure.reason(thrown),
              thrown));
    } else if (!failures.containsKey(task.index())) { // a report would know its causes, too
      // Its class is not known here, or it could not be serialised.
      failed(
          new TaskFailure(
              task.index(),
              task.host(),
              Kind.of(failure.className()),
              words(failure.className(), failure.description()),
              null));
    }
  }

  private static String words(String className, String description) {
    return Kind.of(className) == Kind.REFUSED ? description : className + ": " + description;
  }

  /** A task's executor is lost. What the task has reported before that stays. */
  private void lost(TaskFailure lost) {
    @Nullable TaskFailure before = failures.get(lost.rank());
    failed(before == null ? lost : before.then(lost));
  }

  private void failed(TaskFailure failure) {
    failures.put(failure.rank(), failure); // keeps the place of what is replaced
    notifyAll(); // a waiting thread may have to wait less
  }

  /** What a task has reported of its failure. */
  private void hear(Pace.Report report) {
    TaskFailure.@Nullable Report failure = report.failure();
    if (failure != null && !failures.containsKey(report.rank())) {
      failed(
          new TaskFailure(
              report.rank(), report.host(), failure.kind, failure.reason, failure.thrown()));
    }
  }

  /** The reports of the attempt's tasks among all that Spark carries. */
  private List<Pace.Report> reports(Seq<AccumulableInfo> updates) {
    List<Pace.Report> reports = new ArrayList<>();
    for (AccumulableInfo info : CollectionConverters.asJava(updates)) {
      if (info.id() == pace.id()
          && OptionConverters.toJava(info.update()).orElse(null) instanceof Pace.Report report
          && report.rank() >= 0) {
        reports.add(report);
      }
    }
    return reports;
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
    for (Tuple4<Object, Object, Object, Seq<AccumulableInfo>> task :
        CollectionConverters.asJava(update.accumUpdates())) {
      for (Pace.Report report : reports(task._4())) {
        begun.countDown(); // Spark may drop the event of the start
        meter.report(report);
        hear(report); // of a task that has failed, and closes what it has open
        any = true;
      }
    }
    return any ? meter.progress() : null;
  }
}
