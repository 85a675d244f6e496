package io.pentrough;

import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.ForwardingDevice;
import io.pentrough.device.ForwardingEvent;
import io.pentrough.device.ForwardingStream;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Numbered;
import io.pentrough.testkit.Patience;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Who asks whether a copy has ended. */
@OnEveryDevice
class WatchedCopyTest {

  private final Device device = TestDevice.open();

  @Test
  @DisplayName("a consumer that waits for a copy of the device's own asks for its end itself")
  void consumerAsks() throws Exception {
    Asked asked = new Asked(device, Thread.currentThread());
    try (BackgroundLoader loader =
        BackgroundLoader.builder(asked, Numbered.SPEC, Numbered::fill).start()) {
      Patience.until(
          "the consumer asks",
          () -> {
            take(loader);
            return asked.byConsumer.get() > 0;
          });
    }
  }

  private static void take(BackgroundLoader loader) {
    try {
      loader.get(patience()).close();
    } catch (InterruptedException | BatchTimeoutException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  @DisplayName("one that takes batches as soon as their copy is queued does not")
  void earlyConsumerDoesNot() throws Exception {
    Asked asked = new Asked(device, Thread.currentThread());
    try (DeviceStream work = asked.newStream();
        BackgroundLoader loader =
            BackgroundLoader.builder(asked, Numbered.SPEC, Numbered::fill).start()) {
      for (int i = 0; i < 100; i++) {
        loader.getQueued(work, patience()).close();
      }
      work.synchronize();
    }
    assertEquals(0, asked.byConsumer.get());
  }

  /** Counts what one thread asks its events; its copies take a while. */
  private static final class Asked extends ForwardingDevice {
    private final AtomicInteger byConsumer = new AtomicInteger();
    private final Thread consumer;

    Asked(Device inner, Thread consumer) {
      super(inner);
      this.consumer = consumer;
    }

    @Override
    public boolean copiesInCaller() {
      return false; // else they would run in the caller where the stream is idle
    }

    @Override
    public DeviceStream newStream() {
      return new Stream(inner.newStream());
    }

    @Override
    public DeviceStream defaultStream() {
      return new Stream(inner.defaultStream());
    }

    @Override
    public DeviceEvent newEvent() {
      return new Event(inner.newEvent());
    }

    private final class Stream extends ForwardingStream {

      Stream(DeviceStream inner) {
        super(inner, Asked.this);
      }

      @Override
      public void copyToDevice(
          PinnedBuffer source, long sourceOffset, DeviceBuffer target, long offset, long bytes) {
        TestDevice.launch(inner, () -> SlowDevice.linger(100_000));
        inner.copyToDevice(source, sourceOffset, target, offset, bytes);
      }

      @Override
      public void record(DeviceEvent event) {
        inner.record(ForwardingEvent.unwrap(event));
      }

      @Override
      public void waitFor(DeviceEvent event) {
        inner.waitFor(ForwardingEvent.unwrap(event));
      }
    }

    private final class Event extends ForwardingEvent {

      Event(DeviceEvent inner) {
        super(inner);
      }

      @Override
      public boolean isComplete() {
        if (Thread.currentThread() == consumer) {
          byConsumer.incrementAndGet();
        }
        return super.isComplete();
      }
    }
  }
}
