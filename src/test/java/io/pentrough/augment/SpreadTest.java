package io.pentrough.augment;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceKernel;
import io.pentrough.device.DeviceModule;
import io.pentrough.device.host.HostDevice;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** How work is spread over threads, where no launch is large enough to show it. */
class SpreadTest {

  @Test
  @DisplayName("threads lie along x as far as each has five steps to go, and at least eight do")
  void threadsAlongX() {
    assertEquals(8, Spread.alongX(1));
    assertEquals(8, Spread.alongX(79));
    assertEquals(16, Spread.alongX(80));
    assertEquals(16, Spread.alongX(159));
    assertEquals(32, Spread.alongX(160));
    assertEquals(32, Spread.alongX(Integer.MAX_VALUE));
    for (int alongX = 8; alongX <= 32; alongX *= 2) {
      assertEquals(256, alongX * Spread.rows(alongX));
    }
  }

  @Test
  @DisplayName("a grid stays within its limits, however long a patch is along one axis")
  void limits() {
    assertEquals(1, Spread.blocks(1, 128));
    assertEquals(1, Spread.blocks(128, 128));
    assertEquals(2, Spread.blocks(129, 128));
    assertEquals(65_535, Spread.blocks(Integer.MAX_VALUE, 8));
    int most = 1 << 29;
    Size[] sizes = {new Size(most, 1, 1), new Size(1, most, 1), new Size(1, 1, most)};
    try (Device device = HostDevice.open();
        DeviceModule module = device.load(AugmentHostKernels.SOURCE);
        DeviceKernel kernel = module.kernel("augmentCrop")) {
      for (Size size : sizes) {
        Spread.spread(kernel, size, 65_535, true);
        Spread.spread(kernel, size, 65_535, false);
      }
    }
  }
}
