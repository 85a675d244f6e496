package io.pentrough.benchmarks;

/**
 * What a loader is started with.
 *
 * @param hostSlots slots of the host ring, in a loader that copies
 * @param deviceSlots slots of the device ring
 * @param holds whether the consumer gives a batch back right before it asks for the next
 */
record Setup(Workload workload, int workers, int hostSlots, int deviceSlots, boolean holds) {

  /** As many host slots for each worker as {@code Builder} has. */
  static Setup usual(Workload workload, int workers) {
    return new Setup(workload, workers, usualHostSlots(workers), USUAL_DEVICE_SLOTS, false);
  }

  static int usualHostSlots(int workers) {
    return workers + 2;
  }

  static final int USUAL_DEVICE_SLOTS = 3;

  /** Slots of a loader that does not copy: as many in all. */
  int slots() {
    return hostSlots + deviceSlots;
  }
}
