package io.pentrough;

/**
 * How much memory a loader takes, all of it from {@code start()} until it is closed. Immutable.
 *
 * <p><b>Threads.</b> Any.
 *
 * @param hostSlots how many slots the ring in pinned host memory has
 * @param hostSlotBytes the size of one of them
 * @param deviceSlots how many slots the ring on the device has
 * @param deviceSlotBytes the size of one of them; 0 where slots are handed over without a copy, and
 *     so take no memory of their own
 * @param stageBytes device memory that stages share between batches; 0 without
 */
public record MemoryPlan(
    int hostSlots, long hostSlotBytes, int deviceSlots, long deviceSlotBytes, long stageBytes) {

  /**
   * A plan of these numbers.
   *
   * @param hostSlots how many slots the ring in pinned host memory has
   * @param hostSlotBytes the size of one of them
   * @param deviceSlots how many slots the ring on the device has
   * @param deviceSlotBytes the size of one of them
   * @param stageBytes what stages share
   * @throws IllegalArgumentException if one is negative, or all of it together is 2^63 bytes or
   *     more
   */
  public MemoryPlan {
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
