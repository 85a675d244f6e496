package io.pentrough;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * Which batch a {@linkplain BatchTarget target} is to make, and the random numbers for it.
 *
 * <pre>{@code
 * BatchTarget target =
 *     (out, context) -> {
 *       if (context.index() >= files.size()) {
 *         context.endOfEpoch(); // there is no batch of this index
 *         return;
 *       }
 *       load(files.get((int) context.index()), out.array("raw"));
 *     };
 * }</pre>
 *
 * <p>Each worker has one object and reuses it for each batch. It is valid until the {@code fill}
 * that it was given to returns. Any later use, or a use on another thread, throws {@link
 * IllegalStateException}. The same holds for its random generators. Only {@link #toString()} may be
 * called at any time. If you need a value for longer or on threads of your own, copy it first.
 *
 * <p><b>Threads.</b> For the thread of that {@code fill} only.
 */
public final class BatchContext {

  private final int worker;
  private final long seed;
  private final Philox4x32 random;

  /** Random numbers for other purposes, and their seeds. */
  private final List<Purpose> purposes = new ArrayList<>(0);

  private record Purpose(String name, long seed, Philox4x32 random) {}

  /** As in {@link Access}: plain, as a thread is compared with itself only. */
  private @Nullable Thread thread;

  private int epoch;
  private long index;
  private int attempt;
  private boolean endOfEpoch;

  BatchContext(int worker, long seed) {
    this.worker = worker;
    this.seed = seed;
    this.random = new Philox4x32(seed);
  }

  /** Sets this to the next batch, which is made on this thread. Allocates nothing. */
  void begin(int epoch, long index, int attempt) {
    this.epoch = epoch;
    this.index = index;
    this.attempt = attempt;
    endOfEpoch = false;
    random.begin(epoch, index);
    thread = Thread.currentThread();
  }

  /** The call that this was given to has returned or thrown. Called on the same thread. */
  void end() {
    thread = null;
    random.end();
    for (int i = 0; i < purposes.size(); i++) {
      purposes.get(i).random.end();
    }
  }

  private void check() {
    if (thread != Thread.currentThread()) {
      throw misuse("a batch's context", thread);
    }
  }

  /**
   * What is wrong with a use on this thread.
   *
   * @param rightful the thread that may use it, as far as this one sees; null if there is none
   */
  static IllegalStateException misuse(String what, @Nullable Thread rightful) {
    return new IllegalStateException(
        rightful == null
            ? what
                + " is used after the call that it was given to has returned: copy out what must live"
                + " longer"
            : "%s is used on thread %s while it belongs to thread %s: copy out what other threads need, before they start"
                .formatted(what, Thread.currentThread().getName(), rightful.getName()));
  }

  /**
   * The epoch of the batch.
   *
   * @return 0 or more
   * @throws IllegalStateException if used after the fill, or on another thread
   */
  public int epoch() {
    check();
    return epoch;
  }

  /**
   * The index of the batch in its epoch.
   *
   * @return 0 or more
   * @throws IllegalStateException if used after the fill, or on another thread
   */
  public long index() {
    check();
    return index;
  }

  /**
   * How many earlier attempts to make this batch have failed.
   *
   * @return 0 at the first attempt
   * @throws IllegalStateException if used after the fill, or on another thread
   */
  public int attempt() {
    check();
    return attempt;
  }

  /**
   * The number of the worker that makes the batch. Use it to keep a buffer for each worker. The
   * content of the batch should not depend on it.
   *
   * @return 0 to the number of workers - 1; in a {@link ParallelLoader}, of all devices together
   * @throws IllegalStateException if used after the fill, or on another thread
   */
  public int worker() {
    check();
    return worker;
  }

  /**
   * Random numbers for this batch. They depend only on the loader's seed, the epoch and the index.
   * They are the same on every worker, at every attempt, on every machine and JDK (I8). The numbers
   * of different batches do not overlap.
   *
   * <p>The generator is Philox4x32-10, which is counter-based. A batch can draw 2^34 ints; then it
   * throws {@link IllegalStateException}. Its methods allocate nothing, except those that return
   * streams. It is not thread safe. If you use threads of your own, give each one a generator of
   * its own, for example seeded with a {@code nextLong()} drawn here.
   *
   * @return always the same object. It continues where it is, and starts again at the batch's first
   *     number before each {@code fill}
   * @throws IllegalStateException if used after the fill, or on another thread
   */
  public RandomGenerator random() {
    check();
    return random;
  }

  /**
   * Random numbers for one part of the work, such as a sample. They depend only on the loader's
   * seed, the purpose, the epoch and the number. They do not depend on the batch, so they stay the
   * same if another batch size puts the sample into another batch. Each purpose has numbers of its
   * own, which differ from those of {@link #random()} and of stages.
   *
   * @param purpose a name, for example {@code "crops"}; its first use on a worker allocates a
   *     little
   * @param number identifies the part within the epoch; any value
   * @return always the same object for a purpose, set to the first random number of this part;
   *     otherwise like that of {@link #random()}
   * @throws IllegalStateException if used after the fill, or on another thread
   */
  public RandomGenerator random(String purpose, long number) {
    Philox4x32 stream = purpose(purpose).random;
    stream.begin(epoch, number);
    return stream;
  }

  /**
   * A seed for a generator of your own. It depends on the loader's seed and the purpose. It is a
   * 64-bit hash, so two purposes practically never share one.
   *
   * @param purpose a name, for example {@code "order"}; its first use on a worker allocates a
   *     little
   * @return the same at every call, on every worker, machine and JDK
   * @throws IllegalStateException if used after the fill, or on another thread
   */
  public long seed(String purpose) {
    return purpose(purpose).seed;
  }

  private Purpose purpose(String name) {
    check();
    Objects.requireNonNull(name, "purpose");
    for (int i = 0; i < purposes.size(); i++) { // there are a few at most
      if (purposes.get(i).name.equals(name)) {
        return purposes.get(i);
      }
    }
    long own = Philox4x32.seedOfPurpose(seed, name);
    Purpose added = new Purpose(name, own, new Philox4x32(own));
    purposes.add(added);
    return added;
  }

  /**
   * Says that there is no batch at this index: the epoch ends before it. Whatever was written is
   * dropped. Once called for an index, it must also be called for every later index of that epoch.
   * Workers run ahead, so the target may be asked for several indexes after the end. In a job of a
   * {@link BatchQueue} this call is a failure, because a job is one batch.
   *
   * @throws IllegalStateException if used after the fill, or on another thread
   */
  public void endOfEpoch() {
    check();
    endOfEpoch = true;
  }

  /** Valid also after {@link #end()}. */
  boolean saidEndOfEpoch() {
    return endOfEpoch;
  }

  /** For messages of the target. Never throws. */
  @Override
  public String toString() {
    return thread == Thread.currentThread()
        ? "epoch " + epoch + ", index " + index + ", attempt " + attempt + ", worker " + worker
        : "a context of no batch that this thread makes";
  }
}
