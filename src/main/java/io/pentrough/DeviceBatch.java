package io.pentrough;

import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceStream;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A lease of one batch that stands on the device and is ready.
 *
 * <p>Queue work that uses it on {@link #stream()}, then close it; there is no need to wait for that
 * work. {@link #close()} marks the place in the stream, and the memory is written again only behind
 * that mark. Work on another stream must be joined with this one (by an event) before the batch is
 * closed.
 *
 * <p>Each {@code get} makes a new object, of at most 128 bytes, and 64 more for each array asked
 * for.
 *
 * <p><b>Threads.</b> Any thread may use and close it; passing it on takes the usual care of any
 * object. It counts as held by the thread that got it, wherever it is passed on: that thread's
 * {@code get} refuses to wait when it has all device slots out, so let one more be its own.
 */
public final class DeviceBatch implements AutoCloseable {

  private final Engine engine;
  private final DeviceStream stream;
  private final DeviceBuffer.Guard guard = this::requireOpen;
  private @Nullable DeviceSlot slot;
  private @Nullable DeviceSlotMemory memory;
  private @Nullable DeviceEvent released;
  private long index;
  private volatile boolean closed;

  DeviceBatch(Engine engine, DeviceStream stream) {
    this.engine = engine;
    this.stream = stream;
  }

  /** Makes this the lease of the slot, to be closed by recording the event. */
  void of(DeviceSlot slot, DeviceSlotMemory memory, DeviceEvent released) {
    this.slot = slot;
    this.memory = memory;
    this.released = released;
    this.index = slot.sequence;
  }

  /**
   * The epoch of this batch.
   *
   * @return 0 as long as a source has no end
   */
  public int epoch() {
    return Engine.EPOCH;
  }

  /**
   * The index of this batch in its epoch; the target was given the same.
   *
   * @return the index, from 0
   */
  public long index() {
    return index;
  }

  /**
   * What the batch is made of.
   *
   * @return the loader's specification
   */
  public BatchSpec spec() {
    return engine.spec();
  }

  /**
   * The stream this batch was got for.
   *
   * @return the stream
   */
  public DeviceStream stream() {
    return stream;
  }

  /**
   * One array of this batch.
   *
   * @param name its name
   * @return a new view, valid until this batch is closed
   * @throws IllegalArgumentException if there is no such array; the message lists those there are
   * @throws IllegalStateException if this batch is closed
   */
  public DeviceArray array(String name) {
    return array(spec().indexOf(name));
  }

  /**
   * One array of this batch.
   *
   * @param position its place in the specification, from 0
   * @return a new view, valid until this batch is closed
   * @throws IndexOutOfBoundsException if there is no such array
   * @throws IllegalStateException if this batch is closed
   */
  public DeviceArray array(int position) {
    requireOpen();
    return new DeviceArray(this, spec().array(position), memory().shapes[position]);
  }

  /**
   * Gives the batch back: its memory is reused once everything queued so far on {@link #stream()}
   * has run. Does not wait for that. Closing again does nothing. The views of this batch refuse to
   * be used from now on.
   *
   * @throws io.pentrough.device.DeviceException if the device refuses to mark the place. The memory
   *     is then not reused, and the loader is broken: every later {@code get} throws the same cause
   * @throws IllegalStateException if the stream has been closed; with the same consequences
   */
  @Override
  public void close() {
    engine.release(this, Objects.requireNonNull(slot), Objects.requireNonNull(released));
  }

  /** Under the engine's monitor; false if it was closed already. */
  boolean markClosed() {
    boolean first = !closed;
    closed = true;
    return first;
  }

  void requireOpen() {
    if (closed) {
      throw new IllegalStateException(
          "batch " + index + " is closed: its memory may hold another batch by now");
    }
  }

  DeviceBuffer slice(ArraySpec array, long bytes) {
    return memory().buffer.slice(array.offset(), bytes, guard);
  }

  private DeviceSlotMemory memory() {
    return Objects.requireNonNull(memory);
  }

  @Override
  public String toString() {
    return "batch " + index + (closed ? " (closed)" : "");
  }
}
