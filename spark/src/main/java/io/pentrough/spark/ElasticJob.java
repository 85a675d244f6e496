package io.pentrough.spark;

import java.io.IOException;
import java.io.ObjectOutputStream;
import java.io.OutputStream;
import java.io.Serializable;
import java.lang.System.Logger.Level;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.IntUnaryOperator;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.util.Utils;
import org.jspecify.annotations.Nullable;

/**
 * Runs a training on a Spark cluster to its end, with as many tasks as there is room for, also if
 * machines get lost or are added on the way.
 *
 * <pre>{@code
 * List<Double> losses =
 *     ElasticJob.builder(spark, new FolderStore(Path.of("/shared/run-7")), new MyTask())
 *         .name("run-7")
 *         .tasks(ElasticJob.largestDivisor(8))
 *         .run();
 * }</pre>
 *
 * <p>The driver makes attempts. Each starts as many tasks as there is room for then, and continues
 * from the last checkpoint. If a task fails or its machine is lost, all tasks of the attempt end,
 * and the next attempt begins. After a few attempts in a row without a new checkpoint, the job
 * fails. A new job on the same store continues where the last one was.
 */
public final class ElasticJob {

  private static final System.Logger LOG = System.getLogger(ElasticJob.class.getName());

  private ElasticJob() {}

  /**
   * Starts the description of a job.
   *
   * @param spark the application
   * @param store where its checkpoints are kept; for this job alone
   * @param task what each task runs
   * @param <R> the result of a task
   * @return a builder with the defaults given at its methods
   */
  public static <R extends Serializable> Builder<R> builder(
      JavaSparkContext spark, CheckpointStore store, ElasticTask<R> task) {
    return new Builder<>(spark, store, task);
  }

  /**
   * For {@link Builder#tasks}: as many tasks as there is room for, but so many that they can divide
   * a global batch evenly. For example, 6 tasks of room and 8 batches give 4 tasks of 2 batches.
   *
   * @param globalBatch how many loader batches make a step, over all tasks
   * @return of how much room there is, how many tasks to start
   * @throws IllegalArgumentException if it is less than 1
   */
  public static IntUnaryOperator largestDivisor(int globalBatch) {
    if (globalBatch < 1) {
      throw new IllegalArgumentException("a global batch has at least 1 batch, not " + globalBatch);
    }
    return room -> {
      int tasks = Math.min(room, globalBatch);
      while (globalBatch % tasks != 0) {
        tasks--;
      }
      return tasks;
    };
  }

  /**
   * Describes a job and runs it.
   *
   * <p><b>Threads.</b> For one thread.
   *
   * @param <R> the result of a task
   */
  public static final class Builder<R extends Serializable> {

    private final JavaSparkContext spark;
    private final CheckpointStore store;
    private final ElasticTask<R> task;
    private String name = "training";
    private IntUnaryOperator tasks = room -> room;
    private Duration roomTimeout = Duration.ofMinutes(10);
    private int fruitlessAttempts = 3;
    private boolean needsGpu;
    private boolean takeOver;
    private Duration storeDelay = Duration.ofMinutes(1);
    private Consumer<ElasticProgress> progress =
        now -> LOG.log(Level.INFO, now.toString()); // not now::toString, which may be costly

    private Builder(JavaSparkContext spark, CheckpointStore store, ElasticTask<R> task) {
      this.spark = Objects.requireNonNull(spark, "spark");
      this.store = Objects.requireNonNull(store, "store");
      this.task = Objects.requireNonNull(task, "task");
    }

    /**
     * Names the job. A checkpoint of a job of another name is refused.
     *
     * @param name a word; {@code training} by default
     * @return this
     */
    public Builder<R> name(String name) {
      this.name = Objects.requireNonNull(name, "name");
      return this;
    }

