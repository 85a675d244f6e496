package io.pentrough;

import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Names the leases that are held too long. The copy thread asks it each time round, which costs a
 * look at the clock, and nothing at all where nobody asked for the warning.
 *
 * <p>It needs no notice of new leases. A lease that is taken after a look becomes overdue no
 * earlier than the bound after that look, so it is enough to look again then.
 */
final class LeaseWatch {

  /** The answer where there is nothing to watch. */
  static final long NEVER = Long.MAX_VALUE;

  /** So that a tiny bound does not keep the copy thread from resting. */
  private static final long MIN_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

  private final long bound;
  private final boolean leakDetection;
  private final LongSupplier clock;
  private final Object monitor;
  private final List<DeviceSlot> slots;
  private final JobSource source;
  private final BiConsumer<String, @Nullable Throwable> warning;
  private long lookAt;

  /**
   * A watch that begins now.
   *
   * @param bound in nanoseconds; {@link #NEVER} to watch nothing
   * @param leakDetection whether a slot gets its leak report soon after it was leased
   * @param monitor guards the slots and the source
   * @param warning is given the words and, with leak detection, where the lease was taken; called
   *     without the monitor
   */
  LeaseWatch(
      long bound,
      boolean leakDetection,
      LongSupplier clock,
      Object monitor,
      List<DeviceSlot> slots,
      JobSource source,
      BiConsumer<String, @Nullable Throwable> warning) {
    this.bound = bound;
    this.leakDetection = leakDetection;
    this.clock = clock;
    this.monitor = monitor;
    this.slots = slots;
    this.source = source;
    this.warning = warning;
    lookAt = clock.getAsLong() + interval();
  }

  /**
   * Names what is overdue, each lease once; does nothing as long as nothing can be.
   *
   * @return the nanoseconds until it has to be asked again
   */
  long look() {
    if (bound == NEVER) {
      return NEVER;
    }
    long now = clock.getAsLong();
    if (now - lookAt >= 0) {
      long next = interval();
      for (int i = 0; i < slots.size(); i++) {
        next = Math.min(next, look(slots.get(i), now));
      }
      lookAt = now + next;
    }
    return lookAt - now;
  }

  /** How long until the slot's lease is overdue. */
  private long look(DeviceSlot slot, long now) {
    Thread holder;
    long held;
    String what;
    Throwable leasedAt;
    synchronized (monitor) {
      holder = slot.holder();
      if (holder == null || slot.warnedOfLease) {
        return NEVER;
      }
      held = now - slot.sinceNanos;
      if (held < bound) {
        return bound - held;
      }
      if (leakDetection && slot.leakReport == null) {
        return MIN_NANOS; // the lease is only being made
      }
      slot.warnedOfLease = true;
      leasedAt = slot.leakReport == null ? null : slot.leakReport.madeAt();
      what = source.describe(slot.epoch, slot.index);
    }
    warning.accept(
        what + " has been leased for " + Units.duration(held) + " by thread " + holder.getName(),
        leasedAt);
    return NEVER;
  }

  private long interval() {
    return Math.max(bound, MIN_NANOS);
  }
}
