package io.pentrough.spark;

import static io.pentrough.spark.Thrown.message;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.Remainder;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.spark.SparkConf;
import org.apache.spark.TaskContext;
import org.apache.spark.TaskKilledException;
import org.apache.spark.api.java.JavaFutureAction;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Jobs in this process; tasks reach what is static here. */
@Timeout(60)
class ElasticJobTest {

  private static final CountingTask.Before NOTHING = (context, number) -> {};

  /** What tasks write down: attempt, tasks. */
  private static final ConcurrentLinkedQueue<String> STARTED = new ConcurrentLinkedQueue<>();

  private static final AtomicInteger COUNT = new AtomicInteger();
  private static volatile CountDownLatch gate = new CountDownLatch(1);

  private static volatile Path here = Path.of("");

  @TempDir Path folder;

  @BeforeEach
  void reset() {
    here = folder;
    STARTED.clear();
    COUNT.set(0);
    gate = new CountDownLatch(1);
  }

  private ElasticJob.Builder<Integer> job(ElasticTask<Integer> task) {
    return job(task, new FolderStore(folder));
  }

  private static ElasticJob.Builder<Integer> job(ElasticTask<Integer> task, CheckpointStore store) {
    return ElasticJob.builder(LocalSpark.get(), store, task).name("count").onProgress(now -> {});
  }

  private Checkpoint newest() {
    Ledger ledger = new Ledger(new FolderStore(folder), "count");
    return ledger.read(ledger.newest().orElseThrow(), Integer.MAX_VALUE);
  }

  @Test
  @DisplayName(
      "a job that loses tasks continues on fewer and on more, and nothing is lost or twice")
  void continuesOnAnotherNumberOfTasks() throws Exception {
    CountingTask task =
        new CountingTask(
            24,
            2,
            4,
            Remainder.DROP,
            (context, number) -> {
              if (number == 0) {
                STARTED.add(context.attempt() + " on " + context.tasks());
              }
              if (context.attempt() == 1 && context.rank() == 1 && number == 6) {
                awaitCommitted(1);
                throw new IOException("lost");
              }
              if (context.attempt() == 2 && context.rank() == 0 && number == 10) {
                awaitCommitted(3);
                throw new IllegalStateException("lost again");
              }
            });
    List<Integer> tasks = new ArrayList<>(List.of(3, 2, 4));
    List<Integer> done = job(task).tasks(room -> tasks.remove(0)).run();
    assertEquals(List.of(5, 5, 5, 5), done);
    assertEquals(
        List.of("1 on 3", "2 on 2", "3 on 4"), STARTED.stream().sorted().distinct().toList());
    assertEquals(task.expected(), CountingTask.committed(newest().state));
    assertEquals(2, newest().position.epoch());
  }

  @Test
  @DisplayName("a finished task holds up nobody, and a second job finds nothing left to do")
  void tasksEndAtDifferentSteps() throws Exception {
    CountingTask task = new CountingTask(7, 1, 2, Remainder.UNEVEN, NOTHING);
    assertEquals(List.of(4, 3), job(task).tasks(room -> 2).run());
    assertEquals(task.expected(), CountingTask.committed(newest().state));
    assertEquals(List.of(0, 0, 0), job(task).tasks(room -> 3).run());
    assertEquals(task.expected(), CountingTask.committed(newest().state));
  }

  @Test
  @DisplayName(
      "what a task throws is the cause on the driver, with attempt and task in the message")
  void errorsReachTheDriver() {
    ElasticTask<Integer> task =
        context -> {
          COUNT.incrementAndGet();
          if (context.rank() == 1) {
            throw new IOException("no such volume");
          }
          context.gather(new byte[0]); // waits for the lost task
          return 0;
        };
    ElasticJobException e =
        assertThrows(
            ElasticJobException.class, () -> job(task).tasks(room -> 2).fruitlessAttempts(2).run());
    IOException cause = assertInstanceOf(IOException.class, e.getCause());
    assertEquals("no such volume", message(cause));
    assertTrue(
        message(e)
            .matches(
                "count: attempt 2 on 2 tasks failed in task 1 on \\S+: java.io.IOException: no such"
                    + " volume \\(2 attempts in a row made no new checkpoint\\)"),
        message(e));
    assertEquals(4, COUNT.get());
  }

