package io.pentrough.spark;

import io.pentrough.BackgroundLoader;
import io.pentrough.Position;
import io.pentrough.Remainder;
import io.pentrough.device.Device;
import io.pentrough.spark.Gathering.Kind;
import io.pentrough.spark.Gathering.Part;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.apache.spark.BarrierTaskContext;
import org.apache.spark.TaskKilledException;
import org.jspecify.annotations.Nullable;

/**
 * A task's place in an {@link ElasticJob}: which of how many tasks it is, where to continue, and
 * what it does together with the others.
 *
 * <p>{@link #start}, {@link #checkpoint} and {@link #gather} are done together: all tasks must call
 * them, in the same order, and each waits for all. Each takes about a second, whatever the amount
 * of data, because Spark's barrier asks once a second. So none of them belongs into every step.
 * Tasks whose work is over earlier are waited for in none of them.
 *
 * <p><b>Threads.</b> For the task's thread.
 */
public final class ElasticContext {

  private final BarrierTaskContext spark;
  private final Ledger ledger;
  private final int attempt;
  private final boolean needsGpu;
  private final Gathering gathering;
  private final Pace pace;
  private final @Nullable Position from;

  private byte @Nullable [] state;
  private boolean stateAsked;
  private @Nullable Device device;
  private @Nullable BackgroundLoader loader;
  private byte[] lastPosition = {};
  private int lastNumber;

  /**
   * The place of a task.
   *
   * @param from the checkpoint to continue from; null to begin
   */
  ElasticContext(
      BarrierTaskContext spark,
      Ledger ledger,
      int attempt,
      boolean needsGpu,
      Pace pace,
      @Nullable Checkpoint from) {
    this.spark = spark;
    this.ledger = ledger;
    this.attempt = attempt;
    this.needsGpu = needsGpu;
    this.pace = pace;
    this.from = from == null ? null : from.position;
    state = from == null ? null : from.state;
    lastNumber = from == null ? 0 : from.number;
    gathering =
        new Gathering(spark.partitionId(), message -> List.of(spark.allGather(message.get(0))));
  }

  /**
   * This task's number.
   *
   * @return 0 to {@link #tasks()} - 1
   */
  public int rank() {
    return spark.partitionId();
  }

  /**
   * How many tasks this attempt has.
   *
   * @return at least 1
   */
  public int tasks() {
    return spark.getTaskInfos().length;
  }

  /**
   * The number of this attempt.
   *
   * @return from 1; higher than that of any earlier attempt, also of earlier drivers
   */
  public int attempt() {
    return attempt;
  }

  /**
   * The state that the last checkpoint has saved. It is kept until this method and {@link #start}
   * have both been called.
   *
   * @return its bytes, a copy; empty if there is no checkpoint
   * @throws IllegalStateException if it is not kept any more
   */
  public Optional<byte[]> state() {
    if (from == null) {
      return Optional.empty();
    }
    if (state == null) {
      throw new IllegalStateException(
          "the state is not kept after start(...), once it was asked for; ask for it once");
    }
    byte[] copy = state.clone();
    stateAsked = true;
    dropState();
    return Optional.of(copy);
  }

  private void dropState() {
    if (stateAsked && loader != null) {
      state = null;
    }
  }

  /**
   * Opens the GPU that Spark gave this task, or the best device of the machine if Spark gave it
   * none and the job doesn't ask for one. It is closed behind the task, if the task hasn't closed
   * it.
   *
   * @return an open device
   * @throws RefusedException if the job asks for a GPU and the task has none, or the address that
   *     Spark gave is none that CUDA knows; the message says what to configure
   * @throws io.pentrough.device.DeviceException if the device cannot be opened
   * @throws IllegalStateException if it was called before
   */
  public Device openDevice() {
    if (device != null) {
      throw new IllegalStateException("the device of this task has been opened before");
    }
    device = Gpus.open(spark, needsGpu);
    return device;
  }

