package io.pentrough;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import java.lang.ref.Reference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.concurrent.ThreadFactory;
import org.jspecify.annotations.Nullable;

/**
 * Feeds several devices of one machine in step: a loader for each device, over shards of one job.
 *
 * <pre>{@code
 * try (ParallelLoader loader =
 *     ParallelLoader.builder(devices, spec, target).workers(4).batchesPerEpoch(1000).start()) {
 *   for (int i = 0; i < steps; i++) {
 *     try (ParallelBatch step = loader.get(patience)) {
 *       train(step.batches()); // one for each device
 *     }
 *   }
 * }
 * }</pre>
 *
 * <p>Each {@code get} returns a {@linkplain ParallelBatch step}: one batch for each device. With
 * {@code n} devices, step {@code s} of an epoch is the batches {@code s n} to {@code s n + n - 1}.
 * Steps never mix:
 *
 * <ul>
 *   <li>If a batch is missing, because its target failed or a {@link FailurePolicy} leaves it out,
 *       then the whole step is left out on all devices.
 *   <li>If a {@code get} ends before all batches of a step are there, the loader keeps those it
 *       has. The next {@code get}, on any thread, returns them with the rest of the step. They
 *       survive a {@link #reset()} as well.
 *   <li>If the device or the library fails for one device, the loader ends for all: every later
 *       {@code get} throws a {@link io.pentrough.device.DeviceException} with the same cause.
 * </ul>
 *
 * <p>A loader that is collected unclosed is closed, and the log says so, as with a {@link
 * BackgroundLoader}.
 *
 * <p><b>Threads.</b> All methods may be called from any thread. Several threads may wait in {@code
 * get} at once, and each gets whole steps.
 */
public final class ParallelLoader implements AutoCloseable {

  private final Lockstep lockstep;
  private final LeakReport leakReport;

  private ParallelLoader(Lockstep lockstep) {
    this.lockstep = lockstep;
    leakReport =
        LeakReport.watchLoader(
            this,
            lockstep.name(),
            new LeakReport.MadeHere(Boolean.getBoolean("pentrough.leakDetection")),
            lockstep::close);
  }

  /**
   * Starts the description of a loader for several devices.
   *
   * @param devices where the batches go; each once, and each must stay open as long as the loader
   * @param spec the arrays of a batch for one device
   * @param target fills a batch; called from the workers of all devices at once, so it must be
   *     thread-safe. The workers are numbered through all devices ({@link BatchContext#worker()})
   * @return a builder with the defaults given at its methods
   * @throws IllegalArgumentException if there is no device, or one was given twice
   */
  public static Builder builder(
      List<? extends Device> devices, BatchSpec spec, BatchTarget target) {
    Objects.requireNonNull(devices, "devices");
    Job job =
        new Job(Objects.requireNonNull(spec, "spec"), Objects.requireNonNull(target, "target"));
    return new Builder(distinct(devices), job);
  }

  private static List<Device> distinct(List<? extends Device> devices) {
    List<Device> distinct = new ArrayList<>();
    for (Device device : devices) {
      Objects.requireNonNull(device, "devices: an element is null");
      for (Device other : distinct) {
        // Host devices all have one name, and there may be any number of them.
        boolean sameGpu = !device.copiesInCaller() && other.name().equals(device.name());
        if (other == device || sameGpu) {
          throw new IllegalArgumentException(
              "devices: "
                  + device.name()
                  + " was given twice; give each device once (a faster one gets no more batches"
                  + " than the others, as all take their steps together)");
        }
      }
      distinct.add(device);
    }
    if (distinct.isEmpty()) {
      throw new IllegalArgumentException(
          "devices: there is none; give at least one, for example List.of(Device.best())");
    }
    return List.copyOf(distinct);
  }

  /**
   * The name in messages, thread names and logs. The loader of device {@code i} adds {@code -i}.
   *
   * @return what the builder was given, else {@code group-N}
   */
  public String name() {
    return lockstep.name();
  }

  /**
   * The devices that the batches go to.
   *
   * @return what {@link #builder} was given, in that order; unmodifiable
   */
  public List<Device> devices() {
    return lockstep.engines().stream().map(engine -> engine.core.device).toList();
  }

