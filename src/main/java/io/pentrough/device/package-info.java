/**
 * The device interface: pinned memory, device memory, streams, events and kernels, modelled on the
 * CUDA driver API.
 *
 * <p>{@link io.pentrough.device.Device#best()} finds an implementation. Implementations depend on
 * this package and announce themselves as {@linkplain io.pentrough.device.DeviceProvider service
 * providers}. Nothing here may import an implementation, JCuda or the loader.
 *
 * <p>No argument may be null unless its documentation says so; null throws {@link
 * java.lang.NullPointerException}.
 */
@NullMarked
package io.pentrough.device;

import org.jspecify.annotations.NullMarked;
