package io.pentrough.device.cuda;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.PinnedBuffer;
import java.nio.ByteBuffer;

/** A device with one fence missing, for tests that must notice. */
final class SabotagedDevice implements Device {

  /** The fences, and how each is broken. */
  enum Missing {
    /** I1: a worker gets a host slot that the copy has yet to read: <em>copied</em> is complete. */
    COPIED_WAIT,
    /** The host waits for nothing at all, <em>ready</em> neither: each event is complete. */
    HOST_WAIT,
    /** I2: the copy does not wait for the consumer's work; nor a consumer for a queued copy. */
    STREAM_WAIT,
    /** I2: closing a batch marks nothing: the mark lies on a stream that is idle. */
    RELEASE_RECORD
  }

  private final CudaDevice device;
  private final Missing missing;
  private final DeviceStream idle;

  SabotagedDevice(CudaDevice device, Missing missing) {
    this.device = device;
    this.missing = missing;
    idle = device.newStream();
  }

  /** A stream of a consumer's, as against the loader's copy stream. */
  DeviceStream consumerStream() {
    return new Stream(device.newStream(), true);
  }

  private final class Stream implements DeviceStream {
    private final DeviceStream inner;
    private final boolean consumers;
    private boolean justCopied;

    Stream(DeviceStream inner, boolean consumers) {
      this.inner = inner;
      this.consumers = consumers;
    }

    @Override
    public Device device() {
      return SabotagedDevice.this;
    }

    @Override
    public void copyToDevice(
        PinnedBuffer source, long from, DeviceBuffer target, long to, long bytes) {
      inner.copyToDevice(source, from, target, to, bytes);
      justCopied = true;
    }

    @Override
    public void copyToHost(
        DeviceBuffer source, long from, PinnedBuffer target, long to, long bytes) {
      inner.copyToHost(source, from, target, to, bytes);
    }

    @Override
    public void read(DeviceBuffer source, ByteBuffer target) {
      inner.read(source, target);
    }

    @Override
    public void record(DeviceEvent event) {
      boolean elsewhere = missing == Missing.RELEASE_RECORD && consumers;
      Event mark = (Event) event;
      mark.saysCopied = justCopied; // the first mark behind a copy
      justCopied = false;
      (elsewhere ? idle : inner).record(mark.inner);
    }

    @Override
    public void waitFor(DeviceEvent event) {
      if (missing != Missing.STREAM_WAIT) {
        inner.waitFor(((Event) event).inner);
      }
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

  private final class Event implements DeviceEvent {
    private final DeviceEvent inner;
    private volatile boolean saysCopied;

    Event(DeviceEvent inner) {
      this.inner = inner;
    }

    @Override
    public boolean isComplete() {
      return missing == Missing.HOST_WAIT
          || (missing == Missing.COPIED_WAIT && saysCopied)
          || inner.isComplete();
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

  @Override
  public String name() {
    return "sabotaged " + device.name();
  }

  @Override
  public String description() {
    return device.description() + " without " + missing;
  }

  @Override
  public PinnedBuffer allocatePinned(long bytes) {
    return device.allocatePinned(bytes);
  }

  @Override
  public DeviceBuffer allocate(long bytes) {
    return device.allocate(bytes);
  }

  @Override
  public DeviceBuffer map(PinnedBuffer pinned) {
    return device.map(pinned);
  }

  @Override
  public DeviceStream newStream() {
    return new Stream(device.newStream(), false);
  }

  @Override
  public DeviceStream defaultStream() {
    return new Stream(device.defaultStream(), true);
  }

  @Override
  public DeviceEvent newEvent() {
    return new Event(device.newEvent());
  }

  @Override
  public void bindThread() {
    device.bindThread();
  }

  @Override
  public void close() {
    idle.close();
    device.close();
  }
}
