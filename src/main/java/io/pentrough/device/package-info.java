/**
 * Devices: pinned memory, device memory, streams, events and kernels, with the meaning that they
 * have in the CUDA driver API.
 *
 * <pre>{@code
 * ByteBuffer back = ByteBuffer.allocate(1024).order(ByteOrder.nativeOrder());
 * try (PinnedBuffer pinned = device.allocatePinned(1024);
 *     DeviceBuffer memory = device.allocate(1024)) {
 *   pinned.unsafeBuffer().asFloatBuffer().put(values);
 *   stream.copyToDevice(pinned, 0, memory, 0, 1024); // is queued
 *   stream.read(memory, back); // waits for what is queued
 * }
 * }</pre>
 *
 * <p>A program with a loader needs little of this package: {@link
 * io.pentrough.device.Device#best()} and {@link io.pentrough.device.DeviceStream}. For kernels of
 * your own there are {@link io.pentrough.device.KernelSource} and {@link
 * io.pentrough.device.DeviceKernel}.
 *
 * <p>GPUs are in {@code io.pentrough.device.cuda}, and the host in their place is in {@code
 * io.pentrough.device.host}. Another implementation announces itself as a {@linkplain
 * io.pentrough.device.DeviceProvider service provider}.
 *
 * <p>No argument may be null unless its documentation says so; null throws {@link
 * java.lang.NullPointerException}.
 */
@NullMarked
package io.pentrough.device;

import org.jspecify.annotations.NullMarked;
