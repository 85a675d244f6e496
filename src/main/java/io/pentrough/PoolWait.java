package io.pentrough;

import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.ForkJoinWorkerThread;
import org.jspecify.annotations.Nullable;

/**
 * A wait on a thread of a fork-join pool. The pool knows of it and runs another thread meanwhile.
 * Otherwise a target that needs the pool would wait for a consumer that waits for the target.
 */
final class PoolWait<T> implements ForkJoinPool.ManagedBlocker {

  /** What waits, and for what. */
  @FunctionalInterface
  interface Wait<T> {
    @Nullable T run() throws InterruptedException;
  }

  private final Wait<T> wait;
  private @Nullable T result;
  private boolean begun;
  private boolean over;

  private PoolWait(Wait<T> wait) {
    this.wait = wait;
  }

  /** Whether the calling thread belongs to a pool. */
  static boolean isNeeded() {
    return Thread.currentThread() instanceof ForkJoinWorkerThread;
  }

  /** Waits; for a thread that {@linkplain #isNeeded() belongs to a pool}. */
  static <T> @Nullable T run(Wait<T> wait) throws InterruptedException {
    PoolWait<T> blocker = new PoolWait<>(wait);
    try {
      ForkJoinPool.managedBlock(blocker);
    } catch (RuntimeException | Error e) {
      if (blocker.begun) {
        throw e;
      }
      blocker.block(); // the pool could not get another thread, and this one waits anyway
    }
    return blocker.result;
  }

  @Override
  public boolean block() throws InterruptedException {
    begun = true;
    result = wait.run();
    over = true;
    return true;
  }

  @Override
  public boolean isReleasable() {
    return over;
  }
}
