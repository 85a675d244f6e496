package io.pentrough;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The options that loaders and queues have in common. Each is checked when it is given; one that is
 * refused leaves the builder as it was.
 *
 * @param <B> the builder itself, which each option returns
 */
abstract class LoaderBuilder<B extends LoaderBuilder<B>> {

  /** An upper bound for workers and slots: the engine scans them while it holds its lock. */
  static final int MAX_THREADS_OR_SLOTS = 1024;

  /** A page of as many batches has some 5 MB. */
  private static final int MAX_TRACE = 1 << 16;

  private static final AtomicInteger NUMBER = new AtomicInteger();

  final Device device;
  private final String kind;
  private int workers = 1;
  private int hostSlots;
  private int deviceSlots = 3;
  private long seed;
  private boolean zeroCopy;
  private @Nullable String name;
  private @Nullable DeviceStream consumerStream;
  private Duration warnAfter = Duration.ofSeconds(30);
  private @Nullable Duration leaseWarnAfter;
  private Duration closeTimeout = Duration.ofSeconds(10);
  private boolean interruptTargets = true;
  private long memoryBudget = Long.MAX_VALUE;
  private FailurePolicy failurePolicy = FailurePolicy.fail();
  private int trace = 256;
  private ThreadFactory threadFactory = Thread::new;
  private Time time = Time.SYSTEM;

  /**
   * The defaults.
   *
   * @param kind the default name, to which a number is added
   */
  LoaderBuilder(Device device, String kind) {
    this.device = Objects.requireNonNull(device, "device");
    this.kind = kind;
  }

  @SuppressWarnings("unchecked") // B is the class of this builder
  final B self() {
    return (B) this;
  }

  /** For tests, which step it. */
  final B time(Time time) {
    this.time = time;
    return self();
  }

  /**
   * How many threads run targets. Default 1.
   *
   * @param workers 1 to 1,024
   * @return this
   * @throws IllegalArgumentException if out of that range
   */
  public final B workers(int workers) {
    this.workers =
        inRange(
            "workers",
            workers,
            MAX_THREADS_OR_SLOTS,
            workers < 1
                ? "batches are always filled by threads of the loader; leave workers out for one"
                : "add workers while stats() says PRODUCER");
    return self();
  }

  /**
   * Makes the threads that run targets. For example, a factory can bind them to the cores near the
   * device: the binding is the first thing that the thread does, and then it runs what the factory
   * was given. Default: plain threads.
   *
   * <p>The loader names the threads and makes them daemons. If the factory throws, {@code start()}
   * throws the same. {@code start()} refuses null, a thread that has been started, a thread that
   * the factory has returned before, and a virtual thread, with an {@link
   * IllegalArgumentException}. If a thread ends before it has run what the factory was given, or
   * lets another thread run it, the loader breaks. {@code get} then says so, and the cause is what
   * the thread has thrown.
   *
   * @param factory makes a new platform thread at each call, and does not start it; called by
   *     {@code start()}, on the same thread, once for each worker
   * @return this
   */
  public final B threadFactory(ThreadFactory factory) {
    threadFactory = Objects.requireNonNull(factory, "factory");
    return self();
  }

  /**
   * How many batches fit in pinned host memory: those being filled, waiting for their copy, or
   * being copied. Default: two more than the workers, at most 1,024.
   *
   * @param hostSlots 1 to 1,024
   * @return this
   * @throws IllegalArgumentException if out of that range
   */
  public final B hostSlots(int hostSlots) {
    this.hostSlots =
        inRange(
            "hostSlots", hostSlots, MAX_THREADS_OR_SLOTS, "two more than the workers are enough");
    return self();
  }

  /**
   * How many batches fit on the device: those being copied, ready, or leased. Default 3: one in
   * use, one ready, one being copied.
   *
   * @param deviceSlots 1 to 1,024
   * @return this
   * @throws IllegalArgumentException if out of that range
   */
  public final B deviceSlots(int deviceSlots) {
    this.deviceSlots =
        inRange(
            "deviceSlots",
            deviceSlots,
            MAX_THREADS_OR_SLOTS,
            "two more than the batches you hold at a time are enough");
    return self();
  }

