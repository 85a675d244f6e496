package io.pentrough;

import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceStream;
import java.lang.ref.Reference;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A lease of one batch on the device. After {@code get} the batch is ready; after {@code getQueued}
 * its copy is queued, and the stream waits for it.
 *
 * <pre>{@code
 * try (DeviceBatch batch = loader.getQueued(stream, patience)) {
 *   train(stream, batch.array("image")); // queues kernels that read the array
 * } // do not wait for them: the memory is written again only after they have run
 * }</pre>
 *
 * <p>Queue work that uses the batch on {@link #stream()}, then close the batch. There is no need to
 * wait for that work: {@link #close()} records an event on the stream, and the memory is written
 * again only after that event. If work on another stream uses the batch, let this stream wait for
 * it (by an event) before you close the batch.
 *
 * <p>Each {@code get} makes a new object of at most 128 bytes, and 64 more for each array asked for
 * (with compressed object pointers, which the JVM uses on heaps below 32 GB).
 *
 * <p>After {@code close}, everything but the arrays is still known.
 *
 * <p><b>Threads.</b> Any thread may use and close it, if it was passed on safely, as with any
 * object. A batch belongs to the thread that called {@code get}, until it is closed. If the batches
 * of that thread occupy every device slot, its next {@code get} throws {@link
 * AllSlotsHeldException}. So if other threads close the batches, configure one more device slot
 * than they hold at a time.
 */
public final class DeviceBatch implements AutoCloseable {

  private final Leases leases;
  private final DeviceStream stream;
  private final Runnable guard = this::requireOpen;
  private @Nullable DeviceSlot slot;
  private @Nullable DeviceSlotMemory memory;
  private @Nullable BatchSpec spec;
  private int epoch;
  private long index;
  private int size;
  private List<BadSample> badSamples = List.of();
  private int padded;
  private long lowestOpen;
  private long deliveries;
  private int leaseOfSlot;
  private Recipient recipient;
  private final int lastEpoch;
  private boolean isRepeat;

  /** Whether the holder has closed it; if not, a loop has, or the loader. */
  private volatile boolean closedByHolder;

  DeviceBatch(Leases leases, DeviceStream stream, Recipient recipient, int lastEpoch) {
    this.leases = leases;
    this.stream = stream;
    this.recipient = recipient;
    this.lastEpoch = lastEpoch;
  }

  /** Batches after this epoch are not for this lease. */
  int lastEpoch() {
    return lastEpoch;
  }

  /**
   * Makes this, under the {@link Core}'s lock, the lease of the slot; and remembers what had been
   * delivered up to this batch.
   */
  void taken(DeviceSlot slot, long lowestOpen, long deliveries) {
    this.slot = slot;
    this.lowestOpen = lowestOpen;
    this.deliveries = deliveries;
    leaseOfSlot = slot.lease();
    slot.isInLoop = recipient == Recipient.LOOP;
    slot.leasedFor = stream;
    if (isForStep()) {
      slot.forgetHolder();
    }
  }

  /** Whether it belongs to no thread until {@link #handOver}. */
  boolean isForStep() {
    return recipient == Recipient.STEP;
  }

  /** Makes this show the slot's batch. */
  void of(DeviceSlotMemory memory) {
    DeviceSlot held = held();
    this.memory = memory;
    this.epoch = held.epoch;
    this.index = held.index;
    this.isRepeat = held.isRepeat;
    this.size = memory.size;
    this.badSamples = memory.badSamples;
    this.padded = memory.padded;
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
   * Whether this batch only fills up the last step of an epoch, so that all shards take equally
   * many steps ({@link Remainder#PAD}). The same batch also comes once without this mark, here or
   * in another shard. Leave repeats out where each sample is to count once, as in an evaluation.
   *
   * @return false for every batch that counts
   */
  public boolean isRepeat() {
    return isRepeat;
  }

  /**
   * How many samples of this batch count: all, unless the target said otherwise ({@link
   * HostBatch#size}). Arrays with a row for each sample have this number of rows.
   *
   * @return 1 to the first dimension of the target's first array
   */
  public int size() {
    return size;
  }

  /**
   * How many samples of this batch repeat others of the epoch, to fill up its last batch: the last
   * ones of {@link #size()}.
   *
   * @return 0 unless the target said otherwise ({@link HostBatch#padded})
   */
  public int padded() {
    return padded;
  }

  /**
   * The samples that are missing from this batch because they could not be made ({@link
   * HostBatch#badSample}).
   *
   * @return an immutable list, empty in general; known after {@code close}, too
   */
  public List<BadSample> badSamples() {
    return badSamples;
  }

  /**
   * Which slot of the device ring holds this batch. The memory of a slot never moves: in a {@link
   * BackgroundLoader}, each array has the same device address in every batch of the slot. So a
   * program can prepare something for each slot once, and use it for every batch that comes there.
   * With CUDA graphs, for example, capture one graph for each slot:
   *
   * <pre>{@code
   * CUgraphExec[] graphs = new CUgraphExec[builder.plan().deviceSlots()];
   * try (DeviceBatch batch = loader.get(patience)) {
   *   int slot = batch.slot();
   *   if (graphs[slot] == null) {
   *     graphs[slot] = capture(stream, batch); // begins and ends a capture; nothing runs yet
   *   }
   *   JCudaDriver.cuGraphLaunch(graphs[slot], stream);
   * } // closed outside the capture
   * }</pre>
   *
   * <p>A captured graph knows the addresses, but not {@link #size()} or the shape of a variable
   * array. In a {@link BatchQueue}, where each job has arrays of its own, addresses are the same
   * only for jobs of equal specifications.
   *
   * @return 0 to {@link MemoryPlan#deviceSlots()} - 1; known after {@code close}, too
   */
  public int slot() {
    return held().number;
  }

  /**
   * The position right after this batch. Save it with the weights that were trained with this
   * batch. It covers everything that was delivered before this batch, on whatever thread, and
   * nothing that was delivered later. Does not wait.
   *
   * <p>For a batch of a {@link ParallelBatch} it is the position of one device's shard. No other
   * number of devices can go on there. Save {@link ParallelBatch#position()} instead.
   *
   * @return where {@link BackgroundLoader.Builder#startAt} continues
   * @throws IllegalStateException if more than 4096 batches have been delivered since, or this is
   *     the batch of a {@link BatchQueue}, which has no positions
   */
  public Position position() {
    return leases.position(lowestOpen, deliveries);
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
   * @param position its index in the specification, from 0
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
   * Gives the batch back. Its memory is reused once everything queued so far on {@link #stream()}
   * has run. This method does not wait for that. On the host device it may copy small batches that
   * wait for the memory, which takes about as long as waking another thread. Closing again does
   * nothing. From now on, the views of this batch throw when they are used.
   *
   * @throws io.pentrough.device.DeviceException if the device refuses to record the event. The
   *     memory is then not reused, and the loader is broken: every later {@code get} throws the
   *     same cause
   * @throws IllegalStateException if the stream has been closed, with the same consequences
   * @throws StreamCapturingException if the stream is being captured into a graph; the batch stays
   *     open, so close it after the capture
   */
  @Override
  public void close() {
    if (isOpen()) {
      closedByHolder = true;
      closeInLoop();
    }
  }

  /** Closes it because the loop that has it goes on, or ends. */
  void closeInLoop() {
    if (!isOpen()) {
      return;
    }
    try {
      leases.close(this, held());
    } finally {
      Reference.reachabilityFence(this); // else it might be collected, and reported, before that
    }
  }

  /** From now on this lease belongs to the calling thread. */
  void passToCaller() {
    leases.passToCaller(this, held());
  }

  /** The step that this was taken for is complete, see {@link Leases#handOver}. */
  void handOver(boolean inLoop, long now) {
    recipient = inLoop ? Recipient.LOOP : Recipient.CALLER;
    leases.handOver(this, held(), inLoop, now);
  }

  /** Which of the slot's leases this is. */
  int number() {
    return leaseOfSlot;
  }

  /** Whether nobody has closed this lease. */
  boolean isOpen() {
    return held().isOpen(leaseOfSlot);
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
              + " is closed: its memory may hold another batch by now; "
              + (recipient == Recipient.LOOP && !closedByHolder
                  ? "a loop's batch is closed when the loop takes the next one, and when the loader is"
                      + " closed; copy out what you keep (DeviceArray.copyTo), or take batches with"
                      + " get() and close them yourself"
                  : "use it before close()"));
    }
  }

  DeviceBuffer slice(ArraySpec array, long bytes) {
    return memory().buffer.slice(array.offset(), bytes, guard);
  }

  private DeviceSlot held() {
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
