package io.pentrough;

import org.jspecify.annotations.Nullable;

/**
 * Finds the use of a host slot's arrays by anybody but the fill that runs on the slot.
 *
 * <p>There are two kinds. The worker's own access, one per slot, is good on the thread of the
 * running fill. A shared access is good on any thread, for the one fill it was made in.
 *
 * <p>What is found is a use that <em>begins</em> too late: the check and the write behind it are
 * not one step, so a thread that is still writing while its fill returns may go unseen.
 */
final class Access {

  /** What runs on the slot; common to all accesses of a slot. */
  private static final class Fill {

    /**
     * The thread of the running fill, or null between fills.
     *
     * <p>Plain on purpose, so that a loop can keep it in a register: a thread is compared with
     * itself only. Each thread writes itself at open and null at close, so program order alone
     * decides whether a thread sees itself here; whichever other value a race lets it see is as
     * wrong as any.
     */
    private @Nullable Thread thread;

    /** Counts opens and closes: odd while a fill runs. Volatile, as any thread may ask. */
    private volatile long number;
  }

  /** Instead of a fill's number, in the worker's own access. */
  private static final long OWN = 0;

  private final Fill running;
  private final long fill;

  /** The worker's own access to a slot, on which no fill runs yet. */
  Access() {
    this(new Fill(), OWN);
  }

  private Access(Fill running, long fill) {
    this.running = running;
    this.fill = fill;
  }

  /** A fill begins on this thread. */
  void open() {
    if (running.number % 2 != 0) {
      throw new IllegalStateException("bug in Pentrough: a fill runs on this slot already");
    }
    running.thread = Thread.currentThread();
    advance();
  }

  /** The fill has returned; on the thread that opened. */
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
          "shared() is called on thread "
              + Thread.currentThread().getName()
              + ": call it on the fill's own thread and hand the view to the others");
    }
    return new Access(running, running.number);
  }

  boolean isShared() {
    return fill != OWN;
  }

  /**
   * Refuses whoever may not use the slot now.
   *
   * @param array what is used, for the message; null for the batch itself
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
              + " is used through a shared view whose fill has returned: call out.shared() in each"
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
            + ": for threads of your own use out.shared()");
  }
}
