package io.pentrough;

import java.util.HashMap;
import java.util.Map;

/**
 * Who waits for whom, in words: the message of a timeout, and of a close that had to leave
 * something behind. It consists of a {@link LoaderSnapshot} and of the stacks of workers, which are
 * taken when it is written out, since that may stop other threads for a while.
 */
final class Diagnosis {

  /** How much of a stuck target's stack is shown. */
  private static final int FRAMES = 12;

  /**
   * After so long a wait the stacks of all threads are looked at, which stops them for a moment.
   */
  private static final long ALL_THREADS_NANOS = 1_000_000_000;

  /** {@link Worker}, which this class does not refer to: it calls, and is not called. */
  private static final String WORKER = Diagnosis.class.getPackageName() + ".Worker";

  private final LoaderSnapshot snapshot;
  private final long skips;
  private final long badSamples;

  /** Of a loader that has left out so many batches and bad samples. */
  Diagnosis(LoaderSnapshot snapshot, long skips, long badSamples) {
    this.snapshot = snapshot;
    this.skips = skips;
    this.badSamples = badSamples;
  }

  /** The diagnosis under a headline that says how long the caller has waited, and for what. */
  String afterWaiting(long nanos) {
    return "no batch after "
        + Units.seconds(nanos)
        + ": waiting for "
        + snapshot.waitingFor()
        + leftOut()
        + describe(nanos);
  }

  /** If everything is left out, no batch comes, though nothing is stuck. */
  private String leftOut() {
    return skips == 0
        ? ""
        : "; this loader has left out %d batches and %d bad samples".formatted(skips, badSamples);
  }

  /** The diagnosis under a headline that says how long the caller has waited for room. */
  String afterWaitingForRoom(long nanos, int capacity) {
    return "no room for a job after "
        + Units.seconds(nanos)
        + ": "
        + capacity
        + " are submitted and not yet delivered, and the next to be delivered is "
        + snapshot.waitingFor()
        + "; get its batch, or raise capacity"
        + describe(nanos);
  }

  @Override
  public String toString() {
    return describe(ALL_THREADS_NANOS);
  }

  private String describe(long waitedNanos) {
    StringBuilder text = new StringBuilder();
    snapshot.describeSlots(text);
    Map<Thread, StackTraceElement[]> targets = new HashMap<>();
    for (LoaderSnapshot.Worker worker : snapshot.workers()) {
      text.append("\n  ").append(worker);
      if (worker.activity() == LoaderSnapshot.Activity.FILLING) {
        StackTraceElement[] stack = worker.thread.getStackTrace();
        targets.put(worker.thread, withHiddenFrame(stack, worker));
        for (int i = 0; i < Math.min(FRAMES, stack.length); i++) {
          text.append("\n      at ").append(stack[i]);
        }
      }
    }
    if (!targets.isEmpty()) {
      Thread caller = Thread.currentThread();
      text.append(
          StaticInitialisers.describe(
              waitedNanos < ALL_THREADS_NANOS
                  ? Map.of(caller, caller.getStackTrace())
                  : Thread.getAllStackTraces(),
              targets));
    }
    return text.toString();
  }

  /** Later JDKs do not show the frame of a lambda that has called nothing: only its caller. */
  private static StackTraceElement[] withHiddenFrame(
      StackTraceElement[] stack, LoaderSnapshot.Worker worker) {
    Class<?> target = worker.target;
    if (target == null || stack.length == 0 || !stack[0].getClassName().equals(WORKER)) {
      return stack;
    }
    return new StackTraceElement[] {new StackTraceElement(target.getName(), "fill", null, -1)};
  }
}