  /**
   * The seed of {@link BatchContext#random()}. Default 0.
   *
   * @param seed any value
   * @return this
   */
  public final B seed(long seed) {
    this.seed = seed;
    return self();
  }

  /**
   * The name in messages and thread names. Default {@code loader-N} or {@code queue-N}.
   *
   * @param name any text
   * @return this
   */
  public final B name(String name) {
    this.name = Objects.requireNonNull(name, "name");
    return self();
  }

  /**
   * The stream that batches are used on, for every {@code get} without a stream of its own.
   * Default: the device's default stream, which on CUDA covers legacy and blocking streams only.
   * The stream must outlive the loader.
   *
   * @param stream a stream of the loader's device
   * @return this
   * @throws IllegalArgumentException if the stream belongs to another device
   */
  public B consumerStream(DeviceStream stream) {
    Objects.requireNonNull(stream, "consumerStream");
    LoaderOptions.requireSameDevice(stream, device);
    consumerStream = stream;
    return self();
  }

  /**
   * Whether to leave the copy out, so that the device reads host memory. The consumer then gets the
   * slot that the target wrote. Both rings become one, as deep as both together. {@code start()}
   * refuses a device that cannot do this. Default: false.
   *
   * @param zeroCopy true to leave the copy out
   * @return this
   */
  public final B zeroCopy(boolean zeroCopy) {
    this.zeroCopy = zeroCopy;
    return self();
  }

  /**
   * What to do when a target throws. Default {@link FailurePolicy#fail()}.
   *
   * @param policy the policy
   * @return this
   */
  public final B onFailure(FailurePolicy policy) {
    failurePolicy = Objects.requireNonNull(policy, "policy");
    return self();
  }

  /**
   * How often a wait without bound logs what it is waiting for. Default 30 s.
   *
   * @param warnAfter more than zero
   * @return this
   * @throws IllegalArgumentException if zero or less
   */
  public final B warnAfter(Duration warnAfter) {
    this.warnAfter = moreThanZero("warnAfter", warnAfter);
    return self();
  }

  /**
   * Logs a lease that is held longer than this, with the thread that got it and, with {@code
   * -Dpentrough.leakDetection=true}, from where. Default: never. What a {@link ParallelLoader}
   * keeps for a step that is not complete is not logged.
   *
   * @param leaseWarnAfter more than zero
   * @return this
   * @throws IllegalArgumentException if zero or less
   */
  public final B leaseWarnAfter(Duration leaseWarnAfter) {
    this.leaseWarnAfter = moreThanZero("leaseWarnAfter", leaseWarnAfter);
    return self();
  }

  /**
   * How long {@link BatchLoader#close()} waits for memory in use. Default 10 s.
   *
   * @param closeTimeout zero or more
   * @return this
   * @throws IllegalArgumentException if negative
   */
  public final B closeTimeout(Duration closeTimeout) {
    Objects.requireNonNull(closeTimeout, "closeTimeout");
    if (closeTimeout.isNegative()) {
      throw new IllegalArgumentException(
          "closeTimeout must not be negative: " + closeTimeout + "; zero waits for nothing");
    }
    this.closeTimeout = closeTimeout;
    return self();
  }

  /**
   * Whether {@link BatchLoader#close()} interrupts targets that still run after half its time.
   * Default true. An interrupt closes the channel that a target is reading, for everybody who
   * shares it.
   *
   * @param interruptTargets false to let them run
   * @return this
   */
  public final B interruptTargets(boolean interruptTargets) {
    this.interruptTargets = interruptTargets;
    return self();
  }

  /**
   * How many batches that are over {@link BatchLoader#trace()} shows. Default 256. Each takes about
   * 300 bytes of Java heap, allocated by {@code start()}.
   *
   * @param batches 0 to 65,536; with 0 the trace shows only the batches that are under way
   * @return this
   * @throws IllegalArgumentException if out of that range
   */
  public final B trace(int batches) {
    if (batches < 0 || batches > MAX_TRACE) {
      throw new IllegalArgumentException(
          "trace must be 0 to " + MAX_TRACE + " batches, not " + batches + ": 0 turns it off");
    }
    trace = batches;
    return self();
  }

