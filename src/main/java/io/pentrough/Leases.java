package io.pentrough;

import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceStream;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/**
 * A batch in the hands of a consumer, from when it is taken until its <em>released</em> event has
 * been recorded (I2).
 *
 * <p>A lease is closed by the first thread whose {@link DeviceSlot#closeLease} succeeds: one that
 * calls {@code close}, the loader's {@code close} for a loop that was left early, or the copy
 * thread for a lease that was collected unclosed. That thread records the event, without the lock,
 * and then gives the slot back. In between nobody holds the slot and nobody can have it.
 */
final class Leases {

  private final Core core;
  private final CopyStrategy copies;
  private final Reports reports;
  private final Queue<CollectedLease> collected = new ConcurrentLinkedQueue<>();

  Leases(Core core, CopyStrategy copies, Reports reports) {
    this.core = core;
    this.copies = copies;
    this.reports = reports;
  }

  /**
   * Makes the lease show the batch it has taken.
   *
   * @param queued whether the batch's copy may still run, and the lease's stream waits for it
   */
  void open(DeviceBatch lease, DeviceSlot slot, boolean queued) {
    if (!lease.isOpen()) { // by a listener for skipped batches that has closed the loader
      throw core.closedException();
    }
    DeviceSlotMemory held = core.memory(slot);
    try {
      if (queued) {
        lease.stream().waitFor(held.ready);
      }
      lease.of(held);
      LeakReport report = lease.isForStep() ? null : watchForLeak(lease, slot);
      if (report != null) {
        synchronized (core) {
          slot.leakReport = report;
        }
      }
    } catch (Throwable t) {
      slot.closeLease(lease.number());
      synchronized (core) {
        core.ledger.device.release(slot, core.time.now()); // nobody has used it
      }
      core.breakDown(t);
      throw t;
    }
  }

  private @Nullable LeakReport watchForLeak(DeviceBatch lease, DeviceSlot slot) {
    return core.settings.leakDetection()
        ? lease.watchForLeak(
            core.settings.name(), new CollectedLease(this, slot, lease.number(), lease.stream()))
        : null;
  }

  /**
   * Closing a batch: does nothing if it is closed already. Refuses to close one whose release would
   * be written down instead of recorded.
   */
  void close(DeviceBatch lease, DeviceSlot slot) {
    boolean begun = core.device.beginCalls();
    try {
      if (isCapturing(lease.stream())) {
        throw capturedException();
      }
      if (slot.closeLease(lease.number())) {
        release(slot, lease.stream());
      }
    } finally {
      core.device.endCalls(begun);
    }
    reports.reportToFlightRecorder();
  }

  /** Closes a lease in place of its holder. */
  private void close(DeviceSlot slot, int number, DeviceStream stream) {
    if (!slot.closeLease(number)) {
      return; // another thread has done so
    }
    try {
      release(slot, stream);
    } catch (Throwable t) { // an Error too: the caller has more to give back
      // The loader is broken by it, and has said so.
    }
  }

  /** Records <em>released</em> behind the consumer's work, then lets the slot be reused (I2). */
  private void release(DeviceSlot slot, DeviceStream stream) {
    DeviceSlotMemory held = core.memory(slot);
    DeviceEvent released = held.fence.next();
    try {
      stream.record(released);
    } catch (Throwable t) {
      synchronized (core) {
        forgetReport(slot);
        held.lostOn = stream;
        core.ledger.device.poison(slot, core.time.now());
      }
      core.breakDown(t);
      throw t;
    }
    boolean hasRun = copies.hasRun(released);
    boolean canCopy;
    WorkerState worker;
    synchronized (core) {
      forgetReport(slot);
      held.fence.recorded(released);
      long now = core.time.now();
      core.ledger.device.release(slot, now);
      worker = copies.releasing(slot, hasRun, now);
      if (core.ledger.isOver()) {
        core.stats.over(now);
      }
      core.copySignal.mayCopy();
      canCopy = core.ledger.canCopy();
    }
    WorkerSignaller.wake(worker);
    if (!hasRun) {
      copies.released(canCopy);
    }
    if (core.isStopped()) {
      core.copySignal.wakeCopyThread(); // to free the slot
    }
  }

