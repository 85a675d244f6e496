package io.pentrough;

import static io.pentrough.Caller.until;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What the statistics say of a copy that waits, and of one that runs. */
@OnEveryDevice
@Timeout(60)
class CopyStatsTest {

  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final Device device = TestDevice.open();

  @AfterEach
  void nothingIsLeft() {
    TestDevice.assertNothingLive(device);
    device.close();
  }

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
        loader.get(PATIENCE).close();
        until(() -> loader.stats().copyHeldUpShare() > 0, "the next copy to be held up");
        LoaderStats before = loader.stats();
        LoaderStats interval = loader.stats().minus(before);
        assertEquals(0.0, interval.copyBusyShare());
        assertEquals(1.0, interval.copyHeldUpShare());
        gate.open();
      }
      loader.get(PATIENCE).close();
    }
  }
}