  /**
   * Starts this task's loader: over its shard of each epoch, from the last checkpoint. Done
   * together. It is closed behind the task, if the task hasn't closed it.
   *
   * <p>Training in step needs {@link Remainder#DROP}. With {@link Remainder#UNEVEN} some tasks take
   * more steps than others, which suits work without exchange between tasks.
   *
   * @param builder the loader, the same in all tasks: all but shard and start; its epochs must have
   *     a declared length
   * @param remainder what to do if the number of tasks doesn't divide that of batches
   * @return a running loader
   * @throws RefusedException if the checkpoint is of other data, another seed or another number of
   *     batches, if there are more tasks than batches in an epoch, or if the tasks' loaders cannot
   *     be those of one whole
   * @throws IllegalStateException if it was called before
   */
  public BackgroundLoader start(BackgroundLoader.Builder builder, Remainder remainder) {
    if (loader != null) {
      throw new IllegalStateException("the loader of this task has been started before");
    }
    builder.shard(rank(), tasks(), remainder);
    if (from != null) {
      builder.startAt(from);
    }
    BackgroundLoader started;
    try {
      started = builder.start();
    } catch (IllegalArgumentException e) {
      throw new RefusedException(String.valueOf(e.getMessage()), e);
    }
    loader = started;
    dropState();
    lastPosition = bytes(started.position());
    // So early, that what could not be saved is not trained.
    whole(together(Kind.START, lastPosition));
    return started;
  }

  /**
   * Counts a step, and ends the task if the attempt is over: a lost attempt is to make room for the
   * next one, and Spark does not always interrupt its tasks. Call it behind each step. Does not
   * wait.
   */
  public void step() {
    pace.step();
    requireAlive();
  }

  /**
   * Ends the task if the attempt is over. For loops that wait for something other than the loader.
   * Does not wait.
   */
  public void requireAlive() {
    if (spark.isInterrupted()) {
      throw new TaskKilledException("attempt " + attempt + " is over");
    }
  }

  /**
   * Says that this task has waited for others, as in an exchange of gradients. The driver's
   * progress names the slow task by it: the one that waits least. Waits in this class are counted
   * without a call.
   *
   * @param nanos how long
   */
  public void waited(long nanos) {
    pace.waited(nanos);
  }

  /**
   * Makes a checkpoint, done together: what all loaders have delivered until now, and the state. Of
   * a task whose work is over, it is what its loader had delivered at its own last call. If the
   * attempt fails, the next one continues from there. One task writes it, the one with the lowest
   * number whose work is not over, and it is written when this method has returned there. The
   * others don't wait for that.
   *
   * @param state makes the bytes to save, at most 1 GB (2^30 bytes), which must be good for all
   *     tasks; called in the task that writes
   * @throws RefusedException if it cannot be written, or another attempt has begun
   * @throws IllegalStateException if no loader was started
   * @throws Exception what {@code state} throws
   */
  public void checkpoint(Callable<byte[]> state) throws Exception {
    Objects.requireNonNull(state, "state");
    if (loader == null) {
      throw new IllegalStateException("there is nothing to save before start(...)");
    }
    lastPosition = bytes(loader.position());
    List<Part> parts = together(Kind.CHECKPOINT, lastPosition);
    lastNumber++;
    boolean writes = parts.stream().limit(rank()).allMatch(part -> part.kind == Kind.FINISHED);
    if (writes) {
      ledger.commit(new Checkpoint(attempt, lastNumber, whole(parts), state.call()));
    }
  }

  /**
   * Gives some bytes to all tasks, done together. For what is exchanged once, such as addresses, or
   * seldom, such as the counts of an evaluation.
   *
   * @param own this task's bytes
   * @return those of all tasks, by {@link #rank()}; empty arrays for tasks whose work is over
   */
  public List<byte[]> gather(byte[] own) {
    return together(Kind.USER, own).stream()
        .map(part -> part.kind == Kind.FINISHED ? new byte[0] : part.content)
        .toList();
  }

  /** Takes part in what the others still do together, until all have finished. */
  void finish() {
    boolean all;
    do {
      all =
          together(Kind.FINISHED, lastPosition).stream()
              .allMatch(part -> part.kind == Kind.FINISHED);
    } while (!all);
  }

  private List<Part> together(Kind kind, byte[] content) {
    long began = System.nanoTime();
    pace.waits();
    List<Part> parts = gathering.exchange(kind, content);
    pace.waited(System.nanoTime() - began);
    return parts;
  }

  private static Position whole(List<Part> parts) {
    List<Position> positions = new ArrayList<>();
    for (Part part : parts) {
      if (part.content.length == 0) {
        throw new IllegalStateException("a task has finished without start(...)");
      }
      positions.add(Position.parse(new String(part.content, StandardCharsets.US_ASCII)));
    }
    try {
      return Position.merge(positions);
    } catch (IllegalArgumentException e) {
      throw new RefusedException(
          "the loaders of the tasks have no common position: " + e.getMessage(), e);
    }
  }

  private static byte[] bytes(Position position) {
    return position.toString().getBytes(StandardCharsets.US_ASCII);
  }

  /** Gives back what the task has left open. */
  @SuppressWarnings("try")
  void close() {
    try (Device last = device;
        BackgroundLoader first = loader) {
      // Closes both, whatever one of them throws.
    }
  }
}
