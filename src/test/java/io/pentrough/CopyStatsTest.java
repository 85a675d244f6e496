package io.pentrough;

import static io.pentrough.testkit.Patience.patience;
import static io.pentrough.testkit.Patience.until;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.ForwardingDevice;
import io.pentrough.device.ForwardingStream;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Numbered;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What the statistics say of a copy that waits, and of one that runs. */
@OnEveryDevice(everySchedule = false) // statistics know no device
class CopyStatsTest {

  private final Device device = TestDevice.openForGates();

  @Test
  @DisplayName("a copy that waits for the consumer's work is held up, and not under way")
  void heldUpByTheLoop() throws Exception {
    try (DeviceStream work = device.newStream();
        BackgroundLoader loader =
            BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill)
                .deviceSlots(1)
                .consumerStream(work)
                .start()) {
      try (TestDevice.Gate gate = TestDevice.gate(work)) {
        loader.get(patience()).close();
        until("the next copy to be held up", () -> loader.stats().copyHeldUpShare() > 0);
        LoaderStats before = loader.stats();
        LoaderStats interval = loader.stats().minus(before);
        assertEquals(0.0, interval.copyBusyShare());
        assertEquals(1.0, interval.copyHeldUpShare());
        gate.open();
      }
      loader.get(patience()).close();
    }
  }

  @Test
  @DisplayName("without copies, it is the workers whom the consumer's work holds up")
  void workersHeldUpByTheLoop() throws Exception {
    try (DeviceStream work = device.newStream();
        BackgroundLoader loader =
            BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill)
                .zeroCopy(true)
                .hostSlots(1)
                .deviceSlots(1)
                .consumerStream(work)
                .start()) {
      try (TestDevice.Gate gate = TestDevice.gate(work)) {
        loader.get(patience()).close();
        loader.get(patience()).close(); // no slot is left to be filled
        // a worker that passes through for the second slot counts as held up for a microsecond
        until("the worker to be held up", () -> heldUpShareNow(loader) == 1);
        assertEquals(1.0, heldUpShareNow(loader));
        gate.open();
      }
      loader.get(patience()).close();
      until("nothing to be held up any more", () -> heldUpShareNow(loader) == 0);
    }
  }

  /** Of the time between two looks. */
  private static double heldUpShareNow(BackgroundLoader loader) {
    LoaderStats before = loader.stats();
    return loader.stats().minus(before).copyHeldUpShare();
  }

  @Test
  @DisplayName("a copy whose batch was taken and closed early runs, and is not held up by that")
  void copyOfAnEarlyLease() throws Exception {
    Semaphore fills = new Semaphore(0);
    CopyStreams copies = new CopyStreams(device);
    BatchTarget target =
        (out, context) -> {
          fills.acquire();
          Numbered.fill(out, context);
        };
    try (DeviceStream work = device.newStream();
        BackgroundLoader loader =
            BackgroundLoader.builder(copies, Numbered.SPEC, target)
                .deviceSlots(2)
                .consumerStream(copies.wrap(work))
                .start()) {
      DeviceStream copyStream = copies.first();
      try (TestDevice.Gate first = TestDevice.gate(copyStream)) {
        fills.release();
        DeviceBatch batch = loader.getQueued(copies.wrap(work), patience());
        try (TestDevice.Gate second = TestDevice.gate(copyStream)) {
          batch.close();
          fills.release();
          loader.getQueued(copies.wrap(work), patience()).close();
          first.open();
          until("the first copy to be seen", () -> loader.stats().copyTime().count() == 1);
          LoaderStats before = loader.stats();
          LoaderStats interval = loader.stats().minus(before);
          assertEquals(1.0, interval.copyBusyShare());
          assertEquals(0.0, interval.copyHeldUpShare());
          second.open();
        }
      }
      until("the second copy to be seen", () -> loader.stats().copyTime().count() == 2);
      fills.release(1_000);
    }
  }

  @Test
  @DisplayName("COPY: a loop without work of its own that takes batches as soon as they are queued")
  void copyBoundLoop() throws Exception {
    CopyStreams slow = new CopyStreams(device);
    slow.beforeEachCopy = () -> SlowDevice.linger(300_000);
    try (DeviceStream work = device.newStream();
        BackgroundLoader loader =
            BackgroundLoader.builder(slow, Numbered.SPEC, Numbered::fill).start()) {
      // A machine with other work may run the loop's stream late, which does hold copies up. Then
      // another run of batches tells.
      LoaderStats stats = copyBoundBatches(loader, slow.wrap(work));
      for (int run = 1; run < 20 && stats.bottleneck() != LoaderStats.Bottleneck.COPY; run++) {
        stats = copyBoundBatches(loader, slow.wrap(work));
      }
      assertEquals(LoaderStats.Bottleneck.COPY, stats.bottleneck(), stats.toString());
      assertEquals(0, stats.copyHeldUpShare(), 0.1, stats.toString());
    }
  }

  private static LoaderStats copyBoundBatches(BackgroundLoader loader, DeviceStream work)
      throws InterruptedException, BatchTimeoutException {
    LoaderStats before = loader.stats();
    for (int i = 0; i < 60; i++) {
      loader.getQueued(work, patience()).close();
    }
    work.synchronize();
    return loader.stats().minus(before);
  }

  /** A device whose streams the test can hold up, and slow down. */
  private static final class CopyStreams extends ForwardingDevice {
    private final List<DeviceStream> made = new CopyOnWriteArrayList<>();
    private volatile Runnable beforeEachCopy = () -> {};

    CopyStreams(Device inner) {
      super(inner);
    }

    DeviceStream first() {
      return made.get(0);
    }

    DeviceStream wrap(DeviceStream stream) {
      return new ForwardingStream(stream, this) {};
    }

    @Override
    public boolean copiesInCaller() {
      return false; // else they would run in the caller where the stream is idle
    }

    @Override
    public DeviceStream newStream() {
      DeviceStream stream = inner.newStream();
      made.add(stream);
      return new ForwardingStream(stream, this) {
        @Override
        public void copyToDevice(
            PinnedBuffer source, long from, DeviceBuffer target, long to, long bytes) {
          TestDevice.launch(stream, beforeEachCopy);
          super.copyToDevice(source, from, target, to, bytes);
        }
      };
    }
  }
}
