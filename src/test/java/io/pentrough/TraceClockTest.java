package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.Trace.Batch;
import io.pentrough.Trace.Step;
import io.pentrough.device.host.HostDevice;
import io.pentrough.testkit.Numbered;
import java.nio.file.Path;
import java.time.Instant;
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

  @Name("pentrough.test.Fill")
  static final class Fill extends Event {
    long index;
  }

  @Test
  @DisplayName("a fill is within a millisecond of where the Flight Recorder sees it")
  void sameClockAsFlightRecorder() throws Exception {
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
    List<RecordedEvent> fills = RecordingFile.readAllEvents(file);
    assertTrue(fills.size() >= BATCHES, () -> "recorded: " + fills.size());
    for (int i = 0; i < BATCHES; i++) {
      Batch batch = trace.batches().get(i);
      RecordedEvent fill = fills.get(i);
      assertEquals(batch.index(), fill.getLong("index"));
      Instant from = wall(trace, batch, Step.FILL_STARTED).minusMillis(1);
      Instant to = wall(trace, batch, Step.FILLED).plusMillis(1);
      Instant seen = fill.getStartTime();
      assertTrue(!seen.isBefore(from) && !seen.isAfter(to), from + " " + seen + " " + to);
    }
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
