package io.pentrough;

import static io.pentrough.Messages.assertSays;
import static io.pentrough.testkit.Numbered.check;
import static io.pentrough.testkit.Patience.patience;
import static io.pentrough.testkit.Patience.until;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.device.Device;
import io.pentrough.device.host.HostDevice;
import io.pentrough.testkit.LogCapture;
import io.pentrough.testkit.Numbered;
import io.pentrough.testkit.Threads;
import java.time.Duration;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.api.parallel.Resources;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The line for each interval that -Dpentrough.watch asks for. */
@ResourceLock(Resources.SYSTEM_PROPERTIES)
@ResourceLock("io.pentrough's log")
class StatusLogTest {

  private static final Pattern LINE =
      Pattern.compile(
          "watched: 2 batches, \\d+\\.\\d/s, [\\d.]+ \\w+/s; loop waited [\\d.]+ %, workers waited"
              + " [\\d.]+ %, copying [\\d.]+ %; host slots 3 = [^;]+; device slots 3 = [^;]+; next"
              + " is index 2 of epoch 0; slot \\d leased for 1\\d.\\d+ s; [A-Z]+");

  @RegisterExtension private final LogCapture log = new LogCapture();

  @Test
  @DisplayName("one line for each interval, with what has happened in it; none after close")
  void lines() throws Exception {
    SteppedTime time = new SteppedTime();
    System.setProperty(StatusLog.PROPERTY, "10s");
    try (Device device = HostDevice.open()) {
      try (BackgroundLoader loader =
          BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill)
              .name("watched")
              .warnAfter(Duration.ofDays(1))
              .time(time)
              .start()) {
        check(0, loader.get(patience()));
        try (DeviceBatch held = loader.get(patience())) {
          assertEquals(1, held.index());
          Thread thread = Threads.of("watched-watch").get(0);
          until("the watch to wait", () -> Threads.isWaiting(thread));
          assertEquals(List.of(), log.containing("watched: "));
          time.pass(Duration.ofSeconds(11).toNanos());
          until("a line", () -> log.containing("watched: ").size() == 1);
          String line = log.containing("watched: ").get(0);
          assertTrue(LINE.matcher(line).matches(), line);
          until("the watch to wait", () -> Threads.isWaiting(thread));
          time.pass(Duration.ofSeconds(10).toNanos());
          until("another line", () -> log.containing("watched: ").size() == 2);
          String second = log.containing("watched: ").get(1);
          assertTrue(second.contains("watched: 2 batches, 0.0/s"), second);
        }
      }
      until("the watch to end", () -> Threads.of("watched-watch").isEmpty());
      assertEquals(2, log.containing("watched: ").size());
    } finally {
      System.clearProperty(StatusLog.PROPERTY);
    }
  }

  @Test
  @DisplayName("behind the last batch one line says so, and no other follows")
  void end() throws Exception {
    SteppedTime time = new SteppedTime();
    System.setProperty(StatusLog.PROPERTY, "10s");
    try (Device device = HostDevice.open();
        BackgroundLoader loader =
            BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill)
                .name("watched")
                .batchesPerEpoch(2)
                .epochs(1)
                .warnAfter(Duration.ofDays(1))
                .time(time)
                .start()) {
      check(0, loader.get(patience()));
      check(1, loader.get(patience()));
      Thread thread = Threads.of("watched-watch").get(0);
      for (int i = 1; i <= 3; i++) {
        until("the watch to wait", () -> Threads.isWaiting(thread));
        time.pass(Duration.ofSeconds(11).toNanos());
      }
      until("the watch to wait", () -> Threads.isWaiting(thread));
      assertEquals(
          List.of("watched: all batches have been delivered, 2"), log.containing("watched: "));
    } finally {
      System.clearProperty(StatusLog.PROPERTY);
    }
  }

  @ParameterizedTest
  @CsvSource({"1s, 1000", "500ms, 500", "2m, 120000", "2 min, 120000", "' 10 s ', 10000"})
  void intervals(String asked, long millis) {
    assertEquals(Duration.ofMillis(millis).toNanos(), StatusLog.nanos(asked));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "1", "0s", "-1s", "1.5s", "1h", "s", "99999999999s"})
  @DisplayName("what is no interval is refused by start, before anything is allocated")
  void noInterval(String asked) {
    System.setProperty(StatusLog.PROPERTY, asked);
    try (HostDevice device = HostDevice.open()) {
      assertSays(
          assertThrows(
              IllegalArgumentException.class,
              BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill)::start),
          "-Dpentrough.watch=" + asked + " is no interval",
          "for example 500ms, 1s or 2m");
      assertEquals(HostDevice.Usage.NONE, device.liveResources());
    } finally {
      System.clearProperty(StatusLog.PROPERTY);
    }
  }
}
