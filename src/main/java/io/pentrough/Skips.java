package io.pentrough;

import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is left out: batches that failed, by a {@link FailurePolicy}; and bad samples, up to what
 * their {@link EpochTarget} allows. Both are counted when a consumer gets to them. That consumer
 * reports them to the listener before its call goes on. Guarded by the {@link Core}, except {@link
 * #reportPending}.
 */
final class Skips {

  private final FailurePolicy policy;
  private final @Nullable EpochTarget target;
  private final long maxBadSamples;
  private final StatsRecorder stats;

  /** Failed batches that were left out, to compare with the policy. */
  private long batches;

  private final List<Report> pending = new ArrayList<>();
  private volatile boolean anyPending;

  /** A call of a listener, and whose {@code get} makes it. */
  private record Report(Runnable call, Thread consumer) {}

  Skips(FailurePolicy policy, @Nullable EpochTarget target, StatsRecorder stats) {
    this.policy = policy;
    this.target = target;
    this.stats = stats;
    maxBadSamples = target == null ? Long.MAX_VALUE : target.maxBadSamples();
  }

  /** Whether the failure, whose turn it is, is left out; it is counted then, and pending. */
  boolean leavesOut(Failure failure) {
    boolean leftOut = !failure.contradicts() && batches < policy.skips();
    if (leftOut) {
      batches++;
      leaveOut(failure);
    }
    return leftOut;
  }

  private void leaveOut(Failure failure) {
    stats.skipped();
    report(() -> policy.listener().skipped(failure.epoch(), failure.index(), failure.reported()));
  }

  /**
   * What a batch without a good sample, or one that was refused, is for the caller: null if it is
   * left out.
   */
  @Nullable Failure ofBadBatch(Failure failure, List<BadSample> bad) {
    if (!allows(bad)) {
      return failure.causedBy(tooMany(bad));
    }
    leftOut(failure.epoch(), failure.index(), bad);
    leaveOut(failure);
    return null;
  }

  /** Whether a batch with these bad samples, whose turn it is, may be delivered. */
  boolean allows(List<BadSample> bad) {
    return bad.size() <= maxBadSamples - stats.badSamples();
  }

  /** Why it may not. */
  BadBatch tooMany(List<BadSample> bad) {
    return new BadBatch(
        "%d bad %s in this batch and %d before are more than the %d allowed"
            .formatted(
                bad.size(),
                bad.size() == 1 ? "sample" : "samples",
                stats.badSamples(),
                maxBadSamples),
        bad);
  }

  /** The batch of these bad samples is delivered, or left out: they are counted, and pending. */
  void leftOut(int epoch, long index, List<BadSample> bad) {
    stats.badSamples(bad.size());
    EpochTarget listener = target;
    for (int i = 0; listener != null && i < bad.size(); i++) {
      BadSample sample = bad.get(i);
      report(() -> listener.badSample(epoch, index, sample));
    }
  }

  private void report(Runnable call) {
    pending.add(new Report(call, Thread.currentThread()));
    anyPending = true;
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

  /** The calls of listeners that the caller has to make; each may throw what it likes. */
  List<Runnable> takePending() {
    List<Runnable> taken = new ArrayList<>();
    for (int i = pending.size() - 1; i >= 0; i--) {
      if (pending.get(i).consumer == Thread.currentThread()) {
        taken.add(0, pending.remove(i).call);
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
    List<Runnable> taken;
    synchronized (core) {
      taken = takePending();
    }
    for (int i = 0; i < taken.size(); i++) {
      core.device.endCalls(core.device.beginCalls()); // the listener may change the context
      try {
        taken.get(i).run();
      } catch (Throwable t) {
        core.log(Level.WARNING, "the listener for skipped batches or bad samples threw", t);
      }
    }
  }
}
