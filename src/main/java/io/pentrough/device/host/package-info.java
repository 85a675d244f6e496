/**
 * The host as a device, in pure Java: for machines without a GPU, and for tests.
 *
 * <p>It has direct memory, streams that are real queues with a thread each, events, and kernels
 * that are written in Java. It works on every platform that has a JDK.
 */
@NullMarked
package io.pentrough.device.host;

import org.jspecify.annotations.NullMarked;
