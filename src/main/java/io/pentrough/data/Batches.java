package io.pentrough.data;

import io.pentrough.ArraySpec;
import io.pentrough.BadSample;
import io.pentrough.BatchContext;
import io.pentrough.BatchSpec;
import io.pentrough.EpochTarget;
import io.pentrough.HostBatch;
import java.util.Locale;
import java.util.Objects;
import java.util.function.Consumer;

/**
 * Batches of the samples of a {@link Dataset}: the target for a loader.
 *
 * <pre>{@code
 * Batches batches = Batches.of(images, 32).shuffled().skipBadSamples(100);
 * try (BackgroundLoader loader =
 *     BackgroundLoader.builder(device, spec, batches).workers(4).seed(42).epochs(5).start()) {
 *   for (DeviceBatch batch : loader.batches()) {
 *     train(batch.array("image"), batch.array("label")); // the last of an epoch may be smaller
 *   }
 * }
 * }</pre>
 *
 * <p>Row i of batch b holds the sample at position b * batchSize + i of the epoch's order, unless a
 * bad sample before it in the batch is left out. Order and random numbers are functions of the
 * loader's seed and the epoch. So the content is the same for any number of workers and shards, and
 * after a resume.
 *
 * <p>Immutable: each option returns a new object. <b>Threads.</b> Any. Several loaders may use one
 * object.
 */
public final class Batches implements EpochTarget {

  private static final BadSampleListener NOBODY = (epoch, batch, sample) -> {};

  /** What the options say. It is changed only before {@code Batches} are made of it. */
  static final class Options {

    final Dataset dataset;
    final long datasetSize;
    final int batchSize;
    Sampler sampler = Sampler.sequential();
    LastBatch lastBatch = LastBatch.PARTIAL;

    /** 0 if a sample that cannot be read fails its batch. */
    long maxBadSamples;

    BadSampleListener listener = NOBODY;
    Sequences sequences = Sequences.NONE;

    private Options(Dataset dataset, long datasetSize, int batchSize) {
      this.dataset = dataset;
      this.datasetSize = datasetSize;
      this.batchSize = batchSize;
    }

    private Options(Options other) {
      this(other.dataset, other.datasetSize, other.batchSize);
      sampler = other.sampler;
      lastBatch = other.lastBatch;
      maxBadSamples = other.maxBadSamples;
      listener = other.listener;
      sequences = other.sequences;
    }
  }

  private final Options options;
  private final long samplesPerEpoch;

  /** A reader for each worker, which ends with the worker's thread. */
  private final ThreadLocal<BatchReader> readers;

  private Batches(Options options) {
    this.options = options;
    Sampler sampler = options.sampler;
    samplesPerEpoch = sampler.samplesPerEpoch(options.datasetSize);
    Objects.requireNonNull(sampler.description(), "the sampler's description() returned null");
    if (samplesPerEpoch < 1) {
      throw new IllegalArgumentException(
          "sampler '"
              + sampler.description()
              + "' makes an epoch of "
              + samplesPerEpoch
              + " samples: it must have at least 1");
    }
    readers = ThreadLocal.withInitial(() -> new BatchReader(options, samplesPerEpoch));
  }

  private Batches with(Consumer<Options> change) {
    Options changed = new Options(options);
    change.accept(changed);
    return new Batches(changed);
  }

  /**
   * Batches of all samples, in the order of their index. The last batch is {@link
   * LastBatch#PARTIAL}, and a sample that cannot be read fails its batch.
   *
   * @param dataset what is read; asked for its size now
   * @param batchSize how many samples a batch has: the first dimension of every array, at least 1
   * @return batches of that dataset
   * @throws IllegalArgumentException if the batch size is less than 1, or the dataset is empty
   */
  public static Batches of(Dataset dataset, int batchSize) {
    Objects.requireNonNull(dataset, "dataset");
    if (batchSize < 1) {
      throw new IllegalArgumentException("batchSize must be at least 1, not " + batchSize);
    }
    long size = dataset.size();
    if (size < 1) {
      throw new IllegalArgumentException(
          "the dataset says that it has " + size + " samples: it must have at least 1");
    }
    return new Batches(new Options(dataset, size, batchSize));
  }

