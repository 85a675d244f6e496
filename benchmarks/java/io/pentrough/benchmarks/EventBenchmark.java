package io.pentrough.benchmarks;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.host.HostDevice;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** What marks cost on the host device. */
public class EventBenchmark {

  /** A stream that has nothing to do, and a mark on it. */
  @State(Scope.Thread)
  public static class Idle {
    private final Device device = HostDevice.open();
    private final DeviceStream stream = device.newStream();
    private final DeviceEvent event = device.newEvent();

    /** Sets the mark. */
    public Idle() {
      stream.record(event);
    }

    /** Gives all back. */
    @TearDown
    public void close() {
      event.close();
      stream.close();
      device.close();
    }
  }

  /** Sets it anew. */
  @Benchmark
  public void eventRecord(Idle idle) {
    idle.stream.record(idle.event);
  }

  /** Asks whether it is complete, which it is. */
  @Benchmark
  public boolean eventQuery(Idle idle) {
    return idle.event.isComplete();
  }
}
