package io.pentrough;

import io.pentrough.device.DeviceException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The lanes of a {@link ParallelLoader}, whether they can be used, and how many steps they have
 * made.
 *
 * <p>The object is the lock of its fields, of the lanes' and of those that make steps of them. Who
 * waits for a turn, waits on it. Nothing under it waits for a device or a loader.
 */
final class LaneGroup {

  private final String name;

  /** Grows while the loader is started. */
  private volatile List<Lane> lanes = List.of();

  private boolean closed;

  /** What ended one loader, and so all of them. */
  private @Nullable DeviceException broken;

  private long steps;

  /** Where all lanes were after the last step that was returned; found out when it is asked. */
  private Supplier<Position> position = this::start;

  LaneGroup(String name) {
    this.name = name;
  }

  String name() {
    return name;
  }

  // ---- the lanes

  synchronized void add(Lane lane) {
    List<Lane> more = new ArrayList<>(lanes);
    more.add(lane);
    lanes = List.copyOf(more);
  }

  List<Lane> lanes() {
    return lanes;
  }

  List<Engine> engines() {
    return lanes.stream().map(lane -> lane.engine).toList();
  }

  /** The batch that the lane holds; null if it has none. */
  synchronized @Nullable DeviceBatch heldBy(Lane lane) {
    return lane.held();
  }

  /** Gives back what the lane holds, if anything. */
  void giveBack(Lane lane) {
    DeviceBatch batch = heldBy(lane);
    if (batch != null) {
      batch.close(); // throws if its stream is captured: then the lane keeps it
      synchronized (this) {
        lane.forget();
        lane.dropped++;
      }
    }
  }

  // ---- whether it can be used

  synchronized void requireUsable() {
    if (closed) {
      throw closedException();
    }
    if (broken != null) {
      throw new DeviceException(name + " is broken: " + broken.getMessage(), broken.getCause());
    }
  }

  boolean isClosed() {
    assert Thread.holdsLock(this);
    return closed;
  }

  LoaderClosedException closedException() {
    return new LoaderClosedException(name + " is closed: start another one");
  }

  /** A loader copies nothing more. If it is broken, all end, and so does who waits for another. */
  void stopped() {
    List<Engine> engines = engines();
    DeviceException cause = null;
    for (int i = 0; i < engines.size() && cause == null; i++) {
      cause = engines.get(i).brokenBy();
    }
    if (cause == null) {
      return;
    }
    synchronized (this) {
      if (broken == null) {
        broken = cause;
        notifyAll();
      }
    }
    for (Engine engine : engines) { // also those that have been added since
      if (engine.brokenBy() == null) {
        engine.core.breakDown(cause);
      }
    }
  }

  /** What a loader has thrown, in terms of all of them. */
  RuntimeException inTermsOfAll(RuntimeException byOne) {
    stopped();
    requireUsable();
    return byOne;
  }

  /** Ends it, and returns what belongs to nobody from now on. */
  synchronized List<DeviceBatch> end() {
    closed = true;
    List<DeviceBatch> nobodys = new ArrayList<>();
    for (Lane lane : lanes) {
      DeviceBatch held = lane.held();
      if (held != null) {
        nobodys.add(held);
      }
    }
    notifyAll();
    return nobodys;
  }

  // ---- the steps that were returned

  /** A step of what all lanes hold is returned. */
  void returned(Supplier<Position> behind) {
    assert Thread.holdsLock(this);
    lanes.forEach(Lane::forget);
    steps++;
    position = behind;
  }

  Position position() {
    Supplier<Position> behind;
    synchronized (this) {
      behind = position;
    }
    return behind.get();
  }

  private Position start() {
    return Position.merge(lanes.stream().map(Lane::start).toList());
  }

  ParallelStats stats() {
    List<LoaderStats> devices =
        engines().stream().map(engine -> engine.reports.statistics()).toList();
    synchronized (this) {
      List<ParallelStats.Device> all = new ArrayList<>();
      for (int i = 0; i < devices.size(); i++) {
        Lane lane = lanes.get(i);
        String on = lane.name() + " on " + lane.engine.core.device.name();
        all.add(new ParallelStats.Device(on, devices.get(i), lane.waitedFor, lane.dropped));
      }
      return new ParallelStats(steps, all);
    }
  }
}
