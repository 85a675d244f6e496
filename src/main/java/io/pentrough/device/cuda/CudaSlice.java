package io.pentrough.device.cuda;

/**
 * A part of a buffer. Each array of each batch makes one, so it has only the fields that it needs:
 * 40 bytes.
 */
final class CudaSlice extends CudaBuffer {

  private final CudaBuffer parent;
  private final Runnable guard;
  private final long start;
  private final long bytes;

  CudaSlice(CudaBuffer parent, long start, long bytes, Runnable guard) {
    this.parent = parent;
    this.start = start;
    this.bytes = bytes;
    this.guard = guard;
  }

  @Override
  CudaHandle useMemory() {
    guard.run();
    return parent.useMemory();
  }

  @Override
  DeviceAddress base() {
    return parent.base();
  }

  @Override
  long start() {
    return start;
  }

  @Override
  public CudaDevice device() {
    return parent.device();
  }

  @Override
  public long bytes() {
    return bytes;
  }

  @Override
  public void close() {}
}
