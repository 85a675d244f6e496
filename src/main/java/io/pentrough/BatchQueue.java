package io.pentrough;

import io.pentrough.device.Device;
import java.lang.ref.Reference;
import java.time.Duration;
import java.util.Objects;

/**
 * Makes one batch for each job that you submit, in the background, and delivers the batches in the
 * order of the jobs. Each job has arrays of its own. The counterpart of ELEKTRONN2's {@code
 * SharedQ}.
 *
 * <pre>{@code
 * try (BatchQueue queue =
 *     BatchQueue.builder(device, spec.slotBytes()).workers(2).capacity(files.size()).start()) {
 *   for (Path file : files) {
 *     queue.submit(spec, (out, context) -> load(file, out.array("raw")));
 *   }
 *   queue.endSubmissions();
 *   for (DeviceBatch batch : queue.batches()) { // in the order of the files
 *     process(batch.array("raw"));
 *   }
 * }
 * }</pre>
 *
 * <p>It works like a {@link BackgroundLoader}: leases, failures, timeouts and the end are the same.
 * But you say which batches it makes, and it has neither epochs nor positions. A job's target
 * captures what the job needs to know: {@code queue.submit(spec, (out, context) -> render(scene,
 * out))}. {@link BatchContext#index()} is the job's number.
 *
 * <p>A {@code get} also waits while nothing is queued, until {@link #endSubmissions()} says that no
 * more jobs will come. Then {@code get} throws {@link java.util.NoSuchElementException} after the
 * last batch, {@link #poll} returns null, and a loop over {@link #batches()} ends.
 *
 * <p>When fewer jobs are queued than there are workers, some workers have nothing to do. The queue
 * then logs a warning, once for each such shortage.
 *
 * <p>A queue that is collected unclosed is closed, and the log says so, as with a loader.
 *
 * <p><b>Threads.</b> All methods may be called from any thread. A thread that both submits and gets
 * must not submit more than the capacity ahead of what it gets: {@link #submit(BatchSpec,
 * BatchTarget)} would wait for itself. {@link #offer} never waits.
 */
public final class BatchQueue extends AbstractLoader {

  private final JobQueue jobs;
  private final long slotBytes;

