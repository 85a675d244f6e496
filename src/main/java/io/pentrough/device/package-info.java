/**
 * What Pentrough needs of a device: pinned memory, device memory, streams and events, in the shape
 * of the CUDA driver API.
 *
 * <p>Here live interfaces, their exception and the search for an implementation ({@link
 * io.pentrough.device.Device#best()}). Nothing here may import an implementation, JCuda or the
 * loader: implementations depend on this package and announce themselves as {@linkplain
 * io.pentrough.device.DeviceProvider service providers}.
 */
@NullMarked
package io.pentrough.device;

import org.jspecify.annotations.NullMarked;
