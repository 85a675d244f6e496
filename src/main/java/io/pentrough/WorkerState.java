package io.pentrough;

import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * What a loader knows of one of its workers. Guarded by the {@link Core}, except the thread and
 * what is volatile.
 */
final class WorkerState {

  final int number;

  private @Nullable Thread thread;

  /** The slot whose target runs, from the claim until it is published. */
  @Nullable HostSlot filling;

  /** Since when it has been filling, or waiting for a slot. */
  long sinceNanos;

  /** Rests, or is about to, and has to be woken. */
  boolean parked;

  boolean started;
  boolean ended;

  /** Whether the thread runs the worker, or has done so. */
  volatile boolean begun;

  /** What has ended the thread, outside of the worker. */
  volatile @Nullable Throwable thrown;

  WorkerState(int number) {
    this.number = number;
  }

  /** Once, before the thread starts. */
  void runOn(Thread thread) {
    this.thread = thread;
  }

  boolean isOn(@Nullable Thread other) {
    return thread == other;
  }

  Thread thread() {
    return Objects.requireNonNull(thread);
  }

  /** The target runs on the slot from now on. */
  void fills(HostSlot slot, long now) {
    filling = slot;
    sinceNanos = now;
    slot.entry.reach(Trace.Step.FILL_STARTED, now);
  }

  boolean isAlive() {
    return started && !ended && thread().isAlive(); // a user's thread factory may make others
  }

  void wake() {
    LockSupport.unpark(thread);
  }
}
