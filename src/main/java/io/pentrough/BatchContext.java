package io.pentrough;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * Which batch a {@linkplain BatchTarget target} is to make, and the random numbers for it.
 *
 * <p>One object per worker, used again for each batch: valid until the {@code fill} it was given to
 * returns. Every use after that, or on another thread, throws {@link IllegalStateException}, and so
 * does every use of its random numbers; only {@link #toString()} may be called at any time. Copy
 * out what must live longer, or what threads of the target's own need.
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
  private boolean noMore;

  BatchContext(int worker, long seed) {
    this.worker = worker;
    this.seed = seed;
    this.random = new Philox4x32(seed);
  }

  /** Turns to the next batch, which is made on this thread. Allocates nothing. */
  void begin(int epoch, long index, int attempt) {
    this.epoch = epoch;
    this.index = index;
    this.attempt = attempt;
    noMore = false;
    random.begin(epoch, index);
    thread = Thread.currentThread();
  }

  /** What it was begun for has returned or thrown; on the same thread. Later uses are found. */
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
   * How often this very batch was tried before and failed.
   *
   * @return 0 at the first attempt
   * @throws IllegalStateException if used after the fill, or on another thread
   */
  public int attempt() {
    check();
    return attempt;
  }

  /**
   * The worker that makes the batch, for buffers kept per worker. The batch's content should not
   * depend on it.
   *
   * @return 0 to the number of workers - 1
   * @throws IllegalStateException if used after the fill, or on another thread
   */
  public int worker() {
    check();
    return worker;
  }

  /**
   * Random numbers that are a function of the loader's seed, the epoch and the index alone: the
   * same on every worker, at every attempt, on every machine and JDK (I8). Other batches have other
   * numbers, without overlap.
   *
   * <p>Philox4x32-10, a counter-based generator; a batch may draw 2^34 ints, after which it throws
   * {@link IllegalStateException}. Its methods allocate nothing, but for those that make streams.
   * Not thread safe: threads of the target's own each need a generator of their own, for example
   * one seeded by a {@code nextLong()} drawn here. It too throws {@link IllegalStateException} if
   * it is used after the fill, or on another thread.
   *
   * @return always the same object, which goes on where it is; reset to the batch's first number
   *     before {@code fill} is called
   * @throws IllegalStateException if used after the fill, or on another thread
   */
  public RandomGenerator random() {
    check();
    return random;
  }

  /**
   * Random numbers for one part of the work, such as a sample: a function of the loader's seed, the
   * purpose, the epoch and the number alone. They do not depend on the batch, so they stay the same
   * if another batch size puts the sample into another batch. Each purpose has a stream of its own,
   * which it shares neither with another purpose nor with {@link #random()} or a stage.
   *
   * @param purpose in words, for example {@code "crops"}; the first use of each purpose on a worker
   *     allocates a little
   * @param number which part of the epoch's work it is, any value
   * @return always the same object for a purpose, at the first random number for this part; in
   *     everything else like that of {@link #random()}
   * @throws IllegalStateException if used after the fill, or on another thread
   */
  public RandomGenerator random(String purpose, long number) {
    Philox4x32 stream = purpose(purpose).random;
    stream.begin(epoch, number);
    return stream;
  }

  /**
   * A seed for random numbers that the target draws by means of its own: a function of the loader's
   * seed and the purpose. No two purposes have the same one.
   *
   * @param purpose in words, for example {@code "order"}; the first use of each purpose on a worker
   *     allocates a little
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
   * Says that there is no batch at this index: the epoch ends before it, and what has been written
   * is dropped. Must hold for every higher index of the epoch too; data there is an error. An index
   * asked for in advance may lie behind the end, so expect to be asked again. In a job of a {@link
   * BatchQueue} it is a failure: a job is one batch.
   *
   * @throws IllegalStateException if used after the fill, or on another thread
   */
  public void noMore() {
    check();
    noMore = true;
  }

  /** Also after the end. */
  boolean saidNoMore() {
    return noMore;
  }

  /** For the target's own messages; never throws. */
  @Override
  public String toString() {
    return thread == Thread.currentThread()
        ? "epoch " + epoch + ", index " + index + ", attempt " + attempt + ", worker " + worker
        : "a context of no batch that this thread makes";
  }
}