  /**
   * Waits for the next step without bound. Logs a diagnosis as a warning each time the builder's
   * {@code warnAfter} has passed for one device.
   *
   * @return a lease for each device, to be closed by the caller
   * @throws InterruptedException if the thread is interrupted; the loader keeps the batches of the
   *     step that it has
   * @throws TargetException if the target failed for a batch of the step, which is left out on all
   *     devices
   * @throws NoSuchElementException if every step has been delivered and no more can come
   * @throws LoaderClosedException if the loader is closed, or gets closed meanwhile
   * @throws io.pentrough.device.DeviceException if the loader of a device is broken
   * @throws AllSlotsHeldException if this thread holds every slot of a device, and so would wait
   *     for itself
   * @throws StreamCapturingException if a stream is being captured into a graph
   * @throws IllegalStateException if a stream is closed
   */
  public ParallelBatch get() throws InterruptedException {
    return getUnbounded(false);
  }

  private ParallelBatch getUnbounded(boolean queued) throws InterruptedException {
    try {
      return lockstep.get(Long.MAX_VALUE, queued);
    } catch (BatchTimeoutException e) {
      throw new AssertionError(e); // there is no bound
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * Waits for the next step.
   *
   * @param timeout the longest wait for all devices together; zero or less looks once
   * @return a lease for each device, to be closed by the caller
   * @throws BatchTimeoutException if a batch was not ready in time. The loader keeps the batches of
   *     the step that it has, and the message says which device is waited for, with a diagnosis
   * @throws InterruptedException if the thread is interrupted; the loader keeps the batches of the
   *     step that it has
   * @throws TargetException if the target failed for a batch of the step, which is left out on all
   *     devices
   * @throws NoSuchElementException if every step has been delivered and no more can come
   * @throws LoaderClosedException if the loader is closed, or gets closed meanwhile
   * @throws io.pentrough.device.DeviceException if the loader of a device is broken
   * @throws AllSlotsHeldException if this thread holds every slot of a device, and so would wait
   *     for itself
   * @throws StreamCapturingException if a stream is being captured into a graph
   * @throws IllegalStateException if a stream is closed
   */
  public ParallelBatch get(Duration timeout) throws InterruptedException, BatchTimeoutException {
    return get(timeout, false);
  }

  private ParallelBatch get(Duration timeout, boolean queued)
      throws InterruptedException, BatchTimeoutException {
    Objects.requireNonNull(timeout, "timeout");
    try {
      return lockstep.get(LoaderOptions.nanos(timeout), queued);
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * Like {@link #get(Duration)}, but returns null when there are no more steps. A timeout is not
   * the end: it throws.
   *
   * @param timeout the longest wait for all devices together; zero or less looks once
   * @return a lease for each device, to be closed by the caller; null if every step has been
   *     delivered and no more can come
   * @throws BatchTimeoutException if a batch was not ready in time. The loader keeps the batches of
   *     the step that it has, and the message says which device is waited for, with a diagnosis
   * @throws InterruptedException if the thread is interrupted; the loader keeps the batches of the
   *     step that it has
   * @throws TargetException if the target failed for a batch of the step, which is left out on all
   *     devices
   * @throws LoaderClosedException if the loader is closed, or gets closed meanwhile
   * @throws io.pentrough.device.DeviceException if the loader of a device is broken
   * @throws AllSlotsHeldException if this thread holds every slot of a device, and so would wait
   *     for itself
   * @throws StreamCapturingException if a stream is being captured into a graph
   * @throws IllegalStateException if a stream is closed
   */
  public @Nullable ParallelBatch poll(Duration timeout)
      throws InterruptedException, BatchTimeoutException {
    try {
      return get(timeout);
    } catch (NoSuchElementException end) {
      return null;
    }
  }

  /**
   * Waits without bound until the copies of the next step are queued. See {@link
   * #getQueued(Duration)}. Logs a diagnosis as a warning each time the builder's {@code warnAfter}
   * has passed for one device.
   *
   * @return a lease for each device, to be closed by the caller
   * @throws InterruptedException if the thread is interrupted; the loader keeps the batches of the
   *     step that it has
   * @throws TargetException if the target failed for a batch of the step, which is left out on all
   *     devices
   * @throws NoSuchElementException if every step has been delivered and no more can come
   * @throws LoaderClosedException if the loader is closed, or gets closed meanwhile
   * @throws io.pentrough.device.DeviceException if the loader of a device is broken
   * @throws AllSlotsHeldException if this thread holds every slot of a device, and so would wait
   *     for itself
   * @throws StreamCapturingException if a stream is being captured into a graph
   * @throws IllegalStateException if a stream is closed
   */
  public ParallelBatch getQueued() throws InterruptedException {
    return getUnbounded(true);
  }

  /**
   * Returns a step as soon as its copies are queued. Each device's stream ({@link
   * Builder#consumerStream}) waits for the copy there instead of the calling thread, so work queued
   * on it from now on sees the batch. See {@link BatchLoader#getQueued(DeviceStream, Duration)} for
   * what the host must not do with such a batch, and for a copy that fails.
   *
   * <p>If the time is over before the step is complete, the loader keeps the batches that it has,
   * and the next {@code get} of any kind returns them. {@link #get(Duration)} then also waits for
   * their copies.
   *
   * @param timeout the longest wait for all devices together; zero or less looks once
   * @return a lease for each device, to be closed by the caller
   * @throws BatchTimeoutException if a copy was not queued in time. The loader keeps the batches of
   *     the step that it has, and the message says which device is waited for, with a diagnosis
   * @throws InterruptedException if the thread is interrupted; the loader keeps the batches of the
   *     step that it has
   * @throws TargetException if the target failed for a batch of the step, which is left out on all
   *     devices
   * @throws NoSuchElementException if every step has been delivered and no more can come
   * @throws LoaderClosedException if the loader is closed, or gets closed meanwhile
   * @throws io.pentrough.device.DeviceException if the loader of a device is broken
   * @throws AllSlotsHeldException if this thread holds every slot of a device, and so would wait
   *     for itself
   * @throws StreamCapturingException if a stream is being captured into a graph
   * @throws IllegalStateException if a stream is closed
   */
  public ParallelBatch getQueued(Duration timeout)
      throws InterruptedException, BatchTimeoutException {
    return get(timeout, true);
  }

  /**
   * The remaining steps, one after the other: for {@code for (ParallelBatch step :
   * loader.steps())}. Each step is closed when the next is asked for, and the last one at the end.
   * Everything that {@link BatchLoader#batches()} says of batches is true here of steps: how the
   * loop waits and what it throws, what {@link #close()} closes after a loop that ended early, and
   * that threads may share an iterator.
   *
   * @return an iterable; each iterator continues where the loader is
   */
  public Iterable<ParallelBatch> steps() {
    return () -> iterator(Schedule.FOR_EVER);
  }

  /**
   * The remaining steps of one epoch, so that something else fits in between two epochs:
   *
   * <pre>{@code
   * for (int epoch = 0; epoch < epochs; epoch++) {
   *   for (ParallelBatch step : loader.epoch()) {
   *     stepOnAll(step.batches());
   *   }
   *   validate();
   * }
   * }</pre>
   *
   * <p>Each iterator is for the epoch of the next step at the moment when the iterator is made. It
   * ends after the last step of that epoch, and takes nothing of the next one. So after a loop that
   * ran to its end, the next call continues with the next epoch. After a loop that was left early,
   * it continues with the rest of that epoch. When all epochs are over, there is nothing to
   * iterate. Workers make batches of the next epoch meanwhile.
   *
   * <p>In everything else this is {@link #steps()}.
   *
   * @return an iterable; its iterators throw what {@link #get()} throws
   */
  public Iterable<ParallelBatch> epoch() {
    return () -> iterator(nextEpoch());
  }

  private int nextEpoch() {
    try {
      return lockstep.nextEpoch();
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  private Iterator<ParallelBatch> iterator(int lastEpoch) {
    return new BatchIterator<>(
        () -> getInLoop(lastEpoch), ParallelBatch::passToCaller, ParallelBatch::closeInLoop);
  }

  private ParallelBatch getInLoop(int lastEpoch) throws InterruptedException {
    try {
      return lockstep.getInLoop(lastEpoch);
    } catch (BatchTimeoutException e) {
      throw new AssertionError(e); // there is no bound
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * Makes the batches of all devices again, from the first one that has not been delivered. If a
   * {@code get} has ended before its step was complete, the batches that it had are kept, and the
   * next {@code get} returns them. Leases stay valid. Does not wait and interrupts no target.
   *
   * @throws LoaderClosedException if the loader is closed
   * @throws io.pentrough.device.DeviceException if the loader of a device is broken
   */
  public void reset() {
    try {
      lockstep.reset();
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * Where this loader is: right after the last step that a {@code get} returned. It does not cover
   * a step that was left out since then: a loader that starts here tries that step again. It is a
   * position of the whole, so the job can go on with any number of devices. It exists before the
   * first step, too, and after {@link #close()}. If several threads get steps, {@link
   * ParallelBatch#position()} is the position of one step. Does not wait.
   *
   * @return where {@link Builder#startAt} continues
   */
  public Position position() {
    try {
      return lockstep.position();
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * What the loader has done so far, for each device, and which device the steps waited for.
   *
   * @return an immutable snapshot; also of a closed loader
   */
  public ParallelStats stats() {
    try {
      return lockstep.stats();
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * What each slot and each worker does now.
   *
   * @return one for each device, in the order of the devices; also of a closed loader
   */
  public List<LoaderSnapshot> snapshots() {
    try {
      return lockstep.engines().stream().map(engine -> engine.reports.snapshot()).toList();
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * What happened to the last batches of each device. {@link Trace#writeHtml(java.nio.file.Path,
   * List)} draws all devices on one page.
   *
   * @return one for each device, in the order of the devices; also of a closed loader
   */
  public List<Trace> traces() {
    try {
      return lockstep.engines().stream().map(engine -> engine.reports.trace()).toList();
    } finally {
      Reference.reachabilityFence(this);
    }
  }

  /**
   * Stops the workers of all devices and gives all memory back, as {@link BatchLoader#close()} does
   * for one. The builder's {@code closeTimeout} is the bound for all devices together. Batches of a
   * step that no {@code get} has returned are given back first. Steps that the calling thread holds
   * are not waited for; closing them gives their memory back. Steps that loops over {@link
   * #steps()} or {@link #epoch()} hold are closed here, if the loop ran on the calling thread or on
   * one that has ended.
   *
   * <p>Every waiting {@code get} ends with a {@link LoaderClosedException}. Idempotent. Not
   * interruptible; keeps the interrupt flag.
   */
  @Override
  public void close() {
    try {
      leakReport.closed();
      lockstep.close();
    } finally {
      Reference.reachabilityFence(this); // else it might be reported before it is known as closed
    }
  }

  /** The kind and the name, for example {@code "ParallelLoader group-1"}. */
  @Override
  public String toString() {
    return "ParallelLoader " + name();
  }

  /**
   * Describes a loader for several devices. Each {@link #start()} makes a new one.
   *
   * <p>These apply to each device: workers, slots, the trace, the memory budget, and how many
   * batches and samples may be left out. So {@code workers(4)} on 2 devices runs 8 threads.
   *
   * <p><b>Threads.</b> For one thread at a time.
   */
  public static final class Builder extends ScheduleBuilder<Builder> {

    private final List<Device> devices;
    private final Job job;
    private final IdentityHashMap<Device, DeviceStream> streams = new IdentityHashMap<>();
    private final IdentityHashMap<Device, ThreadFactory> factories = new IdentityHashMap<>();
    private Remainder remainder = Remainder.DROP;

    private Builder(List<Device> devices, Job job) {
      super(devices.get(0), "group");
      this.devices = devices;
      this.job = job;
    }

    @Override
    Job job(InferredTarget.Start first) {
      return job;
    }

    @Override
    @Nullable EpochTarget epochTarget() {
      return job.epochTarget();
    }

    /**
     * What to do if the devices don't divide the number of batches per epoch. Default {@link
     * Remainder#DROP}: the epoch's last batches are left out. With {@link Remainder#PAD}, some
     * devices repeat a batch in the last step, and {@link DeviceBatch#isRepeat()} says so.
     *
     * @param remainder {@code DROP} or {@code PAD}
     * @return this
     * @throws IllegalArgumentException if {@link Remainder#UNEVEN}, with which the devices could
     *     not take all steps together
     */
    public Builder remainder(Remainder remainder) {
      Objects.requireNonNull(remainder, "remainder");
      if (remainder == Remainder.UNEVEN) {
        throw new IllegalArgumentException(
            "Remainder.UNEVEN gives some devices more batches than others, but all take their"
                + " steps together: use DROP or PAD, or a BackgroundLoader for each device");
      }
      this.remainder = remainder;
      return this;
    }

    /**
     * The stream that one device's batches are used on. Call it once for each device. Default: the
     * device's default stream, which on CUDA covers legacy and blocking streams only. The stream
     * must outlive the loader.
     *
     * @param stream a stream of one of the devices; the last one for a device counts
     * @return this
     * @throws IllegalArgumentException if the stream belongs to none of the devices
     */
    @Override
    public Builder consumerStream(DeviceStream stream) {
      Objects.requireNonNull(stream, "consumerStream");
      streams.put(member(stream.device(), "the stream belongs to"), stream);
      return this;
    }

    /**
     * Makes the threads that run targets for one device, as {@link #threadFactory(ThreadFactory)}
     * does for all devices. So threads can be bound to the cores near their device.
     *
     * @param device one of the devices
     * @param factory makes a new platform thread at each call, and does not start it
     * @return this
     * @throws IllegalArgumentException if the device is none of this loader's
     */
    public Builder threadFactory(Device device, ThreadFactory factory) {
      Objects.requireNonNull(device, "device");
      Objects.requireNonNull(factory, "factory");
      factories.put(member(device, "the threads are for"), factory);
      return this;
    }

    private Device member(Device device, String what) {
      if (devices.stream().noneMatch(own -> own == device)) {
        throw new IllegalArgumentException(
            what
                + " another device ("
                + device.name()
                + ") than those of the loader ("
                + String.join(", ", devices.stream().map(Device::name).toList())
                + "): use the same Device objects");
      }
      return device;
    }

    /**
     * A loader for several devices delivers in order only: devices that deliver batches as they get
     * ready would not be at the same step.
     *
     * @param ordered true
     * @return this
     * @throws IllegalArgumentException if false
     */
    @Override
    public Builder ordered(boolean ordered) {
      if (!ordered) {
        throw new IllegalArgumentException(
            "a loader for several devices delivers in order, as all devices take their steps"
                + " together: leave ordered(false) out, or use a BackgroundLoader for each device");
      }
      return super.ordered(true);
    }

    /**
     * What {@link #start()} would allocate for each device. Allocates nothing.
     *
     * @return the plan of one device, whatever the budget
     * @throws IllegalArgumentException if a stage does not fit the arrays or {@code zeroCopy}
     */
    public MemoryPlan plan() {
      return plan(job.spec());
    }

    /**
     * Allocates all memory and starts the threads. Elements that the target leaves unwritten are
     * treated as {@link BackgroundLoader.Builder#start()} says.
     *
     * @return a running loader, to be closed by the caller
     * @throws io.pentrough.device.DeviceException if a device refuses memory, a stream or an event;
     *     what had been allocated is given back on all devices
     * @throws UnsupportedOperationException if a device cannot do {@code zeroCopy}
     * @throws IllegalArgumentException if the memory of a device is over budget, there are more
     *     devices than batches in an epoch, the number of batches in an epoch is not known, the
     *     position to start at is of another configuration, an {@link EpochTarget} cannot fill the
     *     arrays or has epochs of another length than {@code batchesPerEpoch}, or a stage does not
     *     fit the arrays or {@code zeroCopy}
     * @throws IllegalStateException if a consumer stream is closed
     * @throws StageException if a stage cannot be prepared; what had been allocated is given back
     *     on all devices
     */
    public ParallelLoader start() {
      int n = devices.size();
      long length = epochLength();
      requireStepsFor(n, length);
      Lockstep lockstep = new Lockstep(newName(), time());
      Remainder rest = n == 1 ? Remainder.UNEVEN : remainder; // there is none
      try {
        for (int i = 0; i < n; i++) {
          Engine engine = start(seat(i, lockstep), i, n, rest);
          lockstep.add(new Lane(engine, share(length, i, n, rest)));
        }
        lockstep.begin();
        return new ParallelLoader(lockstep);
      } catch (Throwable t) {
        lockstep.close();
        throw t;
      }
    }

    private static void requireStepsFor(int n, long length) {
      if (n > 1 && length == Schedule.ENDLESS) {
        throw new IllegalArgumentException(
            "several devices take equally many steps in each epoch, so it must be known how many"
                + " batches an epoch has: declare batchesPerEpoch (a large number if there is no"
                + " end)");
      }
      if (length < n) {
        throw new IllegalArgumentException(
            "an epoch has "
                + length
                + " batches, too few for "
                + n
                + " devices: use at most "
                + length
                + " devices, or smaller batches");
      }
    }

    private Seat seat(int number, Lockstep lockstep) {
      Device device = devices.get(number);
      return new Seat(
          lockstep.name() + "-" + number,
          device,
          orDefault(streams.get(device), device),
          number * workers(),
          factories.getOrDefault(device, threadFactory()),
          lockstep::stopped);
    }
  }
}
