package io.pentrough;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Says who may use a host slot's arrays now, and which shape each has in the running fill. It finds
 * uses by anybody but that fill.
 *
 * <p>There are two kinds. The worker's own access, one per slot, is valid on the thread of the
 * running fill. A shared access is valid on any thread, during the one fill in which it was made.
 *
 * <p>It finds uses that <em>begin</em> too late. The check and the write after it are not one step,
 * so a thread that is still writing while its fill returns may go unseen.
 */
final class Access {

  /** The shape that an array has in the running fill; common to all accesses of a slot. */
  static final class Extent {

    private final ArraySpec spec;
    private final int[] shape;
    private int elements;

    Extent(ArraySpec spec) {
      this.spec = spec;
      this.shape = spec.shape();
      this.elements = spec.elements();
    }

    ArraySpec spec() {
      return spec;
    }

    /** The array itself, not a copy. */
    int[] shape() {
      return shape;
    }

    int elements() {
      return elements;
    }

    int bytes() {
      return elements * spec.dtype().bytes(); // at most 1 GiB, as the slot
    }

    /** Sets the shape back to the maximum. */
    private void reset() {
      if (spec.isVariable()) {
        for (int axis = 0; axis < shape.length; axis++) {
          shape[axis] = spec.dimension(axis);
        }
        elements = spec.elements();
      }
    }

    /** Takes the shape of a row of an array, in its present shape. */
    void rowOf(Extent array) {
      if (array.spec.isVariable()) {
        elements = 1;
        for (int axis = 0; axis < shape.length; axis++) {
          shape[axis] = array.shape[axis + 1];
          elements *= shape[axis];
        }
      }
    }

    /** Takes the shape of so many rows of an array, in its present shape. */
    void rowsOf(Extent array, int rows) {
      shape[0] = rows;
      elements = rows;
      for (int axis = 1; axis < shape.length; axis++) {
        shape[axis] = array.shape[axis];
        elements *= shape[axis];
      }
    }

    void resize(int[] newShape) {
      if (!spec.isVariable()) {
        throw new IllegalArgumentException(
            "array '"
                + spec.name()
                + "' cannot take the shape "
                + Arrays.toString(newShape)
                + ": it is declared with the fixed shape "
                + Arrays.toString(shape)
                + "; declare it with variableArray");
      }
      boolean fits = newShape.length == shape.length;
      int product = 1;
      for (int axis = 0; fits && axis < shape.length; axis++) {
        fits = newShape[axis] >= 0 && newShape[axis] <= spec.dimension(axis);
        product *= newShape[axis]; // no more than the maximum's elements, if it fits
      }
      if (!fits) {
        throw new IllegalArgumentException(
            "array '"
                + spec.name()
                + "' cannot take the shape "
                + Arrays.toString(newShape)
                + ": its maximum is "
                + Arrays.toString(spec.shape())
                + ", and each dimension may be 0 to that");
      }
      System.arraycopy(newShape, 0, shape, 0, shape.length);
      elements = product;
    }
  }

  /** The fill that runs on the slot, if any; common to all accesses of a slot. */
  private static final class Fill {

    /**
     * The thread of the running fill, or null between fills.
     *
     * <p>Plain on purpose, so that a loop can keep it in a register: a thread is compared with
     * itself only. Each thread writes itself at open and null at close, so program order alone
     * decides whether a thread sees itself here. A thread that does not may see any other value by
     * a race, and every one of them is refused.
     */
    private @Nullable Thread thread;

    /** Counts opens and closes: odd while a fill runs. Volatile, as any thread may ask. */
    private volatile long number;

    private final Extent[] extents;

    Fill(BatchSpec spec) {
      extents = new Extent[spec.arrays().size()];
      for (int i = 0; i < extents.length; i++) {
        extents[i] = new Extent(spec.array(i));
      }
    }
  }

  /** Instead of a fill's number, in the worker's own access. */
  private static final long OWN = 0;

  private final Fill running;
  private final long fill;

  /** The worker's own access to a slot with these arrays. No fill runs yet. */
  Access(BatchSpec spec) {
    this(new Fill(spec), OWN);
  }

  private Access(Fill running, long fill) {
    this.running = running;
    this.fill = fill;
  }

  /** A fill begins on this thread. Every array has its maximum shape. */
  void open() {
    if (running.number % 2 != 0) {
      throw new IllegalStateException("bug in Pentrough: a fill runs on this slot already");
    }
    running.thread = Thread.currentThread();
    for (Extent extent : running.extents) {
      extent.reset();
    }
    advance();
  }

  /** The fill has returned. Called on the thread that opened. */
  void close() {
    if (running.thread != Thread.currentThread()) {
      throw new IllegalStateException(
          "bug in Pentrough: a fill ends on the thread that it began on");
    }
    running.thread = null;
    advance();
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // open and close alternate, ordered by the engine
  private void advance() {
    running.number++;
  }

  /** An access to the running fill for any thread. */
  Access share() {
    check(null);
    if (running.thread != Thread.currentThread()) {
      throw new IllegalStateException(
          "concurrentView() is called on thread "
              + Thread.currentThread().getName()
              + ": call it on the fill's own thread and hand the view to the others");
    }
    return new Access(running, running.number);
  }

  /** The extent of an array, by its index in the specification; unguarded. */
  Extent extent(int array) {
    return running.extents[array];
  }

  /** Whether any thread may use it, during one fill. */
  boolean isShared() {
    return fill != OWN;
  }

  /**
   * Throws unless the calling thread may use the slot now.
   *
   * @param array the used array, for the message; null for the batch itself
   */
  void check(@Nullable ArraySpec array) {
    if (fill == OWN ? running.thread != Thread.currentThread() : running.number != fill) {
      throw refusal(array);
    }
  }

  private IllegalStateException refusal(@Nullable ArraySpec array) {
    String what = array == null ? "the batch" : "array '" + array.name() + "'";
    if (isShared()) {
      return new IllegalStateException(
          what
              + " is used through a shared view whose fill has returned: call out.concurrentView() in each"
              + " fill, and let its threads end before fill returns");
    }
    Thread thread = running.thread;
    if (thread == null) {
      return new IllegalStateException(
          what + " is used between fills: its fill has returned, and the loader owns it now");
    }
    return new IllegalStateException(
        what
            + " is used on thread "
            + Thread.currentThread().getName()
            + " while it belongs to a fill on thread "
            + thread.getName()
            + ": for threads of your own use HostBatch.concurrentView(); in a Dataset, write on the"
            + " thread of read(...) only, and let workers(n) read several samples at a time");
  }
}
