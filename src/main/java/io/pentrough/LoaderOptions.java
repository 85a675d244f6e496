package io.pentrough;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * What the builders of a loader and of a queue have in common: checks each option when it is given,
 * and turns them into settings and a memory plan.
 */
final class LoaderOptions {

  /** More workers or slots than anybody needs, and few enough to be counted. */
  private static final int MOST = 1 << 16;

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
    workers = checked("workers", value);
  }

  void hostSlots(int value) {
    hostSlots = checked("hostSlots", value);
  }

  void deviceSlots(int value) {
    deviceSlots = checked("deviceSlots", value);
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
    Engine.requireSameDevice(stream, device);
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
      throw new IllegalArgumentException("closeTimeout must not be negative: " + value);
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
      throw new IllegalArgumentException("memoryBudget must be at least 1 byte, not " + bytes);
    }
    memoryBudget = bytes;
  }

  /** What slots of this size would take. */
  MemoryPlan plan(long slotBytes) {
    int hostDepth = hostSlots == 0 ? workers + 2 : hostSlots;
    int bothDepths = hostDepth + deviceSlots;
    return handOver
        ? new MemoryPlan(bothDepths, slotBytes, bothDepths, 0)
        : new MemoryPlan(hostDepth, slotBytes, deviceSlots, slotBytes);
  }

  /** The plan, if the budget allows it. */
  MemoryPlan planWithinBudget(long slotBytes) {
    MemoryPlan plan = plan(slotBytes);
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

  LoaderSettings settings() {
    return new LoaderSettings(
        name == null ? kind + "-" + NUMBER.incrementAndGet() : name,
        workers,
        seed,
        failurePolicy,
        ordered,
        handOver,
        consumerStream == null ? device.defaultStream() : consumerStream,
        LoaderSettings.nanos(warnAfter),
        leaseWarnAfter == null ? Long.MAX_VALUE : LoaderSettings.nanos(leaseWarnAfter),
        LoaderSettings.nanos(closeTimeout),
        interruptTargets,
        Boolean.getBoolean("pentrough.debug"),
        Boolean.getBoolean("pentrough.leakDetection"));
  }

  static int checked(String what, int value) {
    if (value < 1 || value > MOST) {
      throw new IllegalArgumentException(what + " must be 1 to " + MOST + ", not " + value);
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
      throw new IllegalArgumentException(what + " must be more than zero, not " + value);
    }
    return value;
  }
}
