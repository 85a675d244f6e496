/**
 * The host as a device, in pure Java: the default on machines without a GPU.
 *
 * <p>It has direct memory, streams that are real queues with a thread each, and events. It must
 * work everywhere. So nothing here may import anything but {@link io.pentrough.device} and the JDK,
 * nor use {@code Unsafe} or native code.
 */
@NullMarked
package io.pentrough.device.host;

import org.jspecify.annotations.NullMarked;
