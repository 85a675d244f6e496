package io.pentrough;

import io.pentrough.device.DeviceEvent;
import org.jspecify.annotations.Nullable;

/**
 * The <em>released</em> events of one device slot (I2, I7): they complete when the consumers' work
 * on it has run.
 *
 * <p>One event is not enough. A lease may be taken and closed while the copy it came with is still
 * queued, behind the work of the lease before; until that copy has been seen to end, both leases'
 * work may use the slot. A third lease needs a further copy, so two events serve in turns:
 *
 * <pre>
 *               lease closed   copy queued   its lease closed early   copy seen to end   next copy
 *     latest         E1             -                  E2                    E2               -
 *     awaited        -              E1                 E1                    -                E2
 * </pre>
 *
 * <p>Only a copy that was seen to end proves that what it waited for is over. One that failed, or
 * of which nobody knows, proves nothing, and both events are asked before the memory is freed.
 *
 * <p>{@link #beginCopy} is called by the thread that runs the slot's copy, everything else under
 * the {@link Core}; the lock is passed between the two.
 */
final class ReleaseFence {

  private final DeviceEvent first;
  private final DeviceEvent second;
  private @Nullable DeviceEvent latest;
  private @Nullable DeviceEvent awaited;
  private DeviceEvent next;

  ReleaseFence(DeviceEvent first, DeviceEvent second) {
    this.first = first;
    next = first;
    this.second = second;
  }

  /** A lease begins: chooses the event to record when it is closed, one no copy waits for. */
  void beginLease() {
    next = awaited == first ? second : first;
  }

  /** The event to record when the lease is closed; for the closing thread, without the lock. */
  DeviceEvent next() {
    return next;
  }

  /** A lease has been closed, and the event recorded behind its work. */
  void recorded(DeviceEvent event) {
    latest = event;
  }

  /** What a copy into the slot has to wait for from now on; null if there is nothing. */
  @Nullable DeviceEvent beginCopy() {
    awaited = latest;
    latest = null;
    return awaited;
  }

  /** The copy was seen to end, and with it all it had waited for. */
  void endCopy() {
    awaited = null;
  }

  /** The work of all leases was seen to end. */
  void allOver() {
    awaited = null;
    latest = null;
  }

  /** Of the last lease that was closed; null if its work is over or a copy waits for it. */
  @Nullable DeviceEvent latest() {
    return latest;
  }

  /** What the copy under way waits for; null if there is nothing. */
  @Nullable DeviceEvent awaited() {
    return awaited;
  }

  DeviceEvent first() {
    return first;
  }

  DeviceEvent second() {
    return second;
  }
}