  private BatchQueue(Engine engine, LoaderOptions options, JobQueue jobs, long slotBytes) {
    super(engine, options);
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
   * Queues a job. While the queue is full, waits until a {@code get} makes room. Logs a diagnosis
   * as a warning each time {@link Builder#warnAfter} has passed.
   *
   * @param spec the arrays of this job's batch
   * @param target fills them, on a worker thread; may run again after a {@link #reset()}
   * @return the job's number, from 0; its batch has it as {@link DeviceBatch#index()}
   * @throws InterruptedException if the thread is interrupted while it waits; nothing is queued
   * @throws IllegalArgumentException if the batch is larger than a slot, or the target is an {@link
   *     EpochTarget}
   * @throws LoaderClosedException if the queue is closed, or gets closed meanwhile
   * @throws IllegalStateException if {@link #endSubmissions()} has been called, or is called
   *     meanwhile; nothing is queued
   * @throws io.pentrough.device.DeviceException if the queue is broken
   */
  public long submit(BatchSpec spec, BatchTarget target) throws InterruptedException {
    try {
      return engine.submissions().submit(jobs, job(spec, target));
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * Queues a job. While the queue is full, waits for room until the timeout.
   *
   * @param spec the arrays of this job's batch
   * @param target fills them, on a worker thread; may run again after a {@link #reset()}
   * @param timeout the longest wait; zero or less looks once
   * @return the job's number, from 0; its batch has it as {@link DeviceBatch#index()}
   * @throws BatchTimeoutException if there was no room in time; nothing is queued, and the message
   *     is a diagnosis
   * @throws InterruptedException if the thread is interrupted while it waits; nothing is queued
   * @throws IllegalArgumentException if the batch is larger than a slot, or the target is an {@link
   *     EpochTarget}
   * @throws LoaderClosedException if the queue is closed, or gets closed meanwhile
   * @throws IllegalStateException if {@link #endSubmissions()} has been called, or is called
   *     meanwhile; nothing is queued
   * @throws io.pentrough.device.DeviceException if the queue is broken
   */
  public long submit(BatchSpec spec, BatchTarget target, Duration timeout)
      throws InterruptedException, BatchTimeoutException {
    Job job = job(spec, target);
    long nanos = LoaderOptions.nanos(Objects.requireNonNull(timeout, "timeout"));
    try {
      return engine.submissions().submit(jobs, job, nanos);
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
   * @throws IllegalArgumentException if the batch is larger than a slot, or the target is an {@link
   *     EpochTarget}
   * @throws LoaderClosedException if the queue is closed
   * @throws IllegalStateException if {@link #endSubmissions()} has been called; nothing is queued
   * @throws io.pentrough.device.DeviceException if the queue is broken
   */
  public boolean offer(BatchSpec spec, BatchTarget target) {
    try {
      return engine.submissions().offer(jobs, job(spec, target));
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * Says that no more jobs will be submitted. Jobs that were submitted are made and delivered as
   * usual; after the last one, {@code get} throws {@link java.util.NoSuchElementException}. A
   * {@link #submit(BatchSpec, BatchTarget) submit} that waits for room ends with an {@link
   * IllegalStateException}, and so does every later one. A {@link #reset()} still runs undelivered
   * jobs again.
   *
   * <p>Does not wait. Idempotent; does nothing if the queue is closed or broken.
   */
  public void endSubmissions() {
    try {
      engine.submissions().end(jobs);
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  private Job job(BatchSpec spec, BatchTarget target) {
    Job job =
        new Job(Objects.requireNonNull(spec, "spec"), Objects.requireNonNull(target, "target"));
    if (target instanceof EpochTarget epochs) {
      throw new IllegalArgumentException(
          "a job is one batch, but this target makes epochs of "
              + epochs.batchesPerEpoch()
              + " batches: give it to BackgroundLoader.builder(...)");
    }
    if (job.spec().slotBytes() > slotBytes) {
      throw new IllegalArgumentException(
          "the job's batch takes "
              + job.spec().slotBytes()
              + " bytes, a slot of this queue has "
              + slotBytes
              + ": raise largestBatchBytes");
    }
    return job;
  }

  /**
   * Describes a queue. Each {@link #start()} makes a new one.
   *
   * <p><b>Threads.</b> For one thread at a time.
   */
  public static final class Builder extends LoaderBuilder<Builder> {

    /** Jobs are found by their number, so there may be more of them than slots. */
    private static final int MAX_JOBS = 1 << 16;

    private final long slotBytes;
    private int capacity = 64;

    private Builder(Device device, long slotBytes) {
      super(device, "queue");
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
      capacity = inRange("capacity", jobs, MAX_JOBS, "submit() waits for room, offer() does not");
      return this;
    }

    /**
     * What {@link #start()} would allocate. Allocates nothing.
     *
     * @return the plan, whatever the budget
     */
    public MemoryPlan plan() {
      return plan(slotBytes, slotBytes, 0);
    }

    /**
     * Allocates all memory and starts the threads.
     *
     * @return a running queue, to be closed by the caller
     * @throws IllegalArgumentException if the memory is over budget
     * @throws IllegalStateException if the consumer stream is closed
     * @throws io.pentrough.device.DeviceException if the device refuses memory, a stream or an
     *     event; what had been allocated is given back
     * @throws UnsupportedOperationException if the device cannot do {@code zeroCopy}
     */
    public BatchQueue start() {
      MemoryPlan plan = withinBudget(plan());
      LoaderOptions options = options(seat(), true, null);
      JobQueue jobs = new JobQueue(capacity);
      Engine engine = Engine.start(device, jobs, plan, options);
      return new BatchQueue(engine, options, jobs, slotBytes);
    }
  }
}
