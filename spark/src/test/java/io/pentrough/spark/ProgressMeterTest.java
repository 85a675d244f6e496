package io.pentrough.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class ProgressMeterTest {

  private static final long SECOND = 1_000_000_000;

  private long now = 100 * SECOND;
  private final ProgressMeter meter = new ProgressMeter("job", 1, 3, () -> now);

  private void report(int rank, long steps, long seconds, double waited) {
    report(rank, steps, seconds, waited, false);
  }

  private void report(int rank, long steps, long seconds, double waited, boolean waits) {
    meter.report(
        new Pace.Report(
            rank, "host", steps, seconds * SECOND, (long) (waited * SECOND), waits, null));
  }

  private Optional<Integer> slowest() {
    return meter.progress().slowest().map(TaskProgress::rank);
  }

  private TaskProgress task(int rank) {
    return meter.progress().tasks().get(rank);
  }

  @Test
  @DisplayName("a task that hangs has no speed, and the time since its last step")
  void hangs() {
    report(0, 20, 10, 0);
    assertEquals(2, meter.progress().stepsPerSecond());
    now += 30 * SECOND;
    report(0, 20, 10, 0);
    assertEquals(0, meter.progress().stepsPerSecond());
    assertEquals(Duration.ofSeconds(30), task(0).ownTimePerStep());
    now += 30 * SECOND;
    report(0, 20, 10, 0);
    assertEquals(Duration.ofSeconds(60), task(0).ownTimePerStep());
    String line = meter.progress().toString();
    assertTrue(line.contains("on 3 tasks, 0.0 steps/s; 2 of them have not reported yet"), line);
    report(0, 21, 80, 0);
    assertEquals(Duration.ofSeconds(70), task(0).ownTimePerStep());
  }

  @Test
  @DisplayName("in step the slowest is the one that waits less than the others")
  void inStep() {
    report(0, 10, 10, 4);
    report(1, 10, 10, 1);
    report(2, 10, 10, 5);
    assertEquals(Optional.of(1), slowest());
    String line = meter.progress().toString();
    assertTrue(
        line.endsWith("task 1 on host is the slowest, with 900.0 ms a step, the others 550.0 ms"),
        line);
  }

  @Test
  @DisplayName("if no task says that it waits, or all wait as long, none is the slowest")
  void nobodyWaits() {
    report(0, 10, 10, 0);
    assertEquals(Optional.empty(), slowest());
    report(1, 20, 10, 0);
    report(2, 30, 10, 0);
    assertEquals(Optional.empty(), slowest());
    assertFalse(meter.progress().toString().contains("slowest"));
    report(0, 20, 20, 5);
    report(1, 30, 20, 5.1);
    report(2, 40, 20, 5.2);
    assertEquals(Optional.empty(), slowest());
  }

  @Test
  @DisplayName("while no task makes a step, nobody knows which one the others wait for")
  void allHang() {
    report(0, 10, 10, 1);
    report(1, 10, 10, 5);
    assertEquals(Optional.of(0), slowest());
    now += 2 * SECOND;
    report(0, 10, 10, 1);
    assertEquals(Optional.empty(), slowest(), "what the other waited before does not count");
    now += 30 * SECOND;
    report(0, 10, 10, 1);
    assertEquals(Optional.empty(), slowest());
    now += SECOND;
    report(1, 10, 10, 5);
    assertEquals(Optional.empty(), slowest());
  }

  @Test
  @DisplayName("a task that waits in a round is not the slowest, however long it takes")
  void waitsInARound() {
    report(0, 10, 10, 0);
    report(1, 10, 10, 0);
    report(2, 10, 11, 0, true);
    assertEquals(Optional.empty(), slowest());
    now += 10 * SECOND;
    report(2, 10, 11, 0, true);
    assertEquals(Optional.empty(), slowest(), "the others may wait as well");
    assertEquals(Duration.ZERO, task(2).ownTimePerStep());
    report(0, 10, 13, 0, true);
    assertEquals(Optional.empty(), slowest());
    report(1, 10, 10, 0);
    assertEquals(Optional.of(1), slowest());
    now += 10 * SECOND;
    report(0, 10, 13, 0, true);
    report(1, 10, 10, 0);
    report(2, 10, 11, 0, true);
    assertEquals(Optional.of(1), slowest());
    assertEquals(Duration.ofSeconds(20), task(1).ownTimePerStep());
    assertEquals(Duration.ofSeconds(3), task(0).ownTimePerStep());
  }

  @Test
  @DisplayName("a round that takes as long as Spark takes makes nobody the slowest")
  void shortRounds() {
    report(0, 10, 10, 0);
    report(1, 10, 10, 0, true);
    now += SECOND;
    report(0, 20, 21, 1);
    report(1, 20, 21, 1, true);
    assertEquals(Optional.empty(), slowest());
  }
}