    /**
     * Sets how many tasks an attempt has. Asked before each attempt, and again twice a second while
     * the answer is 0 or more than there is room for. By default it is all the room there is.
     *
     * @param tasks of how many tasks there is room for now, how many to start; 0 to wait for more
     *     room
     * @return this
     */
    public Builder<R> tasks(IntUnaryOperator tasks) {
      this.tasks = Objects.requireNonNull(tasks, "tasks");
      return this;
    }

    /**
     * Sets how long to wait for room before an attempt, and then for Spark to start its tasks, but
     * at least 5 seconds for that. An attempt whose tasks are not started in that time has failed.
     *
     * @param timeout 10 minutes by default
     * @return this
     */
    public Builder<R> roomTimeout(Duration timeout) {
      this.roomTimeout = Objects.requireNonNull(timeout, "timeout");
      return this;
    }

    /**
     * Sets after how many attempts in a row without a new checkpoint the job fails.
     *
     * @param attempts at least 1; 3 by default
     * @return this
     * @throws IllegalArgumentException if it is less
     */
    public Builder<R> fruitlessAttempts(int attempts) {
      if (attempts < 1) {
        throw new IllegalArgumentException("at least 1 attempt, not " + attempts);
      }
      this.fruitlessAttempts = attempts;
      return this;
    }

    /**
     * Refuses tasks to which Spark has given no GPU. Without it they use the best device of their
     * machine.
     *
     * @return this
     */
    public Builder<R> requireGpu() {
      this.needsGpu = true;
      return this;
    }

    /**
     * Takes the store from another driver that has left its mark there. For a driver that was
     * killed. If that driver lives all the same, it ends, and its later checkpoints are void. Of
     * drivers that take over at the same time, the last one goes on.
     *
     * @return this
     */
    public Builder<R> takeOver() {
      this.takeOver = true;
      return this;
    }

    /** How late a task may see what the driver has created: NFS caches folders. For tests. */
    Builder<R> storeDelay(Duration delay) {
      this.storeDelay = delay;
      return this;
    }

    /**
     * Sets who hears how the tasks get on: about as often as executors send a heartbeat
     * (spark.executor.heartbeatInterval, 10 s). By default it is logged.
     *
     * @param progress called on a thread of Spark's, which it must not hold up; what it throws is
     *     logged
     * @return this
     */
    public Builder<R> onProgress(Consumer<ElasticProgress> progress) {
      this.progress = Objects.requireNonNull(progress, "progress");
      return this;
    }

    /**
     * Runs the job, and waits for its end.
     *
     * @return the results of the tasks of the last attempt, by rank
     * @throws IllegalArgumentException if the task cannot be sent to executors
     * @throws RefusedException if the store is in use by another driver or was taken over by one,
     *     holds a checkpoint that is damaged or of another job, or cannot be written to; or if
     *     executors are allocated dynamically
     * @throws ElasticJobException if a task was refused, attempts in a row have failed without a
     *     new checkpoint, there was no room in time, or the application was stopped; or if after an
     *     attempt that failed the store failed, or its checkpoint was refused. Then the message
     *     names both, the cause is the attempt's, and the other exception is suppressed
     * @throws InterruptedException if the thread is interrupted; the attempt is cancelled, and the
     *     checkpoints stay
     */
    public List<R> run() throws InterruptedException {
      requireSerialisable();
      requireFixedExecutors();
      Ledger ledger = new Ledger(store, name, storeDelay);
      try (Ownership owner = Ownership.take(ledger, driver(), takeOver)) {
        return attempts(owner, ledger);
      } catch (RefusedException e) {
        if (TaskFailure.isInterrupt(e)) { // as a store says it
          Thread.interrupted(); // Hadoop has set it again
          InterruptedException interrupt = new InterruptedException();
          interrupt.initCause(e);
          throw interrupt;
        }
        throw e;
      }
    }

