package io.pentrough.device;

/**
 * A device with its own memory, fed over asynchronous streams: a GPU, or the host playing one.
 *
 * <p>The operations are those of the CUDA driver API and mean the same: a stream runs its
 * operations in order, an event marks a place in a stream, copies from and to {@linkplain
 * PinnedBuffer pinned} memory return before they are done.
 *
 * <p><b>Threads.</b> All methods may be called from any thread. On a device with a current context
 * per thread (CUDA) a call from a thread whose current context is another one makes the device's
 * context current for the length of the call.
 *
 * <p><b>Closing.</b> {@link #close()} refuses new allocations, streams and events from then on;
 * what was handed out before stays valid until it is closed itself, and the device's own resources
 * go with the last of it. So a loader that had to leave memory behind under a stuck target does not
 * see it vanish.
 */
public interface Device extends AutoCloseable {

  /**
   * Opens the best device of this machine: the first CUDA device where there is one, else the host.
   *
   * <p>{@link #description()} of the result says which it is and, if it is the host, why. Asks the
   * registered {@link DeviceProvider}s anew at each call; keeps nothing.
   *
   * @return an open device, to be closed by the caller
   * @throws DeviceException if every provider refuses; the message has the reason of each
   */
  static Device best() {
    return Providers.best();
  }

  /**
   * A short name for messages and thread names.
   *
   * @return for example {@code "host"} or {@code "cuda:0"}
   */
  String name();

  /**
   * One line for people: the name, and what else they should know, such as the GPU's model or why
   * there is no GPU.
   *
   * @return for example {@code "host (no CUDA: no NVIDIA driver found)"}
   */
  String description();

  /**
   * Allocates page-locked host memory that this device copies from and to asynchronously.
   *
   * @param bytes the size, 1 byte to 1 GiB
   * @return memory whose first byte is aligned to 256 bytes, with undefined content
   * @throws IllegalArgumentException if the size is out of range
   * @throws DeviceException if there is not enough memory, or the device failed
   * @throws IllegalStateException if this device is closed
   */
  PinnedBuffer allocatePinned(long bytes);

  /**
   * Allocates device memory.
   *
   * @param bytes the size, at least 1
   * @return memory whose first byte is aligned to 256 bytes, with undefined content
   * @throws IllegalArgumentException if the size is out of range
   * @throws DeviceException if there is not enough memory, or the device failed
   * @throws IllegalStateException if this device is closed
   */
  DeviceBuffer allocate(long bytes);

  /**
   * The device's own view of pinned memory, for devices that can work in host memory without a
   * copy.
   *
   * <p>The view lives as long as the pinned buffer; closing the view does nothing.
   *
   * @param pinned memory of this device
   * @return the same bytes, as device memory
   * @throws UnsupportedOperationException if this device cannot
   * @throws IllegalArgumentException if the memory belongs to another device
   * @throws IllegalStateException if the memory is closed
   */
  DeviceBuffer map(PinnedBuffer pinned);

  /**
   * Makes a stream that does not synchronise with any other.
   *
   * @return a new stream, to be closed by the caller
   * @throws DeviceException if the device failed
   * @throws IllegalStateException if this device is closed
   */
  DeviceStream newStream();

  /**
   * True if the calling thread performs a copy itself when it queues the copy on an idle stream. A
   * thread with other work to do should then leave copies to another thread.
   *
   * @return false for a device that has engines for copies
   */
  default boolean copiesInCaller() {
    return false;
  }

  /**
   * The stream that work goes to when no stream is named: CUDA's legacy default stream, which waits
   * for, and is waited for by, <em>blocking</em> streams only.
   *
   * <p>Closing it does nothing, so it cannot keep the device's resources: it works as long as the
   * device or anything else that was handed out is open. A call under way keeps the resources until
   * it returns. On a device whose resources are gone (CUDA) its methods throw {@link
   * IllegalStateException}.
   *
   * @return always the same stream
   */
  DeviceStream defaultStream();

  /**
   * Makes an event that has not been recorded yet.
   *
   * @return a new event, to be closed by the caller
   * @throws DeviceException if the device failed
   * @throws IllegalStateException if this device is closed
   */
  DeviceEvent newEvent();

  /**
   * Loads kernels: on CUDA the PTX, compiled by the driver for this GPU; on the host the twins.
   *
   * <p>May take long, up to seconds for much PTX; nothing of it is kept for the next call.
   *
   * @param source the kernels
   * @return them on this device, to be closed by the caller
   * @throws DeviceException if the driver refuses the PTX; the message has what its compiler says
   * @throws UnsupportedOperationException if this device has no kernels
   * @throws IllegalStateException if this device is closed
   */
  default DeviceModule load(KernelSource source) {
    throw new UnsupportedOperationException(
        name() + " has no kernels: leave out the stages that need some");
  }

  /**
   * Binds the calling thread to this device until the thread ends or binds to another, so that its
   * later calls here need not. For threads that belong to a library; cheap, and harmless when
   * repeated. If code of the application that runs on the thread undoes it, later calls still go to
   * the device that they name.
   *
   * @throws DeviceException if the device failed
   */
  void bindThread();

  /**
   * Announces calls of this device on the calling thread, up to {@link #endCalls}, with no code of
   * the application between them. A device with a current context per thread (CUDA) then checks
   * only once whether its context is current, and not at each call. For libraries; calls also work
   * without it. Never throws: if the device cannot be used, the calls throw.
   *
   * <p>Call {@link #endCalls} before code of the application runs, and this method again after it.
   * A nested announcement ends the effect of the outer one, and does no harm.
   *
   * @return what {@link #endCalls} needs to know
   */
  default boolean beginCalls() {
    return false;
  }

  /**
   * Ends what {@link #beginCalls} began, and restores the thread's current context. Never throws.
   *
   * @param begun what {@link #beginCalls} returned
   */
  default void endCalls(boolean begun) {}

  /**
   * Refuses new work and gives the device back once everything handed out is closed. Does not wait
   * for that, but a driver may wait while it takes the device back (see {@code
   * CudaDevice.close()}). Idempotent.
   */
  @Override
  void close();
}
