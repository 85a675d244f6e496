package io.pentrough;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import java.lang.ref.Reference;
import java.time.Duration;
import java.util.Objects;

/**
 * Jobs, each with arrays of its own, made in the background and delivered in the order they were
 * submitted: the counterpart of ELEKTRONN2's {@code SharedQ}.
 *
 * <p>It is a {@link BackgroundLoader} whose batches are asked for one by one: leases, failures,
 * timeouts and the end are the same. What a job needs to know, its target holds: {@code
 * queue.submit(spec, (out, context) -> render(scene, out))}. {@link BatchContext#index()} is the
 * job's number.
 *
 * <p>When fewer jobs are queued than there are workers, so that some of them have nothing to do,
 * the queue logs a warning, once for each such shortage.
 *
 * <p>A queue that is collected unclosed is reported and closed like a loader.
 *
 * <p><b>Threads.</b> All methods may be called from any thread. A thread that both submits and gets
 * must not submit more than the capacity ahead of what it gets: {@link #submit} would wait for
 * itself; {@link #offer} never waits.
 */
public final class BatchQueue implements AutoCloseable {

  private final Engine engine;
  private final LoaderSettings settings;
  private final LeakReport leakReport;
  private final JobQueue jobs;
  private final long slotBytes;

  private BatchQueue(Engine engine, LoaderSettings settings, JobQueue jobs, long slotBytes) {
    this.engine = engine;
    this.settings = settings;
    leakReport = engine.watchForLeak(this);
    this.jobs = jobs;
    this.slotBytes = slotBytes;
  }

  /**
   * Starts the description of a queue.
   *
   * @param device where the batches go; must stay open as long as the queue
   * @param largestBatchBytes the size of a slot: the {@link BatchSpec#slotBytes()} of the largest
   *     job, 1 byte to 1 GiB
   * @return a builder with the defaults given at its methods
   * @throws IllegalArgumentException if the size is out of range
   */
  public static Builder builder(Device device, long largestBatchBytes) {
    if (largestBatchBytes < 1 || largestBatchBytes > BatchSpec.MAX_SLOT_BYTES) {
      throw new IllegalArgumentException(
          "largestBatchBytes must be 1 to "
              + BatchSpec.MAX_SLOT_BYTES
              + " (1 GiB), not "
              + largestBatchBytes
              + ": give the slotBytes() of the largest job's BatchSpec");
    }
    return new Builder(device, largestBatchBytes);
  }

