package io.pentrough.device.cuda;

/** The device's view of pinned memory. */
final class CudaMapped extends CudaBuffer {

  private final CudaPinned pinned;
  private final DeviceAddress base;

  CudaMapped(CudaPinned pinned, DeviceAddress base) {
    this.pinned = pinned;
    this.base = base;
  }

  @Override
  CudaHandle useMemory() {
    pinned.use();
    return pinned;
  }

  @Override
  DeviceAddress base() {
    return base;
  }

  @Override
  long start() {
    return 0;
  }

  @Override
  public CudaDevice device() {
    return pinned.device;
  }

  @Override
  public long bytes() {
    return pinned.bytes();
  }

  @Override
  public void close() {}
}
