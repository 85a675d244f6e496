package io.pentrough.benchmarks;

/**
 * What a loader has to work with.
 *
 * @param workers threads that run the target
 * @param hostSlots batches that can be filled, wait for their copy, or be copied
 * @param deviceSlots batches that can be copied, wait for the consumer, or be in its hands
 */
record Ring(int workers, int hostSlots, int deviceSlots) {

  /** As many slots on the device, and behind each worker's own as many on the host. */
  static Ring deep(int workers, int depth) {
    return new Ring(workers, workers + depth, depth);
  }
}