  /**
   * Each sample once in an epoch, in an order that is drawn anew for each epoch.
   *
   * @return the same batches in another order
   */
  public Batches shuffled() {
    return sampler(Sampler.shuffled());
  }

  /**
   * Says which samples an epoch has, and in which order.
   *
   * @param sampler which one
   * @return batches of these samples
   * @throws IllegalArgumentException if it cannot sample a dataset of this size, or its epochs have
   *     no samples
   */
  public Batches sampler(Sampler sampler) {
    Objects.requireNonNull(sampler, "sampler");
    return with(changed -> changed.sampler = sampler);
  }

  /**
   * Says what becomes of the last batch of an epoch if it is not full. Default {@link
   * LastBatch#PARTIAL}.
   *
   * @param lastBatch what to do
   * @return batches that do so
   */
  public Batches lastBatch(LastBatch lastBatch) {
    Objects.requireNonNull(lastBatch, "lastBatch");
    return with(changed -> changed.lastBatch = lastBatch);
  }

  /**
   * Leaves out samples that cannot be read, instead of failing their batch. As {@link
   * #skipBadSamples(long, BadSampleListener)}, without a listener.
   *
   * @param atMost how many samples of one loader may be left out, at least 1
   * @return batches that leave them out
   * @throws IllegalArgumentException if less than 1
   */
  public Batches skipBadSamples(long atMost) {
    return skipBadSamples(atMost, NOBODY);
  }

  /**
   * Leaves out samples that cannot be read, instead of failing their batch. A sample is bad if
   * {@link Dataset#read} throws an exception for it or does not ask for all arrays. The next good
   * sample of its batch takes its row, and the batch is shorter by it: see {@link
   * io.pentrough.DeviceBatch#size()} and {@link io.pentrough.DeviceBatch#badSamples()}. A batch
   * without a good sample is left out, and counts in {@link io.pentrough.LoaderStats#skips()}.
   *
   * <p>Bad samples are counted when their batch is delivered, once for each time that an epoch has
   * them. A batch that would exceed the bound fails instead: {@code get} throws a {@link
   * io.pentrough.TargetException} whose cause is a {@link io.pentrough.BadSamplesException}. {@link
   * io.pentrough.FailurePolicy#retry} does not try a bad sample again. If a second try may help,
   * make it in {@code read}.
   *
   * <p>An {@link Error} still fails the batch. So does an interrupt of the worker, by which {@code
   * close()} ends a long fill. In both cases the cause is a {@link SampleException}, which names
   * the sample.
   *
   * @param atMost how many samples of one loader may be left out, at least 1
   * @param listener called for each
   * @return batches that leave them out
   * @throws IllegalArgumentException if less than 1
   */
  public Batches skipBadSamples(long atMost, BadSampleListener listener) {
    Objects.requireNonNull(listener, "listener");
    if (atMost < 1) {
      throw new IllegalArgumentException(
          "atMost must be at least 1, not "
              + atMost
              + ": without skipBadSamples a bad sample fails its batch");
    }
    return with(
        changed -> {
          changed.maxBadSamples = atMost;
          changed.listener = listener;
        });
  }

  /**
   * Lets the samples of an array have different lengths, and fills them up to rows of one length.
   * The array has the shape {@code [batchSize, maximum length, ...]}. Lengths are counted along its
   * second dimension. {@link Dataset#read} asks for {@link Sample#array(String, int)} and writes
   * the sample. The library writes the padding after it.
   *
   * <p>A sample longer than the array's second dimension is a bad sample.
   *
   * @param array the name of the array
   * @param padding how long rows are, and what they are filled up with
   * @return batches with such rows; the last call of this and {@link #ragged} for an array counts
   */
  public Batches pad(String array, Padding padding) {
    Objects.requireNonNull(array, "array");
    Objects.requireNonNull(padding, "padding");
    return with(changed -> changed.sequences = changed.sequences.pad(array, padding));
  }

