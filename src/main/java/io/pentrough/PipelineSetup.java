package io.pentrough;

/**
 * The resources of a loader.
 *
 * @param cores the processors that the JVM may use
 * @param pageableBytes how much of the host memory is not pinned
 */
record PipelineSetup(int workers, int cores, int deviceSlots, long pageableBytes) {}
