package io.pentrough.device.cuda;

import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.ForwardingDevice;
import io.pentrough.device.ForwardingEvent;
import io.pentrough.device.ForwardingStream;
import io.pentrough.device.PinnedBuffer;

/** A device with one fence missing, for tests that must notice. */
final class SabotagedDevice extends ForwardingDevice {

  /** The fences, and how each is broken. */
  enum Missing {
    /** I1: a worker gets a host slot that the copy has yet to read: <em>copied</em> is complete. */
    COPIED_WAIT,
    /** The host waits for nothing at all, <em>ready</em> neither: each event is complete. */
    HOST_WAIT,
    /** I2: the copy does not wait for the consumer's work; nor a consumer for a queued copy. */
    STREAM_WAIT,
    /** I2: closing a batch marks nothing: the mark lies on a stream that is idle. */
    RELEASE_RECORD,
    /** The same, only of batches that were ready when they were got: the earlier of two marks. */
    READY_RELEASE_RECORD,
    /** The same, only of batches got before their copy had run: the later of two marks. */
    QUEUED_RELEASE_RECORD,
    /** I9: the stage does not wait for its batch's copy. */
    STAGE_WAIT,
    /** I9: a batch is ready before its stage: the mark lies on a stream that is idle. */
    STAGE_RECORD
  }

  private final Missing missing;
  private final DeviceStream idle;

  SabotagedDevice(CudaDevice device, Missing missing) {
    super(device);
    this.missing = missing;
    idle = device.newStream();
  }

  /** A stream of a consumer's, as against the loader's copy stream. */
  DeviceStream consumerStream() {
    return new Stream(inner.newStream(), true);
  }

  private final class Stream extends ForwardingStream {
    private final boolean consumers;
    private boolean justCopied;

    /** A consumer's: its batch was got before its copy had run. */
    private boolean hasWaited;

    /** Made for the loader, and never copied on. */
    private boolean isStages = true;

    Stream(DeviceStream inner, boolean consumers) {
      super(inner, SabotagedDevice.this);
      this.consumers = consumers;
    }

    @Override
    public void copyToDevice(
        PinnedBuffer source, long from, DeviceBuffer target, long to, long bytes) {
      super.copyToDevice(source, from, target, to, bytes);
      justCopied = true;
      isStages = false;
    }

    @Override
    public void record(DeviceEvent event) {
      boolean elsewhere =
          consumers
              ? missing == Missing.RELEASE_RECORD
                  || missing
                      == (hasWaited ? Missing.QUEUED_RELEASE_RECORD : Missing.READY_RELEASE_RECORD)
              : isStages && missing == Missing.STAGE_RECORD;
      Event mark = (Event) event;
      mark.saysCopied = justCopied; // the first mark behind a copy
      justCopied = false;
      hasWaited = false;
      (elsewhere ? idle : inner).record(ForwardingEvent.unwrap(event));
    }

    @Override
    public void waitFor(DeviceEvent event) {
      hasWaited = true;
      boolean isStagesWait = isStages && !consumers;
      if (missing != Missing.STREAM_WAIT && !(isStagesWait && missing == Missing.STAGE_WAIT)) {
        inner.waitFor(ForwardingEvent.unwrap(event));
      }
    }
  }

  private final class Event extends ForwardingEvent {
    private volatile boolean saysCopied;

    Event(DeviceEvent inner) {
      super(inner);
    }

    @Override
    public boolean isComplete() {
      return missing == Missing.HOST_WAIT
          || (missing == Missing.COPIED_WAIT && saysCopied)
          || super.isComplete();
    }
  }

  @Override
  public String name() {
    return "sabotaged " + inner.name();
  }

  @Override
  public String description() {
    return inner.description() + " without " + missing;
  }

  @Override
  public DeviceStream newStream() {
    return new Stream(inner.newStream(), false);
  }

  @Override
  public DeviceStream defaultStream() {
    return new Stream(inner.defaultStream(), true);
  }

  @Override
  public DeviceEvent newEvent() {
    return new Event(inner.newEvent());
  }

  @Override
  public void close() {
    idle.close();
    inner.close();
  }
}
