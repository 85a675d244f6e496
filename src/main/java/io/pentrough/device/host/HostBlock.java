package io.pentrough.device.host;

/** A whole allocation: the device buffer that owns it, or the device's view of pinned memory. */
final class HostBlock extends HostBuffer {

  private final HostMemory memory;
  private final boolean owner;

  HostBlock(HostMemory memory, boolean owner) {
    this.memory = memory;
    this.owner = owner;
  }

  @Override
  HostMemory memory() {
    memory.bytes();
    return memory;
  }

  @Override
  int start() {
    return 0;
  }

  @Override
  public HostDevice device() {
    return memory.device();
  }

  @Override
  public long bytes() {
    return memory.size();
  }

  @Override
  public void close() {
    if (owner) {
      memory.close();
    }
  }
}
