package io.pentrough;

import io.pentrough.device.DeviceStream;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One place of the device ring, as the {@link SlotLedger} sees it. Its memory is a {@link
 * DeviceSlotMemory}.
 */
final class DeviceSlot implements Delivery {

  enum State {
    /** A queued copy writes it. */
    COPYING,
    /** Waits for a consumer. */
    READY,
    /** A consumer's, until the lease is closed; a queued copy may still write it. */
    LEASED,
    /**
     * Given back too early to be reused: handed over without a copy, so that the host may not write
     * before the consumer's work has run; or its own copy is not known to have ended.
     */
    RETURNING,
    /** Its release could not be recorded: never used again. */
    LOST,
    /**
     * May be given to the next batch; work of its last consumer may still be queued, and the copy
     * waits for it (I2).
     */
    FREE
  }

  final int number;

  State state = State.FREE;
  long sinceNanos;

  /** Nobody uses it any more, after the end. Set under the monitor, by the thread that reads it. */
  boolean outOfUse;

  // The batch, from copy to free.
  long sequence;
  int epoch;
  long index;
  int generation;
  int worker;
  long order;
  @Nullable Thread holder;

  private volatile int leasesClosed;

  /** Whether the lease was got by a loop over the loader's batches. */
  boolean isInLoop;

  /** The stream of the lease. */
  @Nullable DeviceStream leasedFor;

  /** What a stage threw: told instead of the batch. */
  @Nullable Throwable failure;

  /** From the reservation for a copy until the host has seen it end. */
  boolean underCopy;

  /** The copy has been queued, so that a stream can wait for it. */
  boolean copyQueued;

  /** The copy has nothing left to wait for. */
  boolean copyBegun;

  /** Since when its copy has had nothing left to wait for, and when it was seen complete. */
  long copySinceNanos;

  long copiedNanos;

  /** Tells if the lease is lost; only with leak detection. */
  @Nullable LeakReport leakReport;

  boolean warnedOfLease;
  private @Nullable HostSlot source;

  DeviceSlot(int number) {
    this.number = number;
  }

  /**
   * The host slot the batch comes from; may have gone on to another batch once this one has been
   * copied.
   */
  HostSlot source() {
    return Objects.requireNonNull(source);
  }

  /** How many leases of this slot have been closed: an open one is the number that comes next. */
  int leasesClosed() {
    return leasesClosed;
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // under the monitor; a lease reads it without
  void leaseClosed() {
    leasesClosed++;
  }

  void comesFrom(HostSlot slot) {
    source = slot;
  }

  void enter(State next, long now) {
    state = next;
    sinceNanos = now;
  }
}
