package io.pentrough.benchmarks;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.ForwardingDevice;
import io.pentrough.device.ForwardingStream;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.device.host.HostDevice;

/** The host device, whose copies take a given time. */
final class EmulatedDevice extends ForwardingDevice {

  private final long[] copyNanos;
  private final Timeline line;
  private final DeviceStream defaultStream;

  /** Written by the one stream that copies. */
  private int copies;

  /** Of as many copies as there are times; writes down when they began and ended. */
  EmulatedDevice(HostDevice host, long[] copyNanos, Timeline line) {
    super(host);
    this.copyNanos = copyNanos;
    this.line = line;
    defaultStream = new Stream(host.defaultStream(), this);
  }

  /** Here a copy takes its time on the stream's thread, as on a device with copy engines. */
  @Override
  public boolean copiesInCaller() {
    return false;
  }

  @Override
  public DeviceStream newStream() {
    return new Stream(inner.newStream(), this);
  }

  @Override
  public DeviceStream defaultStream() {
    return defaultStream;
  }

  /** Work behind what is queued on a stream of such a device. */
  static void launch(DeviceStream stream, Runnable work) {
    ((Stream) stream).launch(work);
  }

  private void passTime() {
    int number = copies++;
    long began = System.nanoTime();
    line.copyBegan[number] = began;
    line.copied[number] = Latencies.sleepUntil(began + copyNanos[number]);
  }

  private final class Stream extends ForwardingStream {

    Stream(DeviceStream inner, Device device) {
      super(inner, device);
    }

    private void launch(Runnable work) {
      HostDevice.launch(inner, work);
    }

    @Override
    public void copyToDevice(
        PinnedBuffer source, long sourceOffset, DeviceBuffer target, long offset, long bytes) {
      inner.copyToDevice(source, sourceOffset, target, offset, bytes);
      HostDevice.launch(inner, EmulatedDevice.this::passTime);
    }
  }
}
