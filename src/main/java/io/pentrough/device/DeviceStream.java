package io.pentrough.device;

import java.nio.ByteBuffer;

/**
 * A queue of device operations that run one after another, in the order they were queued.
 *
 * <p>All methods but {@link #read} and {@link #synchronize()} only queue an operation and may
 * return before it has run. The host device may also run it before the call returns, on the calling
 * thread.
 *
 * <p>If an operation fails when it runs, every later operation of this stream fails too, and {@link
 * DeviceEvent#isComplete()} throws. A stream that waits for an event recorded behind the failure
 * fails with it. Queueing more on a failed stream is harmless: the call throws a {@link
 * DeviceException}, or the operation never runs.
 *
 * <p><b>Threads.</b> Any thread may queue; operations of one thread keep their order. Two streams
 * are {@linkplain Object#equals equal} if they are the same queue of the device.
 */
public interface DeviceStream extends AutoCloseable {

  /**
   * The device this stream belongs to.
   *
   * @return the device
   */
  Device device();

  /**
   * Queues a copy from pinned host memory to the device. Neither buffer may be closed, nor the
   * source written, before it has run.
   *
   * @param source pinned memory of the same device
   * @param sourceOffset first byte to read
   * @param target device memory
   * @param targetOffset first byte to write
   * @param bytes how many bytes, at least 0
   * @throws IndexOutOfBoundsException if the range leaves a buffer
   * @throws IllegalArgumentException if a buffer belongs to another device
   * @throws IllegalStateException if a buffer or this stream is closed
   * @throws DeviceException if the device refuses
   */
  void copyToDevice(
      PinnedBuffer source, long sourceOffset, DeviceBuffer target, long targetOffset, long bytes);

  /**
   * Queues a copy from the device to pinned host memory. Neither buffer may be closed, nor the
   * target touched, before it has run.
   *
   * @param source device memory
   * @param sourceOffset first byte to read
   * @param target pinned memory of the same device
   * @param targetOffset first byte to write
   * @param bytes how many bytes, at least 0
   * @throws IndexOutOfBoundsException if the range leaves a buffer
   * @throws IllegalArgumentException if a buffer belongs to another device
   * @throws IllegalStateException if a buffer or this stream is closed
   * @throws DeviceException if the device refuses
   */
  void copyToHost(
      DeviceBuffer source, long sourceOffset, PinnedBuffer target, long targetOffset, long bytes);

  /**
   * Queues the writing of zeros. The buffer may not be closed before it has run.
   *
   * @param target device memory
   * @param offset first byte to write
   * @param bytes how many bytes, at least 0
   * @throws IndexOutOfBoundsException if the range leaves the buffer
   * @throws IllegalArgumentException if the buffer belongs to another device
   * @throws IllegalStateException if the buffer or this stream is closed
   * @throws UnsupportedOperationException if this device cannot; a loader with stages asks for it
   *     behind a batch that is not full
   * @throws DeviceException if the device refuses
   */
  default void fillZero(DeviceBuffer target, long offset, long bytes) {
    throw new UnsupportedOperationException(device().name() + " cannot fill memory with zeros");
  }

  /**
   * Copies device memory into any buffer behind everything queued so far, and waits for it: for
   * tests and for looking.
   *
   * @param source all of it is read
   * @param target receives the bytes at its position, which moves behind them
   * @throws java.nio.BufferOverflowException if the target has too little room
   * @throws java.nio.ReadOnlyBufferException if the target is read-only
   * @throws IllegalArgumentException if the source belongs to another device
   * @throws IllegalStateException if the source or this stream is closed
   * @throws DeviceException if the copy or something before it failed
   */
  void read(DeviceBuffer source, ByteBuffer target);

  /**
   * Queues a mark: the event is complete when everything queued before it has run. Replaces the
   * event's earlier mark.
   *
   * @param event an event of the same device
   * @throws IllegalArgumentException if the event belongs to another device
   * @throws IllegalStateException if the event or this stream is closed
   * @throws DeviceException if the device refuses
   */
  void record(DeviceEvent event);

  /**
   * Lets everything queued from now on wait until the event's latest mark, as of this call, is
   * complete. The calling thread does not wait. An event never recorded holds up nothing.
   *
   * @param event an event of the same device, recorded on any stream
   * @throws IllegalArgumentException if the event belongs to another device
   * @throws IllegalStateException if the event or this stream is closed
   * @throws DeviceException if the device refuses
   */
  void waitFor(DeviceEvent event);

  /**
   * Whether what is queued now is written down for later instead of being run (CUDA's stream
   * capture).
   *
   * @return true while a capture is under way; a device without such a thing says false
   * @throws IllegalStateException if this stream is closed
   * @throws DeviceException if the device failed
   */
  default boolean isCapturing() {
    return false;
  }

  /**
   * Waits until everything queued so far has run. Not interruptible.
   *
   * @throws IllegalStateException if this stream is closed
   * @throws WorkFailedException if something queued has failed
   * @throws DeviceException if the device refused to wait: what is queued may still run
   */
  void synchronize();

  /** Gives the stream back once what is queued has run. Does not block; idempotent. */
  @Override
  void close();
}
