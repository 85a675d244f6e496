package io.pentrough.device.host;

/**
 * A part of a buffer. Each array of each batch makes one, so it has only the fields that it needs:
 * 32 bytes, 40 without compressed references.
 */
final class HostSlice extends HostBuffer {

  private final HostBuffer parent;
  private final Runnable guard;
  private final int start;
  private final int bytes;

  HostSlice(HostBuffer parent, int start, int bytes, Runnable guard) {
    this.parent = parent;
    this.start = start;
    this.bytes = bytes;
    this.guard = guard;
  }

  @Override
  HostMemory memory() {
    guard.run();
    return parent.memory();
  }

  @Override
  int start() {
    return start;
  }

  @Override
  public HostDevice device() {
    return parent.device();
  }

  @Override
  public long bytes() {
    return bytes;
  }

  @Override
  public void close() {}
}
