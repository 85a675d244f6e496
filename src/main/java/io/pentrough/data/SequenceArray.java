package io.pentrough.data;

import io.pentrough.ArraySpec;
import io.pentrough.DType;
import io.pentrough.HostArray;
import io.pentrough.HostBatch;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** An array of a batch in which each sample has a length of its own. Belongs to one worker. */
abstract class SequenceArray {

  private static final int ABSENT = -1;

  final ArraySpec spec;

  /** Which of the batch's arrays it is. */
  final int index;

  /** How many elements one step of a sequence has. */
  final int stepElements;

  /** The array that receives the lengths; {@link #ABSENT} if there is none. */
  private int lengthsIndex = ABSENT;

  /** The length of the sample that is being read, once it was asked for. */
  int length;

  SequenceArray(ArraySpec spec, int index, int stepAxis) {
    this.spec = spec;
    this.index = index;
    int product = 1;
    for (int axis = stepAxis + 1; axis < spec.rank(); axis++) {
      product *= spec.dimension(axis);
    }
    stepElements = product;
  }

  final void lengthsInto(int array) {
    lengthsIndex = array;
  }

  /** A batch begins. */
  abstract void begin(HostBatch out);

  /**
   * Where a sample goes, in its length.
   *
   * @param row its row in the batch
   * @param number which of the batch's samples it is, counted with bad ones
   * @throws IllegalArgumentException if the length is negative, or there is no room for it
   */
  final HostArray of(HostBatch out, int row, int number, int newLength) {
    if (newLength < 0) {
      throw new IllegalArgumentException(
          "read(...) asks for array '"
              + spec.name()
              + "' in the length "
              + newLength
              + ": a length is 0 or more");
    }
    checkRoom(number, newLength);
    HostArray array = view(out, row, newLength);
    length = newLength;
    return array;
  }

  abstract void checkRoom(int number, int newLength);

  abstract HostArray view(HostBatch out, int row, int newLength);

  /** Which element of the array is the first of the sample that is being read. */
  abstract int start(int row);

  /** The sample of a row has been read. */
  void finish(HostBatch out, int row) {
    if (lengthsIndex != ABSENT) {
      put(out.array(lengthsIndex), row, length);
    }
  }

  /** The batch is complete, and has so many rows. */
  abstract void end(HostBatch out, int rows);

  private static void put(HostArray array, int index, int value) {
    if (array.spec().dtype() == DType.INT64) {
      array.setLong(index, value);
    } else {
      array.setInt(index, value);
    }
  }

  /** A row for each sample, of which the end is filled with a value. */
  static final class Padded extends SequenceArray {

    private static final int PATTERN_BYTES = 4096;

    /** As many elements of padding as are written at once. */
    private final ByteBuffer pattern;

    /** The longest that a sample can be. */
    private final int maximum;

    /** How long each sample of the batch is at most; null if rows are as long as the maximum. */
    private final int @Nullable [] announced;

    /** In this batch. */
    private final int[] shape;

    /** How long the rows of this batch are. */
    private int rowLength;

    Padded(ArraySpec spec, int index, Padding padding, int batchSize) {
      super(spec, index, 1);
      maximum = spec.dimension(1);
      announced = padding.isToLongest() ? new int[batchSize] : null;
      shape = spec.shape();
      byte[] element = padding.element(spec);
      int count = Math.max(1, Math.min(PATTERN_BYTES / element.length, maximum * stepElements));
      pattern = ByteBuffer.allocate(count * element.length);
      for (int i = 0; i < count; i++) {
        pattern.put(element);
      }
    }

    boolean isToLongest() {
      return announced != null;
    }

    @Override
    void begin(HostBatch out) {
      rowLength = announced == null ? maximum : 0;
    }

