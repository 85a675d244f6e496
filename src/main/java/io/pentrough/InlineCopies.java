package io.pentrough;

/**
 * The thread that needs a copy runs it, on a device where a copy is run by its caller anyway. Which
 * thread that is depends on the size of a slot:
 *
 * <ul>
 *   <li>Small: a worker behind its fill, or a consumer that gives a slot back. Its copy takes less
 *       time than waking another thread.
 *   <li>Medium: a consumer that waits for the batch. It would wait for the copy anyway, and the
 *       copy thread need not be woken in between.
 * </ul>
 *
 * <p>What these leave is the copy thread's: copies that wait for work of a consumer, and those that
 * nobody waits for. Ablation: docs/performance.md, <em>What each trick gains</em>.
 */
final class InlineCopies extends StreamCopies {

  /** Slots up to this are small. */
  static final long SMALL_BYTES = 256 << 10;

  /** Up to this they are medium: the copy keeps a consumer about a millisecond past its timeout. */
  static final long MEDIUM_BYTES = 4 << 20;

  private final boolean small;

  /** Whether a copy was left to a consumer. */
  private volatile boolean leftToConsumer;

  InlineCopies(Core core, boolean small) {
    super(core);
    this.small = small;
  }

  @Override
  public void published(boolean claimed) {
    if (small) {
      copyAll(claimed);
    } else if (!leaveToConsumer()) {
      core.copySignal.wakeCopyThread();
    }
  }

  private boolean leaveToConsumer() {
    synchronized (core) {
      boolean left = core.consumers.anyRests() && core.ledger.canCopy();
      if (left) {
        leftToConsumer = true;
        core.consumers.tell();
      }
      return left;
    }
  }

  @Override
  public void released(boolean canCopy) {
    if (canCopy && small) {
      copyAll(true);
    } else if (canCopy) {
      core.copySignal.wakeCopyThread();
    }
  }

  @Override
  public boolean canHelp(boolean queued) {
    return !small && core.ledger.canCopy();
  }

  @Override
  public boolean help(long atMostNanos) {
    leftToConsumer = false;
    return copyOne();
  }

  @Override
  public void consumerLeaves() {
    if (leftToConsumer) {
      leftToConsumer = false;
      core.copySignal.wakeCopyThread();
    }
  }

  /**
   * Copies what there is, unless another thread does so.
   *
   * @param wakes whether to wake a worker for the first host slot that gets free: unless the caller
   *     is one that wants it
   */
  private void copyAll(boolean wakes) {
    if (!turn.tryAcquire()) {
      return; // the thread that has the turn looks again
    }
    boolean mustAwait;
    try {
      boolean any = wakes;
      do {
        DeviceSlot next = copier.next();
        while (next != null) {
          if (copier.runsAtOnce(next)) {
            next = copier.run(next, any, true);
          } else {
            copier.queue(next);
            next = copier.next();
          }
          any = true;
        }
        any |= copier.complete(any);
        mustAwait = copier.awaited() != null;
      } while (!turn.release());
    } catch (Throwable t) {
      fail(t);
      return;
    }
    if (mustAwait || core.isStopped()) {
      core.copySignal.wakeCopyThread();
    }
  }

  /** Copies the next batch; false if there was none, or another thread is at it. */
  private boolean copyOne() {
    if (!turn.tryAcquire()) {
      return false;
    }
    boolean moved = false;
    boolean mustAwait;
    boolean released = false;
    try {
      DeviceSlot next = copier.next();
      if (next != null) {
        copier.queue(next);
        moved = true;
      }
      moved |= copier.complete(true);
      mustAwait = copier.awaited() != null;
      released = turn.release();
    } catch (Throwable t) {
      fail(t);
      return true;
    }
    if (!released) {
      turn.releaseAnyway();
    }
    if (mustAwait || !released || canCopy() || core.isStopped()) {
      core.copySignal.wakeCopyThread();
    }
    return moved;
  }

  private boolean canCopy() {
    synchronized (core) {
      return core.ledger.canCopy();
    }
  }
}
