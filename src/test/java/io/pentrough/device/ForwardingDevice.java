package io.pentrough.device;

import java.util.Optional;

/** Another device under a new face: what a test does not change goes through. */
public abstract class ForwardingDevice implements Device {

  protected final Device inner;

  protected ForwardingDevice(Device inner) {
    this.inner = inner;
  }

  @Override
  public String name() {
    return inner.name();
  }

  @Override
  public String description() {
    return inner.description();
  }

  @Override
  public PinnedBuffer allocatePinned(long bytes) {
    return inner.allocatePinned(bytes);
  }

  @Override
  public DeviceBuffer allocate(long bytes) {
    return inner.allocate(bytes);
  }

  @Override
  public DeviceBuffer map(PinnedBuffer pinned) {
    return inner.map(pinned);
  }

  @Override
  public Optional<String> whyNotAllocate(long pinnedBytes, long deviceBytes) {
    return inner.whyNotAllocate(pinnedBytes, deviceBytes);
  }

  @Override
  public boolean copiesInCaller() {
    return inner.copiesInCaller();
  }

  @Override
  public DeviceStream newStream() {
    return inner.newStream();
  }

  @Override
  public DeviceStream defaultStream() {
    return inner.defaultStream();
  }

  @Override
  public DeviceEvent newEvent() {
    return inner.newEvent();
  }

  @Override
  public DeviceModule load(KernelSource source) {
    return new ForwardingModule(inner.load(source), this);
  }

  /** Before each launch of a kernel that was loaded here; what it throws, the launch throws. */
  protected void launching() {}

  @Override
  public void bindThread() {
    inner.bindThread();
  }

  @Override
  public boolean beginCalls() {
    return inner.beginCalls();
  }

  @Override
  public void endCalls(boolean begun) {
    inner.endCalls(begun);
  }

  @Override
  public void close() {
    inner.close();
  }
}