  @Test
  @DisplayName("a refusal ends the job at once")
  void refusalsAreFinal() {
    ElasticTask<Integer> task =
        context -> {
          COUNT.incrementAndGet();
          throw new RefusedException("the volume is of another patient");
        };
    ElasticJobException e =
        assertThrows(ElasticJobException.class, () -> job(task).tasks(room -> 1).run());
    assertTrue(message(e).endsWith("the volume is of another patient"), message(e));
    assertInstanceOf(RefusedException.class, e.getCause());
    assertEquals(1, COUNT.get());
  }

  @Test
  @DisplayName("a checkpoint of another seed is refused, in the loader's words")
  void otherDataAreRefused() throws Exception {
    job(new CountingTask(4, 1, 2, Remainder.DROP, NOTHING)).tasks(room -> 1).run();
    ElasticJobException e =
        assertThrows(
            ElasticJobException.class,
            () ->
                job(new CountingTask(4, 1, 2, Remainder.DROP, NOTHING).seed(43))
                    .tasks(room -> 1)
                    .run());
    assertTrue(message(e).contains("another seed (42 there, 43 here)"), message(e));
  }

  @Test
  @DisplayName("more tasks than batches are refused")
  void moreTasksThanBatches() {
    ElasticJobException e =
        assertThrows(
            ElasticJobException.class,
            () -> job(new CountingTask(2, 1, 2, Remainder.DROP, NOTHING)).tasks(room -> 3).run());
    assertInstanceOf(RefusedException.class, e.getCause());
  }

  @Test
  @DisplayName("a task without a GPU is refused where one was asked for")
  void gpuIsMissing() {
    ElasticJobException e =
        assertThrows(
            ElasticJobException.class,
            () ->
                job(new CountingTask(2, 1, 2, Remainder.DROP, NOTHING))
                    .tasks(room -> 1)
                    .requireGpu()
                    .run());
    assertTrue(message(e).contains("spark.task.resource.gpu.amount=1"), message(e));
  }

  @Test
  @DisplayName("tasks that do different things together are told so")
  void differentRounds() {
    ElasticTask<Integer> task =
        context -> {
          if (context.rank() == 0) {
            context.gather(new byte[0]);
          } else {
            context.start(
                new CountingTask(4, 1, 2, Remainder.DROP, NOTHING).builder(context.openDevice()),
                Remainder.DROP);
          }
          return 0;
        };
    ElasticJobException e =
        assertThrows(
            ElasticJobException.class, () -> job(task).tasks(room -> 2).fruitlessAttempts(1).run());
    assertTrue(message(e).contains("in the same order"), message(e));
  }

  @Test
  @DisplayName("a second driver on the store is refused while the first one runs")
  void twoDrivers() throws Exception {
    ElasticTask<Integer> waiting =
        context -> {
          STARTED.add("first");
          assertTrue(gate.await(30, TimeUnit.SECONDS));
          return 7;
        };
    AtomicReference<Object> first = new AtomicReference<>();
    Thread driver = inThread(() -> first.set(job(waiting).tasks(room -> 1).run()));
    untilStarted(1);
    RefusedException e =
        assertThrows(
            RefusedException.class,
            () -> job(new CountingTask(4, 1, 2, Remainder.DROP, NOTHING)).tasks(room -> 1).run());
    assertTrue(message(e).contains("is in use by the driver of application"), message(e));
    gate.countDown();
    driver.join();
    assertEquals(List.of(7), first.get());
    // And when it is gone, all is well.
    job(new CountingTask(4, 1, 2, Remainder.DROP, NOTHING)).tasks(room -> 1).run();
  }