  /**
   * Queues a job; waits as long as the queue is full, until a {@code get} makes room.
   *
   * @param spec the arrays of this job's batch
   * @param target fills them, on a worker thread; may run again after a {@link #reset()}
   * @return the job's number, from 0; its batch has it as {@link DeviceBatch#index()}
   * @throws InterruptedException if the thread is interrupted while it waits; nothing is queued
   * @throws IllegalArgumentException if the batch is larger than a slot
   * @throws LoaderClosedException if the queue is closed, or gets closed meanwhile
   * @throws io.pentrough.device.DeviceException if the queue is broken
   */
  public long submit(BatchSpec spec, BatchTarget target) throws InterruptedException {
    try {
      return engine.submit(jobs, job(spec, target));
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * Queues a job if there is room. Does not wait.
   *
   * @param spec the arrays of this job's batch
   * @param target fills them, on a worker thread; may run again after a {@link #reset()}
   * @return false if the queue is full; nothing is queued then
   * @throws IllegalArgumentException if the batch is larger than a slot
   * @throws LoaderClosedException if the queue is closed
   * @throws io.pentrough.device.DeviceException if the queue is broken
   */
  public boolean offer(BatchSpec spec, BatchTarget target) {
    try {
      return engine.offer(jobs, job(spec, target));
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * Waits for the next job's batch without bound, for the queue's consumer stream; also while
   * nothing is queued. Logs a diagnosis as a warning each time {@link Builder#warnAfter} has
   * passed.
   *
   * @return a lease, to be closed by the caller
   * @throws InterruptedException if the thread is interrupted; nothing has been taken
   * @throws TargetException if the target failed for the job whose turn it is
   * @throws LoaderClosedException if the queue is closed, or gets closed meanwhile
   * @throws io.pentrough.device.DeviceException if the queue is broken
   * @throws IllegalStateException if this thread alone holds every device slot
   */
  public DeviceBatch get() throws InterruptedException {
    try {
      return engine.get(settings.consumerStream(), false);
    } finally {
      Reference.reachabilityFence(
          this); // else it might be collected, and so closed, while it waits
    }
  }

  /**
   * Waits for the next job's batch, for the queue's consumer stream.
   *
   * @param timeout the longest wait; zero or less looks once
   * @return a lease, to be closed by the caller
   * @throws BatchTimeoutException if it did not get ready in time; nothing has been taken
   * @throws InterruptedException if the thread is interrupted; nothing has been taken
   * @throws TargetException if the target failed for the job whose turn it is
   * @throws LoaderClosedException if the queue is closed, or gets closed meanwhile
   * @throws io.pentrough.device.DeviceException if the queue is broken
   * @throws IllegalStateException if this thread alone holds every device slot
   */
  public DeviceBatch get(Duration timeout) throws InterruptedException, BatchTimeoutException {
    return get(settings.consumerStream(), timeout);
  }

  /**
   * Waits for the next job's batch and names the stream its consumer works on.
   *
   * @param stream the stream the batch will be used on
   * @param timeout the longest wait; zero or less looks once
   * @return a lease, to be closed by the caller
   * @throws BatchTimeoutException if it did not get ready in time; nothing has been taken
   * @throws InterruptedException if the thread is interrupted; nothing has been taken
   * @throws TargetException if the target failed for the job whose turn it is
   * @throws LoaderClosedException if the queue is closed, or gets closed meanwhile
   * @throws io.pentrough.device.DeviceException if the queue is broken
   * @throws IllegalArgumentException if the stream belongs to another device
   * @throws IllegalStateException if this thread alone holds every device slot
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
   * @param stream the stream the batch will be used on
   * @param timeout the longest wait; zero or less looks once
   * @return a lease, to be closed by the caller
   * @throws BatchTimeoutException if it did not get ready in time; nothing has been taken
   * @throws InterruptedException if the thread is interrupted; nothing has been taken
   * @throws TargetException if the target failed for the job whose turn it is
   * @throws LoaderClosedException if the queue is closed, or gets closed meanwhile
   * @throws io.pentrough.device.DeviceException if the queue is broken
   * @throws IllegalArgumentException if the stream belongs to another device
   * @throws IllegalStateException if this thread alone holds every device slot
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
   * Runs every job again that has not been delivered, in order. See {@link
   * BackgroundLoader#reset()}.
   *
   * @throws LoaderClosedException if the queue is closed
   * @throws io.pentrough.device.DeviceException if the queue is broken
   */
  public void reset() {
    try {
      engine.reset();
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * What the queue has done so far, and who waits for whom.
   *
   * @return an immutable snapshot; also of a closed queue
   */
  public LoaderStats stats() {
    try {
      return engine.stats();
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * Stops the workers, drops what is queued, and gives all memory back. See {@link
   * BackgroundLoader#close()}: bounded, idempotent, never frees what is in use.
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

  private Job job(BatchSpec spec, BatchTarget target) {
    Objects.requireNonNull(target, "target");
    if (Objects.requireNonNull(spec, "spec").slotBytes() > slotBytes) {
      throw new IllegalArgumentException(
          "the job's batch takes "
              + spec.slotBytes()
              + " bytes, a slot of this queue has "
              + slotBytes
              + ": raise largestBatchBytes");
    }
    return new Job(spec, target);
  }

  /**
   * Describes a queue. Each {@link #start()} makes a new one.
   *
   * <p><b>Threads.</b> For one thread at a time.
   */
  public static final class Builder {

    private final LoaderOptions options;
    private final long slotBytes;
    private int capacity = 64;

    private Builder(Device device, long slotBytes) {
      this.options = new LoaderOptions(device, "queue");
      this.slotBytes = slotBytes;
    }

    /**
     * How many jobs may be submitted and not yet delivered. Default 64.
     *
     * @param jobs 1 to 65,536
     * @return this
     * @throws IllegalArgumentException if out of that range
     */
    public Builder capacity(int jobs) {
      capacity = LoaderOptions.capacity(jobs);
      return this;
    }

    /**
     * How many threads run targets. Default 1.
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
     * How many batches fit in pinned host memory. Default: the workers and two more, at most 1,024.
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
     * How many batches fit on the device. Default 3.
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
     * The seed of {@link BatchContext#random()}, which is a function of it and the job's number.
     * Default 0.
     *
     * @param seed any value
     * @return this
     */
    public Builder seed(long seed) {
      options.seed(seed);
      return this;
    }

    /**
     * The name in messages and thread names. Default {@code queue-N}.
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
     * default stream.
     *
     * @param stream a stream of the queue's device; must outlive the queue
     * @return this
     * @throws IllegalArgumentException if the stream belongs to another device
     */
    public Builder consumerStream(DeviceStream stream) {
      options.consumerStream(stream);
      return this;
    }

    /**
     * Lets the device work in host memory instead of copying, where it can. See {@link
     * BackgroundLoader.Builder#handOver()}.
     *
     * @return this
     */
    public Builder handOver() {
      options.handOver();
      return this;
    }

    /**
     * What to do when a target throws. Default {@link FailurePolicy#fail()}.
     *
     * @param policy the policy
     * @return this
     */
    public Builder onFailure(FailurePolicy policy) {
      options.onFailure(policy);
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
     * Logs a lease that is held longer than this. Default: never.
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
     * How long {@link BatchQueue#close()} waits for memory in use. Default 10 s.
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
     * Whether {@link BatchQueue#close()} interrupts targets that still run after half its time.
     * Default true.
     *
     * @param interruptTargets false to leave them alone
     * @return this
     */
    public Builder interruptTargets(boolean interruptTargets) {
      options.interruptTargets(interruptTargets);
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
     */
    public MemoryPlan plan() {
      return options.plan(slotBytes);
    }

    /**
     * Allocates all memory and starts the threads.
     *
     * @return a running queue, to be closed by the caller
     * @throws IllegalArgumentException if the memory is over budget
     * @throws io.pentrough.device.DeviceException if the device refuses memory, a stream or an
     *     event; what had been allocated is given back
     * @throws UnsupportedOperationException if {@link #handOver()} was asked of a device that
     *     cannot
     */
    public BatchQueue start() {
      MemoryPlan plan = options.withinBudget(options.plan(slotBytes));
      LoaderSettings settings = options.settings(null);
      JobQueue jobs = new JobQueue(capacity);
      Engine engine = Engine.start(options.device(), jobs, plan, settings);
      return new BatchQueue(engine, settings, jobs, slotBytes);
    }
  }
}
