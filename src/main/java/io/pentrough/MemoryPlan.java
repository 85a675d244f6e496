package io.pentrough;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * How much memory a loader takes, all of it from {@code start()} until it is closed. Immutable;
 * equal if all numbers are equal.
 *
 * <pre>{@code
 * MemoryPlan plan = builder.plan(); // before start(), which allocates it
 * log(plan.pinnedBytes() + " bytes on the host, " + plan.deviceBytes() + " on the device");
 * }</pre>
 *
 * <p><b>Threads.</b> Any.
 */
public final class MemoryPlan {

  private final int hostSlots;
  private final long hostSlotBytes;
  private final int deviceSlots;
  private final long deviceSlotBytes;
  private final long stageBytes;

  /**
   * A plan of these numbers.
   *
   * @throws IllegalArgumentException if one is negative, or all of it together is 2^63 bytes or
   *     more
   */
  MemoryPlan(
      int hostSlots, long hostSlotBytes, int deviceSlots, long deviceSlotBytes, long stageBytes) {
    if (hostSlots < 0
        || hostSlotBytes < 0
        || deviceSlots < 0
        || deviceSlotBytes < 0
        || stageBytes < 0) {
      throw new IllegalArgumentException("a memory plan has no negative numbers");
    }
    try {
      long pinned = Math.multiplyExact(hostSlotBytes, hostSlots);
      long device = Math.multiplyExact(deviceSlotBytes, deviceSlots);
      Math.addExact(pinned, Math.addExact(device, stageBytes));
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException(
          "%d host slots of %d bytes, %d device slots of %d bytes and %d bytes for stages are 2^63 bytes or more: plan with less"
              .formatted(hostSlots, hostSlotBytes, deviceSlots, deviceSlotBytes, stageBytes),
          e);
    }
    this.hostSlots = hostSlots;
    this.hostSlotBytes = hostSlotBytes;
    this.deviceSlots = deviceSlots;
    this.deviceSlotBytes = deviceSlotBytes;
    this.stageBytes = stageBytes;
  }

  /**
   * The depth of the ring in pinned host memory.
   *
   * @return the number of slots
   */
  public int hostSlots() {
    return hostSlots;
  }

  /**
   * The size of one slot in pinned host memory.
   *
   * @return the number of bytes
   */
  public long hostSlotBytes() {
    return hostSlotBytes;
  }

  /**
   * The depth of the ring on the device.
   *
   * @return the number of slots
   */
  public int deviceSlots() {
    return deviceSlots;
  }

  /**
   * The size of one slot on the device.
   *
   * @return the number of bytes; 0 with {@code zeroCopy(true)}, where slots take no memory of their
   *     own
   */
  public long deviceSlotBytes() {
    return deviceSlotBytes;
  }

  /**
   * The device memory that stages share between batches.
   *
   * @return the number of bytes; 0 without stages
   */
  public long stageBytes() {
    return stageBytes;
  }

  /**
   * Pinned host memory, altogether.
   *
   * @return the number of bytes
   */
  public long pinnedBytes() {
    return hostSlotBytes * hostSlots;
  }

  /**
   * Device memory, altogether.
   *
   * @return the number of bytes
   */
  public long deviceBytes() {
    return deviceSlotBytes * deviceSlots + stageBytes;
  }

  /**
   * Both together, as a budget counts them.
   *
   * @return the number of bytes
   */
  public long totalBytes() {
    return pinnedBytes() + deviceBytes();
  }

  private long[] numbers() {
    return new long[] {hostSlots, hostSlotBytes, deviceSlots, deviceSlotBytes, stageBytes};
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof MemoryPlan that && Arrays.equals(numbers(), that.numbers());
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(numbers());
  }

  /** One line for people. */
  @Override
  public String toString() {
    return Units.bytes(pinnedBytes())
        + " pinned ("
        + hostSlots
        + " slots of "
        + Units.bytes(hostSlotBytes)
        + "), "
        + Units.bytes(deviceBytes())
        + " on the device ("
        + deviceSlots
        + " slots of "
        + Units.bytes(deviceSlotBytes)
        + (stageBytes == 0 ? ")" : ", and " + Units.bytes(stageBytes) + " for the stages)");
  }
}