  @Test
  @DisplayName("a driver that was taken for dead ends, and its checkpoints are void")
  void takenOver() throws Exception {
    CountingTask.Before waits =
        (context, number) -> {
          if (number == 3) {
            STARTED.add("first");
            assertTrue(gate.await(30, TimeUnit.SECONDS));
          }
        };
    AtomicReference<Throwable> first = new AtomicReference<>();
    Thread driver =
        inThread(
            () -> {
              try {
                job(new CountingTask(8, 1, 2, Remainder.DROP, waits)).tasks(room -> 1).run();
              } catch (RuntimeException e) {
                first.set(e);
              }
            });
    untilStarted(1);
    CountingTask second = new CountingTask(8, 1, 2, Remainder.DROP, NOTHING);
    job(second).tasks(room -> 1).takeOver().run();
    gate.countDown();
    driver.join();
    assertInstanceOf(RefusedException.class, first.get());
    assertEquals(second.expected(), CountingTask.committed(newest().state));
    assertEquals(2, newest().attempt);
  }

  @Test
  @DisplayName("a driver that is overtaken while it waits for room starts no task")
  void takenOverBeforeTheStart() {
    ElasticTask<Integer> task =
        context -> {
          STARTED.add("first");
          return 0;
        };
    Ledger ledger = new Ledger(new FolderStore(folder), "count");
    AtomicReference<Ownership> second = new AtomicReference<>();
    RefusedException e =
        assertThrows(
            RefusedException.class,
            () ->
                job(task)
                    .tasks(
                        room -> {
                          second.set(Ownership.take(ledger, "the second driver", true));
                          return 1;
                        })
                    .run());
    assertTrue(message(e).contains("was taken over by the second driver"), message(e));
    assertEquals(0, e.getSuppressed().length);
    assertEquals(List.of(), List.copyOf(STARTED));
    Objects.requireNonNull(second.get()).require();
    second.get().close();
  }

  @Test
  @DisplayName("what a task has thrown is the cause, however long it takes to close what is open")
  void slowToClose() {
    ElasticTask<Integer> task =
        context -> {
          context.gather(new byte[0]);
          if (context.rank() == 1) {
            throw new PeerLostException("task 0 is lost", null);
          }
          try {
            throw new IOException("no such volume");
          } finally {
            untilEnded(context);
          }
        };
    ElasticJobException e =
        assertThrows(
            ElasticJobException.class, () -> job(task).tasks(room -> 2).fruitlessAttempts(1).run());
    assertTrue(
        message(e).matches("count: attempt 1 on 2 tasks failed in task 0 on .*: no such volume"),
        message(e));
    IOException cause = assertInstanceOf(IOException.class, e.getCause());
    assertInstanceOf(PeerLostException.class, cause.getSuppressed()[0]);
  }

  /** What closes here does not heed Spark's interrupt, which keeps its turn. */
  private static void untilEnded(ElasticContext context) {
    boolean ended = false;
    while (!ended) {
      try {
        context.requireAlive();
        Thread.onSpinWait();
      } catch (TaskKilledException e) {
        ended = true;
      }
    }
  }

  @Test
  @DisplayName("a store that fails behind a failed attempt does not hide why that has failed")
  void storeFailsTwice() {
    COUNT.set(0);
    ElasticTask<Integer> task =
        context -> {
          COUNT.set(-1); // and from now on the driver cannot list
          throw new IOException("no such volume");
        };
    ElasticJobException e =
        assertThrows(
            ElasticJobException.class,
            () -> job(task, new LostStore(folder)).tasks(room -> 1).run());
    assertTrue(
        message(e).endsWith("no such volume; then the checkpoint store failed: Stale file handle"),
        message(e));
    assertInstanceOf(IOException.class, e.getCause());
    assertInstanceOf(RefusedException.class, e.getSuppressed()[0]);
  }

  /** Fails, after a checkpoint, with the reason of the attempt. */
  private static final ElasticTask<Integer> FAILS =
      context -> {
        context.start(
            new CountingTask(4, 1, 2, Remainder.DROP, NOTHING).builder(context.openDevice()),
            Remainder.DROP);
        context.checkpoint(() -> new byte[] {1});
        throw new IOException("no such volume");
      };

