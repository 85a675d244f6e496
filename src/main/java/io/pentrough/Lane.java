package io.pentrough;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** One loader of a {@link ParallelLoader}, and what the step in the making has from it. */
final class Lane {

  final Engine engine;
  private final Share share;

  /** Where it started. */
  private final Position start;

  // Guarded by the LaneGroup.

  /** Has been delivered, and belongs to nobody: a step gets it, or it is given back. */
  private @Nullable DeviceBatch held;

  /** Whether that was taken as soon as its copy was queued. */
  private boolean takenQueued;

  /** The step of its epoch that it belongs to. */
  private long step;

  /** How many steps have waited for this one. */
  long waitedFor;

  /** How many batches were given back, as another device had none for their step. */
  long dropped;

  Lane(Engine engine, Share share) {
    this.engine = engine;
    this.share = share;
    start = engine.position();
  }

  String name() {
    return engine.core.settings.name();
  }

  @Nullable DeviceBatch held() {
    return held;
  }

  void hold(DeviceBatch batch, boolean queued) {
    held = batch;
    takenQueued = queued;
    long place = batch.isRepeat() ? share.length() + batch.index() : batch.index();
    step = share.step(batch.epoch(), place);
  }

  void forget() {
    held = null;
  }

  /** Whether the copy of what it holds may still be under way. */
  boolean mayBeUnderCopy() {
    return held != null && takenQueued;
  }

  /** Compares the steps of what both hold. All lanes have equally many steps in each epoch. */
  int compareSteps(Lane other) {
    DeviceBatch mine = Objects.requireNonNull(held);
    DeviceBatch its = Objects.requireNonNull(other.held);
    return mine.epoch() == its.epoch()
        ? Long.compare(step, other.step)
        : Integer.compare(mine.epoch(), its.epoch());
  }

  Position start() {
    return start;
  }

  long step() {
    return step;
  }

  /** Whether it has delivered all up to a step when it has delivered that: also when it started. */
  boolean startedInOrder() {
    return start.delivered().isEmpty();
  }

  /** Where it is when it has delivered all up to a step, and has {@link #startedInOrder()}. */
  Position behind(int epoch, long last) {
    return start.movedTo(epoch, share.place(epoch, last + 1));
  }
}
