package io.pentrough;

/**
 * A target that knows how many batches an epoch has, and what its data are.
 *
 * <pre>{@code
 * record BatchFiles(List<Path> files) implements EpochTarget {
 *
 *   public long batchesPerEpoch() {
 *     return files.size();
 *   }
 *
 *   public void fill(HostBatch out, BatchContext context) throws IOException {
 *     try (FileChannel file = FileChannel.open(files.get((int) context.index()))) {
 *       out.array("image").readFrom(file, 0);
 *     }
 *   }
 *
 *   public String description() { // a checkpoint of other files is refused
 *     return files.size() + " files from " + files.get(0);
 *   }
 * }
 * }</pre>
 *
 * <p>A {@link BackgroundLoader} asks it at {@code start()}, on the starting thread: first {@link
 * #check}, then {@link #batchesPerEpoch} and {@link #description}. It then knows the length of its
 * epochs without {@link BackgroundLoader.Builder#batchesPerEpoch}, and a {@link Position} only fits
 * a loader whose target describes itself in the same words.
 *
 * <p><b>Threads.</b> As a {@link BatchTarget}; the methods declared here are called by threads that
 * start loaders or get batches.
 */
public interface EpochTarget extends BatchTarget {

  /**
   * How many batches an epoch has, over all shards.
   *
   * @return at least 1; the same at every call
   */
  long batchesPerEpoch();

  /**
   * Refuses arrays that this target cannot fill. Does nothing by default.
   *
   * @param spec the arrays of a batch
   * @throws IllegalArgumentException if this target cannot fill them; {@code start()} throws it
   */
  default void check(BatchSpec spec) {}

  /**
   * What the content of a batch depends on, besides the seed, the epoch and the index. For example
   * how many samples there are and in which order they come. Parts that are separated by {@code ";
   * "} are compared one by one, so that a message can say which of them differs.
   *
   * @return words for people, the same at every call
   */
  String description();

  /**
   * How many bad samples ({@link HostBatch#badSample}) a loader may leave out. They are counted
   * when their batch is delivered, in the order of delivery. So the count depends neither on the
   * workers nor on retries and resets. A batch that would exceed it fails instead, and its samples
   * do not count. Each loader counts from 0, also one that is resumed. Asked once, when a loader
   * starts.
   *
   * @return 0 or more; no bound by default
   */
  default long maxBadSamples() {
    return Long.MAX_VALUE;
  }

  /**
   * A bad sample is left out. Called once for each, by the {@code get} that delivers its batch or
   * steps over it: on that thread, before that call returns, throws or goes on waiting, and outside
   * any lock. If several threads get batches, they may call it at once. What this throws is logged
   * and otherwise ignored. Does nothing by default.
   *
   * @param epoch the batch's epoch
   * @param index the batch's index
   * @param sample which sample, and why
   */
  default void badSample(int epoch, long index, BadSample sample) {}
}