  private static ElasticJobException assertEndsBehindAFailure(
      ElasticJob.Builder<Integer> job, String end) {
    ElasticJobException e = assertThrows(ElasticJobException.class, job::run);
    assertTrue(
        message(e)
            .matches("count: attempt 1 on 1 tasks failed in task 0 .*: no such volume; then .*"),
        message(e));
    assertTrue(message(e).endsWith(end), message(e));
    assertEquals("no such volume", message(Objects.requireNonNull(e.getCause())));
    return e;
  }

  @Test
  @DisplayName("nor does a store in which the next attempt cannot be claimed")
  void cannotClaimTheNext() {
    InterferingStore store = new InterferingStore(folder);
    store.before(
        "create attempt-00000002",
        () -> {
          throw new IOException("Stale file handle");
        });
    ElasticJobException e =
        assertEndsBehindAFailure(job(FAILS, store).tasks(room -> 1), ": Stale file handle");
    assertInstanceOf(RefusedException.class, e.getSuppressed()[0]);
  }

  @Test
  @DisplayName("nor does a checkpoint that the next attempt cannot start from")
  void cannotReadTheNext() {
    InterferingStore store = new InterferingStore(folder);
    store.before(
        "read checkpoint-",
        () -> {
          throw new IOException("Input/output error");
        });
    assertEndsBehindAFailure(job(FAILS, store).tasks(room -> 1), ": Input/output error");
  }

  @Test
  @DisplayName("nor does too little room for the next attempt")
  void noRoomForTheNext() {
    List<Integer> tasks = new ArrayList<>(List.of(1, 5));
    ElasticJobException e =
        assertEndsBehindAFailure(
            job(FAILS)
                .tasks(room -> tasks.size() > 1 ? tasks.remove(0) : tasks.get(0))
                .roomTimeout(Duration.ofMillis(1)),
            " for fewer tasks");
    assertInstanceOf(ElasticJobException.class, e.getSuppressed()[0]);
  }

  @Test
  @DisplayName("nor does a choice of tasks that throws, nor another driver that takes over")
  void cannotGoOn() {
    AtomicInteger asked = new AtomicInteger();
    IllegalStateException own = new IllegalStateException("no plan");
    assertSame(
        own,
        assertThrows(
            IllegalStateException.class,
            () ->
                job(FAILS)
                    .tasks(
                        room -> {
                          if (asked.incrementAndGet() > 1) {
                            throw own;
                          }
                          return 1;
                        })
                    .run()));
    assertTrue(message(own.getSuppressed()[0]).endsWith("no such volume"), own::toString);
    InterferingStore store = new InterferingStore(folder);
    Ledger ledger = new Ledger(new FolderStore(folder), "count");
    AtomicReference<Ownership> second = new AtomicReference<>();
    store.before(
        "create attempt-00000004", () -> second.set(Ownership.take(ledger, "the second", true)));
    RefusedException e =
        assertThrows(RefusedException.class, () -> job(FAILS, store).tasks(room -> 1).run());
    assertTrue(message(e).contains("was taken over by the second"), message(e));
    assertTrue(message(e.getSuppressed()[0]).endsWith("no such volume"), e::toString);
    Objects.requireNonNull(second.get()).close();
  }

  @Test
  @DisplayName("what keeps a task from its beginning is the cause, also if Spark is ending it then")
  void failsBeforeItBegins() {
    COUNT.set(100);
    ElasticTask<Integer> task =
        context -> { // of task 1 only
          assertTrue(gate.await(30, TimeUnit.SECONDS)); // until task 0 is at its probe
          throw new IOException("no such volume");
        };
    ElasticJobException e =
        assertThrows(
            ElasticJobException.class,
            () ->
                job(task, new SlowlyRefusingStore(folder))
                    .tasks(room -> 2)
                    .fruitlessAttempts(1)
                    .run());
    assertTrue(
        message(e)
            .matches("count: attempt 1 on 2 tasks failed in task 0 .*: Read-only file system"),
        message(e));
    assertInstanceOf(IOException.class, Objects.requireNonNull(e.getCause()).getSuppressed()[0]);
  }

  /** Refuses the probe of task 0 when Spark is ending that task. */
  private static final class SlowlyRefusingStore extends SmallStore {

    private static final long serialVersionUID = 1;

