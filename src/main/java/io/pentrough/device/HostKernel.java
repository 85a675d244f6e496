package io.pentrough.device;

/**
 * The implementation of a kernel for the host device, in Java.
 *
 * <p>It runs once for each launch and does the work of the whole grid. It runs on the stream's
 * thread, in the order of the stream. If it throws, the stream fails, as it does if a kernel fails.
 */
@FunctionalInterface
public interface HostKernel {

  /**
   * Does the work of one launch.
   *
   * @param arguments the launch's arguments and grid; valid until this method returns
   * @throws Exception if the work fails
   */
  void run(KernelArguments arguments) throws Exception;
}
