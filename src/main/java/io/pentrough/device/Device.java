package io.pentrough.device;

import java.util.Optional;

/**
 * A device with its own memory and asynchronous streams: a GPU, or the host in its place.
 *
 * <pre>{@code
 * try (Device device = Device.best();
 *     DeviceStream stream = device.newStream()) {
 *   System.out.println(device.description()); // which one it is, and why
 *   ...
 * }
 * }</pre>
 *
 * <p>The operations are those of the CUDA driver API and mean the same. A stream runs its
 * operations in order. An event marks a point in a stream. Copies from and to {@linkplain
 * PinnedBuffer pinned} memory return before they have run.
 *
 * <p><b>Threads.</b> All methods may be called from any thread. On CUDA each thread has a current
 * context. If that is another one, a call makes the device's context current until it returns.
 *
 * <p><b>Closing.</b> After {@link #close()} the device refuses new allocations, streams and events.
 * Everything that it has handed out stays valid until it is closed itself. The device's own
 * resources are freed with the last of it. So memory that a loader leaks under a stuck target
 * remains valid.
 */
public interface Device extends AutoCloseable {

  /**
   * Opens the best device of this machine: the first CUDA device, or the host if CUDA cannot be
   * used.
   *
   * <p>{@link #description()} of the result says which device it is, and why it is the host. Each
   * call asks the registered {@link DeviceProvider}s again.
   *
   * @return an open device, to be closed by the caller
   * @throws DeviceException if every provider refuses; the message has all reasons
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
   * One line for people: the name, and the GPU's model, or why no GPU is used.
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
   * @throws DeviceException if the memory does not suffice, or the device failed
   * @throws IllegalStateException if this device is closed
   */
  PinnedBuffer allocatePinned(long bytes);

  /**
   * Allocates device memory.
   *
   * @param bytes the size, at least 1
   * @return memory whose first byte is aligned to 256 bytes, with undefined content
   * @throws IllegalArgumentException if the size is out of range
   * @throws DeviceException if the memory does not suffice, or the device failed
   * @throws IllegalStateException if this device is closed
   */
  DeviceBuffer allocate(long bytes);

  /**
   * Maps pinned memory for the device, so that it works in host memory without a copy.
   *
   * <p>The view is valid until the pinned buffer is closed. Closing the view does nothing.
   *
   * @param pinned pinned memory of this device
   * @return the same bytes, as device memory
   * @throws UnsupportedOperationException if this device cannot map memory
   * @throws IllegalArgumentException if the memory belongs to another device
   * @throws IllegalStateException if the memory is closed
   */
  DeviceBuffer map(PinnedBuffer pinned);

  /**
   * Why this device cannot give so much memory, as far as it knows without an attempt. A loader
   * asks when it starts, so that a plan that is too large is refused at once. Allocates nothing.
   * May take as long as a refused allocation, on the host up to half a second.
   *
   * @param pinnedBytes the pinned memory, all allocations together
   * @param deviceBytes the device memory, all allocations together
   * @return in words, for example {@code the JVM allows 5.9 GiB of direct memory
   *     (-XX:MaxDirectMemorySize)}; empty if it can be allocated, or if only an allocation shows
   *     that
   */
  default Optional<String> whyNotAllocate(long pinnedBytes, long deviceBytes) {
    return Optional.empty();
  }

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
   * @return false for a device with copy engines
   */
  default boolean copiesInCaller() {
    return false;
  }

  /**
   * The stream for work that names no stream. On CUDA this is the legacy default stream. It
   * synchronises with <em>blocking</em> streams only.
   *
   * <p>Closing it does nothing, and it does not keep the device's resources alive. It works while
   * the device, or anything that the device has handed out, is open. A running call keeps the
   * resources until it returns. After that, on CUDA, its methods throw {@link
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
   * Loads kernels. On CUDA the driver compiles the PTX for this GPU. The host uses the host
   * implementations.
   *
   * <p>Blocks while the driver compiles, up to seconds for much PTX. The result is not cached.
   *
   * @param source the kernels
   * @return the kernels on this device, to be closed by the caller
   * @throws DeviceException if the driver refuses the PTX; the message has its compiler's words
   * @throws UnsupportedOperationException if this device has no kernels
   * @throws IllegalStateException if this device is closed
   */
  default DeviceModule load(KernelSource source) {
    throw new UnsupportedOperationException(
        name() + " has no kernels: leave out the stages that need some");
  }

  /**
   * Binds the calling thread to this device, until the thread ends or binds to another device.
   * Later calls from the thread are cheaper. On CUDA the device's context is current then, which
   * JCuda calls of your own on this thread need, and the thread's capture mode is relaxed, so that
   * calls of this library do not invalidate a capture. Cheap, and harmless when repeated. If the
   * application's code on the thread undoes it, later calls still work.
   *
   * @throws DeviceException if the device failed
   */
  void bindThread();

  /**
   * Announces that the calling thread will call this device several times, up to {@link #endCalls}.
   * CUDA then checks only once whether the device's context is current. For libraries; calls also
   * work without it. Never throws: if the device cannot be used, the calls throw.
   *
   * <p>Call {@link #endCalls} before the application's code runs on the thread, and this method
   * again after it. A nested announcement ends the effect of the outer one, and is harmless.
   *
   * @return the argument for {@link #endCalls}
   */
  default boolean beginCalls() {
    return false;
  }

  /**
   * Ends an announcement, and restores the thread's current context. Never throws.
   *
   * @param begun the result of {@link #beginCalls}
   */
  default void endCalls(boolean begun) {}

  /**
   * Closes the device. Its resources are freed once everything that it has handed out is closed.
   * Until then all of that goes on working, a loader too, and the log says that the device was
   * closed too early. This call does not wait for that, but the driver may block while it frees the
   * resources (see {@code CudaDevice.close()}). Idempotent.
   */
  @Override
  void close();
}
