package io.pentrough.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.spark.TaskFailure.Kind;
import java.io.EOFException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.SocketTimeoutException;
import java.nio.channels.ClosedByInterruptException;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.apache.spark.ExceptionFailure;
import org.apache.spark.ExecutorLostFailure;
import org.apache.spark.SparkException;
import org.apache.spark.TaskEndReason;
import org.apache.spark.TaskKilled;
import org.apache.spark.TaskKilledException;
import org.apache.spark.UnknownReason$;
import org.apache.spark.executor.ExecutorMetrics;
import org.apache.spark.scheduler.AccumulableInfo;
import org.apache.spark.scheduler.JobSucceeded$;
import org.apache.spark.scheduler.SparkListenerApplicationEnd;
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

  private AccumulableInfo carrying(Pace.Report report) {
    return new AccumulableInfo(
        pace.id(),
        Option.empty(),
        Option.apply(report),
        Option.empty(),
        false,
        false,
        Option.empty());
  }

  private void heartbeat(AttemptListener listener, Pace.Report report) {
    listener.onExecutorMetricsUpdate(
        new SparkListenerExecutorMetricsUpdate(
            "1",
            seq(List.of(new Tuple4<>(1L, STAGE, 0, seq(List.of(carrying(report)))))),
            Map$.MODULE$.empty()));
  }

  /** A task that has failed while Spark was ending it. */
  private static Pace.Report failing(int rank, Throwable thrown) {
    return new Pace.Report(rank, "host", 1, 1, 0, false, new TaskFailure.Report(thrown, true));
  }

  /** A task that has failed by itself. */
  private static Pace.Report failed(int rank, Throwable thrown) {
    return new Pace.Report(rank, "host", 1, 1, 0, false, new TaskFailure.Report(thrown, false));
  }

  private static ExecutorLostFailure lost() {
    return new ExecutorLostFailure("1", true, Option.apply("exit code 134"));
  }

  private TaskKilled killed(Pace.Report report) {
    return new TaskKilled(
        "stage aborted", seq(List.of(carrying(report))), seq(List.of()), seq(List.of()));
  }

  private static ExceptionFailure thrown(Throwable thrown) {
    return new ExceptionFailure(thrown, seq(List.of()));
  }

  private static List<String> reasons(List<TaskFailure> failures) {
    return failures.stream().map(TaskFailure::reason).toList();
  }

  @Test
  @DisplayName("what a task has thrown that Spark was ending is heard, with its exception")
  void killedTasks() throws Exception {
    AttemptListener listener = listener(now -> {});
    start(listener, 2);
    end(listener, 1, thrown(new PeerLostException("task 0 is lost", null)));
    endJob(listener);
    end(listener, 0, killed(failing(0, new IOException("no such volume"))));
    List<TaskFailure> failures = listener.failures(0, 0);
    TaskFailure first = TaskFailure.first(failures);
    assertEquals(2, failures.size());
    assertEquals(0, first.rank());
    assertEquals("java.io.IOException: no such volume", first.reason());
    assertInstanceOf(IOException.class, first.thrown());
  }

  @Test
  @DisplayName("a task that has failed and closes what it has open is heard by its heartbeat")
  void closingTasks() throws Exception {
    AttemptListener listener = listener(now -> {});
    start(listener, 2);
    end(listener, 1, thrown(new PeerLostException("task 0 is lost", null)));
    endJob(listener);
    heartbeat(listener, failing(0, new RefusedException("full")));
    assertEquals("full", TaskFailure.first(listener.failures(0, 0)).reason());
  }

  @Test
  @DisplayName("what has a cause in another task is waited behind for longer")
  void waitsForTheCause() throws Exception {
    AttemptListener listener = listener(now -> {});
    start(listener, 2);
    end(listener, 1, thrown(new PeerLostException("task 0 is lost", null)));
    endJob(listener);
    FutureTask<List<TaskFailure>> failures = waiting(listener, 0, 30_000);
    end(listener, 0, killed(failing(0, new RefusedException("full"))));
    assertEquals("full", TaskFailure.first(failures.get()).reason());
  }

  @Test
  @DisplayName("a lost executor explains the exceptions of others, and a refusal everything")
  void order() throws Exception {
    AttemptListener listener = listener(now -> {});
    start(listener, 4);
    end(listener, 2, thrown(new EOFException("the connection was closed")));
    endJob(listener);
    end(listener, 1, new ExecutorLostFailure("1", true, Option.apply("killed")));
    assertEquals(1, TaskFailure.first(listener.failures(0, 0)).rank());
    end(listener, 3, killed(failing(3, new IOException("later"))));
    assertEquals(1, TaskFailure.first(listener.failures(0, 0)).rank());
    end(listener, 0, killed(failing(0, new RefusedException("full"))));
    assertEquals(0, TaskFailure.first(listener.failures(0, 0)).rank());
    assertEquals(
        List.of("later", "full"),
        reasons(listener.failures(0, 0)).stream()
            .map(reason -> reason.replaceFirst(".*: ", ""))
            .skip(2)
            .toList());
  }

  @Test
  @DisplayName("what a task has reported stays when its executor is lost, and explains the others")
  void lostBehindItsReport() throws Exception {
    AttemptListener listener = listener(now -> {});
    start(listener, 3);
    heartbeat(listener, failed(1, new IOException("no such volume")));
    end(listener, 0, thrown(new EOFException("the connection was closed")));
    endJob(listener);
    end(listener, 2, lost()); // of the same executor
    end(listener, 1, lost());
    TaskFailure first = TaskFailure.first(listener.failures(0, 0));
    assertEquals(1, first.rank());
    assertInstanceOf(IOException.class, first.thrown());
    assertTrue(
        first.reason().startsWith("java.io.IOException: no such volume; then ExecutorLostFailure"),
        first.reason());
    assertTrue(first.reason().contains("exit code 134"), first.reason());
  }

  @Test
  @DisplayName("a refusal stays one when its executor is lost, and a consequence stays one")
  void lostBehindOtherReports() throws Exception {
    AttemptListener listener = listener(now -> {});
    start(listener, 4);
    heartbeat(listener, failed(0, new PeerLostException("task 1 is lost", null)));
    heartbeat(listener, failed(1, new RefusedException("full")));
    heartbeat(listener, failing(2, new EOFException("the connection was closed")));
    for (int rank = 0; rank < 4; rank++) {
      end(listener, rank, lost());
    }
    assertEquals(
        List.of(Kind.PEER_LOST, Kind.REFUSED, Kind.THROWN_AT_END, Kind.EXECUTOR_LOST),
        listener.failures(0, 0).stream().map(TaskFailure::kind).toList());
  }

  @Test
  @DisplayName("an end of a task that Spark does not explain does not hide what it has reported")
  void unknownEnd() throws Exception {
    AttemptListener listener = listener(now -> {});
    start(listener, 1);
    heartbeat(listener, failed(0, new IOException("no such volume")));
    end(listener, 0, UnknownReason$.MODULE$);
    TaskFailure failure = listener.failures(0, 0).get(0);
    assertInstanceOf(IOException.class, failure.thrown());
  }

  @Test
  @DisplayName("a refusal inside of an exception that cannot travel is one all the same")
  void refusalInside() throws Exception {
    AttemptListener listener = listener(now -> {});
    start(listener, 1);
    Throwable thrown = new IllegalStateException(new RefusedException("full"));
    end(
        listener,
        0,
        new ExceptionFailure(thrown, seq(List.of(carrying(failed(0, thrown)))), false));
    TaskFailure failure = listener.failures(0, 0).get(0);
    assertEquals(Kind.REFUSED, failure.kind());
    assertEquals("full", failure.reason());
  }

  @Test
  @DisplayName("what is known of other tasks only in words is told beside the cause")
  void others() {
    IOException cause = new IOException("no such volume");
    List<TaskFailure> failures =
        List.of(
            new TaskFailure(0, "a", Kind.THROWN_AT_END, "too old a driver", null),
            new TaskFailure(1, "b", Kind.THROWN, cause.toString(), cause));
    Attempt.Failure failure =
        new Attempt(LocalSpark.get(), "job", 1, 2).failure(new SparkException("aborted"), failures);
    assertSame(cause, failure.cause());
    assertEquals("task 0 on a: too old a driver", cause.getSuppressed()[0].getMessage());
  }

  /** Waits for failures in a thread of its own, which waits when this returns. */
  private static FutureTask<List<TaskFailure>> waiting(
      AttemptListener listener, long millis, long consequenceMillis) {
    FutureTask<List<TaskFailure>> failures =
        new FutureTask<>(() -> listener.failures(millis, consequenceMillis));
    Thread thread = new Thread(failures);
    thread.setDaemon(true);
    thread.start();
    while (!failures.isDone() && thread.getState() != Thread.State.TIMED_WAITING) {
      Thread.onSpinWait();
    }
    return failures;
  }

  @Test
  @DisplayName("a heartbeat with the cause ends the waiting for it")
  void heartbeatEndsTheWaiting() throws Exception {
    AttemptListener listener = listener(now -> {});
    start(listener, 2);
    end(listener, 1, thrown(new PeerLostException("task 0 is lost", null)));
    endJob(listener);
    FutureTask<List<TaskFailure>> failures = waiting(listener, 0, 600_000);
    heartbeat(listener, failed(0, new IOException("no such volume"))); // and goes on closing
    assertEquals(0, TaskFailure.first(failures.get(20, TimeUnit.SECONDS)).rank());
  }

  @Test
  @DisplayName("an application that is stopped ends the waiting, as Spark tells nothing more")
  void applicationEnds() throws Exception {
    AttemptListener listener = listener(now -> {});
    start(listener, 2);
    end(listener, 1, thrown(new PeerLostException("task 0 is lost", null)));
    FutureTask<List<TaskFailure>> failures = waiting(listener, 600_000, 600_000);
    listener.onApplicationEnd(new SparkListenerApplicationEnd(0, Option.empty()));
    assertEquals(1, failures.get(20, TimeUnit.SECONDS).size());
  }

  @Test
  @DisplayName("a task that ends because Spark ends it has not failed")
  void endedTasks() {
    for (Throwable end :
        List.of(
            new TaskKilledException("attempt 1 is over"),
            new InterruptedException(),
            new RefusedException("the store failed", new ClosedByInterruptException()),
            new IllegalStateException(new InterruptedIOException("interrupted")),
            new SparkException("the barrier is gone"))) {
      assertTrue(TaskFailure.isEnd(end), end::toString);
    }
    for (Throwable failure :
        List.of(
            new IOException("no such volume"),
            new SocketTimeoutException("no answer"),
            new PeerLostException("task 0 is lost", null),
            new RefusedException("full"))) {
      assertFalse(TaskFailure.isEnd(failure), failure::toString);
    }
  }

  @Test
  @DisplayName("an exception that cannot travel is told in words")
  void unserialisable() {
    class Odd extends RuntimeException {
      private static final long serialVersionUID = 1;

      @SuppressWarnings("serial") // is what makes it odd
      private final Object held = new Object();

      @Override
      public String getMessage() {
        return "odd " + (held == this);
      }
    }

    TaskFailure.Report report = new TaskFailure.Report(new Odd(), false);
    assertNull(report.thrown());
    assertTrue(report.reason.endsWith("Odd: odd false"), report.reason);
    TaskFailure.Report large = new TaskFailure.Report(new IOException("x".repeat(1 << 20)), false);
    assertNull(large.thrown());
  }

  @Test
  @DisplayName("a failure that comes behind the end of the job is heard")
  void lateFailures() throws Exception {
    AttemptListener listener = listener(now -> {});
    start(listener, 2);
    end(listener, 1, new ExceptionFailure(new EOFException("lost"), seq(List.of())));
    endJob(listener);
    FutureTask<List<TaskFailure>> failures = waiting(listener, 30_000, 30_000);
    end(listener, 0, new ExceptionFailure(new RefusedException("full"), seq(List.of())));
    assertEquals(
        List.of("java.io.EOFException: lost", "full"),
        failures.get().stream().map(TaskFailure::reason).toList());
    assertEquals("full", TaskFailure.first(failures.get()).reason());
  }

  @Test
  @DisplayName("a refusal that comes without its exception is one all the same")
  void refusalAsText() throws Exception {
    AttemptListener listener = listener(now -> {});
    start(listener, 1);
    end(listener, 0, new ExceptionFailure(new RefusedException("full"), seq(List.of()), false));
    endJob(listener);
    TaskFailure failure = listener.failures(0, 0).get(0);
    assertEquals(Kind.REFUSED, failure.kind());
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
    heartbeat(listener[0], new Pace.Report(0, "host", 1, 1, 0, false, null));
    assertEquals(1, called.get());
  }
}
