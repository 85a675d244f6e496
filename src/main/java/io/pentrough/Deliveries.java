package io.pentrough;

import java.util.List;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;

/**
 * What comes next in the order of delivery: a batch, a failure in its place, or the end of an
 * epoch. Skips what the {@linkplain Skips policies} leave out. Guarded by the {@link Core}.
 */
final class Deliveries {

  private final Core core;
  private final Skips skips;

  /**
   * The epoch of the last batch that was delivered, or the one after the last epoch that a loop has
   * seen the end of.
   */
  private int epoch;

  Deliveries(Core core, Skips skips) {
    this.core = core;
    this.skips = skips;
    synchronized (core) {
      epoch = core.source.nextEpoch(core.ledger.order.lowestOpen());
    }
  }

  /**
   * The epoch that a loop over one epoch is for. If only the target knows where an epoch ends, it
   * ends for loops when one of them has seen that. Otherwise it would depend on how far the workers
   * are whether an epoch without a batch gets a loop.
   */
  int nextEpoch() {
    assert Thread.holdsLock(core);
    return core.source.knowsEpochs()
        ? core.source.nextEpoch(core.ledger.order.lowestOpen())
        : epoch;
  }

  /**
   * Takes the batch that is to be delivered next, or the failure in its place; null if neither is
   * there.
   *
   * @param lastEpoch nothing of a later epoch is taken
   * @param queued whether a batch whose copy is only queued is enough
   * @throws NoSuchElementException if the last epoch is over
   */
  @Nullable Outcome take(int lastEpoch, boolean queued, long now) {
    assert Thread.holdsLock(core);
    SlotLedger ledger = core.ledger;
    DeviceSlot slot;
    while (true) {
      if (ledger.freeEmpty(now)) {
        core.copySignal.mayCopy();
        core.workerSignaller.wakeAll();
        core.windowMayHaveMoved();
      }
      requireEpoch(lastEpoch);
      Failure failure = ledger.takeFailure(now);
      if (failure == null) {
        slot = ledger.device.nextBatch(queued);
        if (slot == null || isAllowed(slot)) {
          break;
        }
        continue; // it is a failure now
      }
      epoch = Math.max(epoch, failure.epoch());
      core.copySignal.mayCopy();
      core.workerSignaller.wakeOne(); // a host slot is free
      core.copySignal.wakeCopyThread(); // or a device slot, where a stage has failed
      core.windowMayHaveMoved(); // a queue has room for another job, and nobody else will say so
      if (failure.cause() instanceof BadBatch batch) {
        failure = skips.ofBadBatch(failure, batch.badSamples());
      }
      if (failure != null && !skips.leavesOut(failure)) {
        return failure;
      }
      core.trace.skipped();
    }
    if (slot != null) {
      ledger.take(slot, Thread.currentThread(), now);
      epoch = Math.max(epoch, slot.epoch);
      List<BadSample> bad = core.memory(slot).badSamples;
      if (!bad.isEmpty()) {
        skips.leftOut(slot.epoch, slot.index, bad);
      }
      core.memory(slot).fence.beginLease();
      core.windowMayHaveMoved();
    }
    return slot;
  }

  /** Whether the next batch may be delivered; else it fails from now on. */
  private boolean isAllowed(DeviceSlot next) {
    List<BadSample> bad = core.memory(next).badSamples;
    if (skips.allows(bad)) {
      return true;
    }
    core.ledger.device.refuse(next, skips.tooMany(bad));
    return false;
  }

  private void requireEpoch(int lastEpoch) {
    if (lastEpoch < core.source.nextEpoch(core.ledger.order.lowestOpen())) {
      epoch = Math.max(epoch, lastEpoch + 1);
      throw new NoSuchElementException("epoch " + lastEpoch + " is over");
    }
  }
}
