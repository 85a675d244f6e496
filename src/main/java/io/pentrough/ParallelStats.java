package io.pentrough;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

/**
 * What a {@link ParallelLoader} has done so far: for each device what its loader has done, and
 * which device the steps waited for.
 *
 * <p>A device that most steps wait for holds up all. {@link LoaderStats#bottleneck()} of that
 * device says why. In the statistics of the others, the time that the loop waits for it is time of
 * the loop.
 *
 * <p>Immutable. <b>Threads.</b> Any.
 */
public final class ParallelStats {

  private final long steps;
  private final List<Device> devices;

  /**
   * What is known of one device.
   *
   * @param name of the loader and the device
   */
  record Device(String name, LoaderStats stats, long waitedFor, long dropped) {

    Device minus(Device earlier) {
      return new Device(
          name,
          stats.minus(earlier.stats),
          waitedFor - earlier.waitedFor,
          dropped - earlier.dropped);
    }
  }

  ParallelStats(long steps, List<Device> devices) {
    this.steps = steps;
    this.devices = List.copyOf(devices);
  }

  /**
   * How many steps were returned.
   *
   * @return the number of steps
   */
  public long steps() {
    return steps;
  }

  /**
   * The statistics of each device's loader.
   *
   * @return one for each device, in the order of the devices; unmodifiable
   */
  public List<LoaderStats> devices() {
    return devices.stream().map(Device::stats).toList();
  }

  /**
   * How many steps waited for a device, see {@link ParallelBatch#waitedFor()}.
   *
   * @param device the device's place among those of the loader, from 0
   * @return the number of steps
   * @throws IndexOutOfBoundsException if there is no such device
   */
  public long waitedFor(int device) {
    return devices.get(device).waitedFor;
  }

  /**
   * How many batches of a device were made and not returned, because another device had none for
   * their step: its target had failed, or its batch was left out.
   *
   * @param device the device's place among those of the loader, from 0
   * @return the number of batches
   * @throws IndexOutOfBoundsException if there is no such device
   */
  public long dropped(int device) {
    return devices.get(device).dropped;
  }

  /**
   * The statistics of the interval between an earlier snapshot and this one.
   *
   * @param earlier a snapshot of the same loader, taken before this one; both must begin at the
   *     same moment
   * @return the interval's statistics
   * @throws IllegalArgumentException if {@code earlier} belongs to another loader, is later than
   *     this, or begins at another moment
   */
  public ParallelStats minus(ParallelStats earlier) {
    Objects.requireNonNull(earlier, "earlier");
    if (earlier.devices.size() != devices.size()) {
      throw new IllegalArgumentException(
          "the statistics of another loader cannot be subtracted from these");
    }
    List<Device> difference = new ArrayList<>();
    for (int i = 0; i < devices.size(); i++) {
      difference.add(devices.get(i).minus(earlier.devices.get(i)));
    }
    return new ParallelStats(steps - earlier.steps, difference);
  }

  /** Several lines for people: the steps, whom they waited for, and then each device. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    text.append(steps).append(" steps on ").append(devices.size()).append(" devices");
    for (Device device : devices) {
      text.append(
          String.format(
              Locale.ROOT,
              "%n  %d waited for %s (%d of its batches dropped)",
              device.waitedFor,
              device.name,
              device.dropped));
    }
    for (Device device : devices) {
      text.append(String.format(Locale.ROOT, "%n%n%s%n%s", device.name, device.stats));
    }
    return text.toString();
  }
}