  /**
   * Refuses to start if pinned and device memory together would take more. Default: no bound.
   *
   * @param bytes at least 1
   * @return this
   * @throws IllegalArgumentException if less than 1
   */
  public final B memoryBudget(long bytes) {
    if (bytes < 1) {
      throw new IllegalArgumentException(
          "memoryBudget must be at least 1 byte, not " + bytes + ": leave it out for no bound");
    }
    memoryBudget = bytes;
    return self();
  }

  final long seed() {
    return seed;
  }

  final boolean isZeroCopy() {
    return zeroCopy;
  }

  /** The default number of host slots. */
  static int usualHostSlots(int workers) {
    return Math.min(workers + 2, MAX_THREADS_OR_SLOTS);
  }

  /** What slots of these sizes would take. */
  final MemoryPlan plan(long hostSlotBytes, long deviceSlotBytes, long stageBytes) {
    int hostDepth = hostSlots == 0 ? usualHostSlots(workers) : hostSlots;
    int bothDepths = hostDepth + deviceSlots;
    return zeroCopy
        ? new MemoryPlan(bothDepths, hostSlotBytes, bothDepths, 0, 0)
        : new MemoryPlan(hostDepth, hostSlotBytes, deviceSlots, deviceSlotBytes, stageBytes);
  }

  /** The plan, if the budget allows it. */
  final MemoryPlan withinBudget(MemoryPlan plan) {
    if (plan.totalBytes() > memoryBudget) {
      throw new IllegalArgumentException(
          "the loader would take "
              + Units.bytes(plan.totalBytes())
              + ", more than the memoryBudget of "
              + Units.bytes(memoryBudget)
              + ": "
              + plan
              + "; lower hostSlots, deviceSlots or the batch size, or raise the budget");
    }
    return plan;
  }

  /** The name that was given, or another one at each call. */
  final String newName() {
    return name == null ? kind + "-" + NUMBER.incrementAndGet() : name;
  }

  final Time time() {
    return time;
  }

  final int workers() {
    return workers;
  }

  final ThreadFactory threadFactory() {
    return threadFactory;
  }

  /**
   * For a loader that is no part of a group.
   *
   * @throws IllegalStateException if the consumer stream is closed
   */
  final Seat seat() {
    return new Seat(
        newName(), device, orDefault(consumerStream, device), 0, threadFactory, () -> {});
  }

  /**
   * The stream, or the device's default one.
   *
   * @throws IllegalStateException if the stream is closed
   */
  static DeviceStream orDefault(@Nullable DeviceStream stream, Device device) {
    if (stream == null) {
      return device.defaultStream();
    }
    boolean unused = stream.isCapturing(); // throws if it is closed
    return stream;
  }

  /** The settings of this builder. */
  final LoaderOptions options(Seat seat, boolean ordered, @Nullable StagePlan stages) {
    return new LoaderOptions(
        seat.name(),
        seat.firstWorker(),
        workers,
        seat.threads(),
        seed,
        failurePolicy,
        ordered,
        zeroCopy,
        seat.consumerStream(),
        stages,
        LoaderOptions.nanos(warnAfter),
        leaseWarnAfter == null ? Long.MAX_VALUE : LoaderOptions.nanos(leaseWarnAfter),
        LoaderOptions.nanos(closeTimeout),
        interruptTargets,
        Boolean.getBoolean("pentrough.debug"),
        Boolean.getBoolean("pentrough.leakDetection"),
        StatusLog.nanosOfProperty(),
        trace,
        seat.whenStopped(),
        time);
  }

  static int inRange(String what, int value, int max, String advice) {
    if (value < 1 || value > max) {
      String bound = value < 1 ? "at least 1" : "at most " + max;
      throw new IllegalArgumentException(
          what + " must be " + bound + ", not " + value + ": " + advice);
    }
    return value;
  }

  private static Duration moreThanZero(String what, Duration value) {
    Objects.requireNonNull(value, what);
    if (value.isZero() || value.isNegative()) {
      throw new IllegalArgumentException(
          what + " must be more than zero, not " + value + ": leave it out for the default");
    }
    return value;
  }
}
