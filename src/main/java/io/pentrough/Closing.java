package io.pentrough;

import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The end of a loader: stops everybody, waits within a bound for what is in use, and leaves the
 * rest to the last user (I7). The copy thread gives the memory back.
 *
 * <p>A thread that closes does not wait for what it holds itself ({@link Holders}). Loaders that
 * are closed together count as one in this.
 */
final class Closing {

  /** A device that takes longer to take memory back than this waits for somebody. */
  private static final long SLOW_FREE_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** Also if the time is over: a thread that has nothing more to do needs less. */
  private static final long MIN_JOIN_MILLIS = 100;

  private final Core core;
  private final Leases leases;
  private final Reports reports;
  private final Thread copyThread;
  private final Holders holders;

  // Guarded by the core.

  private boolean reported;
  private boolean slowFreeReported;

  Closing(Core core, Leases leases, Reports reports, Thread copyThread) {
    this.core = core;
    this.leases = leases;
    this.reports = reports;
    this.copyThread = copyThread;
    holders = new Holders(core);
  }

  /**
   * Closes loaders within one time, which begins now for all of them: each waits for what is its
   * own until its own bound. A second call does nothing. Ignores interrupts but keeps the flag.
   */
  static void close(List<Closing> loaders) {
    if (!PoolWait.isNeeded()) {
      closeHere(loaders);
      return;
    }
    try {
      PoolWait.<Void>run(
          () -> {
            closeHere(loaders);
            return null;
          });
    } catch (InterruptedException e) { // not by what waits
      Thread.currentThread().interrupt();
    }
  }

  private static void closeHere(List<Closing> loaders) {
    if (loaders.isEmpty()) {
      return;
    }
    Thread caller = Thread.currentThread();
    long started = loaders.get(0).core.time.now();
    List<Closing> open = new ArrayList<>();
    for (Closing loader : loaders) { // first of all, so that none goes on while others are awaited
      if (loader.begin(caller, started)) {
        open.add(loader);
      }
    }
    for (Closing loader : loaders) {
      loader.leases.closeAbandonedLoops(); // the copy thread closes those of threads that end later
    }
    boolean interrupted = false;
    for (Closing loader : open) {
      LoaderOptions settings = loader.core.settings;
      if (settings.interruptTargets()) {
        boolean elsewhere = holdsElsewhere(caller, open, loader);
        interrupted |= loader.awaitEnd(started, settings.closeTimeoutNanos() / 2, elsewhere);
      }
    }
    for (Closing loader : open) {
      if (loader.core.settings.interruptTargets()) {
        loader.interruptTargets(holdsElsewhere(caller, open, loader));
      }
    }
    for (Closing loader : open) {
      boolean elsewhere = holdsElsewhere(caller, open, loader);
      interrupted |= loader.awaitEnd(started, loader.core.settings.closeTimeoutNanos(), elsewhere);
      interrupted |= loader.joinThreads(started);
      loader.report(elsewhere);
    }
    if (interrupted) {
      caller.interrupt();
    }
  }

  /** Whether there is something to wait for; all that the caller holds counts as closing. */
  private boolean begin(Thread caller, long started) {
    synchronized (core) {
      if (reported) {
        return false;
      }
      if (holders.addCloser(caller)) {
        core.notifyAll(); // who closes already does not wait for what this thread holds
      }
      core.beginClosing(started);
      return true;
    }
  }

  /** Whether the thread holds something of another one of these loaders. */
  private static boolean holdsElsewhere(Thread thread, List<Closing> loaders, Closing loader) {
    for (Closing other : loaders) {
      if (other != loader && other.holders.holdsSomething(thread)) {
        return true;
      }
    }
    return false;
  }

