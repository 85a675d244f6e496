package io.pentrough;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.device.WorkFailedException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * All memory, events and the copy stream of a loader: allocated whole or not at all (I6), and given
 * back whole, except for what has been leaked (I7).
 *
 * <p>The caller decides when the slots are out of use; this class only knows what a slot is made
 * of. It remembers the names of what the device refuses to take back.
 */
final class LoaderMemory {

  final DeviceStream copyStream;
  final List<HostSlotMemory> hostSlots;
  final List<DeviceSlotMemory> deviceSlots;

  /** The stages' work, if there are any. */
  final @Nullable StageExecutor stages;

  private final boolean zeroCopy;
  private final Time time;
  private final List<String> refused = new ArrayList<>();
  private boolean stagesLeaked;

  /** What the device is taking back now, and since when; the latter is written first. */
  private volatile @Nullable String asked;

  private volatile long askedNanos;

  private LoaderMemory(
      DeviceStream copyStream,
      List<HostSlotMemory> hostSlots,
      List<DeviceSlotMemory> deviceSlots,
      @Nullable StageExecutor stages,
      boolean zeroCopy,
      Time time) {
    this.copyStream = copyStream;
    this.hostSlots = List.copyOf(hostSlots);
    this.deviceSlots = List.copyOf(deviceSlots);
    this.stages = stages;
    this.zeroCopy = zeroCopy;
    this.time = time;
  }

  /**
   * Allocates both rings.
   *
   * @param usualSpec the arrays of every batch, if they are known
   * @param zeroCopy whether a device slot is the device's view of the host slot of its number
   * @param stages what stages there are, if there are any
   * @param time says since when the device has been asked to take memory back
   */
  static LoaderMemory allocate(
      Device device,
      @Nullable BatchSpec usualSpec,
      MemoryPlan plan,
      boolean zeroCopy,
      @Nullable StagePlan stages,
      Time time) {
    requireMemory(device, plan);
    Deque<AutoCloseable> opened = new ArrayDeque<>();
    try {
      DeviceStream copyStream = keep(opened, device.newStream());
      List<HostSlotMemory> host = new ArrayList<>();
      for (int i = 0; i < plan.hostSlots(); i++) {
        PinnedBuffer pinned =
            keep(opened, allocate(plan, () -> device.allocatePinned(plan.hostSlotBytes())));
        DeviceEvent copied = stages == null ? null : keep(opened, device.newEvent());
        HostSlotMemory slot = new HostSlotMemory(pinned, copied, stages);
        if (usualSpec != null) {
          slot.batch(usualSpec);
        }
        host.add(slot);
      }
      List<DeviceSlotMemory> resident = new ArrayList<>();
      for (int i = 0; i < plan.deviceSlots(); i++) {
        DeviceBuffer buffer =
            zeroCopy
                ? device.map(host.get(i).pinned)
                : keep(opened, allocate(plan, () -> device.allocate(plan.deviceSlotBytes())));
        DeviceEvent ready = keep(opened, device.newEvent());
        ReleaseFence fence =
            new ReleaseFence(keep(opened, device.newEvent()), keep(opened, device.newEvent()));
        resident.add(new DeviceSlotMemory(buffer, ready, fence, stages));
      }
      StageExecutor executor =
          stages == null ? null : StageExecutor.prepare(device, stages, resident);
      return new LoaderMemory(copyStream, host, resident, executor, zeroCopy, time);
    } catch (Throwable failure) {
      while (!opened.isEmpty()) {
        try {
          opened.pop().close();
        } catch (Throwable t) {
          failure.addSuppressed(t);
        }
      }
      throw failure;
    }
  }

  /** Refuses at once what would be refused after many seconds of allocating. */
  private static void requireMemory(Device device, MemoryPlan plan) {
    device
        .whyNotAllocate(plan.pinnedBytes(), plan.deviceBytes())
        .ifPresent(
            why -> {
              throw new DeviceException(
                  "the loader needs "
                      + Units.bytes(plan.totalBytes())
                      + ", and "
                      + why
                      + ": lower workers, hostSlots, deviceSlots or the batch size, or allow more"
                      + " ("
                      + plan
                      + ")");
            });
  }

