package io.pentrough.device;

/**
 * Kernels loaded on a device. CUDA calls this a module.
 *
 * <p><b>Threads.</b> All methods may be called from any thread.
 */
public interface DeviceModule extends AutoCloseable {

  /**
   * The device on which the module is loaded.
   *
   * @return the device
   */
  Device device();

  /**
   * Looks up a kernel. Each call returns a new object with its own arguments. Threads that launch
   * the same kernel at the same time need one object each.
   *
   * @param name the name of the kernel's {@code .entry} in the PTX
   * @return the kernel, with no argument set, and a grid of one block of one thread; to be closed
   *     by the caller
   * @throws IllegalArgumentException if the module has no such kernel; the message lists its
   *     kernels
   * @throws UnsupportedOperationException on the host, if the kernel has no host implementation
   * @throws DeviceException if the device refuses
   * @throws IllegalStateException if this module is closed
   */
  DeviceKernel kernel(String name);

  /**
   * Unloads the module. None of its kernels may still be queued. Kernels that were looked up cannot
   * be launched any more, and may be closed later. Idempotent.
   *
   * @throws DeviceException if the device refuses; the module then counts as leaked
   */
  @Override
  void close();
}
