package io.pentrough;

/**
 * What a loader has to work with.
 *
 * @param cores the processors that the JVM may use
 * @param pageableBytes how much of the host memory is not pinned
 */
record PipelineSetup(int workers, int cores, int deviceSlots, long pageableBytes) {}
