package io.pentrough.device.host;

import io.pentrough.device.DeviceEvent;
import org.jspecify.annotations.Nullable;

/**
 * A recorded event is a queue and a ticket: how many of its operations must have run.
 *
 * <p>A stream runs its operations in order, so this pair says everything about the event. Recording
 * queues nothing, and completing it notifies nobody. On an idle stream the event is complete at
 * once.
 *
 * <p><b>Locking.</b> Threads write and read the pair under {@link #lock}. Otherwise a wait could
 * combine one stream with another's ticket. Recording also takes the ticket under the lock.
 * Otherwise, of two threads that record at the same time, the older ticket could win. Only the
 * queue knows which operations have run. No other lock is taken while this one is held.
 */
final class HostEvent implements DeviceEvent {

  private final HostDevice device;
  private final Object lock = new Object();

  /** Null until recorded. */
  private @Nullable HostQueue queue;

  private long ticket;
  private boolean closed;

  HostEvent(HostDevice device) {
    this.device = device;
  }

  HostDevice device() {
    return device;
  }

  /** Records everything queued so far. */
  void record(HostQueue on) {
    synchronized (lock) {
      checkOpen();
      queue = on;
      ticket = on.queued();
    }
  }

  /** Lets a queue wait for the event as it is recorded now. */
  void holdUp(HostQueue waiting) {
    HostQueue on;
    long recorded;
    synchronized (lock) {
      checkOpen();
      on = queue;
      recorded = ticket;
    }
    if (on != null) {
      waiting.waitFor(on, recorded);
    }
  }

  @Override
  public boolean isComplete() {
    HostQueue on;
    long recorded;
    synchronized (lock) {
      on = recordedOn();
      recorded = ticket;
    }
    return on.progress.isComplete(recorded);
  }

  @Override
  public void park(long maxNanos) {
    HostQueue on;
    long recorded;
    synchronized (lock) {
      on = closed ? null : queue;
      recorded = ticket;
    }
    if (on != null && maxNanos > 0) {
      on.progress.park(recorded, maxNanos);
    }
  }

  @Override
  public void synchronize() {
    HostQueue on;
    long recorded;
    synchronized (lock) {
      on = recordedOn();
      recorded = ticket;
    }
    on.synchronize(recorded);
  }

  @Override
  public void close() {
    synchronized (lock) {
      if (closed) {
        return;
      }
      closed = true;
    }
    device.eventClosed();
  }

  private HostQueue recordedOn() {
    checkOpen();
    if (queue == null) {
      throw new IllegalStateException("this event was never recorded on a stream: record it first");
    }
    return queue;
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException(
          "this event is closed: close it only after everything that uses it");
    }
  }
}
