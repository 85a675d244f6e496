package io.pentrough;

import io.pentrough.device.DeviceEvent;

/**
 * The copy thread queues every copy and sees its end: for a device that copies by itself, where a
 * call of the driver that blocks must hold up neither a {@code get} nor a {@code close}; and for
 * large slots of a device that does not, as their copy takes longer than waking a thread.
 *
 * <p>A consumer that waits may see the end of its copy first, see {@link CopyWatch}.
 */
final class QueuedCopies extends StreamCopies {

  QueuedCopies(Core core) {
    super(core);
  }

  @Override
  public boolean published(boolean claimed, boolean canCopy) {
    if (canCopy) {
      core.copySignal.wakeCopyThread();
    }
    return false;
  }

  @Override
  public void released(boolean canCopy) {
    if (canCopy) {
      core.copySignal.wakeCopyThread();
    }
  }

  @Override
  public boolean canHelp(boolean queued) {
    return !queued && !PoolWait.isNeeded() && beginWatch(CopyWatch.Way.CONSUMER);
  }

  private boolean beginWatch(CopyWatch.Way asWhom) {
    DeviceSlot slot = core.ledger.device.firstUnderCopy();
    return slot != null && core.consumers.watch.begin(asWhom, slot, core.memory(slot).ready);
  }

  @Override
  public boolean help(long atMostNanos) {
    try {
      if (core.consumers.watch.look(atMostNanos) && !see()) {
        core.consumers.watch.giveUp(); // the copy thread may be in a call of the driver for long
        core.copySignal.wakeCopyThread(); // to look after that
      }
    } catch (Throwable t) {
      core.breakDown(t);
    }
    return true;
  }

  /**
   * Sees the end of a copy, and queues nothing: the driver may block then.
   *
   * @return false if the copy thread is at it
   */
  private boolean see() {
    if (!turn.tryAcquireQuietly()) {
      return false;
    }
    boolean released;
    try {
      copier.complete(Wake.LATER); // a wake takes some ten microseconds, and the batch is awaited
      released = turn.release();
    } catch (Throwable t) {
      fail(t);
      return true;
    }
    if (!released) {
      turn.releaseAnyway();
      core.copySignal.wakeCopyThread();
    }
    return true;
  }

  @Override
  public void helped() {
    core.consumers.watch.ended();
    core.consumers.signalRunningCopy(); // another consumer may watch the next one
  }

  @Override
  public Progress work() {
    Progress progress = super.work();
    // Behind the look: what a watcher has put off before it gave the turn back is seen here.
    if (core.workerSignaller.areWakesOwed()) {
      synchronized (core) {
        core.workerSignaller.wakeOwed();
      }
    }
    return progress;
  }

  @Override
  void awaitEnd(DeviceEvent event) {
    CopyWatch watch = core.consumers.watch;
    if (beginWatchInCopyThread()) {
      try {
        watch.look(Core.POLL_NANOS);
      } finally {
        synchronized (core) {
          watch.ended();
        }
      }
    } else if (watch.isUnderWay()) {
      core.time.park(this, Math.min(Core.POLL_NANOS, watch.nanosUntilSeen()));
    } else {
      super.awaitEnd(event);
    }
  }

  private boolean beginWatchInCopyThread() {
    if (!core.consumers.watch.isDoneBy(CopyWatch.Way.COPY_THREAD)) { // no lock for each park
      return false;
    }
    synchronized (core) {
      return core.consumers.anyRestsForReady() && beginWatch(CopyWatch.Way.COPY_THREAD);
    }
  }

  @Override
  public void end() {
    super.end();
    while (core.consumers.watch.isUnderWay()) { // it was signalled, but may still ask an event
      core.park(this, Core.POLL_NANOS);
    }
  }
}
