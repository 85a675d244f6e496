package io.pentrough.data;

/**
 * Which samples of a dataset an epoch has, and in which order.
 *
 * <pre>{@code
 * Sampler rareOften = Sampler.weighted(weights, 10_000); // with replacement
 * Sampler training = Sampler.subset(indexes, Sampler.shuffled());
 * }</pre>
 *
 * <p>{@link #sequential()}, {@link #shuffled()}, {@link #weighted} and {@link #subset(long...)} are
 * given. Write your own for another order: everything that it returns must be a function of its own
 * options, the size of the dataset, the seed and the epoch. Then an epoch is the same for any
 * number of workers and shards, and after a resume.
 *
 * <p><b>Threads.</b> A sampler is immutable, and any thread may use it. An {@link Order} is for one
 * thread.
 */
public interface Sampler {

  /**
   * How many samples an epoch has. All epochs have the same number. Asked when {@link Batches} are
   * made, and by each worker at the beginning of each epoch.
   *
   * @param datasetSize how many samples the dataset has, 1 or more
   * @return 1 or more, the same at every call; fewer or more than the dataset has, if it leaves out
   *     or repeats some
   * @throws IllegalArgumentException if it cannot sample a dataset of that size
   */
  long samplesPerEpoch(long datasetSize);

  /**
   * A new order, for one thread.
   *
   * @param datasetSize how many samples the dataset has, 1 or more
   * @return to be begun before it is asked
   * @throws IllegalArgumentException if it cannot sample a dataset of that size
   */
  Order order(long datasetSize);

  /**
   * What it does, with every option that changes what it returns: a saved position can only be
   * resumed with a sampler of the same description.
   *
   * @return for example {@code "shuffled"}
   */
  String description();

  /**
   * The samples of one epoch after another. It allocates nothing after it was made.
   *
   * <p><b>Threads.</b> For one thread at a time.
   */
  interface Order {

    /**
     * Goes to an epoch. May be called for each batch.
     *
     * @param seed the seed for samplers, which is a function of the loader's seed and is used for
     *     nothing else
     * @param epoch 0 or more
     */
    void begin(long seed, int epoch);

    /**
     * The sample at a position of the epoch that was begun.
     *
     * @param position 0 to {@code samplesPerEpoch} - 1, in any order
     * @return the sample's index in the dataset, 0 to {@code datasetSize} - 1
     * @throws IndexOutOfBoundsException if there is no such position
     * @throws IllegalStateException if no epoch was begun
     */
    long at(long position);
  }

  /**
   * Each sample once, in the order of the dataset.
   *
   * @return always the same object
   */
  static Sampler sequential() {
    return WholeDataset.SEQUENTIAL;
  }

  /**
   * Each sample once, in a new order in each epoch: that of a {@link Permutation}.
   *
   * @return always the same object
   */
  static Sampler shuffled() {
    return WholeDataset.SHUFFLED;
  }

  /**
   * Independent draws, with replacement: at each position sample i stands with the probability
   * {@code weights[i] / sum of weights}. So an epoch may have a sample several times, or not at
   * all.
   *
   * <p>A draw takes constant time (alias method). The sampler keeps 12 bytes per weight, which all
   * workers share.
   *
   * @param weights one for each sample of the dataset, finite, not negative, and not all zero;
   *     copied. A sample of weight 0 is never drawn
   * @param samplesPerEpoch how many are drawn in an epoch, 1 or more
   * @return a new sampler, for datasets of {@code weights.length} samples
   * @throws IllegalArgumentException if a weight is negative, NaN or infinite, or none is positive,
   *     or {@code samplesPerEpoch} is less than 1
   */
  static Sampler weighted(double[] weights, long samplesPerEpoch) {
    return new WeightedSampler(weights, samplesPerEpoch);
  }

  /**
   * Some samples of the dataset, in the order given.
   *
   * @param indexes of the samples in the dataset, 0 or more; copied. One that occurs twice is
   *     sampled twice
   * @return a new sampler, for datasets that have all of these samples
   * @throws IllegalArgumentException if there is no index, or one is negative
   */
  static Sampler subset(long... indexes) {
    return subset(indexes, sequential());
  }

  /**
   * Some samples of the dataset, in an order of their own: {@code subset(indexes, shuffled())}
   * shuffles them.
   *
   * @param indexes of the samples in the dataset, 0 or more; copied. One that occurs twice counts
   *     as two samples
   * @param order samples {@code indexes} as if it were a dataset of {@code indexes.length} samples
   * @return a new sampler, for datasets that have all of these samples
   * @throws IllegalArgumentException if there is no index, one is negative, or {@code order} cannot
   *     sample that number
   */
  static Sampler subset(long[] indexes, Sampler order) {
    return new SubsetSampler(indexes, order);
  }
}
