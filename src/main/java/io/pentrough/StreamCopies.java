package io.pentrough;

import io.pentrough.device.DeviceEvent;
import org.jspecify.annotations.Nullable;

/** What all strategies that copy share: the copier, who may use it, and the copy thread's part. */
abstract class StreamCopies implements CopyStrategy {

  final Core core;
  final Copier copier;
  final CopierTurn turn = new CopierTurn();

  private final boolean yields;

  // The copy thread's.

  /** What it waits for. */
  private @Nullable DeviceEvent awaited;

  private boolean hasTurn;

  StreamCopies(Core core) {
    this.core = core;
    copier = new Copier(core);
    yields = core.device.copiesInCaller();
  }

  @Override
  public final void begin() {
    copier.beginCalls();
  }

  @Override
  public final @Nullable WorkerState releasing(DeviceSlot slot, boolean hasRun, long now) {
    return core.workerSignaller.takeOwed();
  }

  @Override
  public Progress work() {
    hasTurn = turn.tryAcquire();
    if (!hasTurn) { // another thread has it, which looks again; or it has failed
      return turn.hasFailed() ? Progress.IDLE : Progress.WAITING;
    }
    boolean moved = false;
    while (hasTurn) {
      moved = copyNext();
      moved |= copier.complete(Wake.NOW);
      awaited = copier.awaited();
      hasTurn = !turn.release();
    }
    if (moved) {
      return Progress.MOVED;
    }
    return awaited == null ? Progress.IDLE : Progress.WAITING;
  }

  private boolean copyNext() {
    DeviceSlot next = copier.next();
    if (next != null) {
      copier.queue(next);
    }
    return next != null;
  }

  @Override
  @SuppressWarnings("ThreadPriorityCheck") // a matter of latency, not of correctness
  public void awaitWork(long atMostNanos) {
    DeviceEvent event = awaited;
    if (event == null) {
      core.time.park(this, atMostNanos);
      if (yields) {
        // The thread that woke this one, maybe onto its own core, goes on before a copy keeps the
        // core: a paced get + close then has a p99 of 132 us instead of 441 (memcpy-cnn).
        Thread.yield();
      }
    } else {
      awaitEnd(event);
    }
  }

  void awaitEnd(DeviceEvent event) {
    event.park(Core.POLL_NANOS);
  }

  @Override
  public void end() {
    copier.endCalls();
    hasTurn = hasTurn || turn.tryAcquireAfterFailure();
    while (!hasTurn) { // another thread has it
      core.park(this, Core.POLL_NANOS);
      hasTurn = turn.tryAcquireAfterFailure();
    }
    copier.abandon();
  }

  /** A thread that has the turn has failed. */
  final void fail(Throwable failure) {
    core.breakDown(failure); // first, so that nobody is given what the failure has left
    turn.releaseFailed();
    core.copySignal.wakeCopyThread();
  }
}
