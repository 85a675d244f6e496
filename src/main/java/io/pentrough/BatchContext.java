package io.pentrough;

import java.util.random.RandomGenerator;

/**
 * Which batch a {@linkplain BatchTarget target} is to make, and the random numbers for it.
 *
 * <p>One object per worker, used again for each batch: valid until the {@code fill} it was given to
 * returns. Copy out what must live longer.
 *
 * <p><b>Threads.</b> For the thread of that {@code fill} only.
 */
public final class BatchContext {

  private final int worker;
  private final Philox4x32 random;
  private int epoch;
  private long index;
  private int attempt;
  private boolean noMore;

  BatchContext(int worker, long seed) {
    this.worker = worker;
    this.random = new Philox4x32(seed);
  }

  /** Turns to the next batch. Allocates nothing. */
  void begin(int epoch, long index, int attempt) {
    this.epoch = epoch;
    this.index = index;
    this.attempt = attempt;
    noMore = false;
    random.begin(epoch, index);
  }

  /**
   * The epoch of the batch.
   *
   * @return 0 or more
   */
  public int epoch() {
    return epoch;
  }

  /**
   * The index of the batch in its epoch.
   *
   * @return 0 or more
   */
  public long index() {
    return index;
  }

  /**
   * How often this very batch was tried before and failed.
   *
   * @return 0 at the first attempt
   */
  public int attempt() {
    return attempt;
  }

  /**
   * The worker that makes the batch, for buffers kept per worker. The batch's content should not
   * depend on it.
   *
   * @return 0 to the number of workers - 1
   */
  public int worker() {
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
   * one seeded by a {@code nextLong()} drawn here.
   *
   * @return always the same object, which goes on where it is; reset to the batch's first number
   *     before {@code fill} is called
   */
  public RandomGenerator random() {
    return random;
  }

  /**
   * Says that there is no batch at this index: the epoch ends before it, and what has been written
   * is dropped. Must hold for every higher index of the epoch too; data there is an error. An index
   * asked for in advance may lie behind the end, so expect to be asked again. In a job of a {@link
   * BatchQueue} it is a failure: a job is one batch.
   */
  public void noMore() {
    noMore = true;
  }

  boolean saidNoMore() {
    return noMore;
  }

  /** For the target's own messages. */
  @Override
  public String toString() {
    return "epoch " + epoch + ", index " + index + ", attempt " + attempt + ", worker " + worker;
  }
}
