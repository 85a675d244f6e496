package io.pentrough;

import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceStream;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The one thread that queues copies, watches them, and in the end gives all memory back.
 *
 * <p>That it is one thread keeps the copy stream in the order of delivery without a lock around the
 * driver, and a driver call that blocks holds up neither a {@code get} nor a {@code close}.
 */
final class CopyThread implements Runnable {

  /** A device that cannot wake us is asked about its events this often at the least. */
  private static final long PARK_NANOS = 1_000_000;

  final Thread thread;

  private final Engine engine;
  private final LoaderMemory memory;
  private final LeaseWatch leases;
  private final boolean handOver;

  /**
   * Device slots whose copy is queued, oldest first: a ring, as one stream completes its copies in
   * order. <em>Copied</em> comes before <em>ready</em> by a stage's length, so each has its own
   * place in it.
   */
  private final DeviceSlot[] inFlight;

  private long queued;

  /** How many have had nothing left to wait for: at most one more than have run. */
  private long begun;

  private boolean heldUp;
  private long copied;
  private long ready;

  private @Nullable DeviceEvent firstReturning;

  CopyThread(Engine engine, LoaderMemory memory, LeaseWatch leases, String name, boolean handOver) {
    this.engine = engine;
    this.memory = memory;
    this.leases = leases;
    this.handOver = handOver;
    inFlight = new DeviceSlot[memory.deviceSlots.size()];
    thread = new Thread(this, "pentrough-" + name + "-copy");
    thread.setDaemon(true);
  }

  /** Makes the thread look again; from any thread. */
  void wake() {
    LockSupport.unpark(thread);
  }

  @Override
  public void run() {
    try {
      engine.device().bindThread();
      pump();
    } catch (Throwable t) {
      engine.breakDown(t);
    }
    try {
      abandonCopies();
      while (!engine.isClosing()) {
        park(Long.MAX_VALUE);
      }
      reclaim();
    } catch (Throwable t) {
      engine.breakDown(t);
    } finally {
      engine.terminated();
    }
  }

  /** Until the loader stops and the last queued copy has run. */
  private void pump() {
    while (true) {
      long untilLeaseOverdue = leases.look(); // also if there is always something to copy
      DeviceSlot next = engine.startCopy();
      if (next != null) {
        queueCopy(next);
      }
      boolean completed = completeCopies();
      boolean returned = completeReturns();
      if (next != null || completed || returned) {
        continue;
      }
      if (copied == queued && ready == queued && engine.isStopped()) {
        return;
      }
      waitForWork(untilLeaseOverdue);
      Thread.interrupted(); // as in park()
    }
  }

  private void queueCopy(DeviceSlot to) {
    HostSlotMemory source = memory.hostSlots.get(to.source().number);
    DeviceSlotMemory target = memory.deviceSlots.get(to.number);
    inFlight[(int) (queued++ % inFlight.length)] = to;
    target.describe(source.filled());
    DeviceStream stream = memory.copyStream;
    DeviceEvent lastReleased = target.lastReleased;
    if (lastReleased != null) {
      stream.waitFor(lastReleased); // I2: work of the last consumer may still be queued
    }
    stream.copyToDevice(source.pinned, 0, target.buffer, 0, target.bytes);
    stream.record(source.copied);
    StageWorks stages = memory.stages;
    if (stages == null) {
      stream.record(target.ready);
    } else {
      queueStages(stages, to, source, target);
    }
    engine.queued(to);
  }

  /** On a stream of their own, so that the next copy flows meanwhile. */
  private void queueStages(
      StageWorks stages, DeviceSlot to, HostSlotMemory source, DeviceSlotMemory target) {
    stages.stream.waitFor(source.copied); // I9
    Throwable failure = stages.queue(to, target);
    if (failure != null) {
      engine.stageFailed(to, failure);
    }
    stages.stream.record(target.ready);
  }

  private boolean completeCopies() {
    boolean moved = false;
    while (copied < queued && copiedEvent(oldest(copied)).isComplete()) { // I1: asked by the host
      copied(oldest(copied));
      moved = true;
    }
    if (copied < queued) {
      watchNext(oldest(copied));
    }
    while (ready < copied && readyEvent(oldest(ready)).isComplete()) {
      engine.ready(oldest(ready++));
      moved = true;
    }
    return moved;
  }

  private void copied(DeviceSlot slot) {
    if (begun == copied) {
      begins(slot);
    }
    engine.copied(slot);
    copied++;
  }

  /** For the statistics: whether the copy runs, or waits for work of a consumer. */
  private void watchNext(DeviceSlot slot) {
    if (begun > copied) {
      return;
    }
    DeviceEvent released = memory.deviceSlots.get(slot.number).lastReleased;
    if (released == null || released.isComplete()) {
      begins(slot);
    } else if (!heldUp) {
      heldUp = true;
      engine.copyHeldUp();
    }
  }

