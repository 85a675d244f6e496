package io.pentrough;

import java.util.ArrayList;
import java.util.List;

/**
 * Failures that a {@link FailurePolicy} leaves out, from when a consumer gets to them until he has
 * told its listener. Guarded by the engine's monitor, but for {@link #tell}.
 */
final class Skips implements Delivery {

  private final FailurePolicy policy;
  private final StatsRecorder stats;
  private final List<SlotLedger.Failure> untold = new ArrayList<>();

  Skips(FailurePolicy policy, StatsRecorder stats) {
    this.policy = policy;
    this.stats = stats;
  }

  /** Whether the failure, whose turn it is, is left out; it is counted then, and to be told. */
  boolean leavesOut(SlotLedger.Failure failure) {
    boolean leftOut = !failure.toldAnyway() && stats.skips() < policy.skips();
    if (leftOut) {
      stats.skipped();
      untold.add(failure);
    }
    return leftOut;
  }

  boolean areUntold() {
    return !untold.isEmpty();
  }

  /** What is to be told, by the caller. */
  List<SlotLedger.Failure> takeUntold() {
    if (untold.isEmpty()) {
      return List.of();
    }
    List<SlotLedger.Failure> taken = List.copyOf(untold);
    untold.clear();
    return taken;
  }

  /** Tells the listener, which may throw what it likes. */
  void tell(SlotLedger.Failure failure) {
    policy.listener().skipped(failure.epoch(), failure.index(), failure.cause());
  }
}
