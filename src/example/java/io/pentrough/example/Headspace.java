package io.pentrough.example;

import io.pentrough.BatchLoader;
import io.pentrough.BatchTimeoutException;
import io.pentrough.DeviceBatch;
import io.pentrough.LoaderSnapshot;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

// [headspace]
/** How fast a training loop is if it never waits for data. */
public final class Headspace {

  /** Works on a batch as the loop does, but throws away what it learns. It may queue its work. */
  public interface Step {
    void on(DeviceBatch batch);
  }

  private Headspace() {}

  /**
   * Holds a batch in each device slot and works on them in turn, so that no worker, copy or stage
   * has anything to do. The batches count as delivered.
   *
   * @param stream where the step queues its work
   * @param patience the longest wait for each batch; afterwards, for the workers to come to rest
   * @param time how long to measure
   * @return steps per second
   */
  public static double stepsPerSecond(
      BatchLoader loader, DeviceStream stream, Duration patience, Duration time, Step step)
      throws InterruptedException, BatchTimeoutException {
    List<DeviceBatch> held = new ArrayList<>();
    List<DeviceEvent> done = new ArrayList<>();
    try {
      for (int i = 0; i < loader.snapshot().deviceSlots().size(); i++) {
        held.add(loader.get(stream, patience));
        done.add(stream.device().newEvent());
        stream.record(done.get(i));
      }
      long begin = System.nanoTime();
      do {
        round(held, done, stream, step);
      } while (isFilling(loader) && System.nanoTime() - begin < patience.toNanos());
      stream.synchronize();
      begin = System.nanoTime();
      long steps = 0;
      do {
        round(held, done, stream, step);
        steps += held.size();
      } while (System.nanoTime() - begin < time.toNanos());
      stream.synchronize();
      return steps * 1e9 / (System.nanoTime() - begin);
    } finally {
      held.forEach(DeviceBatch::close);
      stream.synchronize(); // before the events are closed
      done.forEach(DeviceEvent::close);
    }
  }

  /** As with a loader, a slot is used again when the work of the last step on it is over. */
  private static void round(
      List<DeviceBatch> held, List<DeviceEvent> done, DeviceStream stream, Step step) {
    for (int i = 0; i < held.size(); i++) {
      done.get(i).synchronize();
      step.on(held.get(i));
      stream.record(done.get(i));
    }
  }

  private static boolean isFilling(BatchLoader loader) {
    return loader.snapshot().workers().stream()
        .anyMatch(worker -> worker.activity() == LoaderSnapshot.Activity.FILLING);
  }
}
// [/headspace]
