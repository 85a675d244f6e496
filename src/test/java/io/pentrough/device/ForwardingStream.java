package io.pentrough.device;

import java.nio.ByteBuffer;

/**
 * Another stream, as one of a {@link ForwardingDevice}: what a test does not change goes through.
 */
public abstract class ForwardingStream implements DeviceStream {

  protected final DeviceStream inner;
  private final Device device;

  protected ForwardingStream(DeviceStream inner, Device device) {
    this.inner = inner;
    this.device = device;
  }

  @Override
  public Device device() {
    return device;
  }

  @Override
  public void copyToDevice(
      PinnedBuffer source, long sourceOffset, DeviceBuffer target, long targetOffset, long bytes) {
    inner.copyToDevice(source, sourceOffset, target, targetOffset, bytes);
  }

  @Override
  public void copyToHost(
      DeviceBuffer source, long sourceOffset, PinnedBuffer target, long targetOffset, long bytes) {
    inner.copyToHost(source, sourceOffset, target, targetOffset, bytes);
  }

  @Override
  public void fillZero(DeviceBuffer target, long offset, long bytes) {
    inner.fillZero(target, offset, bytes);
  }

  @Override
  public void read(DeviceBuffer source, ByteBuffer target) {
    inner.read(source, target);
  }

  @Override
  public void record(DeviceEvent event) {
    inner.record(event);
  }

  @Override
  public void waitFor(DeviceEvent event) {
    inner.waitFor(event);
  }

  @Override
  public boolean isCapturing() {
    return inner.isCapturing();
  }

  @Override
  public void synchronize() {
    inner.synchronize();
  }

  @Override
  public void close() {
    inner.close();
  }
}