    SlowlyRefusingStore(Path folder) {
      super(folder);
    }

    @Override
    public boolean create(String name, byte[] content) throws IOException {
      TaskContext task = TaskContext.get();
      if (task == null) {
        return super.create(name, content);
      }
      gate.countDown();
      while (!task.isInterrupted()) {
        Thread.onSpinWait();
      }
      throw new IOException("Read-only file system");
    }
  }

  /** Is lost when the count is negative. */
  private static final class LostStore extends SmallStore {

    private static final long serialVersionUID = 1;

    LostStore(Path folder) {
      super(folder);
    }

    @Override
    public List<String> list() throws IOException {
      if (COUNT.get() < 0) {
        throw new IOException("Stale file handle");
      }
      return super.list();
    }
  }

  @Test
  @DisplayName("a full disk ends the job with its message, and the next job continues")
  void fullDisk() throws Exception {
    CountingTask task = new CountingTask(8, 1, 2, Remainder.DROP, NOTHING);
    COUNT.set(2); // checkpoints that still fit
    ElasticJobException e =
        assertThrows(
            ElasticJobException.class,
            () -> job(task, new SmallStore(folder)).tasks(room -> 1).run());
    assertTrue(
        message(e).contains("attempt 1 on 1 tasks failed in task 0")
            && message(e).endsWith("the checkpoint store failed: No space left on device"),
        message(e));
    assertEquals(4, CountingTask.committed(newest().state).size());
    assertEquals(List.of(4), job(task).tasks(room -> 1).run());
    assertEquals(task.expected(), CountingTask.committed(newest().state));
  }

  @Test
  @DisplayName("a store to which executors cannot write is refused before the task begins")
  void executorsCannotWrite() {
    ElasticTask<Integer> task =
        context -> {
          STARTED.add("trains");
          return 0;
        };
    COUNT.set(100);
    ElasticJobException e =
        assertThrows(
            ElasticJobException.class,
            () -> job(task, new ReadOnlyStore(folder)).tasks(room -> 1).run());
    assertTrue(message(e).endsWith("Read-only file system"), message(e));
    assertEquals(List.of(), List.copyOf(STARTED));
  }

  @Test
  @DisplayName("an executor that sees another folder than the driver is refused")
  void notShared() {
    COUNT.set(100); // there is room enough
    ElasticJobException e =
        assertThrows(
            ElasticJobException.class,
            () ->
                job(
                        new CountingTask(4, 1, 2, Remainder.DROP, NOTHING),
                        new UnsharedStore(folder, "driver"))
                    .storeDelay(Duration.ZERO)
                    .tasks(room -> 1)
                    .run());
    assertTrue(message(e).contains("must see the same store"), message(e));
  }

  /** A disk that gets full. */
  private static class SmallStore implements CheckpointStore {

    private static final long serialVersionUID = 1;
    private final FolderStore store;

    SmallStore(Path folder) {
      store = new FolderStore(folder);
    }

    FolderStore store() {
      return store;
    }

    @Override
    public boolean create(String name, byte[] content) throws IOException {
      if (name.startsWith("checkpoint") && COUNT.decrementAndGet() < 0) {
        throw new IOException("No space left on device");
      }
      return store().create(name, content);
    }

    @Override
    public byte[] read(String name) throws IOException {
      return store().read(name);
    }

    @Override
    public List<String> list() throws IOException {
      return store().list();
    }

    @Override
    public void delete(String name) throws IOException {
      store().delete(name);
    }
  }

  /** Was interrupted, as Hadoop says it. */
  private static final class InterruptedStore extends SmallStore {

    private static final long serialVersionUID = 1;

    InterruptedStore(Path folder) {
      super(folder);
    }

    @Override
    public boolean create(String name, byte[] content) throws IOException {
      Thread.currentThread().interrupt(); // as Hadoop does
      throw new IOException("cannot be written to", new InterruptedIOException("call interrupted"));
    }
  }

  /** Tasks cannot write, but the driver can. */
  private static final class ReadOnlyStore extends SmallStore {

    private static final long serialVersionUID = 1;

