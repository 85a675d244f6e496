package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Comparator;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** A thread that a test steers, and its result. Every wait here is bounded, and none is a sleep. */
final class Caller<T> {

  private static final long PATIENCE_SECONDS = 30;

  final Thread thread;
  private final FutureTask<T> task;

  private Caller(Callable<T> work) {
    task = new FutureTask<>(work);
    thread = new Thread(task, "caller");
    thread.setDaemon(true);
  }

  static <T> Caller<T> start(Callable<T> work) {
    Caller<T> caller = new Caller<>(work);
    caller.thread.start();
    return caller;
  }

  T result() throws Exception {
    return task.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
  }

  <X extends Throwable> X failure(Class<X> type) {
    ExecutionException e =
        assertThrows(ExecutionException.class, () -> task.get(PATIENCE_SECONDS, TimeUnit.SECONDS));
    return assertThrows(
        type,
        () -> {
          throw e.getCause();
        });
  }

  /** Until the thread waits in {@code get} for a batch. */
  Caller<T> untilWaitingForBatch() {
    until(() -> waits(thread), "a thread to wait for a batch");
    return this;
  }

  /** Whether a thread waits, for whatever: it runs nothing, and is not about to enter a lock. */
  static boolean waits(Thread thread) {
    Thread.State state = thread.getState();
    return state == Thread.State.WAITING || state == Thread.State.TIMED_WAITING;
  }

  /** Whether a worker of a loader waits for a slot, and not in its target. */
  static boolean restsAsWorker(Thread thread) {
    return LockSupport.getBlocker(thread) instanceof WorkerState;
  }

  /** Polls: for what nothing could tell the test. */
  @SuppressWarnings("ThreadPriorityCheck") // a good turn to the threads that are waited for
  static void until(BooleanSupplier condition, String what) {
    long start = System.nanoTime();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() - start > TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS)) {
        throw new AssertionError("waited in vain for " + what);
      }
      Thread.yield();
    }
  }

  static void await(CountDownLatch latch) throws InterruptedException {
    if (!latch.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
      throw new AssertionError("a latch was not opened in time");
    }
  }

  /**
   * The library's thread whose name ends so, of the loader of that name. The newest: that of an
   * earlier loader may not quite have ended.
   */
  static Thread worker(String loader, int number) {
    String name = "pentrough-" + loader + "-worker-" + number;
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().equals(name))
        .max(Comparator.comparingLong(Thread::getId))
        .orElseThrow(() -> new AssertionError("no thread " + name));
  }
}
