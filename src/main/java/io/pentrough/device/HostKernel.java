package io.pentrough.device;

/**
 * What stands for a kernel on the host device: its twin in Java.
 *
 * <p>It runs once for each launch, for the whole grid, on the stream's thread, in the order of the
 * stream. If it throws, the stream fails like that of a kernel that fails.
 */
@FunctionalInterface
public interface HostKernel {

  /**
   * Does what the kernel does.
   *
   * @param arguments those of this launch; valid until this method returns
   * @throws Exception whatever stops it
   */
  void run(KernelArguments arguments) throws Exception;
}
