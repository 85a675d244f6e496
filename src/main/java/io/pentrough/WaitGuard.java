package io.pentrough;

import java.util.NoSuchElementException;

/** Refuses waits of a consumer that nothing would end. Guarded by the {@link Core}. */
final class WaitGuard {

  private final Core core;

  WaitGuard(Core core) {
    this.core = core;
  }

  /** Throws if there will be no more batches, or none before the calling thread closes one. */
  void requireMoreToCome(long now) {
    assert Thread.holdsLock(core);
    if (core.ledger.order.isExhausted()) {
      if (core.ledger.isOver()) {
        core.stats.over(now);
      }
      throw new NoSuchElementException(
          core.settings.name()
              + " has no more batches: "
              + core.source.whyExhausted(core.stats.anyDelivered()));
    }
    requireSlotOfOthers();
  }

  /** Throws if the calling thread holds every slot, and so would wait for itself. */
  void requireSlotOfOthers() {
    assert Thread.holdsLock(core);
    int slots = core.ledger.device.slots.size();
    if (core.ledger.device.heldBy(Thread.currentThread()) == slots) {
      throw new AllSlotsHeldException(
          "this thread holds all "
              + slots
              + " device slots and would wait for itself: close a batch first, or raise deviceSlots."
              + " A batch belongs to the thread that called get. If other threads close it,"
              + " configure one more device slot than they hold at a time. A loop over batches() or"
              + " epoch() that is left early holds its last batch until that is closed");
    }
  }
}
