package io.pentrough;

import io.pentrough.device.DeviceEvent;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The thread that queues copies and watches them, where no {@link Copier other} does, and in the
 * end gives all memory back.
 *
 * <p>On a device with copies of its own it is the only one: a driver call that blocks holds up
 * neither a {@code get} nor a {@code close}.
 */
final class CopyThread implements Runnable {

  /** A device that cannot wake us is asked about its events this often at the least. */
  private static final long PARK_NANOS = 1_000_000;

  /** A thread or a capture that ends wakes nobody: in the end, this often it is asked. */
  private static final long ENDED_NANOS = 10_000_000;

  final Thread thread;

  private final Engine engine;
  private final LoaderMemory memory;
  private final LeaseWatch leases;
  private final Copier copier;
  private final boolean copiesInCaller;

  /** Whether this thread is the one that may use the copier. Its own. */
  private boolean entered;

  CopyThread(
      Engine engine,
      LoaderMemory memory,
      LeaseWatch leases,
      String name,
      boolean handOver,
      boolean copiesAtOnce) {
    this.engine = engine;
    this.memory = memory;
    this.leases = leases;
    copier = new Copier(engine, memory, handOver, copiesAtOnce);
    copiesInCaller = engine.device().copiesInCaller();
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
      copier.beginCalls();
      try {
        pump();
      } finally {
        copier.endCalls();
      }
    } catch (Throwable t) {
      engine.breakDown(t);
    }
    try {
      while (!entered) { // a worker or a consumer may be there
        park(PARK_NANOS);
        entered = copier.enterAnyway();
      }
      copier.abandon();
      while (!engine.isClosing()) {
        park(Long.MAX_VALUE);
        engine.closeLeaked();
      }
      while (engine.watch.isUnderWay()) { // it has been told, but may still ask an event
        park(PARK_NANOS);
      }
      Reclaimer reclaimer = new Reclaimer(engine, memory);
      for (long rest = reclaimer.step(); rest > 0; rest = reclaimer.step()) {
        park(engine.mustLookAgain() ? Math.min(rest, ENDED_NANOS) : rest);
        engine.closeLeaked();
        engine.closeAbandonedLoops();
      }
    } catch (Throwable t) {
      engine.breakDown(t);
    } finally {
      engine.terminated();
    }
  }

  /** Until the loader stops and the last queued copy has run; has entered for good then. */
  @SuppressWarnings("ThreadPriorityCheck") // a matter of latency, not of correctness
  private void pump() {
    while (!copier.hasFailed()) {
      long untilLeaseOverdue = leases.look(); // also if there is always something to copy
      engine.closeLeaked();
      DeviceEvent awaited = null;
      boolean moved = false;
      entered = copier.enter();
      while (entered) {
        moved = copier.step(true, false);
        if (!moved && copier.isIdle() && engine.isStopped()) {
          return;
        }
        awaited = copier.awaited();
        entered = !copier.leave();
      }
      if (moved) {
        continue;
      }
      if (awaited != null && engine.beginWatch()) {
        try {
          engine.watch.look(PARK_NANOS);
        } finally {
          engine.endWatch();
        }
        Thread.interrupted(); // as in park()
      } else if (awaited != null && engine.watch.isUnderWay()) {
        park(Math.min(PARK_NANOS, engine.watch.nanosUntilSeen()));
      } else if (awaited != null) {
        awaited.park(PARK_NANOS);
        Thread.interrupted(); // as in park()
      } else {
        park(untilLeaseOverdue);
        if (copiesInCaller) { // for long; to queue one takes less than another turn to come
          Thread.yield(); // who has woken this thread, maybe onto its own core, goes on first
        }
      }
    }
  }

  /**
   * Copies what can be copied, in a worker that will claim the next slot, where that takes less
   * than waking this thread.
   *
   * @return false if another thread is at it; that one does it then
   */
  boolean copyAll() {
    boolean entered = enter();
    if (entered) {
      copyAll(null, false);
    }
    return entered;
  }

  /**
   * Whether the caller may copy now. If so, {@link #copyAll(DeviceSlot)} has to follow, or {@link
   * #leave}.
   */
  boolean enter() {
    return copier.enter();
  }

  /** Leaves without having looked what there is to do. */
  void leave() {
    copier.leaveAnyway();
    wake();
  }

  /**
   * The same, of a worker that has entered, and looked.
   *
   * @param reserved the first batch to copy; null if there is none
   */
  void copyAll(@Nullable DeviceSlot reserved) {
    copyAll(reserved, true);
  }

  private void copyAll(@Nullable DeviceSlot reserved, boolean hasLooked) {
    boolean watch;
    try {
      // The caller itself is there for the first host slot that gets free.
      boolean moved = hasLooked ? copier.step(reserved, false, true) : copier.step(false, true);
      boolean any = moved;
      while (true) {
        while (moved && !copier.isDone()) {
          moved = copier.step(true, true);
        }
        watch = needsWatching();
        if (copier.leave()) {
          break;
        }
        moved = copier.step(any, true);
        any |= moved;
      }
    } catch (Throwable t) {
      fail(t);
      return;
    }
    if (watch) {
      wake();
    }
  }

  /**
   * Copies the next batch, in a consumer that waits for it or has made room for it.
   *
   * @param more whether also what else there is, as much as a ring holds; this thread does the rest
   * @return whether there was anything to do, and nobody else at it
   */
  boolean copyOne(boolean more) {
    if (!copier.enter()) {
      return false;
    }
    int most = more ? memory.deviceSlots.size() : 1;
    boolean moved = false;
    boolean watch;
    boolean left;
    try {
      int steps = 0;
      do {
        boolean any = copier.step(true, false);
        moved |= any;
        watch = needsWatching();
        steps++;
        left = (!any || steps == most) && copier.leave();
      } while (!left && steps < most);
    } catch (Throwable t) {
      fail(t);
      return true;
    }
    if (!left) {
      copier.leaveAnyway();
    }
    if (watch || !left || engine.canCopy()) {
      wake();
    }
    return moved;
  }

  /**
   * Sees the end of a copy, in a consumer that has watched it. Queues nothing: the driver may block
   * then.
   *
   * @return whether nobody else was at it
   */
  boolean see() {
    if (!copier.enterIfFree()) {
      return false;
    }
    boolean left;
    try {
      copier.see();
      left = copier.leave();
    } catch (Throwable t) {
      fail(t);
      return true;
    }
    if (!left) {
      copier.leaveAnyway();
      wake();
    }
    return true;
  }

  private boolean needsWatching() {
    return copier.awaited() != null || engine.isStopped();
  }

  private void fail(Throwable failure) {
    engine.breakDown(failure); // first, so that nobody is given what the failure has left
    copier.leaveFailed();
    wake();
  }

  private void park(long nanos) {
    LockSupport.parkNanos(this, nanos);
    Thread.interrupted(); // somebody's interrupt would make every later park return at once
  }
}
