package io.pentrough;

import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceStream;
import java.lang.ref.Reference;
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
 * for (with compressed object pointers, which the JVM uses on heaps below 32 GB).
 *
 * <p>What a batch is called stays known when it is closed: its epoch, index, size, specification,
 * stream and position. Its arrays do not.
 *
 * <p><b>Threads.</b> Any thread may use and close it; passing it on takes the usual care of any
 * object. It counts as held by the thread that got it, wherever it is passed on: {@code get}
 * refuses to wait if that thread has got all there are, so a pipeline needs one device slot more
 * than it has leases under way.
 */
public final class DeviceBatch implements AutoCloseable {

  private final Engine engine;
  private final DeviceStream stream;
  private final Runnable guard = this::requireOpen;
  private @Nullable DeviceSlot slot;
  private @Nullable DeviceSlotMemory memory;
  private @Nullable BatchSpec spec;
  private int epoch;
  private long index;
  private int size;
  private long lowestOpen;
  private long deliveries;
  private int leaseOfSlot;
  private final boolean inLoop;

  DeviceBatch(Engine engine, DeviceStream stream, boolean inLoop) {
    this.engine = engine;
    this.stream = stream;
    this.inLoop = inLoop;
  }

  /**
   * Makes this, under the engine's monitor, the lease of the slot; and remembers what had been
   * delivered up to this batch.
   */
  void taken(DeviceSlot slot, long lowestOpen, long deliveries) {
    this.slot = slot;
    this.lowestOpen = lowestOpen;
    this.deliveries = deliveries;
    leaseOfSlot = slot.leasesClosed();
    slot.isInLoop = inLoop;
    slot.leasedFor = stream;
  }

  /** Makes this show the slot's batch. */
  void of(DeviceSlotMemory memory) {
    DeviceSlot slot = slot();
    this.memory = memory;
    this.epoch = slot.epoch;
    this.index = slot.index;
    this.size = memory.size;
    this.spec = memory.spec();
  }

  /**
   * The epoch of this batch.
   *
   * @return the epoch, from 0
   */
  public int epoch() {
    return epoch;
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
   * How many samples of this batch count: all, unless the target said otherwise ({@link
   * HostBatch#size}). The arrays with a row for each sample have so many rows.
   *
   * @return 1 to the first dimension of the target's first array
   */
  public int size() {
    return size;
  }

  /**
   * The position right after this batch: what a checkpoint saves that was made with it. Whatever
   * was delivered before this batch, to whomever, is behind it; what was delivered later is not.
   * Does not wait.
   *
   * @return where {@link BackgroundLoader.Builder#startAt} goes on
   * @throws IllegalStateException if more than 4096 batches have been delivered since, or this is
   *     the batch of a {@link BatchQueue}, which has no positions
   */
  public Position position() {
    return engine.position(lowestOpen, deliveries);
  }

  /**
   * What the batch is made of.
   *
   * @return the specification of this batch
   */
  public BatchSpec spec() {
    return Objects.requireNonNull(spec);
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
    return new DeviceArray(
        this, spec().array(position), memory().shape(position), memory().bytes(position));
  }

  /**
   * Gives the batch back: its memory is reused once everything queued so far on {@link #stream()}
   * has run. Does not wait for that; on the host device it may copy small batches that wait for the
   * memory, which takes what waking another thread would. Closing again does nothing. The views of
   * this batch refuse to be used from now on.
   *
   * @throws io.pentrough.device.DeviceException if the device refuses to mark the place. The memory
   *     is then not reused, and the loader is broken: every later {@code get} throws the same cause
   * @throws IllegalStateException if the stream has been closed, with the same consequences; or if
   *     it is being captured into a graph: the batch then stays open, to be closed behind the
   *     capture
   */
  @Override
  public void close() {
    if (!isOpen()) {
      return;
    }
    try {
      engine.close(this, slot());
    } finally {
      Reference.reachabilityFence(this); // else it might be collected, and reported, before that
    }
  }

  /** From now on this lease counts for the calling thread. */
  void passToCaller() {
    engine.passToCaller(this, slot());
  }

  /** Whether nobody has closed this lease. */
  boolean isOpen() {
    return slot().leasesClosed() == leaseOfSlot;
  }

  /**
   * Reports this lease if it is collected unclosed.
   *
   * @param giveBack must not refer to this lease
   */
  LeakReport watchForLeak(String loader, Runnable giveBack) {
    return LeakReport.watch(
        this,
        loader + ": the lease of batch " + index + " of epoch " + epoch,
        new LeakReport.MadeHere(true),
        giveBack);
  }

  void requireOpen() {
    if (!isOpen()) {
      throw new IllegalStateException(
          "batch "
              + index
              + " is closed: its memory may hold another batch by now; use it before close()");
    }
  }

  DeviceBuffer slice(ArraySpec array, long bytes) {
    return memory().buffer.slice(array.offset(), bytes, guard);
  }

  private DeviceSlot slot() {
    return Objects.requireNonNull(slot);
  }

  private DeviceSlotMemory memory() {
    return Objects.requireNonNull(memory);
  }

  @Override
  public String toString() {
    return "batch " + index + (isOpen() ? "" : " (closed)");
  }
}
