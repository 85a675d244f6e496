package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.Trace.Batch;
import io.pentrough.Trace.Step;
import io.pentrough.device.host.HostDevice;
import io.pentrough.testkit.Numbered;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import jdk.jfr.Event;
import jdk.jfr.Name;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A trace and a recording of the JDK Flight Recorder can be looked at side by side. */
class TraceClockTest {

  private static final int BATCHES = 20;

  @TempDir private Path folder;

  private static final String FILL = "pentrough.test.Fill";

  @Name(FILL)
  static final class Fill extends Event {
    long index;
  }

  /**
   * Both read two clocks one after the other. A thread that is held up in between is off by that.
   */
  @Test
  @DisplayName("a fill is within a millisecond of where the Flight Recorder sees it")
  void sameClockAsFlightRecorder() throws Exception {
    List<Duration> apart = new ArrayList<>();
    do {
      apart.add(farthestApart());
    } while (apart.size() < 4 && last(apart).compareTo(Duration.ofMillis(1)) > 0);
    assertTrue(last(apart).compareTo(Duration.ofMillis(1)) <= 0, apart::toString);
  }

  private static Duration last(List<Duration> all) {
    return all.get(all.size() - 1);
  }

  /** How far from its fill in the trace a fill of the recording begins, at most. */
  private Duration farthestApart() throws Exception {
    Path file = folder.resolve("fills.jfr");
    Trace trace;
    try (Recording recording = new Recording()) {
      recording.enable(Fill.class).withoutThreshold();
      recording.start();
      try (HostDevice device = HostDevice.open();
          BackgroundLoader loader =
              BackgroundLoader.builder(device, Numbered.SPEC, TraceClockTest::fill).start()) {
        for (int i = 0; i < BATCHES; i++) {
          loader.get().close();
        }
        trace = loader.trace();
      }
      recording.stop();
      recording.dump(file);
    }
    List<RecordedEvent> fills =
        RecordingFile.readAllEvents(file).stream()
            .filter(event -> event.getEventType().getName().equals(FILL))
            .toList();
    assertTrue(fills.size() >= BATCHES, () -> "recorded: " + fills.size());
    Duration farthest = Duration.ZERO;
    for (int i = 0; i < BATCHES; i++) {
      Batch batch = trace.batches().get(i);
      RecordedEvent fill = fills.get(i);
      assertEquals(batch.index(), fill.getLong("index"));
      Duration early = Duration.between(fill.getStartTime(), wall(trace, batch, Step.FILL_STARTED));
      Duration late = Duration.between(wall(trace, batch, Step.FILLED), fill.getStartTime());
      Duration apart = early.compareTo(late) > 0 ? early : late;
      farthest = apart.compareTo(farthest) > 0 ? apart : farthest;
    }
    return farthest;
  }

  private static void fill(HostBatch out, BatchContext context) {
    Fill event = new Fill();
    event.begin();
    event.index = context.index();
    Numbered.fill(out, context);
    event.commit();
  }

  private static Instant wall(Trace trace, Batch batch, Step step) {
    return trace.takenAt().minusNanos(trace.elapsed().toNanos() - batch.at(step).orElseThrow());
  }
}