    ReadOnlyStore(Path folder) {
      super(folder);
    }

    @Override
    public boolean create(String name, byte[] content) throws IOException {
      if (TaskContext.get() != null) {
        throw new IOException("Read-only file system");
      }
      return super.create(name, content);
    }
  }

  /** A folder of the same name on each machine. */
  private static final class UnsharedStore extends SmallStore {

    private static final long serialVersionUID = 1;
    private final String folder;
    private final String machine;

    UnsharedStore(Path folder, String machine) {
      super(folder);
      this.folder = folder.toString();
      this.machine = machine;
    }

    @Override
    FolderStore store() {
      return new FolderStore(Path.of(folder).resolve(machine));
    }

    private Object readResolve() {
      return new UnsharedStore(Path.of(folder), "executor");
    }
  }

  @Test
  @DisplayName("an interrupt of the driver ends the job, and the store is free again")
  void interrupt() throws Exception {
    ElasticTask<Integer> waiting =
        context -> {
          STARTED.add("first");
          try {
            gate.await();
          } finally {
            STARTED.add("ended");
          }
          return 7;
        };
    AtomicReference<Throwable> thrown = new AtomicReference<>();
    Thread driver =
        inThread(
            () -> {
              try {
                job(waiting).tasks(room -> 1).run();
              } catch (InterruptedException e) {
                thrown.set(e);
              }
            });
    untilStarted(1);
    driver.interrupt();
    driver.join();
    assertInstanceOf(InterruptedException.class, thrown.get());
    untilStarted(2);
    job(new CountingTask(4, 1, 2, Remainder.DROP, NOTHING)).tasks(room -> 1).run();
  }

  @Test
  @DisplayName("too little room is said after the time limit")
  void tooLittleRoom() {
    CountingTask task = new CountingTask(8, 1, 2, Remainder.DROP, NOTHING);
    ElasticJobException e =
        assertThrows(
            ElasticJobException.class,
            () -> job(task).tasks(room -> 5).roomTimeout(Duration.ofMillis(1)).run());
    assertTrue(
        message(e).contains("room for 4 tasks at the same time, but 5 are wanted"), message(e));
  }

  @Test
  @DisplayName(
      "tasks that Spark cannot start, as others hold the slots, are not waited for forever")
  void slotsAreHeld() throws Exception {
    List<Integer> four = List.of(0, 1, 2, 3);
    JavaFutureAction<Void> other =
        LocalSpark.get()
            .parallelize(four, LocalSpark.ROOM)
            .foreachAsync(
                number -> {
                  STARTED.add("other " + number);
                  gate.await();
                });
    untilStarted(4);
    try {
      ElasticJobException e =
          assertThrows(
              ElasticJobException.class,
              () ->
                  job(new CountingTask(8, 1, 2, Remainder.DROP, NOTHING))
                      .tasks(room -> 2)
                      .roomTimeout(Duration.ofMillis(1))
                      .fruitlessAttempts(1)
                      .run());
      assertTrue(
          message(e).contains("attempt 1 on 2 tasks failed: none of its tasks was started in 5 s"),
          message(e));
    } finally {
      gate.countDown();
      other.get();
    }
  }

  @Test
  @DisplayName("dynamic allocation is refused before anything starts")
  void dynamicAllocation() {
    SparkConf conf = LocalSpark.get().sc().conf();
    conf.set("spark.dynamicAllocation.enabled", "true");
    conf.set("spark.dynamicAllocation.testing", "true"); // else Spark ignores it in one process
    try {
      RefusedException e =
          assertThrows(RefusedException.class, () -> job(context -> 0).tasks(room -> 1).run());
      assertTrue(message(e).contains("spark.dynamicAllocation.enabled=false"), message(e));
    } finally {
      conf.remove("spark.dynamicAllocation.enabled");
      conf.remove("spark.dynamicAllocation.testing");
    }
  }

  @Test
  @DisplayName("an interrupt that a store notices is an interrupt")
  void interruptedStore() {
    InterruptedException e =
        assertThrows(
            InterruptedException.class,
            () -> job(context -> 0, new InterruptedStore(folder)).tasks(room -> 1).run());
    assertInstanceOf(RefusedException.class, e.getCause());
    assertFalse(Thread.interrupted(), "the exception says it");
  }

