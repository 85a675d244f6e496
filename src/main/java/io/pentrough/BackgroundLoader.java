package io.pentrough;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import java.lang.ref.Reference;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;

/**
 * Keeps a ring of finished batches on a device, filled by background threads.
 *
 * <p>Workers run the {@linkplain BatchTarget target}, which writes into pinned host memory; a copy
 * stream carries each batch to the device; {@link #get(Duration)} hands out a {@linkplain
 * DeviceBatch lease} of a batch that is there and ready. Batches come in the order of their index
 * unless {@link Builder#unordered()} was asked for, and each is a function of (seed, epoch, index)
 * as long as the target is: not of the number of workers.
 *
 * <p>All memory is allocated by {@link Builder#start()}. In steady state no Java heap is allocated
 * but the lease.
 *
 * <p><b>Failures.</b> What a target throws is told once, as a {@link TargetException}, by the
 * {@code get} that would have delivered the batch; the next {@code get} goes on behind it. A
 * failure of the device or of the library ends the loader: every later {@code get} throws a {@link
 * io.pentrough.device.DeviceException} with the same cause.
 *
 * <p><b>Forgotten loaders.</b> One that is collected unclosed is reported in the log and closed;
 * with {@code -Dpentrough.leakDetection=true} the report says where it was started, and leases are
 * watched alike. A loader whose target refers to it, or to an object that does, is never collected
 * while its workers run.
 *
 * <p><b>Threads.</b> All methods may be called from any thread; several may wait in {@code get} at
 * once.
 */
public final class BackgroundLoader implements AutoCloseable {

  private final Engine engine;
  private final LoaderSettings settings;
  private final LeakReport leakReport;

  private BackgroundLoader(Engine engine, LoaderSettings settings) {
    this.engine = engine;
    this.settings = settings;
    leakReport = engine.watchForLeak(this);
  }

  /**
   * Starts the description of a loader.
   *
   * @param device where the batches go; must stay open as long as the loader
   * @param spec the arrays of a batch
   * @param target fills a batch; called from all workers at once, so it must be thread-safe if
   *     there are several
   * @return a builder with the defaults given at its methods
   */
  public static Builder builder(Device device, BatchSpec spec, BatchTarget target) {
    Job job =
        new Job(Objects.requireNonNull(spec, "spec"), Objects.requireNonNull(target, "target"));
    return new Builder(device, new BatchContent(job));
  }

  /**
   * Starts the description of a loader whose batches are ordinary Java arrays. What the arrays are
   * is inferred from the first batch, which {@link Builder#start()} has made on the calling thread;
   * it is delivered like any other. From then on shapes and types are strict.
   *
   * @param device where the batches go; must stay open as long as the loader
   * @param source makes the arrays of a batch; called from all workers at once
   * @return a builder with the defaults given at its methods
   */
  public static Builder infer(Device device, ArraySource source) {
    return new Builder(device, new BatchContent(Objects.requireNonNull(source, "source")));
  }

  /**
   * Waits for the next batch without bound, for the loader's consumer stream, until it is ready or
   * one of the exceptions below ends the wait. Logs a diagnosis as a warning each time {@link
   * Builder#warnAfter} has passed.
   *
   * @return a lease, to be closed by the caller
   * @throws InterruptedException if the thread is interrupted; nothing has been taken
   * @throws TargetException if the target failed for the batch whose turn it is
   * @throws java.util.NoSuchElementException if the source has an end and all has been delivered
   * @throws LoaderClosedException if the loader is closed, or gets closed meanwhile
   * @throws io.pentrough.device.DeviceException if the loader is broken
   * @throws IllegalStateException if this thread alone holds every device slot, and so would wait
   *     for itself
   */
  public DeviceBatch get() throws InterruptedException {
    try {
      return engine.get(settings.consumerStream(), false);
    } finally {
      Reference.reachabilityFence(
          this); // else it might be collected, and so closed, while it waits
    }
  }