  /**
   * Lets the samples of an array have different lengths, and stores them one after the other
   * without padding. The array must be a {@linkplain BatchSpec.Builder#variableArray variable} one
   * of the shape {@code [capacity, ...]}. Its capacity is what all samples of a batch take together
   * at most, and must not equal the batch size. {@link Dataset#read} asks for {@link
   * Sample#array(String, int)}.
   *
   * <p>Sample i of a batch has the rows {@code offsets[i]} to {@code offsets[i + 1] - 1}. If the
   * offsets are a variable array, they have {@code size + 1} elements in a partial batch. Otherwise
   * the elements after these repeat the last one, as if empty samples followed.
   *
   * <p>A sample that does not fit after the others of its batch is a bad sample.
   *
   * @param array the name of the array
   * @param offsets the name of the array that receives the offsets: int32 or int64, of the shape
   *     {@code [batchSize + 1]}. The specification must begin with an array that has a row for each
   *     sample, and so with neither of these two
   * @return batches with such samples; the last call of this and {@link #pad} for an array counts
   */
  public Batches ragged(String array, String offsets) {
    Objects.requireNonNull(array, "array");
    Objects.requireNonNull(offsets, "offsets");
    return with(changed -> changed.sequences = changed.sequences.ragged(array, offsets));
  }

  /**
   * Delivers the lengths of the samples of an array.
   *
   * @param array the name of an array that is padded or ragged
   * @param lengths the name of the array that receives the lengths: int32 or int64, of the shape
   *     {@code [batchSize]}
   * @return batches with lengths
   */
  public Batches lengths(String array, String lengths) {
    Objects.requireNonNull(array, "array");
    Objects.requireNonNull(lengths, "lengths");
    return with(changed -> changed.sequences = changed.sequences.lengths(array, lengths));
  }

  @Override
  public long batchesPerEpoch() {
    int batchSize = options.batchSize;
    return options.lastBatch == LastBatch.DROP
        ? samplesPerEpoch / batchSize
        : (samplesPerEpoch - 1) / batchSize + 1;
  }

  @Override
  public void check(BatchSpec spec) {
    Objects.requireNonNull(spec, "spec");
    int batchSize = options.batchSize;
    SequenceArrays arrays = options.sequences.in(spec, batchSize);
    for (ArraySpec array : spec.arrays()) {
      boolean hasRows = !options.sequences.isRaggedPart(array.name());
      if (hasRows && (array.rank() == 0 || array.dimension(0) != batchSize)) {
        throw new IllegalArgumentException(
            "array '"
                + array
                + "' has no row for each of the "
                + batchSize
                + " samples of a batch: its first dimension must be "
                + batchSize);
      }
    }
    if (batchesPerEpoch() < 1) {
      throw new IllegalArgumentException(
          "with LastBatch.DROP an epoch has no batch: its "
              + samplesPerEpoch
              + " samples do not fill one of "
              + batchSize
              + "; make batches smaller, or use LastBatch.PARTIAL or PAD");
    }
    arrays.requireKnownLengths(options.dataset);
    if (options.dataset instanceof CachedDataset cached) {
      cached.check(arrays);
    }
  }

  @Override
  public String description() {
    return options.datasetSize
        + " samples; "
        + options.sampler.description()
        + "; batches of "
        + options.batchSize
        + "; the last one "
        + options.lastBatch.name().toLowerCase(Locale.ROOT)
        + options.sequences.description();
  }

  @Override
  public long maxBadSamples() {
    return options.maxBadSamples;
  }

  @Override
  public void badSample(int epoch, long index, BadSample sample) {
    options.listener.badSample(epoch, index, Objects.requireNonNull(sample, "sample"));
  }

  /**
   * Makes one batch. Called by the loader.
   *
   * @throws SampleException if a sample could not be read, and is not to be left out
   * @throws IllegalStateException if the dataset has become smaller, the sampler gives a sample
   *     that the dataset does not have, or its epochs have different lengths
   */
  @Override
  public void fill(HostBatch out, BatchContext context) throws Exception {
    Objects.requireNonNull(out, "out");
    Objects.requireNonNull(context, "context");
    readers.get().fill(out, context);
  }

  /** In words, as in the configuration of a position. */
  @Override
  public String toString() {
    return "batches of " + description();
  }
}
