package io.pentrough.device.host;

import io.pentrough.device.DeviceException;
import io.pentrough.device.WorkFailedException;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * How far a {@link HostQueue} has run, and the threads that wait for it.
 *
 * <p>The <em>ticket</em> of a recorded event is the number of operations queued at that moment. The
 * event is complete when that many have finished. If an operation fails, {@code finished} never
 * changes again, so events behind it never complete.
 *
 * <p>The thread that runs an operation writes the fields, under the queue's lock. Otherwise a
 * thread could park just after its wake-up call. They are volatile, so reading them takes no lock.
 * Writing {@code finished} also publishes the memory that an operation has written.
 */
final class HostProgress {

  private final String name;

  /** The queue's. */
  private final Object lock;

  private final ParkedThreads parked = new ParkedThreads();
  private volatile long finished;

  /** The operation that failed; written before {@link #failure}, and never again. */
  private @Nullable HostOperation failedOperation;

  /** What the failed operation threw; null if none has failed. */
  private volatile @Nullable Throwable failure;

  HostProgress(String name, Object lock) {
    this.name = name;
    this.lock = lock;
  }

  /** How many operations have finished. */
  long finished() {
    return finished;
  }

  boolean hasFailed() {
    return failure != null;
  }

  /** One more operation has finished. Called under the lock. */
  @SuppressWarnings("NonAtomicVolatileUpdate") // under the lock
  void finish() {
    finished++;
    parked.unpark(finished);
  }

  /** An operation has failed. Called under the lock. */
  void fail(HostOperation failed, Throwable thrown) {
    failedOperation = failed;
    failure = thrown;
    parked.unpark(Long.MAX_VALUE);
  }

  /** Whether a ticket is complete. Throws if it never will be. */
  boolean isComplete(long ticket) {
    // Read the failure first: if there is one, the counter does not change any more. In the other
    // order, the operations up to the ticket could finish between the two reads, and one behind
    // fail.
    Throwable failed = failure;
    if (finished >= ticket) {
      return true;
    }
    if (failed != null) {
      throw exception(failed);
    }
    return false;
  }

  /** Whether a ticket may still complete, and has not. */
  boolean isPending(long ticket) {
    return failure == null && finished < ticket;
  }

  /** Parks the calling thread while a ticket is pending, but no longer than the given time. */
  void park(long ticket, long maxNanos) {
    Thread caller = Thread.currentThread();
    synchronized (lock) {
      if (!isPending(ticket)) {
        return;
      }
      parked.add(caller, ticket);
    }
    LockSupport.parkNanos(this, maxNanos);
    synchronized (lock) {
      parked.remove(caller);
    }
  }

  /**
   * Waits while a ticket is pending. Keeps an interrupt for later.
   *
   * @return null if the ticket is complete, or what the failed operation threw
   */
  @Nullable Throwable await(long ticket) {
    boolean interrupted = false;
    while (isPending(ticket)) {
      park(ticket, Long.MAX_VALUE);
      interrupted |= Thread.interrupted();
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    Throwable failed = failure;
    return finished >= ticket ? null : failed;
  }

  /** Waits for a ticket. Throws if it never completes. */
  void synchronize(long ticket) {
    Throwable failed = await(ticket);
    if (failed != null) {
      throw exception(failed);
    }
  }

  private DeviceException exception(Throwable failed) {
    return new WorkFailedException("host: " + describeFailure(failed), failed);
  }

  /** A message about the failure. Call this only after {@link #failure} was seen. */
  String describeFailure(Throwable failed) {
    return Objects.requireNonNull(failedOperation).describeFailure(name, failed);
  }

  /** The queue's name, also in thread dumps. */
  @Override
  public String toString() {
    return name;
  }
}
