package io.pentrough;

import java.util.concurrent.TimeUnit;

/**
 * Whether the threads that a user's factory has made begin to work. A thread that has begun cannot
 * end without saying so ({@link Producers#ended}); of one that ends before, nobody would hear. The
 * copy thread asks until all have begun.
 */
final class WorkerWatch {

  private static final long INTERVAL_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

  private final Core core;
  private boolean isOver;

  WorkerWatch(Core core) {
    this.core = core;
  }

  /**
   * Breaks the loader if a thread will never begin.
   *
   * @return the nanoseconds until it has to be asked again
   */
  long look() {
    if (isOver) {
      return LeaseWatch.NEVER;
    }
    boolean allHaveBegun = true;
    for (int i = 0; i < core.workers.size() && !isOver; i++) {
      WorkerState worker = core.workers.get(i);
      boolean ended = hasEnded(worker); // first: it may begin, and end, right now
      if (ended && !worker.begun) {
        isOver = true;
        core.breakDown(neverBegan(worker));
      }
      allHaveBegun &= worker.begun;
    }
    isOver |= allHaveBegun;
    return isOver ? LeaseWatch.NEVER : INTERVAL_NANOS;
  }

  private boolean hasEnded(WorkerState worker) {
    synchronized (core) {
      return worker.started && !worker.thread().isAlive();
    }
  }

  private static IllegalStateException neverBegan(WorkerState worker) {
    return new IllegalStateException(
        "the thread of the threadFactory for worker "
            + worker.number
            + " has ended and never ran what the factory was given"
            + (worker.thrown == null ? "" : ", as it has thrown " + worker.thrown)
            + "; run that on the thread that the factory returns",
        worker.thrown);
  }
}
