package io.pentrough;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * A target made of an {@link ArraySource}: a trial determines its arrays, and the arrays of the
 * trial become the batch they were made for.
 */
final class InferredTarget implements BatchTarget {

  /**
   * Where a loader starts.
   *
   * <p>An unordered loader may be resumed at an index that nobody knew to be its epoch's end, with
   * batches of the next epoch delivered. The trial then goes on to that epoch's first batch, though
   * it may be one of them: one call of the source too many. Its number is not claimed again, so its
   * arrays only determine the specification.
   *
   * @param indexOfLaterEpochs the first index of every epoch after that one
   * @param epochs how many there are
   */
  record Start(int epoch, long index, long indexOfLaterEpochs, int epochs) {}

  private final ArraySource source;
  private final BatchSpec spec;
  private final int trialEpoch;
  private final long trialIndex;

  /** Null once they have become their batch. */
  private final AtomicReference<Object @Nullable []> trialArrays;

  private InferredTarget(
      ArraySource source, BatchSpec spec, int trialEpoch, long trialIndex, Object[] trialArrays) {
    this.source = source;
    this.spec = spec;
    this.trialEpoch = trialEpoch;
    this.trialIndex = trialIndex;
    this.trialArrays = new AtomicReference<>(trialArrays);
  }

  /**
   * Runs the trial, on the calling thread.
   *
   * @param context for the trial
   * @param first the batch to try
   * @param names of the arrays; empty to number them
   * @param overrides types by name, of the same size as the inferred ones
   * @throws TargetException if the source throws
   * @throws IllegalArgumentException if its arrays cannot be a batch, or there is none left to try
   */
  static InferredTarget infer(
      ArraySource source,
      BatchContext context,
      Start first,
      List<String> names,
      Map<String, DType> overrides) {
    if (first.epoch >= first.epochs) {
      throw new IllegalArgumentException(
          "the position to start at is after the last batch of "
              + first.epochs
              + (first.epochs == 1 ? " epoch" : " epochs")
              + ": there is nothing left to infer the batch from; say more epochs, or give a BatchSpec");
    }
    Object[] arrays = {};
    int epoch = first.epoch;
    long index = first.index;
    while (true) {
      arrays = trial(source, context, epoch, index);
      boolean empty = context.saidEndOfEpoch() && index == first.indexOfLaterEpochs;
      if (!context.saidEndOfEpoch()
          || epoch + 1 == first.epochs
          || (empty && first.epochs == Schedule.FOR_EVER)) {
        break; // the first batch; or the last epoch; or there would be empty epochs for ever
      }
      epoch++;
      index = first.indexOfLaterEpochs;
    }
    if (context.saidEndOfEpoch() || arrays.length == 0) {
      throw new IllegalArgumentException(
          "the source made no arrays at index "
              + index
              + " of epoch "
              + epoch
              + ": there is nothing to infer the batch from; make at least one batch, or give a"
              + " BatchSpec");
    }
    if (!names.isEmpty() && names.size() != arrays.length) {
      throw new IllegalArgumentException(
          "the source made "
              + arrays.length
              + " arrays, but the names are "
              + names
              + ": give one for each");
    }
    BatchSpec.Builder spec = BatchSpec.builder();
    for (int i = 0; i < arrays.length; i++) {
      String name = names.isEmpty() ? Integer.toString(i) : names.get(i);
      DType inferred = JavaArrays.dtype(JavaArrays.storage(name, arrays[i]));
      DType dtype = overrides.getOrDefault(name, inferred);
      if (!dtype.takes(inferred.storage())) {
        throw new IllegalArgumentException(
            "array '"
                + name
                + "' is made of Java's "
                + inferred.storage().name().toLowerCase(Locale.ROOT)
                + " and cannot be "
                + dtype.label()
                + ": make it of "
                + dtype.storage().name().toLowerCase(Locale.ROOT));
      }
      spec.array(name, dtype, JavaArrays.shape(name, arrays[i]));
    }
    BatchSpec built = spec.build();
    for (String name : overrides.keySet()) {
      built.indexOf(name);
    }
    return new InferredTarget(source, built, epoch, index, arrays);
  }

  private static Object[] trial(ArraySource source, BatchContext context, int epoch, long index) {
    context.begin(epoch, index, 0);
    try {
      return requireArrays(source.arrays(context), context);
    } catch (Throwable t) {
      if (t instanceof InterruptedException) {
        Thread.currentThread().interrupt();
      }
      throw new TargetException(epoch, index, context.worker(), t);
    } finally {
      context.end();
    }
  }

  /** A source is the user's code, and may return null whatever its type says. */
  private static Object[] requireArrays(Object @Nullable [] arrays, BatchContext context) {
    if (arrays != null) {
      return arrays;
    }
    if (context.saidEndOfEpoch()) {
      return new Object[0];
    }
    throw new IllegalArgumentException(
        "the source returned null instead of its arrays: at an epoch's end it must say endOfEpoch() too");
  }

  BatchSpec spec() {
    return spec;
  }

  @Override
  public void fill(HostBatch out, BatchContext context) throws Exception {
    Object[] arrays = arrays(context);
    if (context.saidEndOfEpoch()) {
      return;
    }
    if (arrays.length != spec.arrays().size()) {
      throw new IllegalArgumentException(
          spec.arrays().size()
              + " arrays were inferred, but this batch has "
              + arrays.length
              + ": make as many in every batch");
    }
    for (int i = 0; i < arrays.length; i++) {
      JavaArrays.copy(arrays[i], out.array(i));
    }
  }

  private Object[] arrays(BatchContext context) throws Exception {
    if (context.epoch() == trialEpoch && context.index() == trialIndex) {
      Object[] arrays = trialArrays.getAndSet(null);
      if (arrays != null) {
        return arrays;
      }
    }
    return requireArrays(source.arrays(context), context);
  }
}
