/**
 * The host playing a device, in pure Java: the default where there is no GPU.
 *
 * <p>Here live direct memory, streams that are real queues on threads of their own, and events that
 * mark a place in them. Nothing here may import anything but {@link io.pentrough.device} and the
 * JDK, nor use {@code Unsafe} or native code: this is the device that works everywhere.
 */
@NullMarked
package io.pentrough.device.host;

import org.jspecify.annotations.NullMarked;