  private static void forgetReport(DeviceSlot slot) {
    LeakReport report = slot.leakReport;
    if (report != null) {
      slot.leakReport = null;
      report.closed();
    }
  }

  /** From now on the lease belongs to the calling thread. */
  void passToCaller(DeviceBatch lease, DeviceSlot slot) {
    Thread caller = Thread.currentThread();
    if (slot.holder() == caller) { // it got the lease itself
      return;
    }
    synchronized (core) {
      if (lease.isOpen()) {
        slot.passTo(caller, core.time.now());
      }
    }
  }

  /**
   * The step that a lease was taken for is complete: it is the calling thread's from now on, unless
   * the loader has been closed.
   *
   * @param inLoop whether the loader's {@code close} closes it, if the loop is left early
   */
  void handOver(DeviceBatch lease, DeviceSlot slot, boolean inLoop, long now) {
    LeakReport report = watchForLeak(lease, slot);
    synchronized (core) {
      if (lease.isOpen()) {
        slot.leakReport = report;
        slot.isInLoop = inLoop;
        slot.passTo(Thread.currentThread(), now);
        return;
      }
    }
    if (report != null) {
      report.closed();
    }
  }

  /**
   * Closes what loops that were left early still hold: those of the caller, and of threads that
   * have ended. Another thread may be about to queue work on its batch.
   */
  void closeAbandonedLoops() {
    for (int i = 0; i < core.ledger.device.slots.size(); i++) {
      DeviceSlot slot = core.ledger.device.slots.get(i);
      DeviceStream stream;
      int number;
      synchronized (core) {
        stream = isAbandoned(slot) ? slot.leasedFor : null;
        number = slot.lease();
      }
      if (stream != null && !isCapturing(stream)) {
        close(slot, number, stream);
      }
    }
  }

  private static boolean isAbandoned(DeviceSlot slot) {
    Thread holder = slot.holder();
    return slot.isInLoop
        && holder != null
        && (holder == Thread.currentThread() || !holder.isAlive());
  }

  /** A lease was collected unclosed: on the cleaner's thread, which may not wait for a driver. */
  private record CollectedLease(Leases leases, DeviceSlot slot, int number, DeviceStream stream)
      implements Runnable {
    @Override
    public void run() {
      leases.collected.add(this);
      leases.core.copySignal.wakeCopyThread();
    }
  }

  /** Closes the leases that were collected unclosed. */
  void closeCollected() {
    CollectedLease lease = collected.peek();
    while (lease != null && !isCapturing(lease.stream)) {
      collected.remove();
      close(lease.slot, lease.number, lease.stream);
      lease = collected.peek();
    }
  }

  /**
   * Whether there may be something to do later for {@link #closeAbandonedLoops} or {@link
   * #closeCollected}, which no signal will announce.
   */
  boolean mustLookAgain() {
    if (!collected.isEmpty()) {
      return true;
    }
    synchronized (core) {
      for (int i = 0; i < core.ledger.device.slots.size(); i++) {
        DeviceSlot slot = core.ledger.device.slots.get(i);
        if (slot.isInLoop && slot.holder() != null) {
          return true;
        }
      }
      return false;
    }
  }

  /** The position at an earlier moment, see {@link DeviceBatch#position()}. */
  Position position(long lowestOpen, long deliveries) {
    synchronized (core) {
      return core.source.position(
          lowestOpen, core.ledger.order.deliveredAbove(lowestOpen, deliveries).toArray());
    }
  }

  private static boolean isCapturing(DeviceStream stream) {
    try {
      return stream.isCapturing();
    } catch (RuntimeException e) {
      return false; // recording the release will fail, and say so
    }
  }

  /** What a capture writes down would run again and again, on memory that is reused by then. */
  static StreamCapturingException capturedException() {
    return new StreamCapturingException(
        "the stream is being captured into a graph: get and close batches outside the capture"
            + " (copy what the graph shall read into a buffer of your own)");
  }
}
