package io.pentrough.testkit;

import java.util.Comparator;
import java.util.List;

/** The library's threads, and what threads do. */
public final class Threads {

  private Threads() {}

  /** The live threads of the loader, or of all loaders whose names begin so. */
  public static List<Thread> of(String loader) {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("pentrough-" + loader))
        .toList();
  }

  /** A worker. The newest: that of an earlier loader of that name may not quite have ended. */
  public static Thread worker(String loader, int number) {
    String name = "pentrough-" + loader + "-worker-" + number;
    return of(loader).stream()
        .filter(thread -> thread.getName().equals(name))
        .max(Comparator.comparingLong(Thread::getId))
        .orElseThrow(() -> new AssertionError("no thread " + name));
  }

  /** Whether the thread waits for others, with or without a bound. */
  public static boolean isWaiting(Thread thread) {
    Thread.State state = thread.getState();
    return state == Thread.State.WAITING || state == Thread.State.TIMED_WAITING;
  }

  /** Until the thread waits for others; what it then waits for, the test knows. */
  public static void untilWaiting(Thread thread) {
    Patience.until(thread.getName() + " waits", () -> isWaiting(thread));
  }
}
