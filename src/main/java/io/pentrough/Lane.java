package io.pentrough;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** One loader of a {@link ParallelLoader}, and what the step in the making has from it. */
final class Lane {

  final Engine engine;
  private final Share share;

  // Guarded by the Lockstep.

  /** Has been delivered, and belongs to nobody: a step gets it, or it is given back. */
  @Nullable DeviceBatch held;

  /** How many steps have waited for this one. */
  long waitedFor;

  /** How many batches were given back, as another device had none for their step. */
  long dropped;

  Lane(Engine engine, Share share) {
    this.engine = engine;
    this.share = share;
  }

  String name() {
    return engine.core.settings.name();
  }

  /** Compares the steps of what both hold. All lanes have equally many steps in each epoch. */
  int compareSteps(Lane other) {
    DeviceBatch mine = Objects.requireNonNull(held);
    DeviceBatch its = Objects.requireNonNull(other.held);
    return mine.epoch() == its.epoch()
        ? Long.compare(step(mine), other.step(its))
        : Integer.compare(mine.epoch(), its.epoch());
  }

  private long step(DeviceBatch batch) {
    long place = batch.isRepeat() ? share.length() + batch.index() : batch.index();
    return share.step(batch.epoch(), place);
  }
}
