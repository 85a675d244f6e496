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
   * @param thrown what it has thrown, if it is known here
   */
  record TaskFailure(int rank, String host, String reason, @Nullable Throwable thrown) {}

  private final String tag;
  private final Pace pace;
  private final ProgressMeter meter;
  private final Consumer<ElasticProgress> progress;
  private final CountDownLatch ended = new CountDownLatch(1);
  private final Set<Integer> stages = new HashSet<>();
  private final List<TaskFailure> failures = new ArrayList<>();
  private int job = -1;

  AttemptListener(String tag, Pace pace, ProgressMeter meter, Consumer<ElasticProgress> progress) {
    this.tag = tag;
    this.pace = pace;
    this.meter = meter;
    this.progress = progress;
  }

  /**
   * Waits for the end of the attempt's job, whose events come late, and returns why tasks have
   * failed, in the order in which the driver learned it.
   */
  List<TaskFailure> failures(long millis) throws InterruptedException {
    if (!ended.await(millis, TimeUnit.MILLISECONDS)) {
      LOG.log(Level.DEBUG, "the end of attempt " + tag + " was not heard of");
    }
    synchronized (this) {
      return List.copyOf(failures);
    }
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
  public void onJobEnd(SparkListenerJobEnd end) {
    synchronized (this) {
      if (end.jobId() != job) {
        return;
      }
    }
    ended.countDown();
  }

  @Override
  public synchronized void onTaskEnd(SparkListenerTaskEnd end) {
    if (!stages.contains(end.stageId())
        || !(end.reason() instanceof TaskFailedReason reason)
        || reason instanceof TaskKilled) { // Spark has ended it, as another one has failed
      return;
    }
    @Nullable Throwable thrown = null;
    String words = reason.toErrorString();
    if (reason instanceof ExceptionFailure failure) {
      thrown = OptionConverters.toJava(failure.exception()).orElse(null);
      words = thrown == null ? failure.className() + ": " + failure.description() : "" + thrown;
    }
    failures.add(new TaskFailure(end.taskInfo().index(), end.taskInfo().host(), words, thrown));
  }

  @Override
  public synchronized void onExecutorMetricsUpdate(SparkListenerExecutorMetricsUpdate update) {
    boolean any = false;
    for (Tuple4<Object, Object, Object, scala.collection.immutable.Seq<AccumulableInfo>> task :
        CollectionConverters.asJava(update.accumUpdates())) {
      for (AccumulableInfo info : CollectionConverters.asJava(task._4())) {
        if (info.id() == pace.id()
            && OptionConverters.toJava(info.update()).orElse(null) instanceof Pace.Report report
            && report.rank() >= 0) {
          meter.report(report);
          any = true;
        }
      }
    }
    if (any) {
      try {
        progress.accept(meter.progress());
      } catch (RuntimeException e) {
        LOG.log(Level.WARNING, "the progress listener failed", e);
      }
    }
  }
}
