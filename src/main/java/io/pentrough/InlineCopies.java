package io.pentrough;

/**
 * The thread that needs a copy runs it, on a device where a copy is run by its caller anyway. Which
 * thread that is depends on the size of a slot:
 *
 * <ul>
 *   <li>Small: a worker after its fill, or a consumer that gives a slot back. Its copy takes less
 *       time than waking another thread.
 *   <li>Medium: a consumer that waits for the batch. It would wait for the copy anyway, and the
 *       copy thread need not be woken in between.
 * </ul>
 *
 * <p>What these leave is the copy thread's: copies that wait for work of a consumer, and those that
 * nobody waits for.
 *
 * <p>With workers that copy, memcpy-small with 1 worker made 1.4 times as many batches in the
 * engine of 4165934. Consumers that copy gain a factor of 1.16 on augment_lut-cnn with 2 workers
 * (docs/performance.md, <em>What each trick gains</em>).
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
  public boolean published(boolean claimed, boolean canCopy) {
    if (small) {
      return copyAll(claimed ? Wake.NOW : Wake.NONE, Integer.MAX_VALUE);
    }
    if (canCopy && !leaveToConsumer()) {
      core.copySignal.wakeCopyThread();
    }
    return false;
  }

  private boolean leaveToConsumer() {
    synchronized (core) {
      boolean left = core.consumers.anyRests() && core.ledger.canCopy();
      if (left) {
        leftToConsumer = true;
        core.consumers.signal();
      }
      return left;
    }
  }

  @Override
  public void released(boolean canCopy) {
    if (canCopy && small) {
      // At most a ring: others may close and publish for as long as this thread copies.
      copyAll(Wake.NOW, core.ledger.device.slots.size());
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
   * @param wake for the first host slot that gets free
   * @param most how many batches; the copy thread copies the others
   * @return whether the caller has copied anything
   */
  private boolean copyAll(Wake wake, int most) {
    if (!turn.tryAcquire()) {
      return false; // the thread that has the turn looks again
    }
    int copies = 0;
    boolean mustAwait;
    boolean released;
    try {
      Wake next = wake;
      do {
        DeviceSlot slot = copies < most ? copier.next() : null;
        while (slot != null) {
          copies++;
          slot = copier.copy(slot, next, copies < most);
          next = Wake.NOW;
        }
        if (copier.complete(next)) {
          next = Wake.NOW;
        }
        mustAwait = copier.awaited() != null;
        released = turn.release();
      } while (!released && copies < most);
    } catch (Throwable t) {
      fail(t);
      return true;
    }
    if (!released) {
      turn.releaseAnyway();
    }
    if (mustAwait || !released || core.isStopped() || (copies == most && canCopy())) {
      core.copySignal.wakeCopyThread();
    }
    return copies > 0;
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
      moved |= copier.complete(Wake.NOW);
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
