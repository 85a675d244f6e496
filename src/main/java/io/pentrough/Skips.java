package io.pentrough;

import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;

/**
 * Failures that a {@link FailurePolicy} leaves out, from when a consumer gets to them until it has
 * reported them to the policy's listener. Guarded by the {@link Core}, but for {@link
 * #reportPending}.
 */
final class Skips {

  private final FailurePolicy policy;
  private final StatsRecorder stats;
  private final List<Skip> pending = new ArrayList<>();
  private volatile boolean anyPending;

  /** A failure, and whose {@code get} has left it out and reports it. */
  private record Skip(Failure failure, Thread consumer) {}

  Skips(FailurePolicy policy, StatsRecorder stats) {
    this.policy = policy;
    this.stats = stats;
  }

  /** Whether the failure, whose turn it is, is left out; it is counted then, and pending. */
  boolean leavesOut(Failure failure) {
    boolean leftOut = !failure.contradicts() && stats.skips() < policy.skips();
    if (leftOut) {
      stats.skipped();
      pending.add(new Skip(failure, Thread.currentThread()));
      anyPending = true;
    }
    return leftOut;
  }

  /** Whether the caller has something to report. */
  boolean arePending() {
    if (anyPending) {
      for (int i = 0; i < pending.size(); i++) {
        if (pending.get(i).consumer == Thread.currentThread()) {
          return true;
        }
      }
    }
    return false;
  }

  /** What the caller has to report. */
  List<Failure> takePending() {
    List<Failure> taken = new ArrayList<>();
    for (int i = pending.size() - 1; i >= 0; i--) {
      if (pending.get(i).consumer == Thread.currentThread()) {
        taken.add(0, pending.remove(i).failure);
      }
    }
    anyPending = !pending.isEmpty();
    return taken;
  }

  /** Reports what the caller has left out, before its {@code get} returns. */
  void reportPending(Core core) {
    if (!anyPending) {
      return;
    }
    List<Failure> taken;
    synchronized (core) {
      taken = takePending();
    }
    for (int i = 0; i < taken.size(); i++) {
      core.device.endCalls(core.device.beginCalls()); // the listener may change the context
      try {
        report(taken.get(i));
      } catch (Throwable t) {
        core.log(Level.WARNING, "the listener for skipped batches threw", t);
      }
    }
  }

  /** Tells the listener, which may throw what it likes. */
  void report(Failure failure) {
    policy.listener().skipped(failure.epoch(), failure.index(), failure.cause());
  }
}
