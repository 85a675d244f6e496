package io.pentrough.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.spark.AttemptListener.TaskFailure;
import java.io.EOFException;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.apache.spark.ExceptionFailure;
import org.apache.spark.TaskEndReason;
import org.apache.spark.executor.ExecutorMetrics;
import org.apache.spark.scheduler.AccumulableInfo;
import org.apache.spark.scheduler.JobSucceeded$;
import org.apache.spark.scheduler.SparkListenerExecutorMetricsUpdate;
import org.apache.spark.scheduler.SparkListenerJobEnd;
import org.apache.spark.scheduler.SparkListenerJobStart;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.scheduler.SparkListenerTaskStart;
import org.apache.spark.scheduler.StageInfo;
import org.apache.spark.scheduler.TaskInfo;
import org.apache.spark.scheduler.TaskLocality;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import scala.Option;
import scala.Tuple4;
import scala.collection.immutable.Map$;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/** Spark's events, made here and in the order in which Spark gives them. */
@Timeout(60)
class AttemptListenerTest {

  private static final int JOB = 3;
  private static final int STAGE = 5;

  private final Pace pace = pace();

  private static Pace pace() {
    Pace pace = new Pace();
    LocalSpark.get().sc().register(pace);
    return pace;
  }

  private AttemptListener listener(Consumer<ElasticProgress> progress) {
    return new AttemptListener(
        "tag", pace, new ProgressMeter("job", 1, 2, System::nanoTime), progress);
  }

  private static <T> Seq<T> seq(List<T> list) {
    return CollectionConverters.asScala(list).toSeq();
  }

  private static TaskInfo task(int rank) {
    return new TaskInfo(rank, rank, 0, rank, 0, "1", "host", TaskLocality.ANY(), false);
  }

  private static void start(AttemptListener listener, int tasks) {
    Properties properties = new Properties();
    properties.setProperty(AttemptListener.PROPERTY, "tag");
    StageInfo stage =
        new StageInfo(
            STAGE,
            0,
            "stage",
            tasks,
            seq(List.of()),
            seq(List.of()),
            "",
            null,
            seq(List.of()),
            Option.empty(),
            0,
            false,
            0);
    listener.onJobStart(new SparkListenerJobStart(JOB, 0, seq(List.of(stage)), properties));
    for (int rank = 0; rank < tasks; rank++) {
      listener.onTaskStart(new SparkListenerTaskStart(STAGE, 0, task(rank)));
    }
  }

  private static void end(AttemptListener listener, int rank, TaskEndReason reason) {
    listener.onTaskEnd(
        new SparkListenerTaskEnd(
            STAGE, 0, "ResultTask", reason, task(rank), new ExecutorMetrics(), null));
  }

  private static void endJob(AttemptListener listener) {
    listener.onJobEnd(new SparkListenerJobEnd(JOB, 0, JobSucceeded$.MODULE$));
  }

  @Test
  @DisplayName("a failure that comes behind the end of the job is heard")
  void lateFailures() throws Exception {
    AttemptListener listener = listener(now -> {});
    start(listener, 2);
    end(listener, 1, new ExceptionFailure(new EOFException("lost"), seq(List.of())));
    endJob(listener);
    FutureTask<List<TaskFailure>> failures = new FutureTask<>(() -> listener.failures(30_000));
    Thread waiting = new Thread(failures);
    waiting.start();
    while (!failures.isDone() && waiting.getState() != Thread.State.TIMED_WAITING) {
      Thread.onSpinWait();
    }
    end(listener, 0, new ExceptionFailure(new RefusedException("full"), seq(List.of())));
    assertEquals(
        List.of("java.io.EOFException: lost", "full"),
        failures.get().stream().map(TaskFailure::reason).toList());
    assertTrue(failures.get().get(1).refused());
    assertFalse(failures.get().get(0).refused());
  }

  @Test
  @DisplayName("a refusal that comes without its exception is one all the same")
  void refusalAsText() throws Exception {
    AttemptListener listener = listener(now -> {});
    start(listener, 1);
    end(listener, 0, new ExceptionFailure(new RefusedException("full"), seq(List.of()), false));
    endJob(listener);
    TaskFailure failure = listener.failures(0).get(0);
    assertTrue(failure.refused());
    assertEquals("full", failure.reason());
  }

  @Test
  @DisplayName("a slow progress callback does not hold up the driver")
  void callbackOutsideOfTheLock() {
    AttemptListener[] listener = {null};
    AtomicInteger called = new AtomicInteger();
    listener[0] =
        listener(
            now -> {
              assertFalse(Thread.holdsLock(listener[0]));
              called.incrementAndGet();
            });
    AccumulableInfo info =
        new AccumulableInfo(
            pace.id(),
            Option.empty(),
            Option.apply(new Pace.Report(0, "host", 1, 1, 0)),
            Option.empty(),
            false,
            false,
            Option.empty());
    Seq<Tuple4<Object, Object, Object, Seq<AccumulableInfo>>> updates =
        seq(List.of(new Tuple4<>(1L, STAGE, 0, seq(List.of(info)))));
    listener[0].onExecutorMetricsUpdate(
        new SparkListenerExecutorMetricsUpdate("1", updates, Map$.MODULE$.empty()));
    assertEquals(1, called.get());
  }
}
