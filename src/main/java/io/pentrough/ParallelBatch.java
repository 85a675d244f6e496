package io.pentrough;

import java.util.List;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * One step of a {@link ParallelLoader}: a lease for each device. All are of the same epoch, and of
 * the same step in it.
 *
 * <p>Queue each device's work on the stream of its lease ({@link DeviceBatch#stream()}), then close
 * this.
 *
 * <p><b>Threads.</b> Any thread may use and close it, if it was passed on safely. Each lease may be
 * used by a thread of its own, and closed by it. The leases count for the thread that got this, see
 * {@link DeviceBatch}.
 */
public final class ParallelBatch implements AutoCloseable {

  private final List<DeviceBatch> batches;
  private final Supplier<Position> position;
  private final OptionalInt waitedFor;

  ParallelBatch(List<DeviceBatch> batches, Supplier<Position> position, OptionalInt waitedFor) {
    this.batches = List.copyOf(batches);
    this.position = position;
    this.waitedFor = waitedFor;
  }

  /**
   * The leases.
   *
   * @return one for each device, in the order of the devices; unmodifiable
   */
  public List<DeviceBatch> batches() {
    return batches;
  }

  /**
   * The lease of one device.
   *
   * @param device the device's place among those of the loader, from 0
   * @return its lease
   * @throws IndexOutOfBoundsException if there is no such device
   */
  public DeviceBatch batch(int device) {
    return batches.get(device);
  }

  /**
   * The epoch of all batches of this step.
   *
   * @return the epoch, from 0
   */
  public int epoch() {
    return batches.get(0).epoch();
  }

  /**
   * Which device this step waited for: the one whose batch was ready last.
   *
   * @return the device's place among those of the loader, from 0; empty if all batches were ready
   *     when a {@code get} first asked for them
   */
  public OptionalInt waitedFor() {
    return waitedFor;
  }

  /**
   * The position right after this step: what a checkpoint saves that was made with it. It is a
   * position of the whole, so the job can go on with any number of devices. Does not wait.
   *
   * @return where {@link ParallelLoader.Builder#startAt} continues
   */
  public Position position() {
    return position.get();
  }

  /** From now on this step counts for the calling thread. */
  void passToCaller() {
    batches.forEach(DeviceBatch::passToCaller);
  }

  /**
   * Closes all leases that are open, see {@link DeviceBatch#close()}. Does not wait for work on the
   * devices. Closing again does nothing.
   *
   * @throws io.pentrough.device.DeviceException if a device refuses to record an event. The other
   *     leases are closed anyway, and the loader is broken
   * @throws IllegalStateException if a stream has been closed, with the same consequences
   * @throws StreamCapturingException if a stream is being captured into a graph. Its lease stays
   *     open, and the others are closed: close this again after the capture
   */
  @Override
  public void close() {
    closeAll(DeviceBatch::close);
  }

  /** Closes it because the loop that has it goes on, or ends. */
  void closeInLoop() {
    closeAll(DeviceBatch::closeInLoop);
  }

  private void closeAll(Consumer<DeviceBatch> close) {
    Throwable first = null;
    for (DeviceBatch batch : batches) {
      try {
        close.accept(batch);
      } catch (RuntimeException | Error e) {
        if (first == null) {
          first = e;
        } else if (e != first) {
          first.addSuppressed(e);
        }
      }
    }
    if (first instanceof Error error) {
      throw error;
    }
    if (first != null) {
      throw (RuntimeException) first;
    }
  }

  /** The batches, for messages. */
  @Override
  public String toString() {
    return "step of epoch " + epoch() + ": " + batches;
  }
}
