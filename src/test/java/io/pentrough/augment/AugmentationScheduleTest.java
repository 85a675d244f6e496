package io.pentrough.augment;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.device.host.HostDevice;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Batches through a loader, whatever the device's order of work is (I9). */
@OnEveryDevice
@Timeout(120)
class AugmentationScheduleTest {

  @Test
  void batchesAreTheSameUnderEverySchedule() throws Exception {
    for (long seed = 0; seed < 4; seed++) {
      AugmentCase one = new AugmentCase(seed);
      try (Device device = TestDevice.open();
          Device host = HostDevice.open()) {
        assertEquals(
            AugmentRun.run(host, one.augmentation, one.spec, one::fill, 8, 1, seed),
            AugmentRun.run(device, one.augmentation, one.spec, one::fill, 8, 3, seed),
            "seed " + seed);
        TestDevice.assertNothingLive(device);
      }
    }
  }
}
