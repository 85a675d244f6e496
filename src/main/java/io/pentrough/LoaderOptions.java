package io.pentrough;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * What the builders of a loader and of a queue have in common: checks each option when it is given,
 * and turns them into settings and a memory plan.
 */
final class LoaderOptions {

  /** More workers, or slots of a ring, than anybody needs: they are looked through under a lock. */
  private static final int MAX_THREADS_OR_SLOTS = 1024;

  /** Of jobs, which are found by their number. */
  private static final int MAX_JOBS = 1 << 16;

  private static final AtomicInteger NUMBER = new AtomicInteger();

  private final Device device;
  private final String kind;
  private int workers = 1;
  private int hostSlots;
  private int deviceSlots = 3;
  private long seed;
  private boolean ordered = true;
  private boolean handOver;
  private @Nullable String name;
  private @Nullable DeviceStream consumerStream;
  private Duration warnAfter = Duration.ofSeconds(30);
  private @Nullable Duration leaseWarnAfter;
  private Duration closeTimeout = Duration.ofSeconds(10);
  private boolean interruptTargets = true;
  private long memoryBudget = Long.MAX_VALUE;
  private FailurePolicy failurePolicy = FailurePolicy.fail();
  private final List<BatchStage> stages = new ArrayList<>();

  /**
   * The defaults.
   *
   * @param kind what a nameless one is called, with a number behind it
   */
  LoaderOptions(Device device, String kind) {
    this.device = Objects.requireNonNull(device, "device");
    this.kind = kind;
  }

  Device device() {
    return device;
  }

  int workers() {
    return workers;
  }

  long seed() {
    return seed;
  }

  void workers(int value) {
    workers =
        inRange("workers", value, MAX_THREADS_OR_SLOTS, "add workers while stats() says PRODUCER");
  }

  void hostSlots(int value) {
    hostSlots =
        inRange("hostSlots", value, MAX_THREADS_OR_SLOTS, "two more than the workers are enough");
  }

  void deviceSlots(int value) {
    deviceSlots =
        inRange(
            "deviceSlots",
            value,
            MAX_THREADS_OR_SLOTS,
            "two more than the leases you hold at once are enough");
  }

  void seed(long value) {
    seed = value;
  }

  void unordered() {
    ordered = false;
  }

  void handOver() {
    handOver = true;
  }

  void name(String value) {
    name = Objects.requireNonNull(value, "name");
  }

  void consumerStream(DeviceStream stream) {
    Objects.requireNonNull(stream, "consumerStream");
    Consumers.requireSameDevice(stream, device);
    consumerStream = stream;
  }

  void warnAfter(Duration value) {
    warnAfter = moreThanZero("warnAfter", value);
  }

  void leaseWarnAfter(Duration value) {
    leaseWarnAfter = moreThanZero("leaseWarnAfter", value);
  }

  void closeTimeout(Duration value) {
    Objects.requireNonNull(value, "closeTimeout");
    if (value.isNegative()) {
      throw new IllegalArgumentException(
          "closeTimeout must not be negative: " + value + "; zero waits for nothing");
    }
    closeTimeout = value;
  }

  void interruptTargets(boolean value) {
    interruptTargets = value;
  }

  void onFailure(FailurePolicy policy) {
    failurePolicy = Objects.requireNonNull(policy, "policy");
  }

  void memoryBudget(long bytes) {
    if (bytes < 1) {
      throw new IllegalArgumentException(
          "memoryBudget must be at least 1 byte, not " + bytes + ": leave it out for no bound");
    }
    memoryBudget = bytes;
  }

  void stage(BatchStage stage) {
    Objects.requireNonNull(stage, "stage");
    if (stages.stream().anyMatch(there -> there == stage)) {
      throw new IllegalArgumentException(
          "stage '" + stage.name() + "' has been added before; make another object of it");
    }
    stages.add(stage);
  }

  /** What the stages make of these arrays; null if there are none. */
  @Nullable StagePlan stagePlan(BatchSpec spec) {
    if (stages.isEmpty()) {
      return null;
    }
    if (handOver) {
      throw new IllegalArgumentException(
          "handOver() leaves no room for stages: without a copy there is no memory for what they"
              + " make; leave out one or the other");
    }
    return StagePlan.of(spec, stages);
  }

  /** What slots of this size would take, without stages. */
  MemoryPlan plan(long slotBytes) {
    return plan(slotBytes, slotBytes, 0);
  }

  /** What slots for these arrays would take. */
  MemoryPlan plan(BatchSpec spec, @Nullable StagePlan stages) {
    return stages == null
        ? plan(spec.slotBytes())
        : plan(stages.headerBytes + spec.slotBytes(), stages.deviceSlotBytes, stages.sharedBytes);
  }

  private MemoryPlan plan(long hostSlotBytes, long deviceSlotBytes, long stageBytes) {
    int hostDepth = hostSlots == 0 ? Math.min(workers + 2, MAX_THREADS_OR_SLOTS) : hostSlots;
    int bothDepths = hostDepth + deviceSlots;
    return handOver
        ? new MemoryPlan(bothDepths, hostSlotBytes, bothDepths, 0, 0)
        : new MemoryPlan(hostDepth, hostSlotBytes, deviceSlots, deviceSlotBytes, stageBytes);
  }

  /** The plan, if the budget allows it. */
  MemoryPlan withinBudget(MemoryPlan plan) {
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

  /**
   * What has been told, once all is.
   *
   * @throws IllegalStateException if the consumer stream is closed
   */
  LoaderSettings settings(@Nullable StagePlan stages) {
    if (consumerStream != null) {
      boolean unused = consumerStream.isCapturing(); // throws if it is closed
    }
    return new LoaderSettings(
        name == null ? kind + "-" + NUMBER.incrementAndGet() : name,
        workers,
        seed,
        failurePolicy,
        ordered,
        handOver,
        consumerStream == null ? device.defaultStream() : consumerStream,
        stages,
        LoaderSettings.nanos(warnAfter),
        leaseWarnAfter == null ? Long.MAX_VALUE : LoaderSettings.nanos(leaseWarnAfter),
        LoaderSettings.nanos(closeTimeout),
        interruptTargets,
        Boolean.getBoolean("pentrough.debug"),
        Boolean.getBoolean("pentrough.leakDetection"));
  }

  static int capacity(int value) {
    return inRange("capacity", value, MAX_JOBS, "submit() waits for room, offer() does not");
  }

  private static int inRange(String what, int value, int max, String advice) {
    if (value < 1 || value > max) {
      throw new IllegalArgumentException(
          what + " must be 1 to " + max + ", not " + value + ": " + advice);
    }
    return value;
  }

  static int atLeastOne(String what, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(what + " must be at least 1, not " + value);
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
