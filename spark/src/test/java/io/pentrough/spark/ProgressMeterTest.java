package io.pentrough.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class ProgressMeterTest {

  private static final long SECOND = 1_000_000_000;

  private long now = 100 * SECOND;

  @Test
  @DisplayName("a task that hangs has no speed, and the time since its last step")
  void hangs() {
    ProgressMeter meter = new ProgressMeter("job", 1, 3, () -> now);
    Pace.Report report = new Pace.Report(0, "host", 20, 10 * SECOND, 0);
    meter.report(report);
    assertEquals(2, meter.progress().stepsPerSecond());
    now += 30 * SECOND;
    meter.report(report);
    assertEquals(0, meter.progress().stepsPerSecond());
    assertEquals(Duration.ofSeconds(30), meter.progress().slowest().ownTimePerStep());
    now += 30 * SECOND;
    meter.report(report);
    assertEquals(Duration.ofSeconds(60), meter.progress().slowest().ownTimePerStep());
    String line = meter.progress().toString();
    assertTrue(line.contains("on 3 tasks, 0.0 steps/s; 2 of them have not reported yet"), line);
    meter.report(new Pace.Report(0, "host", 21, 80 * SECOND, 0));
    assertEquals(Duration.ofSeconds(70), meter.progress().slowest().ownTimePerStep());
  }
}