  @Test
  @DisplayName("the state is kept until it was asked for and the loader was started")
  void stateIsDropped() throws Exception {
    CountingTask counting = new CountingTask(4, 1, 2, Remainder.DROP, NOTHING);
    job(counting).tasks(room -> 1).run();
    ElasticTask<Integer> task =
        context -> {
          assertEquals(context.state().orElseThrow().length, context.state().orElseThrow().length);
          context.start(counting.builder(context.openDevice()), Remainder.DROP);
          assertThrows(IllegalStateException.class, context::state);
          return 7;
        };
    assertEquals(List.of(7), job(task).tasks(room -> 1).run());
  }

  @Test
  @DisplayName("a task that cannot be sent is refused before anything starts")
  void notSerialisable() {
    Object here = new Object();
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> job(context -> here.hashCode()).run());
    assertTrue(message(e).contains("java.lang.Object"), message(e));
  }

  @Test
  @DisplayName("the driver hears how far each task is, and for which one the others wait")
  void progress() throws Exception {
    ConcurrentLinkedQueue<ElasticProgress> heard = new ConcurrentLinkedQueue<>();
    ElasticTask<Integer> task =
        context -> {
          while (gate.getCount() > 0) { // until the driver has heard of it
            if (context.rank() == 0) {
              context.waited(Duration.ofSeconds(1).toNanos()); // so it was not slow
            }
            context.step();
          }
          return 0;
        };
    job(task)
        .tasks(room -> 2)
        .onProgress(
            now -> {
              heard.add(now);
              if (now.slowest().isPresent()) {
                gate.countDown();
              }
            })
        .run();
    ElasticProgress last =
        heard.stream().filter(now -> now.slowest().isPresent()).findFirst().orElseThrow();
    assertEquals("count", last.job());
    assertEquals(1, last.attempt());
    assertEquals(2, last.tasks().size());
    assertTrue(last.steps() > 0);
    assertEquals(1, last.slowest().orElseThrow().rank());
  }

  @Test
  @DisplayName("a task that waits for another one in a gather is not the slowest")
  void waitsInAGather() throws Exception {
    AtomicReference<ElasticProgress> named = new AtomicReference<>();
    ElasticTask<Integer> task =
        context -> {
          context.step();
          if (context.rank() == 0) {
            assertTrue(gate.await(50, TimeUnit.SECONDS)); // until the driver has named it
          }
          context.gather(new byte[0]);
          return 0;
        };
    job(task)
        .tasks(room -> 3)
        .onProgress(
            now -> {
              if (now.slowest().isPresent() && named.compareAndSet(null, now)) {
                gate.countDown();
              }
            })
        .run();
    assertEquals(0, Objects.requireNonNull(named.get()).slowest().orElseThrow().rank());
  }

  @Test
  void largestDivisor() {
    assertEquals(4, ElasticJob.largestDivisor(8).applyAsInt(6));
    assertEquals(8, ElasticJob.largestDivisor(8).applyAsInt(100));
    assertEquals(1, ElasticJob.largestDivisor(7).applyAsInt(6));
    assertThrows(IllegalArgumentException.class, () -> ElasticJob.largestDivisor(0));
  }

  /** Until so many checkpoints have been written; tasks don't wait for that. */
  private static void awaitCommitted(int number) {
    while (new Ledger(new FolderStore(here), "count")
        .newest()
        .filter(name -> name.number() >= number)
        .isEmpty()) {
      Thread.onSpinWait();
    }
  }

  private interface Action {
    void run() throws Exception;
  }

  private static Thread inThread(Action action) {
    Thread thread =
        new Thread(
            () -> {
              try {
                action.run();
              } catch (Exception e) {
                throw new AssertionError(e);
              }
            });
    thread.start();
    return thread;
  }

  /** Until tasks have written down so much. */
  private static void untilStarted(int count) {
    while (STARTED.size() < count) {
      Thread.onSpinWait(); // the test's timeout is the bound
    }
  }
}
