package io.pentrough;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
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
 * <p><b>Threads.</b> All methods may be called from any thread; several may wait in {@code get} at
 * once.
 */
public final class BackgroundLoader implements AutoCloseable {

  private final Engine engine;
  private final LoaderSettings settings;

  private BackgroundLoader(Engine engine, LoaderSettings settings) {
    this.engine = engine;
    this.settings = settings;
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
    return new Builder(device, spec, target);
  }

  /**
   * Waits for the next batch without bound, for the loader's consumer stream. Logs a diagnosis as a
   * warning each time {@link Builder#warnAfter} has passed.
   *
   * @return a lease, to be closed by the caller
   * @throws InterruptedException if the thread is interrupted; nothing has been taken
   * @throws TargetException if the target failed for the batch whose turn it is
   * @throws LoaderClosedException if the loader is closed, or gets closed meanwhile
   * @throws io.pentrough.device.DeviceException if the loader is broken
   * @throws IllegalStateException if this thread alone holds every device slot, and so would wait
   *     for itself
   */
  public DeviceBatch get() throws InterruptedException {
    return engine.get(settings.consumerStream());
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
   * @throws LoaderClosedException if the loader is closed, or gets closed meanwhile
   * @throws io.pentrough.device.DeviceException if the loader is broken
   * @throws IllegalArgumentException if the stream belongs to another device
   * @throws IllegalStateException if this thread alone holds every device slot, and so would wait
   *     for itself
   */
  public DeviceBatch get(DeviceStream stream, Duration timeout)
      throws InterruptedException, BatchTimeoutException {
    Objects.requireNonNull(stream, "stream");
    Objects.requireNonNull(timeout, "timeout");
    return engine.get(stream, LoaderSettings.nanos(timeout));
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
    engine.reset();
  }

  /**
   * What the loader has done so far, and who waits for whom.
   *
   * @return an immutable snapshot; also of a closed loader
   */
  public LoaderStats stats() {
    return engine.stats();
  }

  /**
   * Stops the workers and gives all memory back.
   *
   * <p>Memory in use is waited for: running targets, copies, open leases, and work that consumers
   * queued before they closed their leases. After half of {@link Builder#closeTimeout} running
   * targets are interrupted. When the time is over this method returns all the same; it logs who
   * still uses what, with the stacks of stuck targets, and the memory is given back by whoever
   * finishes last. Leases held by the calling thread are not waited for, nor is the target it runs;
   * closing them gives their memory back. Callers that hold something do not wait for each other.
   *
   * <p>Every {@code get} that waits ends with a {@link LoaderClosedException}. Idempotent. Not
   * interruptible; keeps the interrupt flag.
   */
  @Override
  public void close() {
    engine.close();
  }

  /**
   * Describes a loader. Each {@link #start()} makes a new one.
   *
   * <p><b>Threads.</b> For one thread at a time.
   */
  public static final class Builder {

    /** More workers or slots than anybody needs, and few enough to be counted. */
    private static final int MOST = 1 << 16;

    private static final AtomicInteger NUMBER = new AtomicInteger();

    private final Device device;
    private final BatchSpec spec;
    private final BatchTarget target;
    private int workers = 1;
    private int hostSlots;
    private int deviceSlots = 3;
    private long seed;
    private boolean ordered = true;
    private boolean handOver;
    private @Nullable String name;
    private @Nullable DeviceStream consumerStream;
    private Duration warnAfter = Duration.ofSeconds(30);
    private Duration closeTimeout = Duration.ofSeconds(10);
    private boolean interruptTargets = true;

    private Builder(Device device, BatchSpec spec, BatchTarget target) {
      this.device = Objects.requireNonNull(device, "device");
      this.spec = Objects.requireNonNull(spec, "spec");
      this.target = Objects.requireNonNull(target, "target");
    }

    /**
     * How many threads run the target. Default 1.
     *
     * @param workers 1 to 65,536
     * @return this
     * @throws IllegalArgumentException if out of that range
     */
    public Builder workers(int workers) {
      this.workers = checked("workers", workers);
      return this;
    }

    /**
     * How many batches fit in pinned host memory: those being filled, waiting for their copy, or
     * being copied. Default: the workers and two more.
     *
     * @param hostSlots 1 to 65,536
     * @return this
     * @throws IllegalArgumentException if out of that range
     */
    public Builder hostSlots(int hostSlots) {
      this.hostSlots = checked("hostSlots", hostSlots);
      return this;
    }

    /**
     * How many batches fit on the device: those being copied, ready, or leased. Default 3: one in
     * use, one ready, one under way.
     *
     * @param deviceSlots 1 to 65,536
     * @return this
     * @throws IllegalArgumentException if out of that range
     */
    public Builder deviceSlots(int deviceSlots) {
      this.deviceSlots = checked("deviceSlots", deviceSlots);
      return this;
    }

    /**
     * The seed of {@link BatchContext#random()}. Default 0.
     *
     * @param seed any value
     * @return this
     */
    public Builder seed(long seed) {
      this.seed = seed;
      return this;
    }

    /**
     * The name in messages and thread names. Default {@code loader-N}.
     *
     * @param name any text
     * @return this
     */
    public Builder name(String name) {
      this.name = Objects.requireNonNull(name, "name");
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
      Objects.requireNonNull(stream, "consumerStream");
      Engine.requireSameDevice(stream, device);
      this.consumerStream = stream;
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
      this.ordered = false;
      return this;
    }

    /**
     * Lets the device work in host memory instead of copying, where it can: the consumer gets the
     * slot the target wrote. Both rings become one, of both depths together.
     *
     * @return this
     */
    public Builder handOver() {
      this.handOver = true;
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
      Objects.requireNonNull(warnAfter, "warnAfter");
      if (warnAfter.isZero() || warnAfter.isNegative()) {
        throw new IllegalArgumentException("warnAfter must be more than zero, not " + warnAfter);
      }
      this.warnAfter = warnAfter;
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
      Objects.requireNonNull(closeTimeout, "closeTimeout");
      if (closeTimeout.isNegative()) {
        throw new IllegalArgumentException("closeTimeout must not be negative: " + closeTimeout);
      }
      this.closeTimeout = closeTimeout;
      return this;
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
      this.interruptTargets = interruptTargets;
      return this;
    }

    /**
     * Allocates all memory and starts the threads. With {@code -Dpentrough.debug=true} every host
     * slot is filled with the byte 0xFF before its target runs, so that an element the target
     * forgets shows: as NaN in any floating type, as -1 or the largest value in an integer.
     *
     * @return a running loader, to be closed by the caller
     * @throws io.pentrough.device.DeviceException if the device refuses memory, a stream or an
     *     event; what had been allocated is given back
     * @throws UnsupportedOperationException if {@link #handOver()} was asked of a device that
     *     cannot
     */
    public BackgroundLoader start() {
      int hostDepth = hostSlots == 0 ? workers + 2 : hostSlots;
      int bothDepths = hostDepth + deviceSlots;
      LoaderSettings settings =
          new LoaderSettings(
              name == null ? "loader-" + NUMBER.incrementAndGet() : name,
              workers,
              handOver ? bothDepths : hostDepth,
              handOver ? bothDepths : deviceSlots,
              seed,
              ordered,
              handOver,
              consumerStream == null ? device.defaultStream() : consumerStream,
              LoaderSettings.nanos(warnAfter),
              LoaderSettings.nanos(closeTimeout),
              interruptTargets,
              Boolean.getBoolean("pentrough.debug"));
      Engine engine = new Engine(device, spec, target, settings);
      engine.start();
      return new BackgroundLoader(engine, settings);
    }

    private static int checked(String what, int value) {
      if (value < 1 || value > MOST) {
        throw new IllegalArgumentException(what + " must be 1 to " + MOST + ", not " + value);
      }
      return value;
    }
  }
}
