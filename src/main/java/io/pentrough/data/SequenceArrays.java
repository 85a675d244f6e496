package io.pentrough.data;

import io.pentrough.ArraySpec;
import io.pentrough.BatchSpec;
import io.pentrough.HostArray;
import io.pentrough.HostBatch;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The arrays of a batch in which each sample has a length of its own. Belongs to one worker. */
final class SequenceArrays {

  final BatchSpec spec;

  /** For each array of the batch; null if all its samples have one shape. */
  private final @Nullable SequenceArray[] byIndex;

  /** Of which array an array holds the lengths or offsets; null if of none. */
  private final @Nullable String[] writtenFor;

  /** Those that are not null. */
  private final List<SequenceArray> all = new ArrayList<>();

  /** Those whose rows are as long as the batch's longest sample, which must be known first. */
  final List<SequenceArray.Padded> toLongest = new ArrayList<>();

  /** See {@link #samples}; empty until somebody asks. */
  private String samples = "";

  /** Each array, as {@link Sequences} puts it in. */
  SequenceArrays(BatchSpec spec) {
    this.spec = spec;
    byIndex = new SequenceArray[spec.arrays().size()];
    writtenFor = new String[byIndex.length];
  }

  void add(SequenceArray sequence) {
    byIndex[sequence.index] = sequence;
    all.add(sequence);
    if (sequence instanceof SequenceArray.Padded padded && padded.isToLongest()) {
      toLongest.add(padded);
      toLongest.sort(Comparator.comparingInt(each -> each.index));
    }
  }

  void addWritten(int array, String sequence) {
    writtenFor[array] = sequence;
  }

  @Nullable SequenceArray find(int array) {
    return byIndex[array];
  }

  /** How long the last sample is in an array; 0 if all samples have one shape there. */
  int length(int array) {
    SequenceArray sequence = byIndex[array];
    return sequence == null ? 0 : sequence.length;
  }

  /** Whether an array is written by {@link Batches} and not by the dataset. */
  boolean isWritten(int array) {
    return writtenFor[array] != null;
  }

  /** Whether the lengths of all samples of a batch must be known before one is read. */
  boolean asksForLengths() {
    return !toLongest.isEmpty();
  }

  /**
   * What a dataset writes, in words: the same for two loaders if a sample is the same bytes in
   * both. Neither the size of batches nor their padding has to do with it.
   */
  String samples() {
    if (samples.isEmpty()) {
      List<String> parts = new ArrayList<>();
      for (int i = 0; i < byIndex.length; i++) {
        ArraySpec array = spec.array(i);
        SequenceArray sequence = byIndex[i];
        String what =
            isWritten(i)
                ? "written by Batches"
                : array.dtype()
                    + (sequence == null
                        ? " of " + array.bytes() / array.dimension(0)
                        : " of any length, of steps of "
                            + (long) sequence.stepElements * array.dtype().bytes())
                    + " bytes";
        parts.add(array.name() + ": " + what);
      }
      samples = parts.toString();
    }
    return samples;
  }

  /** A batch begins. */
  void begin(HostBatch out) {
    for (int i = 0; i < all.size(); i++) { // an iterator would be heap for each batch (I6)
      all.get(i).begin(out);
    }
  }

  /** The lengths of all samples of the batch are known. */
  void resize(HostBatch out) {
    for (int i = 0; i < toLongest.size(); i++) {
      toLongest.get(i).resize(out);
    }
  }

  /**
   * The dataset knows lengths, if they are asked for.
   *
   * @throws IllegalArgumentException if it does not
   */
  void requireKnownLengths(Dataset dataset) {
    for (SequenceArray.Padded padded : toLongest) {
      try {
        dataset.length(0, padded.spec.name());
      } catch (UnsupportedOperationException e) {
        throw new IllegalArgumentException(
            "array '"
                + padded.spec.name()
                + "' is to be padded to the longest sample of a batch, but the dataset does not"
                + " know the lengths of its samples: implement length(index, array), or use"
                + " Padding.toMaximum()",
            e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      } catch (Exception e) {
        // A bad sample: it counts when its batch is made.
      }
    }
  }

  /** An array whose samples all have one shape. */
  void requireOneShape(int array) {
    if (writtenFor[array] != null) {
      throw new IllegalArgumentException(
          "array '"
              + spec.array(array).name()
              + "' holds the lengths or offsets of array '"
              + writtenFor[array]
              + "', which Batches writes: leave it alone in read(...)");
    }
    if (byIndex[array] != null) {
      String name = spec.array(array).name();
      throw new IllegalArgumentException(
          "each sample has a length of its own in array '"
              + name
              + "': ask for array(\""
              + name
              + "\", length)");
    }
  }

  /** See {@link SequenceArray#of}. */
  HostArray of(HostBatch out, int array, int row, int number, int length) {
    SequenceArray sequence = byIndex[array];
    if (sequence == null) {
      String name = spec.array(array).name();
      throw new IllegalArgumentException(
          "all samples have the same shape in array '"
              + name
              + "': ask for array(\""
              + name
              + "\") without a length, or call Batches.pad or Batches.ragged for it");
    }
    return sequence.of(out, row, number, length);
  }

  /** The sample of a row has been read. */
  void finish(HostBatch out, int row) {
    for (int i = 0; i < all.size(); i++) {
      all.get(i).finish(out, row);
    }
  }

  /** The batch is complete. */
  void end(HostBatch out, int rows) {
    for (int i = 0; i < all.size(); i++) {
      all.get(i).end(out, rows);
    }
  }
}