  /** The same, of a lease that {@link #close} closes if the loop is left early. */
  DeviceBatch getInLoop() throws InterruptedException {
    try {
      return engine.get(settings.consumerStream(), true);
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * Waits for the next batch, for the loader's consumer stream.
   *
   * @param timeout the longest wait; zero or less looks once
   * @return a lease, to be closed by the caller
   * @throws BatchTimeoutException if none got ready in time; nothing has been taken, and the
   *     message is a diagnosis
   * @throws InterruptedException if the thread is interrupted; nothing has been taken
   * @throws TargetException if the target failed for the batch whose turn it is
   * @throws java.util.NoSuchElementException if the source has an end and all has been delivered
   * @throws LoaderClosedException if the loader is closed, or gets closed meanwhile
   * @throws io.pentrough.device.DeviceException if the loader is broken
   * @throws IllegalStateException if this thread alone holds every device slot, and so would wait
   *     for itself
   */
  public DeviceBatch get(Duration timeout) throws InterruptedException, BatchTimeoutException {
    return get(settings.consumerStream(), timeout);
  }

  /**
   * Waits for the next batch and names the stream its consumer works on.
   *
   * @param stream the stream the batch will be used on; closing the batch marks the place on it
   * @param timeout the longest wait; zero or less looks once
   * @return a lease, to be closed by the caller
   * @throws BatchTimeoutException if none got ready in time; nothing has been taken, and the
   *     message is a diagnosis
   * @throws InterruptedException if the thread is interrupted; nothing has been taken
   * @throws TargetException if the target failed for the batch whose turn it is
   * @throws java.util.NoSuchElementException if the source has an end and all has been delivered
   * @throws LoaderClosedException if the loader is closed, or gets closed meanwhile
   * @throws io.pentrough.device.DeviceException if the loader is broken
   * @throws IllegalArgumentException if the stream belongs to another device
   * @throws IllegalStateException if this thread alone holds every device slot, and so would wait
   *     for itself; or if the stream is being captured into a graph
   */
  public DeviceBatch get(DeviceStream stream, Duration timeout)
      throws InterruptedException, BatchTimeoutException {
    return get(stream, timeout, false);
  }

  /**
   * Hands a batch out as soon as its copy is queued, and lets the stream wait for the copy instead
   * of the calling thread: what is queued on the stream from now on sees the batch. The calling
   * thread may still wait for a target. The host must not look at the bytes before the stream has
   * come that far ({@link DeviceArray#copyTo} waits for it). If the copy fails after this method
   * has returned, so does the stream behind it, and the loader is broken.
   *
   * @param stream the stream the batch will be used on; closing the batch marks the place on it
   * @param timeout the longest wait; zero or less looks once
   * @return a lease, to be closed by the caller
   * @throws BatchTimeoutException if none was queued in time; nothing has been taken, and the
   *     message is a diagnosis
   * @throws InterruptedException if the thread is interrupted; nothing has been taken
   * @throws TargetException if the target failed for the batch whose turn it is
   * @throws java.util.NoSuchElementException if the source has an end and all has been delivered
   * @throws LoaderClosedException if the loader is closed, or gets closed meanwhile
   * @throws io.pentrough.device.DeviceException if the loader is broken
   * @throws IllegalArgumentException if the stream belongs to another device
   * @throws IllegalStateException if this thread alone holds every device slot, and so would wait
   *     for itself; or if the stream is being captured into a graph
   */
  public DeviceBatch getQueued(DeviceStream stream, Duration timeout)
      throws InterruptedException, BatchTimeoutException {
    return get(stream, timeout, true);
  }

  private DeviceBatch get(DeviceStream stream, Duration timeout, boolean early)
      throws InterruptedException, BatchTimeoutException {
    Objects.requireNonNull(stream, "stream");
    Objects.requireNonNull(timeout, "timeout");
    try {
      return engine.get(stream, LoaderSettings.nanos(timeout), early);
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * The batches that are left, one after the other: for {@code for (DeviceBatch batch :
   * loader.batches())}. Each is closed when the next is asked for, the last at the end. Waits like
   * {@link #get()}, and throws what that throws but for two: at the end the iteration ends, and an
   * interrupt is kept as the thread's flag and told as a {@link CancellationException}.
   *
   * <p>A loop that is left early, by {@code break} or an exception, leaves its last batch open:
   * close that batch, or the loader, which closes what loops of the closing thread and of ended
   * threads hold. Until then the batch keeps its device slot.
   *
   * <p>Threads may share an iterator. Each thread gets batches of its own, and closes its last one
   * when it asks for the next. A thread that goes on with another one's loop has to close that
   * one's last batch itself.
   *
   * @return an iterable; each iterator goes on where the loader is
   */
  public Iterable<DeviceBatch> batches() {
    return () -> new BatchIterator(this);
  }

  /**
   * Starts anew from the first index that has not been delivered: batches that were filled, copied
   * or being filled are made again, and none of the old ones is delivered. Leases stay valid. Does
   * not wait, and interrupts no target; the result of one that is still running is dropped when it
   * returns.
   *
   * @throws LoaderClosedException if the loader is closed
   * @throws io.pentrough.device.DeviceException if the loader is broken
   */
  public void reset() {
    try {
      engine.reset();
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * What the loader has done so far, and who waits for whom.
   *
   * @return an immutable snapshot; also of a closed loader
   */
  public LoaderStats stats() {
    try {
      return engine.stats();
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * Stops the workers and gives all memory back.
   *
   * <p>Memory in use is waited for: running targets, copies, open leases, and work that consumers
   * queued before they closed their leases. After half of {@link Builder#closeTimeout} running
   * targets are interrupted. When the time is over this method returns all the same; it logs who
   * still uses what, with the stacks of stuck targets, and the memory is given back by whoever
   * finishes last. Leases held by the calling thread are not waited for; closing them gives their
   * memory back. Leases that loops over {@link #batches()} hold are closed here, if the loop ran on
   * the calling thread or on one that has ended. Called in a target, this method does not wait for
   * that target. Callers that hold something do not wait for each other.
   *
   * <p>Every {@code get} that waits ends with a {@link LoaderClosedException}. Idempotent. Not
   * interruptible; keeps the interrupt flag.
   */
  @Override
  public void close() {
    try {
      leakReport.closed();
      engine.close();
    } finally {
      Reference.reachabilityFence(this); // else it might be reported before it is known as closed
    }
  }

  /**
   * Describes a loader. Each {@link #start()} makes a new one.
   *
   * <p><b>Threads.</b> For one thread at a time.
   */
  public static final class Builder {

    private final LoaderOptions options;
    private final BatchContent content;
    private long batchesPerEpoch = Schedule.ENDLESS;
    private int epochs;
    private long shardFirst;
    private long shardStride = 1;
    private @Nullable Position startAt;

    private Builder(Device device, BatchContent content) {
      options = new LoaderOptions(device, "loader");
      this.content = content;
    }

    /**
     * Names the arrays of an {@link ArraySource}, in its order. Default: {@code "0"}, {@code "1"},
     * ...
     *
     * @param names one for each array
     * @return this
     * @throws IllegalStateException if the arrays were given by a {@link BatchSpec}
     */
    public Builder names(String... names) {
      for (String name : Objects.requireNonNull(names, "names")) {
        Objects.requireNonNull(name, "names: an element is null");
      }
      content.names(List.of(names));
      return this;
    }

    /**
     * Says what an array of an {@link ArraySource} really holds. Default: signed integers, and
     * floats.
     *
     * @param name the array
     * @param dtype a type of the same size and kind, such as {@code UINT8} for a {@code byte} array
     * @return this
     * @throws IllegalStateException if the arrays were given by a {@link BatchSpec}
     */
    public Builder dtype(String name, DType dtype) {
      content.dtype(name, dtype);
      return this;
    }

    /**
     * How many threads run the target. Default 1.
     *
     * @param workers 1 to 1,024
     * @return this
     * @throws IllegalArgumentException if out of that range
     */
    public Builder workers(int workers) {
      options.workers(workers);
      return this;
    }

    /**
     * How many batches fit in pinned host memory: those being filled, waiting for their copy, or
     * being copied. Default: the workers and two more, at most 1,024.
     *
     * @param hostSlots 1 to 1,024
     * @return this
     * @throws IllegalArgumentException if out of that range
     */
    public Builder hostSlots(int hostSlots) {
      options.hostSlots(hostSlots);
      return this;
    }

    /**
     * How many batches fit on the device: those being copied, ready, or leased. Default 3: one in
     * use, one ready, one under way.
     *
     * @param deviceSlots 1 to 1,024
     * @return this
     * @throws IllegalArgumentException if out of that range
     */
    public Builder deviceSlots(int deviceSlots) {
      options.deviceSlots(deviceSlots);
      return this;
    }

    /**
     * The seed of {@link BatchContext#random()}. Default 0.
     *
     * @param seed any value
     * @return this
     */
    public Builder seed(long seed) {
      options.seed(seed);
      return this;
    }

    /**
     * How many indexes an epoch has, over all shards. Default: as many as the target makes before
     * it says {@link BatchContext#noMore}, so an endless first epoch if it never does.
     *
     * @param batches at least 1
     * @return this
     * @throws IllegalArgumentException if less than 1
     */
    public Builder batchesPerEpoch(long batches) {
      if (batches < 1) {
        throw new IllegalArgumentException(
            "batchesPerEpoch must be at least 1, not "
                + batches
                + ": leave it out if only the target knows");
      }
      this.batchesPerEpoch = batches;
      return this;
    }

    /**
     * How many epochs there are; they follow each other without a pause. Default: endlessly many if
     * {@link #batchesPerEpoch} is given, else 1. Behind the last batch {@code get} throws {@link
     * java.util.NoSuchElementException}.
     *
     * @param epochs at least 1
     * @return this
     * @throws IllegalArgumentException if less than 1
     */
    public Builder epochs(int epochs) {
      this.epochs = LoaderOptions.atLeastOne("epochs", epochs);
      return this;
    }

    /**
     * Takes a share of each epoch; shards get different numbers of batches, and drift into
     * different epochs, unless the number of batches per epoch is a multiple of the number of
     * shards.
     *
     * <p>The share is the indexes first, first + stride, first + 2 stride, ... With the same seed,
     * stride loaders with first = 0 .. stride - 1 make together exactly the batches of one.
     *
     * <p>For example, 10 batches over 4 shards are 3, 3, 2 and 2. If all shards take one step at a
     * time together, then at the third step two of them already take batches of the next epoch.
     * Where that matters, choose a {@link #batchesPerEpoch} that the shards divide.
     *
     * @param first 0 to stride - 1
     * @param stride how many shards there are, at most 2,147,483,647
     * @return this
     * @throws IllegalArgumentException if out of range
     */
    public Builder shard(long first, long stride) {
      if (first < 0 || first >= stride || stride > Integer.MAX_VALUE) {
        throw new IllegalArgumentException(
            "a shard needs 0 <= first < stride <= "
                + Integer.MAX_VALUE
                + ", not first "
                + first
                + " and stride "
                + stride
                + ": first is this shard's number, stride how many there are");
      }
      this.shardFirst = first;
      this.shardStride = stride;
      return this;
    }

    /**
     * Goes on where another loader of the same arrays, stages, seed, batches per epoch and shard
     * was. Workers, slots, device, order and failure policy may differ. Checked by {@link
     * #start()}, whose refusal says what differs.
     *
     * @param position what {@link DeviceBatch#position()} gave
     * @return this
     */
    public Builder startAt(Position position) {
      this.startAt = Objects.requireNonNull(position, "position");
      return this;
    }

    /**
     * What to do when the target throws. Default {@link FailurePolicy#fail()}.
     *
     * @param policy the policy
     * @return this
     */
    public Builder onFailure(FailurePolicy policy) {
      options.onFailure(policy);
      return this;
    }

    /**
     * The name in messages and thread names. Default {@code loader-N}.
     *
     * @param name any text
     * @return this
     */
    public Builder name(String name) {
      options.name(name);
      return this;
    }

    /**
     * The stream that batches are used on where {@code get} names none. Default: the device's
     * default stream, which on CUDA covers legacy and blocking streams only. The stream must
     * outlive the loader.
     *
     * @param stream a stream of the loader's device
     * @return this
     * @throws IllegalArgumentException if the stream belongs to another device
     */
    public Builder consumerStream(DeviceStream stream) {
      options.consumerStream(stream);
      return this;
    }

    /**
     * Delivers batches as they get ready, not in the order of their index. Each is still delivered
     * once and is the same as in order. An index that takes long is overtaken by at most 4096
     * others.
     *
     * @return this
     */
    public Builder unordered() {
      options.unordered();
      return this;
    }

    /**
     * Lets the device work in host memory instead of copying, where it can: the consumer gets the
     * slot the target wrote. Both rings become one, of both depths together.
     *
     * @return this
     */
    public Builder handOver() {
      options.handOver();
      return this;
    }

    /**
     * Adds work on the device between a batch's copy and its delivery, behind the stages added
     * before: the batches are delivered as the last stage leaves them.
     *
     * @param stage the work; the same object may be added once only
     * @return this
     * @throws IllegalArgumentException if it has been added before
     */
    public Builder stage(BatchStage stage) {
      options.stage(stage);
      return this;
    }

    /**
     * How often a {@code get} without bound says what it is waiting for. Default 30 s.
     *
     * @param warnAfter more than zero
     * @return this
     * @throws IllegalArgumentException if zero or less
     */
    public Builder warnAfter(Duration warnAfter) {
      options.warnAfter(warnAfter);
      return this;
    }

    /**
     * How long {@link BackgroundLoader#close()} waits for memory in use. Default 10 s.
     *
     * @param closeTimeout zero or more
     * @return this
     * @throws IllegalArgumentException if negative
     */
    public Builder closeTimeout(Duration closeTimeout) {
      options.closeTimeout(closeTimeout);
      return this;
    }

    /**
     * Logs a lease that is held longer than this, with the thread that got it and, with {@code
     * -Dpentrough.leakDetection=true}, from where. Default: never.
     *
     * @param leaseWarnAfter more than zero
     * @return this
     * @throws IllegalArgumentException if zero or less
     */
    public Builder leaseWarnAfter(Duration leaseWarnAfter) {
      options.leaseWarnAfter(leaseWarnAfter);
      return this;
    }

    /**
     * Refuses to start if pinned and device memory together would take more. Default: no bound.
     *
     * @param bytes at least 1
     * @return this
     * @throws IllegalArgumentException if less than 1
     */
    public Builder memoryBudget(long bytes) {
      options.memoryBudget(bytes);
      return this;
    }

    /**
     * What {@link #start()} would allocate. Allocates nothing.
     *
     * @return the plan, whatever the budget
     * @throws IllegalStateException if the arrays are still to be inferred
     */
    public MemoryPlan plan() {
      BatchSpec spec = content.spec();
      return options.plan(spec, options.stagePlan(spec));
    }

    /**
     * Whether {@link BackgroundLoader#close()} interrupts targets that still run after half its
     * time. Default true. An interrupt closes the channel a target is just reading, for everybody
     * who shares it.
     *
     * @param interruptTargets false to leave them alone
     * @return this
     */
    public Builder interruptTargets(boolean interruptTargets) {
      options.interruptTargets(interruptTargets);
      return this;
    }

    /**
     * Allocates all memory and starts the threads.
     *
     * <p>An element that the target leaves unwritten holds what an earlier batch left there. In the
     * first batch of each host slot it is zero, and the loader logs a warning, once, that names it;
     * a single element of an 8-bit or 16-bit integer type is not found. {@code
     * -Dpentrough.checkFills=false} leaves that check out. With {@code -Dpentrough.debug=true} it
     * is left out too, and every host slot is filled with the byte 0xFF before its target runs, so
     * that such an element shows in every batch: as NaN in any floating type, as -1 or the largest
     * value in an integer.
     *
     * @return a running loader, to be closed by the caller
     * @throws io.pentrough.device.DeviceException if the device refuses memory, a stream or an
     *     event; what had been allocated is given back
     * @throws UnsupportedOperationException if {@link #handOver()} was asked of a device that
     *     cannot
     * @throws IllegalArgumentException if the memory is over budget, the shard is empty, the
     *     position to start at is of another configuration, a stage does not fit the arrays or
     *     {@link #handOver()}, or the arrays of an {@link ArraySource} cannot be a batch or do not
     *     fit the names and types given for them
     * @throws StageException if a stage cannot be prepared; what had been allocated is given back
     * @throws TargetException if the {@link ArraySource} fails at the first batch; an interrupt is
     *     kept as the thread's flag
     */
    public BackgroundLoader start() {
      if (shardFirst >= batchesPerEpoch) {
        throw new IllegalArgumentException(
            "shard "
                + shardFirst
                + " of "
                + shardStride
                + " is empty: an epoch has "
                + batchesPerEpoch
                + " batches; use fewer shards");
      }
      Position from = startAt;
      if (from == null) {
        from = new Position(Fingerprint.NONE, 0, shardFirst, new long[0], new long[0]);
      }
      Job job = content.job(options, firstBatch(from));
      StagePlan stages = options.stagePlan(job.spec());
      Fingerprint fingerprint =
          Fingerprint.of(
              job.spec(), stages, options.seed(), batchesPerEpoch, shardFirst, shardStride);
      if (startAt != null) {
        startAt.requireSame(fingerprint);
      }
      Schedule schedule =
          new Schedule(
              job, fingerprint, batchesPerEpoch, lastEpoch(), shardFirst, shardStride, from);
      MemoryPlan plan = options.withinBudget(options.plan(job.spec(), stages));
      LoaderSettings settings = options.settings(stages);
      Engine engine = Engine.start(options.device(), schedule, plan, settings);
      return new BackgroundLoader(engine, settings);
    }

    /** The first batch from a position on, as far as that is known before the target is asked. */
    private InferredTarget.Start firstBatch(Position from) {
      boolean atAnEnd = from.index() >= batchesPerEpoch;
      return new InferredTarget.Start(
          atAnEnd ? from.epoch() + 1 : from.epoch(),
          atAnEnd ? shardFirst : from.index(),
          shardFirst,
          lastEpoch());
    }

    /** How many epochs there are; the largest integer for ever. */
    private int lastEpoch() {
      if (epochs > 0) {
        return epochs;
      }
      return batchesPerEpoch == Schedule.ENDLESS ? 1 : Schedule.FOR_EVER;
    }
  }
}
