package io.pentrough.device.host;

import io.pentrough.device.DeviceEvent;
import org.jspecify.annotations.Nullable;

/**
 * A mark: a stream, and how many of its operations must have run.
 *
 * <p>A stream runs its operations in order and never un-runs one, so that pair says all there is to
 * know about a mark. Nothing is queued to set it, nothing has to be told to complete it, and on an
 * idle stream it is complete from the start.
 *
 * <p><b>Who writes what.</b> The recording threads write the pair, under {@link #lock}; every
 * reader takes both from under it, else a wait could join one stream to another's ticket. The
 * ticket is also taken there: two threads that record at once would otherwise leave the older mark
 * standing. What the stream has run is never asked of this object, only of the stream. No other
 * lock is taken while this one is held.
 */
final class HostEvent implements DeviceEvent {

  private final HostDevice device;
  private final Object lock = new Object();

  /** Null until recorded. */
  private @Nullable HostStream stream;

  private long ticket;
  private boolean closed;

  HostEvent(HostDevice device) {
    this.device = device;
  }

  HostDevice device() {
    return device;
  }

  /** Marks everything queued on the stream so far. */
  void mark(HostStream on) {
    synchronized (lock) {
      checkOpen();
      stream = on;
      ticket = on.queued();
    }
  }

  /** Lets a stream wait for the mark as it is now. */
  void holdUp(HostStream waiting) {
    HostStream on;
    long mark;
    synchronized (lock) {
      checkOpen();
      on = stream;
      mark = ticket;
    }
    if (on != null) {
      waiting.waitFor(on, mark);
    }
  }

  @Override
  public boolean isComplete() {
    HostStream on;
    long mark;
    synchronized (lock) {
      on = recordedOn();
      mark = ticket;
    }
    return on.isComplete(mark);
  }

  @Override
  public void park(long maxNanos) {
    HostStream on;
    long mark;
    synchronized (lock) {
      on = closed ? null : stream;
      mark = ticket;
    }
    if (on != null && maxNanos > 0) {
      on.park(mark, maxNanos);
    }
  }

  @Override
  public void synchronize() {
    HostStream on;
    long mark;
    synchronized (lock) {
      on = recordedOn();
      mark = ticket;
    }
    on.synchronize(mark);
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

  private HostStream recordedOn() {
    checkOpen();
    if (stream == null) {
      throw new IllegalStateException("this event was never recorded on a stream: record it first");
    }
    return stream;
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException(
          "this event is closed: close it only after everything that uses it");
    }
  }
}
