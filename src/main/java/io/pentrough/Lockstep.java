package io.pentrough;

import io.pentrough.device.DeviceException;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * Makes steps of the batches of several loaders. One thread at a time does that. What it has got is
 * kept in the {@linkplain Lane lanes}, so if its time is over, it is there for whoever comes next.
 *
 * <pre>
 *     lane 0   batch of step 4     below the highest: is given back, and the next one awaited
 *     lane 1   batch of step 5     step 4 was left out
 *     lane 2   -                   is awaited
 * </pre>
 *
 * <p>The object is the lock of its fields and of the lanes'. Nothing under it calls a device or a
 * loader.
 */
final class Lockstep {

  /** No get has asked for the step in the making. */
  private static final long NOT_ASKED = Long.MIN_VALUE;

  private final String name;
  private final Time time;
  private final List<Lane> lanes = new ArrayList<>();

  /** Whether a thread makes a step. */
  private boolean taken;

  private boolean closed;

  /** What ended one loader, and so all of them. */
  private @Nullable DeviceException broken;

  private long asked = NOT_ASKED;
  private long steps;

  /** Where each lane was behind the last step that was returned. */
  private List<Position> positions = List.of();

  Lockstep(String name, Time time) {
    this.name = name;
    this.time = time;
  }

  String name() {
    return name;
  }

  /** Before {@link #begin}. */
  synchronized void add(Lane lane) {
    lanes.add(lane);
  }

  /** All lanes are there. */
  void begin() {
    List<Position> first = lanes().stream().map(lane -> lane.engine.position()).toList();
    synchronized (this) {
      positions = first;
    }
    stopped(); // one may have broken while others were started
  }

  private synchronized List<Lane> lanes() {
    return List.copyOf(lanes);
  }

  List<Engine> engines() {
    return lanes().stream().map(lane -> lane.engine).toList();
  }

  // ---- whether it can be used

  private void requireUsable() {
    assert Thread.holdsLock(this);
    if (closed) {
      throw closedException();
    }
    if (broken != null) {
      throw new DeviceException(name + " is broken: " + broken.getMessage(), broken.getCause());
    }
  }

