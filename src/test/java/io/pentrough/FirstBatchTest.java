package io.pentrough;

import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Numbered;
import io.pentrough.testkit.Patience;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A slow first batch shows in the statistics. */
@OnEveryDevice
class FirstBatchTest {

  @Test
  @DisplayName("the time to the first batch has the slow first fill in it, and stays what it was")
  void slowFirstFill() throws Exception {
    CountDownLatch gate = new CountDownLatch(1);
    BatchTarget target =
        (out, context) -> {
          Patience.await(gate);
          Numbered.fill(out, context);
        };
    SteppedTime time = new SteppedTime();
    Duration held = Duration.ofHours(1);
    try (Device device = TestDevice.open();
        BackgroundLoader loader =
            BackgroundLoader.builder(device, Numbered.SPEC, target).time(time).start()) {
      assertEquals(Optional.empty(), loader.stats().timeToFirstBatch());
      time.pass(held.toNanos());
      gate.countDown();
      Numbered.check(0, loader.get(patience()));
      Duration first = loader.stats().timeToFirstBatch().orElseThrow();
      assertTrue(
          first.compareTo(held) >= 0 && first.compareTo(held.multipliedBy(2)) < 0, "" + first);
      time.pass(held.toNanos());
      Numbered.check(1, loader.get(patience()));
      assertEquals(Optional.of(first), loader.stats().timeToFirstBatch());
      assertTrue(loader.stats().toString().contains("first batch ready after "));
    }
  }
}
