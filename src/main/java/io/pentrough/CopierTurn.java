package io.pentrough;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * Who may use a {@link Copier}: one thread at a time. A thread that cannot have it leaves a
 * request, and the one that has it looks again before it releases it, so that nothing is
 * overlooked.
 *
 * <pre>
 *              tryAcquire        tryAcquire (of another)
 *     FREE  --------------&gt;  BUSY  -----------------------&gt;  REQUESTED
 *           &lt;--------------        &lt;-----------------------
 *              release           release: false, the caller looks again
 * </pre>
 */
final class CopierTurn {

  private static final int FREE = 0;
  private static final int BUSY = 1;

  /** Busy, and another thread has left a request: there may be more to do. */
  private static final int REQUESTED = 2;

  private final AtomicInteger state = new AtomicInteger(FREE);
  private volatile boolean failed;

  /** Whether the caller may use the copier now; if not, the thread that may looks again. */
  boolean tryAcquire() {
    return !failed && tryAcquireAfterFailure();
  }

  /** The same, but if another thread may, it does not look again. */
  boolean tryAcquireQuietly() {
    return !failed && state.compareAndSet(FREE, BUSY);
  }

  /** As {@link #tryAcquire}, also after a failure. */
  boolean tryAcquireAfterFailure() {
    while (true) {
      if (state.compareAndSet(FREE, BUSY)) {
        return true;
      }
      if (state.get() == REQUESTED || state.compareAndSet(BUSY, REQUESTED)) {
        return false;
      }
    }
  }

  /** False if another thread has left a request: the caller keeps the turn, and looks again. */
  boolean release() {
    if (state.compareAndSet(BUSY, FREE)) {
      return true;
    }
    state.set(BUSY);
    return false;
  }

  /** Releases without looking again; the caller must wake the copy thread, which will. */
  void releaseAnyway() {
    state.set(FREE);
  }

  /** A step has thrown: what it left may be wrong, so nobody looks at it again. */
  void releaseFailed() {
    failed = true;
    state.set(FREE);
  }

  boolean hasFailed() {
    return failed;
  }
}