    private List<R> attempts(Ownership owner, Ledger ledger) throws InterruptedException {
      Room room = new Room(spark.sc(), tasks);
      Attempt.@Nullable Failure last = null;
      for (int fruitless = 0; ; ) {
        Optional<CheckpointName> newest;
        int wanted;
        try {
          if (last != null) {
            owner.claimNext();
          }
          newest = ledger.newest();
          // Refused here, and not by each task.
          newest.ifPresent(name -> ledger.read(name, owner.attempt()));
          // Last, as an executor may get lost during the reading.
          wanted = room.await(roomTimeout.toNanos());
          owner.require(); // that may have taken long
        } catch (RuntimeException e) {
          throw last == null ? e : behind(last, e);
        }
        @Nullable CheckpointName from = newest.orElse(null);
        LOG.log(
            Level.INFO,
            "{0}: attempt {1} on {2} tasks, from {3}",
            name,
            owner.attempt(),
            wanted,
            from == null ? "the beginning" : from);
        try {
          return new Attempt(spark, name, owner.attempt(), wanted)
              .run(task, ledger, needsGpu, from, roomTimeout, progress);
        } catch (Attempt.FailedException e) {
          last = e.failure;
        }
        if (spark.sc().isStopped()) { // the store may have gone with it
          throw failed(last, fruitless);
        }
        try {
          fruitless = ledger.newest().equals(newest) ? fruitless + 1 : 0;
          owner.require();
        } catch (RuntimeException e) {
          throw behind(last, e);
        }
        if (last.isFinal() || fruitless >= fruitlessAttempts) {
          throw failed(last, fruitless);
        }
        LOG.log(Level.WARNING, name + ": " + last.message(), last.cause());
      }
    }

    /**
     * What to throw if an attempt has failed and the next one cannot begin. The message names both,
     * one after the other: the first is why the job needed another attempt, and may explain the
     * second, which is why it got none. The cause is that of the attempt. But a take-over explains
     * the attempt's failure, and an interrupt is the caller's own, so they come first.
     */
    private RuntimeException behind(Attempt.Failure last, RuntimeException second) {
      boolean ours = second instanceof RefusedException || second instanceof ElasticJobException;
      if (!ours
          || second instanceof Ownership.TakenOverException
          || TaskFailure.isInterrupt(second)) {
        second.addSuppressed(failed(last, 0));
        return second;
      }
      ElasticJobException both =
          new ElasticJobException(
              name + ": " + last.message() + "; then " + second.getMessage(), last.cause());
      both.addSuppressed(second);
      return both;
    }

    private ElasticJobException failed(Attempt.Failure failure, int fruitless) {
      return new ElasticJobException(
          name
              + ": "
              + failure.message()
              + (failure.isFinal() || fruitless <= 1
                  ? ""
                  : " (" + fruitless + " attempts in a row made no new checkpoint)"),
          failure.cause());
    }

    /** Else Spark says it, in each attempt. */
    private void requireFixedExecutors() {
      if (Utils.isDynamicAllocationEnabled(spark.sc().conf())) {
        throw new RefusedException(
            "Spark runs no barrier stage with dynamic allocation of executors; submit the job with"
                + " --conf spark.dynamicAllocation.enabled=false");
      }
    }

    /** Else Spark says it, for each object on the way and in four lines each. */
    private void requireSerialisable() {
      try (ObjectOutputStream out = new ObjectOutputStream(OutputStream.nullOutputStream())) {
        out.writeObject(task);
        out.writeObject(store);
      } catch (IOException e) {
        throw new IllegalArgumentException(
            "the task or the store cannot be sent to executors: "
                + e
                + "; make devices, loaders and networks inside of the task's run method",
            e);
      }
    }

    private String driver() {
      String host;
      try {
        host = InetAddress.getLocalHost().getHostName();
      } catch (UnknownHostException e) {
        host = "an unknown host";
      }
      return String.format(
          "the driver of application %s (process %d on %s, since %s)",
          spark.sc().applicationId(),
          ProcessHandle.current().pid(),
          host,
          Instant.now().truncatedTo(ChronoUnit.SECONDS));
    }
  }
}
