package io.pentrough.device;

import java.nio.ByteBuffer;

/**
 * A queue of device operations. They run one after another, in the order in which they were queued.
 *
 * <pre>{@code
 * try (DeviceStream stream = device.newStream();
 *     DeviceEvent zeroed = device.newEvent()) {
 *   stream.fillZero(memory, 0, memory.bytes()); // is queued, and returns
 *   stream.record(zeroed); // so that other streams can wait for it
 *   stream.read(memory, result); // waits for what is queued
 * }
 * }</pre>
 *
 * <p>All methods but {@link #read} and {@link #synchronize()} only queue an operation and may
 * return before it has run. The host device may also run it before the call returns, on the calling
 * thread.
 *
 * <p><b>Failure.</b> If an operation fails when it runs, all later operations of this stream fail,
 * and {@link DeviceEvent#isComplete()} throws. A stream that waits for an event recorded behind the
 * failure fails too. To queue more on a failed stream is harmless: the call throws a {@link
 * DeviceException}, or the operation never runs.
 *
 * <p><b>Threads.</b> Any thread may queue. Operations of one thread keep their order. Two streams
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
   * Queues a copy from pinned host memory to the device. Before it has run, close neither buffer,
   * and do not write the source.
   *
   * @param source pinned memory of the same device
   * @param sourceOffset the offset of the first byte to read
   * @param target device memory
   * @param targetOffset the offset of the first byte to write
   * @param bytes the number of bytes, at least 0
   * @throws IndexOutOfBoundsException if the range leaves a buffer
   * @throws IllegalArgumentException if a buffer belongs to another device
   * @throws IllegalStateException if a buffer or this stream is closed
   * @throws DeviceException if the device refuses
   */
  void copyToDevice(
      PinnedBuffer source, long sourceOffset, DeviceBuffer target, long targetOffset, long bytes);

  /**
   * Queues a copy from the device to pinned host memory. Before it has run, close neither buffer,
   * and do not access the target.
   *
   * @param source device memory
   * @param sourceOffset the offset of the first byte to read
   * @param target pinned memory of the same device
   * @param targetOffset the offset of the first byte to write
   * @param bytes the number of bytes, at least 0
   * @throws IndexOutOfBoundsException if the range leaves a buffer
   * @throws IllegalArgumentException if a buffer belongs to another device
   * @throws IllegalStateException if a buffer or this stream is closed
   * @throws DeviceException if the device refuses
   */
  void copyToHost(
      DeviceBuffer source, long sourceOffset, PinnedBuffer target, long targetOffset, long bytes);

  /**
   * Queues the writing of zeros. Do not close the buffer before it has run.
   *
   * @param target device memory
   * @param offset the offset of the first byte to write
   * @param bytes the number of bytes, at least 0
   * @throws IndexOutOfBoundsException if the range leaves the buffer
   * @throws IllegalArgumentException if the buffer belongs to another device
   * @throws IllegalStateException if the buffer or this stream is closed
   * @throws UnsupportedOperationException if this device cannot write zeros; a loader with stages
   *     needs it for batches that are not full
   * @throws DeviceException if the device refuses
   */
  default void fillZero(DeviceBuffer target, long offset, long bytes) {
    throw new UnsupportedOperationException(device().name() + " cannot fill memory with zeros");
  }

  /**
   * Copies device memory into any buffer, after everything queued so far, and waits for the copy.
   * For tests and for inspection.
   *
   * @param source the memory to read, all of it
   * @param target receives the bytes at its position, which moves past them
   * @throws java.nio.BufferOverflowException if the target has too little room
   * @throws java.nio.ReadOnlyBufferException if the target is read-only
   * @throws IllegalArgumentException if the source belongs to another device
   * @throws IllegalStateException if the source or this stream is closed
   * @throws DeviceException if the copy or something before it failed
   */
  void read(DeviceBuffer source, ByteBuffer target);

  /**
   * Records an event: it completes when everything queued so far has run. Replaces the point at
   * which the event was recorded before.
   *
   * @param event an event of the same device
   * @throws IllegalArgumentException if the event belongs to another device
   * @throws IllegalStateException if the event or this stream is closed
   * @throws DeviceException if the device refuses
   */
  void record(DeviceEvent event);

  /**
   * Lets everything that is queued later wait for an event, as it is recorded now. The calling
   * thread does not wait. If the event was never recorded, nothing waits.
   *
   * @param event an event of the same device, recorded on any stream
   * @throws IllegalArgumentException if the event belongs to another device
   * @throws IllegalStateException if the event or this stream is closed
   * @throws DeviceException if the device refuses
   */
  void waitFor(DeviceEvent event);

  /**
   * Whether this stream is being captured: CUDA then records operations into a graph instead of
   * running them.
   *
   * @return true during a capture; always false on a device without captures
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
   * @throws DeviceException if the device refused to wait; queued work may still run
   */
  void synchronize();

  /** Closes the stream. Queued work still runs. Does not block. Idempotent. */
  @Override
  void close();
}
