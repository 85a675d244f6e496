package io.pentrough.device.host;

import io.pentrough.device.DeviceException;
import org.jspecify.annotations.Nullable;

/**
 * A first-in-first-out queue of operations with a thread that runs them: what a {@link HostStream}
 * is made of.
 *
 * <p>Operations are numbered from 0 as they are queued. Two counters describe the queue: how many
 * operations were {@link #queued}, and how many have finished ({@link HostProgress}). A recorded
 * event (see {@link HostEvent}) covers only what was queued before it, so queues that wait for each
 * other's events cannot wait in a circle.
 *
 * <p><b>Who runs what.</b> The queue's thread runs everything, except a copy that is queued while
 * the queue is idle. The caller runs such a copy, because waking the thread takes longer than most
 * copies. Meanwhile the thread does not touch the queue.
 *
 * <p><b>Who writes what.</b> Queueing threads write {@code queued} and free entries of the ring.
 * The thread that runs the head writes the progress and the entry at the head. All of this happens
 * under {@link #lock}. Otherwise an entry could be filled while it runs.
 *
 * <p>Operations run, and threads park, outside the lock, and no other lock is taken under it. Only
 * the queue's thread waits on the lock's monitor; other threads park in {@link HostProgress}. Locks
 * and queues of {@code java.util.concurrent} are not used because they allocate when they wait
 * (I6).
 */
final class HostQueue {

  private final String name;
  private final Object lock = new Object();
  private final OperationRing ring = new OperationRing();
  private volatile long queued;

  /** The running thread, if any. */
  private @Nullable Thread thread;

  /** Whether the thread that queued the operation at the head runs it. */
  private boolean callerRuns;

  /** Whether the thread ends when the queue is empty. */
  private boolean retired;

  private volatile boolean closed;

  final HostProgress progress;

  HostQueue(String name) {
    this.name = name;
    progress = new HostProgress(name, lock);
  }

  // --- queueing

  /** Queues a copy behind other work. If the queue is idle, the caller runs the copy. */
  void copy(HostMemory source, int from, HostMemory target, int to, int bytes) {
    HostOperation entry;
    synchronized (lock) {
      boolean idle = isEmpty();
      entry = idle ? reserve() : claim();
      if (entry == null) {
        return;
      }
      entry.copy(source, from, target, to, bytes);
      if (!idle) {
        return;
      }
      callerRuns = true;
    }
    run(entry);
  }

  void fillZero(HostMemory target, int start, int bytes) {
    synchronized (lock) {
      HostOperation entry = claim();
      if (entry != null) {
        entry.fillZero(target, start, bytes);
      }
    }
  }

  /** Returns the ticket of the work. */
  long launch(Runnable work) {
    synchronized (lock) {
      HostOperation entry = claim();
      if (entry != null) {
        entry.launch(work);
      }
      return queued;
    }
  }

  void launch(HostDeviceKernel kernel) {
    synchronized (lock) {
      HostOperation entry = claim();
      if (entry != null) {
        entry.launch(kernel, name);
      }
    }
  }

  /** Lets operations that are queued later wait for a ticket. */
  void waitFor(HostQueue awaited, long ticket) {
    if (awaited == this || awaited.progress.finished() >= ticket) {
      return; // ordered already
    }
    synchronized (lock) {
      HostOperation entry = claim();
      if (entry != null) {
        entry.waitFor(awaited, ticket);
      }
    }
  }

  /**
   * The entry of a new operation, which counts as queued. The caller must fill it before it leaves
   * the lock. Null if the queue has failed, so that the operation will never run.
   */
  private @Nullable HostOperation claim() {
    checkOpen();
    if (thread == null && !progress.hasFailed()) {
      thread = startThread();
    }
    lock.notify();
    return reserve();
  }

  /** The same, for an operation that the caller runs. */
  private @Nullable HostOperation reserve() {
    checkOpen();
    if (progress.hasFailed()) {
      return null;
    }
    long number = queued;
    ring.reserve(progress.finished(), number);
    queued = number + 1;
    return ring.at(number);
  }

  void checkOpen() {
    if (closed) {
      throw new IllegalStateException(
          name
              + " is closed: a stream must outlive what uses it, so close the loaders that were given"
              + " it, and their batches, first");
    }
  }

  /** Refuses new operations; those queued still run. Returns whether the queue was open. */
  boolean close() {
    synchronized (lock) {
      if (closed) {
        return false;
      }
      closed = true;
    }
    retire();
    return true;
  }

  /** Lets the thread end when the queue is empty. An operation queued later starts another. */
  void retire() {
    synchronized (lock) {
      retired = true;
      lock.notify();
    }
  }

  // --- waiting

  /** The ticket of an event that is recorded now. */
  long queued() {
    return queued;
  }

  /** Waits for a ticket. Throws if it never completes. */
  void synchronize(long ticket) {
    synchronized (lock) {
      if (Thread.currentThread() == thread && progress.isPending(ticket)) {
        throw new IllegalStateException(
            "work launched on "
                + name
                + " waits for its own stream, and would for ever: wait elsewhere");
      }
    }
    progress.synchronize(ticket);
  }

  // --- running

  private Thread startThread() {
    Thread made = new Thread(null, this::runQueue, name, 0, false);
    made.setDaemon(true);
    try {
      made.start();
    } catch (OutOfMemoryError e) {
      throw new DeviceException(
          "host: no thread to be had for " + name + "; allow this process more, or use fewer", e);
    }
    return made;
  }

  private void runQueue() {
    for (HostOperation head = next(); head != null; head = next()) {
      run(head);
    }
  }

  /** Runs the operation at the head, which no other thread runs. */
  private void run(HostOperation head) {
    Throwable thrown = head.run();
    if (thrown == null) {
      finish(head);
    } else {
      fail(head, thrown);
    }
  }

  /** The operation to run, or null if the thread must end. */
  private @Nullable HostOperation next() {
    synchronized (lock) {
      while (!progress.hasFailed() && (callerRuns || (isEmpty() && !retired))) {
        try {
          lock.wait();
        } catch (InterruptedException e) {
          // Launched work interrupted its own thread. That does not concern the next operation.
        }
      }
      if (progress.hasFailed() || isEmpty()) {
        thread = null;
        return null;
      }
      return ring.at(progress.finished());
    }
  }

  private boolean isEmpty() {
    return progress.finished() == queued;
  }

  private void finish(HostOperation head) {
    synchronized (lock) {
      head.clear();
      progress.finish();
      endCallersRun();
    }
  }

  private void fail(HostOperation head, Throwable thrown) {
    synchronized (lock) {
      ring.clearExcept(head);
      progress.fail(head, thrown);
      endCallersRun();
    }
  }

  /** If the caller ran the operation, wakes the queue's thread for what was queued meanwhile. */
  private void endCallersRun() {
    if (callerRuns) {
      callerRuns = false;
      lock.notify();
    }
  }

  /** The name of its thread. */
  @Override
  public String toString() {
    return name;
  }
}