  private LoaderClosedException closedException() {
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
  private RuntimeException ended(RuntimeException byOne) {
    stopped();
    synchronized (this) {
      requireUsable();
    }
    return byOne;
  }

  // ---- steps

  /**
   * The next step.
   *
   * @param nanos the longest wait; {@link Long#MAX_VALUE} for no bound, but not in silence
   */
  ParallelBatch get(long nanos) throws InterruptedException, BatchTimeoutException {
    long began = time.now();
    if (!tryTurn()) {
      requireSlotsOfOthers();
      Boolean mine =
          PoolWait.isNeeded()
              ? PoolWait.run(() -> awaitTurn(began, nanos))
              : Boolean.valueOf(awaitTurn(began, nanos));
      if (!Boolean.TRUE.equals(mine)) {
        throw timeout(firstMissing(), began);
      }
    }
    try {
      return make(began, nanos);
    } finally {
      synchronized (this) {
        taken = false;
        notifyAll();
      }
    }
  }

  private synchronized boolean tryTurn() throws InterruptedException {
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    requireUsable();
    boolean isFree = !taken;
    taken = true;
    return isFree;
  }

  /** The thread whose turn it is may wait for a slot that only the calling thread can free. */
  private void requireSlotsOfOthers() {
    for (Lane lane : lanes()) {
      boolean isMissing;
      synchronized (this) {
        isMissing = lane.held == null;
      }
      if (isMissing) {
        lane.engine.requireSlotOfOthers();
      }
    }
  }

  /** False if the time is over. */
  private synchronized boolean awaitTurn(long began, long nanos) throws InterruptedException {
    requireUsable();
    while (taken) {
      long left = left(began, nanos);
      if (left <= 0) {
        return false;
      }
      time.await(this, left);
      requireUsable();
    }
    taken = true;
    return true;
  }

  private long left(long began, long nanos) {
    return nanos == Long.MAX_VALUE ? nanos : nanos - (time.now() - began);
  }

  private ParallelBatch make(long began, long nanos)
      throws InterruptedException, BatchTimeoutException {
    synchronized (this) {
      asked = asked == NOT_ASKED ? began : asked;
    }
    try {
      for (Lane missing = align(); missing != null; missing = align()) {
        keep(missing, next(missing, began, nanos));
      }
      return take();
    } catch (TargetException e) {
      forget();
      throw e;
    } catch (NoSuchElementException e) {
      forget();
      for (Lane lane : lanes()) {
        giveBack(lane);
      }
      throw new NoSuchElementException(
          name + " has no more steps: every one that all devices can take has been delivered");
    }
  }

  private synchronized void forget() {
    asked = NOT_ASKED;
  }

  /** Gives back what is below the highest step; returns a lane without a batch, or null. */
  private @Nullable Lane align() {
    List<Lane> behind = new ArrayList<>();
    synchronized (this) {
      Lane highest = null;
      for (Lane lane : lanes) {
        if (lane.held != null && (highest == null || lane.compareSteps(highest) > 0)) {
          highest = lane;
        }
      }
      for (Lane lane : lanes) {
        if (highest != null && lane.held != null && lane.compareSteps(highest) < 0) {
          behind.add(lane);
        }
      }
    }
    for (Lane lane : behind) {
      giveBack(lane);
    }
    return firstMissing();
  }

  private synchronized @Nullable Lane firstMissing() {
    for (Lane lane : lanes) {
      if (lane.held == null) {
        return lane;
      }
    }
    return null;
  }

  private void giveBack(Lane lane) {
    DeviceBatch batch;
    synchronized (this) {
      batch = lane.held;
    }
    if (batch != null) {
      batch.close(); // throws if its stream is captured: then the lane keeps it
      synchronized (this) {
        lane.held = null;
        lane.dropped++;
      }
    }
  }

  private DeviceBatch next(Lane lane, long began, long nanos)
      throws InterruptedException, BatchTimeoutException {
    try {
      LoaderOptions settings = lane.engine.core.settings;
      return nanos == Long.MAX_VALUE
          ? lane.engine.get(settings.consumerStream(), false, false, Schedule.FOR_EVER)
          : lane.engine.get(settings.consumerStream(), left(began, nanos), false);
    } catch (BatchTimeoutException e) {
      throw timeout(lane, began);
    } catch (LoaderClosedException | DeviceException e) {
      throw ended(e);
    }
  }

  private BatchTimeoutException timeout(@Nullable Lane lane, long began) {
    if (lane == null) { // another thread is about to return the step
      return new BatchTimeoutException(name + ": another thread takes the next step", null);
    }
    Core core = lane.engine.core;
    return new BatchTimeoutException(
        "%s waits for %s on %s, and keeps what the other devices have for this step: %s"
            .formatted(
                name,
                lane.name(),
                core.device.name(),
                core.diagnosis().afterWaiting(time.now() - began)),
        core.lastFailure());
  }

  private void keep(Lane lane, DeviceBatch batch) {
    synchronized (this) {
      lane.held = batch;
      if (!closed) {
        return;
      }
    }
    giveBack(lane); // if it cannot be closed now, the next close() finds it
    throw closedException();
  }

  /** Every lane has a batch, and they are of one step. */
  private ParallelBatch take() {
    List<Lane> all = lanes();
    List<DeviceBatch> batches = new ArrayList<>();
    List<Position> after = new ArrayList<>();
    long latest = NOT_ASKED;
    Lane last = null;
    for (Lane lane : all) {
      DeviceBatch batch;
      synchronized (this) {
        batch = Objects.requireNonNull(lane.held);
      }
      batches.add(batch);
      after.add(batch.position());
      long readyAt = lane.engine.readyAt(batch);
      if (readyAt > latest) {
        latest = readyAt;
        last = lane;
      }
    }
    OptionalInt waitedFor;
    synchronized (this) {
      requireUsable(); // else close() has given the batches back
      boolean waited = latest > asked;
      waitedFor = waited ? OptionalInt.of(all.indexOf(last)) : OptionalInt.empty();
      for (Lane lane : all) {
        lane.held = null;
        lane.waitedFor += waited && lane == last ? 1 : 0;
      }
      steps++;
      positions = List.copyOf(after);
      asked = NOT_ASKED;
    }
    batches.forEach(DeviceBatch::passToCaller); // another thread may have got them
    return new ParallelBatch(batches, positions(), waitedFor);
  }

  // ---- the rest

  /** See {@link ParallelLoader#reset}. */
  void reset() {
    synchronized (this) {
      requireUsable();
    }
    try {
      engines().forEach(Engine::reset);
    } catch (LoaderClosedException | DeviceException e) {
      throw ended(e);
    }
  }

  synchronized List<Position> positions() {
    return positions;
  }

  ParallelStats stats() {
    List<LoaderStats> devices = engines().stream().map(Engine::stats).toList();
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

  /** Gives back what belongs to nobody, then closes all loaders within one time. */
  void close() {
    List<DeviceBatch> nobodys = new ArrayList<>();
    synchronized (this) {
      closed = true;
      for (Lane lane : lanes) {
        if (lane.held != null) {
          nobodys.add(lane.held);
        }
      }
      notifyAll();
    }
    for (DeviceBatch batch : nobodys) {
      try {
        batch.close();
      } catch (RuntimeException | Error e) { // there is more to close
        // Its loader is broken by it and has said so; or the stream is captured, and the next
        // close() gives it back.
      }
    }
    Engine.close(engines());
  }

  /** For a group that is collected unclosed. */
  void closeInBackground() {
    Thread closer = new Thread(this::close, "pentrough-" + name + "-leaked");
    closer.setDaemon(true);
    closer.start();
  }
}
