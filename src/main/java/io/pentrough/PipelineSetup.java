package io.pentrough;

/**
 * The resources of a loader.
 *
 * @param cores the processors that the JVM may use
 * @param hostSlots as {@code deviceSlots}, all slots if nothing is copied
 * @param pageableBytes how much of the host memory is not pinned
 */
record PipelineSetup(int workers, int cores, int hostSlots, int deviceSlots, long pageableBytes) {}
