package io.pentrough;

import java.util.HashSet;
import java.util.Set;

/**
 * Who still uses a loader's memory, while it is being closed.
 *
 * <p>A thread that closes does not wait for what it holds itself, a lease or the worker it runs on,
 * nor for what others who are closing hold: they may be waiting for that. Guarded by the {@link
 * Core}.
 */
final class Holders {

  private final Core core;

  /** Who has called close(), ever. */
  private final Set<Thread> closers = new HashSet<>();

  Holders(Core core) {
    this.core = core;
  }

  /** The thread closes the loader. False if it has done so before. */
  boolean addCloser(Thread thread) {
    return closers.add(thread);
  }

  boolean isCloser(Thread thread) {
    return closers.contains(thread);
  }

  /** Whether nothing is held but by threads that are closing. */
  boolean areAllClosers() {
    assert Thread.holdsLock(core);
    int slots = 0;
    int closingWorkers = 0;
    for (Thread each : closers) {
      slots += slotsOf(each);
      closingWorkers += isWorker(each) ? 1 : 0;
    }
    return workersAlive() == closingWorkers && (core.isTerminated() || slotsInUse() == slots);
  }

  /** Whether no slot is in use and no worker is alive. */
  boolean isNothingHeld() {
    assert Thread.holdsLock(core);
    return slotsInUse() == 0 && workersAlive() == 0;
  }

  /** Whether a thread has a lease, or is a worker. */
  boolean holdsSomething(Thread thread) {
    synchronized (core) {
      return slotsOf(thread) > 0 || isWorker(thread);
    }
  }

  int workersAlive() {
    int alive = 0;
    for (WorkerState worker : core.workers) {
      alive += worker.isAlive() ? 1 : 0;
    }
    return alive;
  }

  private int slotsInUse() {
    int inUse = 0;
    for (HostSlot slot : core.ledger.host.slots) {
      inUse += slot.outOfUse ? 0 : 1;
    }
    for (DeviceSlot slot : core.ledger.device.slots) {
      inUse += slot.outOfUse ? 0 : 1;
    }
    return inUse;
  }

  /** How many slots are in the hands of a thread: leased, or being filled by it. */
  private int slotsOf(Thread thread) {
    int slots = core.ledger.device.heldBy(thread) * (core.settings.zeroCopy() ? 2 : 1);
    for (WorkerState worker : core.workers) {
      slots += worker.filling != null && worker.thread() == thread ? 1 : 0;
    }
    return slots;
  }

  private boolean isWorker(Thread thread) {
    for (WorkerState worker : core.workers) {
      if (worker.isAlive() && worker.thread() == thread) {
        return true;
      }
    }
    return false;
  }
}
