package io.pentrough.device;

/** Another event under a new face: what a test does not change goes through. */
public abstract class ForwardingEvent implements DeviceEvent {

  protected final DeviceEvent inner;

  protected ForwardingEvent(DeviceEvent inner) {
    this.inner = inner;
  }

  /** What the device itself is to be given. */
  public static DeviceEvent unwrap(DeviceEvent event) {
    return ((ForwardingEvent) event).inner;
  }

  @Override
  public boolean isComplete() {
    return inner.isComplete();
  }

  @Override
  public void park(long maxNanos) {
    inner.park(maxNanos);
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
