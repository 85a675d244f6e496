package io.pentrough.testkit;

import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/** A thread that a test steers; it keeps what the work returned or threw. No wait is unbounded. */
public final class Caller<T> {

  /** Work without a result. */
  public interface Body {
    void run() throws Exception;
  }

  public final Thread thread;
  private final FutureTask<T> task;

  private Caller(Callable<T> work) {
    task = new FutureTask<>(work);
    thread = new Thread(task, "caller");
    thread.setDaemon(true);
    thread.start();
  }

  public static <T> Caller<T> start(Callable<T> work) {
    return new Caller<>(work);
  }

  public static Caller<Boolean> run(Body work) {
    return start(
        () -> {
          work.run();
          return true;
        });
  }

  /** What the work returned. What it threw is the cause of what this throws. */
  public T result() throws Exception {
    if (!task.isDone()) {
      Patience.join(thread);
    }
    return Patience.result(task);
  }

  /** What the work threw. */
  public <X extends Throwable> X failure(Class<X> type) {
    ExecutionException e = assertThrows(ExecutionException.class, this::result);
    return assertThrows(
        type,
        () -> {
          throw e.getCause();
        });
  }

  public boolean isDone() {
    return task.isDone();
  }

  /** Until the thread waits for something, and nothing but that can let it go on. */
  public Caller<T> untilWaiting() {
    Threads.untilWaiting(thread);
    return this;
  }
}
