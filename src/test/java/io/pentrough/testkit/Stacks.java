package io.pentrough.testkit;

/** Where threads are. */
final class Stacks {

  private Stacks() {}

  /** A thread's stack, to be attached to a failure. */
  static Throwable of(Thread thread) {
    return of(thread, thread.getStackTrace());
  }

  /** The stacks of all threads but the JVM's own. */
  static Throwable[] ofAll() {
    return Thread.getAllStackTraces().entrySet().stream()
        .filter(entry -> !isOfTheJvm(entry.getKey()))
        .map(entry -> of(entry.getKey(), entry.getValue()))
        .toArray(Throwable[]::new);
  }

  private static boolean isOfTheJvm(Thread thread) {
    ThreadGroup group = thread.getThreadGroup(); // null once it has ended
    return group == null || !group.getName().equals("main");
  }

  private static Throwable of(Thread thread, StackTraceElement[] stack) {
    Throwable where = new Throwable(thread.getName() + ", " + thread.getState());
    where.setStackTrace(stack);
    return where;
  }
}
