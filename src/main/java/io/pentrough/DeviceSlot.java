package io.pentrough;

import io.pentrough.device.DeviceStream;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * One place of the device ring, as the {@link SlotLedger} sees it. Its memory is a {@link
 * DeviceSlotMemory}.
 */
final class DeviceSlot extends RingSlot<DeviceSlot.State> implements Outcome {

  enum State {
    /** A queued copy writes it. */
    COPYING,
    /** Waits for a consumer. */
    READY,
    /** A consumer's, until the lease is closed; a queued copy may still write it. */
    LEASED,
    /**
     * Given back too early to be reused: it is mapped, and the host must not write before the
     * consumer's work has run; or its own copy is not known to have ended.
     */
    RETURNING,
    /** Its release could not be recorded: never used again. */
    POISONED,
    /**
     * May be given to the next batch; work of its last consumer may still be queued, and the copy
     * waits for it (I2).
     */
    FREE
  }

  private @Nullable Thread holder;

  /** How many leases of this slot have been closed. */
  private final AtomicInteger leasesClosed = new AtomicInteger();

  /** The number of the last lease that was taken: it is open until so many have been closed. */
  private int lease = -1;

  /** Whether the lease was got by a loop over the loader's batches. */
  boolean isInLoop;

  /** The stream of the lease. */
  @Nullable DeviceStream leasedFor;

  /** From the reservation for a copy until the host has seen it end. */
  boolean underCopy;

  /** The copy has been queued, so that a stream can wait for it. */
  boolean copyQueued;

  /** The copy has nothing left to wait for. */
  boolean copyBegun;

  /** Since when its copy has had nothing left to wait for, and when it was seen complete. */
  long copySinceNanos;

  long copiedNanos;

  /** Reports a lost lease; only with leak detection. */
  @Nullable LeakReport leakReport;

  boolean warnedOfLease;
  private @Nullable HostSlot source;

  DeviceSlot(int number) {
    super(number, State.FREE);
  }

  /**
   * The host slot the batch comes from; may have gone on to another batch once this one has been
   * copied.
   */
  HostSlot source() {
    return Objects.requireNonNull(source);
  }

  /** A thread takes the batch: whose lease it is, until {@link #closeLease}. */
  void leaseTo(Thread thread) {
    lease = leasesClosed.get();
    holder = thread;
  }

  /** The open lease belongs to another thread from now on. */
  void passTo(Thread thread, long now) {
    holder = thread;
    sinceNanos = now;
  }

  /** The number of the last lease, which distinguishes it from earlier ones of this slot. */
  int lease() {
    return lease;
  }

  /** Whether nobody has closed the lease. From any thread. */
  boolean isOpen(int lease) {
    return leasesClosed.get() == lease;
  }

  /** Whether the caller is the one who closes the lease. From any thread. */
  boolean closeLease(int lease) {
    return leasesClosed.compareAndSet(lease, lease + 1);
  }

  /** The thread that has the lease; null if none is open, or it is kept for a step. */
  @Nullable Thread holder() {
    return isOpen(lease) ? holder : null;
  }

  void forgetHolder() {
    holder = null;
  }

  /** The copy has nothing left to wait for. */
  void copyBegins(long now) {
    copySinceNanos = now;
    copyBegun = true;
    entry.reach(Trace.Step.COPY_STARTED, now);
  }

  /** The copy was seen complete. */
  void copied(long now) {
    copiedNanos = now;
    entry.reach(Trace.Step.COPIED, now);
  }

  /** The host slot's batch stands here from now on, or will. */
  void takeOver(HostSlot from, int generation) {
    source = from;
    sequence = from.sequence;
    epoch = from.epoch;
    index = from.index;
    isRepeat = from.isRepeat;
    worker = from.worker;
    order = from.order;
    this.generation = generation;
    TraceEntry unused = entry;
    entry = from.entry;
    entry.deviceSlot = number;
    from.entry = unused;
    copyQueued = false;
    copyBegun = false;
  }

  void free(long now) {
    failure = null;
    enter(State.FREE, now);
  }
}