  /**
   * Waits until all is given back but what the caller itself holds, and says so if the device is
   * slow to take memory back; returns whether it was interrupted meanwhile.
   *
   * @param elsewhere whether the caller holds something of a loader that it closes together with
   *     this one
   */
  private boolean awaitEnd(long started, long bound, boolean elsewhere) {
    Thread caller = Thread.currentThread();
    boolean interrupted = false;
    String slow;
    do {
      slow = null;
      synchronized (core) {
        while (slow == null && !hasNothingToWaitFor(caller, elsewhere)) {
          long now = core.time.now();
          long left = bound - (now - started);
          if (left <= 0) {
            break;
          }
          slow = takeSlowFree(now);
          if (slow == null) {
            try {
              core.time.await(core, Math.min(left, SLOW_FREE_NANOS));
            } catch (InterruptedException e) {
              interrupted = true;
            }
          }
        }
      }
      if (slow != null) {
        core.log(Level.WARNING, "close() is held up: " + describe(slow), null);
      }
    } while (slow != null);
    return interrupted;
  }

  /** What the device has not taken back for long; null if nothing, or if that was reported. */
  private @Nullable String takeSlowFree(long now) {
    String asked = core.memory.asked();
    if (slowFreeReported || asked == null || now - core.memory.askedNanos() < SLOW_FREE_NANOS) {
      return null;
    }
    slowFreeReported = true;
    return asked;
  }

  private String describe(String asked) {
    double seconds = (core.time.now() - core.memory.askedNanos()) / 1e9;
    return "%s has not taken back %s since it was asked %.3f s ago."
            .formatted(core.device.name(), asked, seconds)
        + " No work of this loader is queued any more, but a driver may wait for all work in its"
        + " context before it frees memory: look for a kernel or a stream of others that does not"
        + " come to an end";
  }

  /**
   * Waits for the last instructions of threads that have ended; true if interrupted meanwhile. A
   * user's thread factory may have given a worker's thread more to do, so this has a bound, too.
   */
  private boolean joinThreads(long started) {
    List<Thread> ending = new ArrayList<>();
    synchronized (core) {
      for (WorkerState worker : core.workers) {
        if (worker.ended) {
          ending.add(worker.thread());
        }
      }
      if (core.isTerminated()) {
        ending.add(copyThread);
      }
    }
    boolean interrupted = false;
    for (Thread thread : ending) {
      boolean joined = false;
      while (!joined) {
        try {
          long left = core.settings.closeTimeoutNanos() - (core.time.now() - started);
          thread.join(Math.max(MIN_JOIN_MILLIS, left / 1_000_000));
          joined = true;
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    return interrupted;
  }

  /**
   * Whether a thread that closes has nothing to wait for any more.
   *
   * @param elsewhere as for {@link #awaitEnd}
   */
  private boolean hasNothingToWaitFor(Thread closer, boolean elsewhere) {
    if (elsewhere || holders.holdsSomething(closer)) {
      return holders.areAllClosers();
    }
    return core.isTerminated() && holders.workersAlive() == 0;
  }

  /** Unless there is nothing to wait for any more; a target that is closing itself is let be. */
  private void interruptTargets(boolean elsewhere) {
    synchronized (core) {
      if (hasNothingToWaitFor(Thread.currentThread(), elsewhere)) {
        return;
      }
      for (WorkerState worker : core.workers) {
        if (worker.filling != null && !holders.isCloser(worker.thread())) {
          worker.thread().interrupt();
        }
      }
    }
  }

  /**
   * Names what could not be given back, once.
   *
   * @param elsewhere as for {@link #awaitEnd}: then nobody has waited for memory to be freed
   */
  private void report(boolean elsewhere) {
    Diagnosis left;
    String asked;
    boolean alreadyReported;
    synchronized (core) {
      if (reported) {
        return;
      }
      reported = true;
      boolean isBeingFreed = elsewhere && holders.isNothingHeld();
      left = core.isTerminated() || isBeingFreed ? null : reports.diagnosis();
      asked = core.memory.asked();
      alreadyReported = slowFreeReported;
    }
    if (left != null && asked != null) {
      if (!alreadyReported) {
        core.log(Level.WARNING, "closed with memory still to be freed: " + describe(asked), null);
      }
    } else if (left != null) {
      core.log(
          Level.WARNING,
          "closed with memory still in use; it is freed when its last user is done:" + left,
          null);
    }
  }
}
