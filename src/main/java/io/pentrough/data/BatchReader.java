package io.pentrough.data;

import io.pentrough.BatchContext;
import io.pentrough.BatchSpec;
import io.pentrough.HostBatch;
import java.nio.channels.ClosedByInterruptException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Reads the samples of one batch after another, as {@link Batches} say. Belongs to one worker.
 *
 * <p>A batch has samples of its own, and with {@link LastBatch#PAD} others that fill it up. They
 * are numbered in this order, with bad ones. A good sample takes the next row.
 */
final class BatchReader {

  /** How far the causes of an exception are followed: they may go round in a circle. */
  private static final int MAX_CAUSES = 20;

  private final Batches.Options options;
  private final Dataset dataset;
  private final int batchSize;
  private final long samplesPerEpoch;
  private final Sampler.Order order;
  private final Sample sample = new Sample();

  /** Where each sample of the batch stands in the dataset. */
  private final long[] indexes;

  /** Why the length of a sample is not known; null if it is, or nobody asks for it. */
  private final @Nullable Exception[] unknownLengths;

  /** Whether {@link #order} is that of this seed and epoch. */
  private boolean hasBegun;

  private long seed;
  private int epoch;

  /** Where the batch begins in the epoch. */
  private long first;

  /** Made with the first batch. */
  private @Nullable SequenceArrays sequences;

  BatchReader(Batches.Options options, long samplesPerEpoch) {
    this.options = options;
    this.samplesPerEpoch = samplesPerEpoch;
    dataset = options.dataset;
    batchSize = options.batchSize;
    order =
        Objects.requireNonNull(
            options.sampler.order(options.datasetSize), "the sampler's order(...) returned null");
    indexes = new long[batchSize];
    unknownLengths = new Exception[batchSize];
  }

  void fill(HostBatch out, BatchContext context) throws Exception {
    requireAllSamples();
    beginEpoch(context);
    SequenceArrays arrays = sequences(out.spec());
    first = context.index() * batchSize;
    int own = (int) Math.min(batchSize, samplesPerEpoch - first);
    int all = options.lastBatch == LastBatch.PAD ? batchSize : own;
    lookUp(all);
    arrays.begin(out);
    if (arrays.asksForLengths()) {
      askForLengths(arrays, all);
      arrays.resize(out);
    }
    sample.begin(out, context, arrays);
    try {
      int rows = 0;
      for (int i = 0; i < own; i++) {
        rows += read(arrays, out, i, rows, true) ? 1 : 0;
      }
      int good = rows;
      for (int i = own; i < all && good > 0; i++) {
        rows += read(arrays, out, i, rows, false) ? 1 : 0;
      }
      arrays.end(out, rows);
      out.padded(rows - good);
      if (rows < batchSize) {
        out.size(rows);
      }
    } finally {
      sample.end();
    }
  }

  private void requireAllSamples() {
    long size = dataset.size();
    if (size < options.datasetSize) {
      throw new IllegalStateException(
          "the dataset had "
              + options.datasetSize
              + " samples when Batches.of(...) was called, and has "
              + size
              + " now: it must not shrink while a loader reads it");
    }
  }

  private void beginEpoch(BatchContext context) {
    long ofOrder = context.seed("order");
    if (hasBegun && seed == ofOrder && epoch == context.epoch()) {
      return;
    }
    hasBegun = false; // until begin has returned, which may be a user's code
    seed = ofOrder;
    epoch = context.epoch();
    long samples = options.sampler.samplesPerEpoch(options.datasetSize);
    if (samples != samplesPerEpoch) {
      throw new IllegalStateException(
          "sampler '"
              + options.sampler.description()
              + "' makes epoch "
              + epoch
              + " "
              + samples
              + " samples long, and said "
              + samplesPerEpoch
              + " before: all epochs must have the same number of samples");
    }
    order.begin(seed, epoch);
    hasBegun = true;
  }

  private SequenceArrays sequences(BatchSpec spec) {
    SequenceArrays arrays = sequences;
    if (arrays == null || !arrays.spec.equals(spec)) {
      arrays = options.sequences.in(spec, batchSize);
      sequences = arrays;
    }
    return arrays;
  }

  /**
   * Asks the sampler for all samples of the batch. Nothing else is in this loop, so that the
   * processor computes several of a shuffled order's indexes at once.
   */
  private void lookUp(int count) {
    for (int i = 0; i < count; i++) {
      long index = order.at(position(i));
      if (index < 0 || index >= options.datasetSize) {
        throw outside(index, position(i));
      }
      indexes[i] = index;
    }
  }

  /** Where a sample of the batch stands in the epoch: from its beginning on, if it fills up. */
  private long position(int number) {
    long position = first + number;
    return position < samplesPerEpoch ? position : position % samplesPerEpoch; // % is slow
  }

  private IllegalStateException outside(long index, long position) {
    return new IllegalStateException(
        "sampler '"
            + options.sampler.description()
            + "' gave index "
            + index
            + " at position "
            + position
            + " of epoch "
            + epoch
            + ", but the dataset has "
            + options.datasetSize
            + " samples: it must give 0 to "
            + (options.datasetSize - 1));
  }

  /** Rows are as long as the longest sample, which must be known before the first is written. */
  private void askForLengths(SequenceArrays arrays, int count) throws Exception {
    for (int i = 0; i < count; i++) {
      unknownLengths[i] = null;
      for (int k = 0; k < arrays.toLongest.size(); k++) {
        SequenceArray.Padded padded = arrays.toLongest.get(k);
        try {
          padded.announce(i, indexes[i], dataset.length(indexes[i], padded.spec.name()));
        } catch (Throwable thrown) {
          unknownLengths[i] = badSample(thrown, i);
        }
      }
    }
  }

  /**
   * Reads a sample of the batch into a row.
   *
   * @param reports whether it is reported if it is bad: not if it only fills up
   * @return false if it is bad
   */
  private boolean read(SequenceArrays arrays, HostBatch out, int number, int row, boolean reports)
      throws Exception {
    sample.turnTo(row, number, position(number));
    try {
      Exception unknownLength = unknownLengths[number];
      if (unknownLength != null) {
        throw unknownLength;
      }
      dataset.read(indexes[number], sample);
      sample.requireWritten();
      arrays.finish(out, row);
      return true;
    } catch (Throwable thrown) {
      Exception bad = badSample(thrown, number);
      if (reports) {
        out.badSample(indexes[number], bad);
      }
      return false;
    }
  }

  /**
   * What a bad sample threw, if it may be left out.
   *
   * @throws Exception what fails the batch instead
   */
  private Exception badSample(Throwable thrown, int number) throws Exception {
    if (thrown instanceof CacheRefusal refusal) {
      throw refusal; // another sample would not be better
    }
    if (options.maxBadSamples > 0 && thrown instanceof Exception bad && !endsTheBatch(thrown)) {
      return bad;
    }
    throw new SampleException(indexes[number], position(number), epoch, thrown);
  }

  /**
   * Whether no other sample of the batch is to be read, whatever the dataset has made of that: the
   * loader is closing, or a cache is used as it cannot be.
   */
  private static boolean endsTheBatch(Throwable thrown) {
    Throwable cause = thrown;
    for (int depth = 0; cause != null && depth < MAX_CAUSES; depth++) {
      if (cause instanceof InterruptedException
          || cause instanceof ClosedByInterruptException
          || cause instanceof CacheRefusal) {
        return true;
      }
      cause = cause.getCause();
    }
    return Thread.currentThread().isInterrupted();
  }
}