  private void begins(DeviceSlot slot) {
    engine.copyBegins(slot, heldUp);
    heldUp = false;
    begun++;
  }

  /** Slots handed over without a copy go back to the workers once the consumers' work has run. */
  private boolean completeReturns() {
    boolean moved = false;
    firstReturning = null;
    List<DeviceSlot> slots = handOver ? engine.deviceSlots() : List.of();
    for (int i = 0; i < slots.size(); i++) { // an iterator would be heap for each batch (I6)
      DeviceSlot slot = slots.get(i);
      if (!engine.is(slot, DeviceSlot.State.RETURNING)) {
        continue;
      }
      DeviceSlotMemory held = memory.deviceSlots.get(slot.number);
      DeviceEvent released = held.lastReleased;
      if (released == null || released.isComplete()) {
        held.lastReleased = null;
        engine.returned(slot);
        moved = true;
      } else if (firstReturning == null) {
        firstReturning = released;
      }
    }
    return moved;
  }

  private void waitForWork(long untilLeaseOverdue) {
    DeviceEvent returning = firstReturning;
    if (copied < queued) {
      copiedEvent(oldest(copied)).park(PARK_NANOS);
    } else if (ready < queued) {
      readyEvent(oldest(ready)).park(PARK_NANOS);
    } else if (returning != null) {
      returning.park(PARK_NANOS);
    } else {
      park(untilLeaseOverdue);
    }
  }

  /**
   * After a failure: waits for what the device still runs; a stream that answers with a failure
   * runs nothing any more.
   */
  private void abandonCopies() {
    if (ready == queued) {
      return;
    }
    try {
      memory.copyStream.synchronize();
      if (memory.stages != null) {
        memory.stages.synchronize();
      }
    } catch (Throwable t) {
      engine.breakDown(t);
    }
    while (copied < queued) {
      copied(oldest(copied));
    }
    while (ready < queued) {
      engine.abandoned(oldest(ready++));
    }
  }

  /** Frees each slot as soon as nobody uses it any more, however long that takes (I7). */
  private void reclaim() {
    while (true) {
      int left = 0;
      int lost = 0;
      boolean polling = false;
      for (DeviceSlot slot : engine.deviceSlots()) {
        DeviceSlotMemory held = memory.deviceSlots.get(slot.number);
        if (held.freed) {
          continue;
        }
        if (engine.is(slot, DeviceSlot.State.LOST)) {
          lost++;
        } else if (!engine.isGivenBack(slot)) {
          left++;
        } else if (!isOver(slot, held)) {
          left++;
          polling = true;
        } else {
          engine.returned(slot);
          memory.free(slot.number, held);
          engine.freed(slot);
        }
      }
      for (HostSlot slot : engine.hostSlots()) {
        HostSlotMemory held = memory.hostSlots.get(slot.number);
        if (held.freed) {
          continue;
        }
        if (engine.is(slot, HostSlot.State.FREE)) {
          memory.free(slot.number, held);
          engine.freed(slot);
        } else if (!engine.is(slot, HostSlot.State.LENT)) { // else counted with its device slot
          left++;
        }
      }
      if (left == 0 && lost == 0) {
        memory.freeStreams();
        return;
      }
      if (left == 0) {
        recoverLost(); // last, as nobody knows how long its stream will take
      } else if (polling) {
        park(PARK_NANOS);
      } else {
        park(Long.MAX_VALUE);
      }
    }
  }

  private void recoverLost() {
    for (DeviceSlot slot : engine.deviceSlots()) {
      DeviceSlotMemory held = memory.deviceSlots.get(slot.number);
      DeviceStream stream = held.lostOn;
      if (stream == null || held.freed) {
        continue;
      }
      try {
        stream.synchronize();
        engine.returned(slot);
      } catch (Throwable t) {
        memory.leave(slot.number, held, t);
      }
    }
  }

  /** Whether no consumer's work uses the slot any more. If nobody can tell, it is left for good. */
  private boolean isOver(DeviceSlot slot, DeviceSlotMemory held) {
    DeviceEvent released = held.lastReleased;
    try {
      return released == null || released.isComplete();
    } catch (DeviceException e) {
      return true; // a mark that has failed will not run any more either
    } catch (Throwable t) {
      memory.leave(slot.number, held, t);
      return false;
    }
  }

  private void park(long nanos) {
    LockSupport.parkNanos(this, nanos);
    Thread.interrupted(); // somebody's interrupt would make every later park return at once
  }

  private DeviceSlot oldest(long position) {
    return inFlight[(int) (position % inFlight.length)];
  }

  private DeviceEvent copiedEvent(DeviceSlot slot) {
    return memory.hostSlots.get(slot.source().number).copied;
  }

  private DeviceEvent readyEvent(DeviceSlot slot) {
    return memory.deviceSlots.get(slot.number).ready;
  }
}