    /** How long a sample of the batch will be at most. */
    void announce(int number, long sample, int newLength) {
      if (newLength < 0 || newLength > maximum) {
        throw new IllegalArgumentException(
            "length("
                + sample
                + ", \""
                + spec.name()
                + "\") returned "
                + newLength
                + ", but array '"
                + spec
                + "' has room for 0 to "
                + maximum
                + ": shorten the sample, or make the array's second dimension larger");
      }
      requireAnnounced()[number] = newLength;
      rowLength = Math.max(rowLength, newLength);
    }

    /** All lengths have been announced. */
    void resize(HostBatch out) {
      shape[1] = rowLength;
      out.array(index).resize(shape);
    }

    @Override
    void checkRoom(int number, int newLength) {
      if (newLength > maximum) {
        throw new IllegalArgumentException(
            "a sample of length "
                + newLength
                + " does not fit a row of array '"
                + spec
                + "', which has room for "
                + maximum
                + ": shorten the sample, or make the array's second dimension larger");
      }
      if (announced != null && newLength > announced[number]) {
        throw new IllegalArgumentException(
            "read(...) asks for array '"
                + spec.name()
                + "' in the length "
                + newLength
                + ", but length(...) returned "
                + announced[number]
                + " for this sample: let it return the largest length that read(...) may ask for");
      }
    }

    @Override
    HostArray view(HostBatch out, int row, int newLength) {
      return out.array(index).row(row).rows(0, newLength);
    }

    @Override
    int start(int row) {
      return row * rowLength * stepElements;
    }

    @Override
    void finish(HostBatch out, int row) {
      super.finish(out, row);
      HostArray whole = out.array(index).row(row);
      int width = spec.dtype().bytes();
      int end = rowLength * stepElements;
      for (int from = length * stepElements; from < end; ) {
        int count = Math.min(end - from, pattern.capacity() / width);
        whole.set(from, pattern.clear().limit(count * width));
        from += count;
      }
    }

    @Override
    void end(HostBatch out, int rows) {}

    private int[] requireAnnounced() {
      if (announced == null) {
        throw new IllegalStateException("bug in Pentrough: nobody asks for these lengths");
      }
      return announced;
    }
  }

  /** Samples that lie one after the other, and the offsets at which they begin. */
  static final class Ragged extends SequenceArray {

    private final int offsetsIndex;

    /** How long the samples of a batch can be together. */
    private final int capacity;

    private final int[] shape;

    /** How long the batch's good samples so far are together. */
    private int used;

    private final int[] offsetsShape = new int[1];

    Ragged(ArraySpec spec, int index, int offsetsIndex) {
      super(spec, index, 0);
      this.offsetsIndex = offsetsIndex;
      capacity = spec.dimension(0);
      shape = spec.shape();
    }

    @Override
    void begin(HostBatch out) {
      used = 0;
      put(out.array(offsetsIndex), 0, 0);
    }

    @Override
    void checkRoom(int number, int newLength) {
      if (newLength > capacity - used) {
        throw new IllegalArgumentException(
            "a sample of length "
                + newLength
                + " does not fit array '"
                + spec
                + "', which has room for "
                + capacity
                + " in a batch, of which other samples of this batch take "
                + used
                + ": make the array's first dimension larger, or the batches smaller");
      }
    }

    @Override
    HostArray view(HostBatch out, int row, int newLength) {
      return out.array(index).rows(used, newLength);
    }

    @Override
    int start(int row) {
      return used * stepElements;
    }

    /** Only now the sample counts: the next one overwrites a sample that turned out to be bad. */
    @Override
    void finish(HostBatch out, int row) {
      super.finish(out, row);
      used += length;
      put(out.array(offsetsIndex), row + 1, used);
    }

    @Override
    void end(HostBatch out, int rows) {
      shape[0] = used;
      out.array(index).resize(shape);
      HostArray offsets = out.array(offsetsIndex);
      if (offsets.spec().isVariable()) {
        offsetsShape[0] = rows + 1;
        offsets.resize(offsetsShape);
      } else { // the remaining rows have the length 0
        for (int i = rows + 1; i < offsets.elements(); i++) {
          put(offsets, i, used);
        }
      }
    }
  }
}
