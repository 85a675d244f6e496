package io.pentrough.benchmarks;

import java.time.Duration;
import java.util.List;
import jdk.jfr.Recording;

/**
 * A recording of the JDK Flight Recorder that asks for some of Pentrough's events. A class of its
 * own, so that the other benchmarks run where the module {@code jdk.jfr} is not.
 */
final class FlightRecording implements AutoCloseable {

  private static final List<String> EVENTS = List.of("Batch", "Fill", "Get", "Loader");

  private final Recording recording = new Recording();

  /** Starts one that asks for the named events only, however short they are. */
  FlightRecording(List<String> asked) {
    for (String event : EVENTS) {
      String name = "pentrough." + event;
      if (asked.contains(event)) {
        recording.enable(name).withThreshold(Duration.ZERO);
      } else {
        recording.disable(name);
      }
    }
    recording.start();
  }

  @Override
  public void close() {
    recording.close();
  }
}