  /** A device that refuses one slot does not know how many there are to be. */
  private static <T> T allocate(MemoryPlan plan, Supplier<T> slot) {
    try {
      return slot.get();
    } catch (WorkFailedException e) {
      throw e;
    } catch (DeviceException e) {
      throw new DeviceException(
          e.getMessage()
              + "; the loader needs "
              + plan
              + ": lower workers, hostSlots, deviceSlots or the batch size if that is too much",
          e);
    }
  }

  /** How much of the pinned memory is not. */
  long pageableBytes() {
    return hostSlots.stream()
        .filter(slot -> slot.pinned.isPageable())
        .mapToLong(slot -> slot.pinned.bytes())
        .sum();
  }

  /** Frees everything that has not been leaked; none of it may be in use. */
  void freeAll() {
    for (int i = 0; i < hostSlots.size(); i++) {
      if (!hostSlots.get(i).leaked) {
        free(i, hostSlots.get(i));
      }
    }
    for (int i = 0; i < deviceSlots.size(); i++) {
      if (!deviceSlots.get(i).leaked) {
        free(i, deviceSlots.get(i));
      }
    }
    if (stages != null && !stagesLeaked) {
      ask("what the stages use");
      stages.close((what, why) -> refused.add(what + " (" + why + ")"));
      asked = null;
    }
    give("the copy stream", copyStream);
  }

  private void free(int number, HostSlotMemory slot) {
    slot.dropViews();
    give("the pinned memory of host slot " + number, slot.pinned);
    giveEvent(number, slot);
  }

  private void free(int number, DeviceSlotMemory slot) {
    give("the memory of device slot " + number, slot.buffer);
    giveEvents(number, slot);
  }

  private void giveEvent(int number, HostSlotMemory slot) {
    if (slot.copied != null) {
      give("the event of host slot " + number, slot.copied);
    }
  }

  private void giveEvents(int number, DeviceSlotMemory slot) {
    give("the ready event of device slot " + number, slot.ready);
    give("a released event of device slot " + number, slot.fence.first());
    give("a released event of device slot " + number, slot.fence.second());
  }

  /** Leaks a slot's memory on purpose, because it may still be in use. */
  void leak(int number, DeviceSlotMemory slot, Throwable why) {
    slot.leaked = true;
    refused.add(
        "the memory of device slot " + number + ", whose last use is unknown (" + why + ")");
    giveEvents(number, slot);
    if (zeroCopy) { // the same memory
      HostSlotMemory same = hostSlots.get(number);
      same.leaked = true;
      giveEvent(number, same);
    }
  }

  /** The same, of a slot that a copy may still write; a lease of it may still record its events. */
  void leakUnderCopy(int number, DeviceSlotMemory slot, Throwable why) {
    slot.leaked = true;
    refused.add(
        "the memory and events of device slot "
            + number
            + ", which a copy may still write ("
            + why
            + ")");
  }

  /** The same, of a slot that a copy may still read. */
  void leak(int number, HostSlotMemory slot, Throwable why) {
    slot.leaked = true;
    refused.add(
        "the pinned memory of host slot " + number + ", which a copy may still read (" + why + ")");
    giveEvent(number, slot);
  }

  /** The same, of what the stages share. */
  void leakStages(Throwable why) {
    stagesLeaked = true;
    refused.add("what the stages use, whose work may still run (" + why + ")");
  }

  /** What the device refused to take back so far, and why. */
  List<String> refused() {
    return refused;
  }

  private void ask(String what) {
    askedNanos = time.now();
    asked = what;
  }

  /** What the device is taking back now; null if nothing. From any thread. */
  @Nullable String asked() {
    return asked;
  }

  /** Since when. */
  long askedNanos() {
    return askedNanos;
  }

  private void give(String what, AutoCloseable resource) {
    ask(what);
    try {
      resource.close();
    } catch (Throwable t) { // an Error too: there is more to give back
      refused.add(what + " (" + t + ")");
    }
    asked = null;
  }

  private static <T extends AutoCloseable> T keep(Deque<AutoCloseable> opened, T resource) {
    opened.push(resource);
    return resource;
  }
}
