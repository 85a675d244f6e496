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
   * Pinned host memory, altogether.
   *
   * @return the number of bytes
   */
  public long pinnedBytes() {
    return Math.multiplyExact(hostSlotBytes, hostSlots);
  }

  /**
   * Device memory, altogether.
   *
   * @return the number of bytes
   */
  public long deviceBytes() {
    return Math.addExact(Math.multiplyExact(deviceSlotBytes, deviceSlots), stageBytes);
  }

  /**
   * Both together, as a budget counts them.
   *
   * @return the number of bytes
   */
  public long totalBytes() {
    return Math.addExact(pinnedBytes(), deviceBytes());
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
