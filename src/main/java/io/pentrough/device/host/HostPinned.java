package io.pentrough.device.host;

import io.pentrough.device.PinnedBuffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Pinned memory, which is ordinary memory on the host. */
final class HostPinned implements PinnedBuffer {

  private final HostMemory memory;

  HostPinned(HostMemory memory) {
    this.memory = memory;
  }

  HostDevice device() {
    return memory.device();
  }

  /** The allocation, for a use that begins now: throws if closed. */
  HostMemory memory() {
    memory.bytes();
    return memory;
  }

  @Override
  public long bytes() {
    return memory.size();
  }

  @Override
  public ByteBuffer unsafeBuffer() {
    return memory.bytes().duplicate().order(ByteOrder.nativeOrder());
  }

  @Override
  public void close() {
    memory.close();
  }
}
