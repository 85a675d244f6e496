package io.pentrough;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is left out: batches that failed, by a {@link FailurePolicy}; and bad samples, up to what
 * their {@link EpochTarget} allows. Both are counted when a consumer gets to them, and reported to
 * listeners before that consumer's call goes on. Guarded by the {@link Core}, but for {@link
 * #arePending}.
 */
final class Skips {

  private final FailurePolicy policy;
  private final @Nullable EpochTarget target;
  private final long maxBadSamples;
  private final StatsRecorder stats;

  /** Failed batches that were left out, to compare with the policy. */
  private long batches;

  /** Calls of listeners that are to be made without the lock. */
  private final List<Runnable> pending = new ArrayList<>();

  private volatile boolean arePending;

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
    report(() -> policy.listener().skipped(failure.epoch(), failure.index(), failure.cause()));
  }

  /** What the failure is for the caller if its batch has no good sample: null if it is left out. */
  @Nullable Failure withoutGoodSample(Failure failure, List<BadSample> bad) {
    if (!allows(bad)) {
      return failure.causedBy(tooMany(bad));
    }
    leftOut(failure.epoch(), failure.index(), bad);
    leaveOut(
        failure.causedBy(
            new BadSamplesException("all " + bad.size() + " samples of the batch are bad", bad)));
    return null;
  }

  /** Whether a batch with these bad samples, whose turn it is, may be delivered. */
  boolean allows(List<BadSample> bad) {
    return bad.size() <= maxBadSamples - stats.badSamples();
  }

  /** Why it may not. */
  BadSamplesException tooMany(List<BadSample> bad) {
    return new BadSamplesException(
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
    EpochTarget told = target;
    for (int i = 0; told != null && i < bad.size(); i++) {
      BadSample sample = bad.get(i);
      report(() -> told.badSample(epoch, index, sample));
    }
  }

  private void report(Runnable call) {
    pending.add(call);
    arePending = true;
  }

  boolean arePending() {
    return arePending;
  }

  /** The calls of listeners that the caller has to make; each may throw what it likes. */
  List<Runnable> takePending() {
    List<Runnable> taken = List.copyOf(pending);
    pending.clear();
    arePending = false;
    return taken;
  }
}
