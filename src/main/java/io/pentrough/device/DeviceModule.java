package io.pentrough.device;

/**
 * Kernels loaded on a device: what CUDA calls a module.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public interface DeviceModule extends AutoCloseable {

  /**
   * The device it is loaded on.
   *
   * @return the device
   */
  Device device();

  /**
   * Looks a kernel up. Each call makes an object with arguments of its own, so threads that launch
   * the same kernel at once take one each.
   *
   * @param name the name of its {@code .entry} in the PTX
   * @return the kernel, no argument set, one block of one thread; to be closed by the caller
   * @throws IllegalArgumentException if there is no such kernel; the message lists those there are
   * @throws UnsupportedOperationException on the host, if the kernel has no twin
   * @throws DeviceException if the device refuses
   * @throws IllegalStateException if this module is closed
   */
  DeviceKernel kernel(String name);

  /**
   * Unloads it. No kernel of it may still be queued; those looked up may be closed later, but not
   * launched any more. Idempotent.
   *
   * @throws DeviceException if the device refuses; the module then counts as leaked
   */
  @Override
  void close();
}
