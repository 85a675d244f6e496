package io.pentrough.device.host;

import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.PinnedBuffer;
import java.nio.ByteBuffer;

/**
 * A stream of the host device: checks arguments, and puts operations into its {@link HostQueue}.
 */
final class HostStream implements DeviceStream {

  private final HostDevice device;
  private final HostQueue queue;

  HostStream(HostDevice device, String name) {
    this.device = device;
    this.queue = new HostQueue(name);
  }

  @Override
  public HostDevice device() {
    return device;
  }

  @Override
  public void copyToDevice(
      PinnedBuffer source, long sourceOffset, DeviceBuffer target, long targetOffset, long bytes) {
    HostPinned in = device.own(source, "source");
    HostBuffer out = device.own(target, "target");
    HostMemory.checkRange("source", sourceOffset, bytes, in.bytes());
    HostMemory.checkRange("target", targetOffset, bytes, out.bytes());
    queue.copy(
        in.memory(),
        (int) sourceOffset,
        out.memory(),
        out.start() + (int) targetOffset,
        (int) bytes);
  }

  @Override
  public void copyToHost(
      DeviceBuffer source, long sourceOffset, PinnedBuffer target, long targetOffset, long bytes) {
    HostBuffer in = device.own(source, "source");
    HostPinned out = device.own(target, "target");
    HostMemory.checkRange("source", sourceOffset, bytes, in.bytes());
    HostMemory.checkRange("target", targetOffset, bytes, out.bytes());
    queue.copy(
        in.memory(),
        in.start() + (int) sourceOffset,
        out.memory(),
        (int) targetOffset,
        (int) bytes);
  }

  @Override
  public void fillZero(DeviceBuffer target, long offset, long bytes) {
    HostBuffer out = device.own(target, "target");
    HostMemory.checkRange("target", offset, bytes, out.bytes());
    queue.fillZero(out.memory(), out.start() + (int) offset, (int) bytes);
  }

  /** See {@link HostDevice#launch}. */
  void launch(Runnable work) {
    queue.launch(work);
  }

  /** See {@link HostDeviceKernel#launch}. */
  void launch(HostDeviceKernel kernel) {
    queue.launch(kernel);
  }

  @Override
  public void read(DeviceBuffer source, ByteBuffer target) {
    HostBuffer in = device.own(source, "source");
    int count = (int) in.bytes();
    ReadTarget.require(target, count);
    int position = target.position();
    ByteBuffer bytes = in.memory().bytes();
    long ticket = queue.launch(() -> target.put(position, bytes, in.start(), count));
    queue.synchronize(ticket);
    target.position(position + count);
  }

  @Override
  public void record(DeviceEvent event) {
    HostEvent own = device.own(event);
    queue.checkOpen();
    own.record(queue);
  }

  @Override
  public void waitFor(DeviceEvent event) {
    HostEvent own = device.own(event);
    queue.checkOpen();
    own.holdUp(queue);
  }

  /** Always false, as the host has no capture. */
  @Override
  public boolean isCapturing() {
    queue.checkOpen();
    return false;
  }

  @Override
  public void synchronize() {
    queue.checkOpen();
    queue.synchronize(queue.queued());
  }

  /** Closes the stream, unless it is the default stream, which cannot be closed. */
  @Override
  public void close() {
    if (this != device.defaultStream() && queue.close()) {
      device.streamClosed();
    }
  }

  /** Lets the thread end when the queue is empty. */
  void retire() {
    queue.retire();
  }

  /** The name of its thread. */
  @Override
  public String toString() {
    return queue.toString();
  }
}
