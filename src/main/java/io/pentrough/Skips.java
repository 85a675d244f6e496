package io.pentrough;

import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;

/**
 * Failures that a {@link FailurePolicy} leaves out, from when a consumer gets to them until it has
 * reported them to the policy's listener. Guarded by the {@link Core}, but for {@link #arePending}
 * and {@link #reportPending}.
 */
final class Skips {

  private final FailurePolicy policy;
  private final StatsRecorder stats;
  private final List<Failure> pending = new ArrayList<>();
  private volatile boolean arePending;

  Skips(FailurePolicy policy, StatsRecorder stats) {
    this.policy = policy;
    this.stats = stats;
  }

  /** Whether the failure, whose turn it is, is left out; it is counted then, and pending. */
  boolean leavesOut(Failure failure) {
    boolean leftOut = !failure.contradicts() && stats.skips() < policy.skips();
    if (leftOut) {
      stats.skipped();
      pending.add(failure);
      arePending = true;
    }
    return leftOut;
  }

  boolean arePending() {
    return arePending;
  }

  /** What the caller has to report. */
  List<Failure> takePending() {
    List<Failure> taken = List.copyOf(pending);
    pending.clear();
    arePending = false;
    return taken;
  }

  /** Takes what is pending, and reports it. */
  void reportPending(Core core) {
    if (!arePending) {
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
