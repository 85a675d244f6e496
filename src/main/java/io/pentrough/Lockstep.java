package io.pentrough;

import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceStream;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.function.Supplier;
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

  /** Grows while the loader is started. */
  private volatile List<Lane> lanes = List.of();

  /** Whether a thread makes a step. */
  private boolean taken;

  private boolean closed;

  /** What ended one loader, and so all of them. */
  private @Nullable DeviceException broken;

  private long asked = NOT_ASKED;
  private long steps;

  /** Where all lanes were behind the last step that was returned; found out when it is asked. */
  private Supplier<Position> position = this::start;

  /**
   * What a get wants.
   *
   * @param nanos the longest wait; {@link Long#MAX_VALUE} for no bound, but not in silence
   * @param queued whether the streams wait for the copies, instead of the caller
   * @param inLoop whether {@code close} closes the leases, if the loop is left early
   * @param lastEpoch no step behind it; only without a bound
   */
  private record Request(long began, long nanos, boolean queued, boolean inLoop, int lastEpoch) {}

  Lockstep(String name, Time time) {
    this.name = name;
    this.time = time;
  }

  String name() {
    return name;
  }

  /** Before {@link #begin}. */
  synchronized void add(Lane lane) {
    List<Lane> more = new ArrayList<>(lanes);
    more.add(lane);
    lanes = List.copyOf(more);
  }

  /** All lanes are there. */
  void begin() {
    stopped(); // one may have broken while others were started
  }

  List<Engine> engines() {
    return lanes.stream().map(lane -> lane.engine).toList();
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

  /** The next step within a time; {@link Long#MAX_VALUE} for no bound, but not in silence. */
  ParallelBatch get(long nanos, boolean queued) throws InterruptedException, BatchTimeoutException {
    return get(new Request(time.now(), nanos, queued, false, Schedule.FOR_EVER));
  }

  /**
   * The next step for a loop, without a bound.
   *
   * @param lastEpoch the last one that the loop is for
   */
  ParallelBatch getInLoop(int lastEpoch) throws InterruptedException, BatchTimeoutException {
    return get(new Request(time.now(), Long.MAX_VALUE, false, true, lastEpoch));
  }

  private ParallelBatch get(Request request) throws InterruptedException, BatchTimeoutException {
    if (!tryTurn()) {
      requireSlotsOfOthers();
      Boolean mine =
          PoolWait.isNeeded()
              ? PoolWait.run(() -> awaitTurn(request))
              : Boolean.valueOf(awaitTurn(request));
      if (!Boolean.TRUE.equals(mine)) {
        throw timeout(firstMissing(), request);
      }
    }
    try {
      return make(request);
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
    for (Lane lane : lanes) {
      boolean isMissing;
      synchronized (this) {
        isMissing = lane.held() == null;
      }
      if (isMissing) {
        lane.engine.requireSlotOfOthers();
      }
    }
  }

  /** False if the time is over. */
  private synchronized boolean awaitTurn(Request request) throws InterruptedException {
    requireUsable();
    while (taken) {
      long left = left(request);
      if (left <= 0) {
        return false;
      }
      time.await(this, left);
      requireUsable();
    }
    taken = true;
    return true;
  }

  private long left(Request request) {
    return request.nanos == Long.MAX_VALUE
        ? Long.MAX_VALUE
        : request.nanos - (time.now() - request.began);
  }

  private ParallelBatch make(Request request) throws InterruptedException, BatchTimeoutException {
    synchronized (this) {
      asked = asked == NOT_ASKED ? request.began : asked;
    }
    try {
      for (Lane missing = align(); missing != null; missing = align()) {
        keep(missing, next(missing, request), request.queued);
      }
      if (!request.queued) {
        awaitCopies(request);
      }
      return take(request);
    } catch (TargetException e) {
      forget();
      throw e;
    } catch (NoSuchElementException e) {
      forget();
      giveBackUpTo(request.lastEpoch);
      throw new NoSuchElementException(
          name + " has no more steps: every one that all devices can take has been delivered");
    }
  }

  private synchronized void forget() {
    asked = NOT_ASKED;
  }

  /** A loader has no more of an epoch, or at all: no step can be made of what others have of it. */
  private void giveBackUpTo(int lastEpoch) {
    for (Lane lane : lanes) {
      boolean gives;
      synchronized (this) {
        gives = lane.held() != null && lane.held().epoch() <= lastEpoch;
      }
      if (gives) {
        giveBack(lane);
      }
    }
  }

  /** Gives back what is below the highest step; returns a lane without a batch, or null. */
  private @Nullable Lane align() {
    for (Lane behind = firstBehind(); behind != null; behind = firstBehind()) {
      giveBack(behind);
    }
    return firstMissing();
  }

  private synchronized @Nullable Lane firstBehind() {
    Lane highest = null;
    for (Lane lane : lanes) {
      if (lane.held() != null && (highest == null || lane.compareSteps(highest) > 0)) {
        highest = lane;
      }
    }
    for (Lane lane : lanes) {
      if (highest != null && lane.held() != null && lane.compareSteps(highest) < 0) {
        return lane;
      }
    }
    return null;
  }

  private synchronized @Nullable Lane firstMissing() {
    for (Lane lane : lanes) {
      if (lane.held() == null) {
        return lane;
      }
    }
    return null;
  }

  private void giveBack(Lane lane) {
    DeviceBatch batch;
    synchronized (this) {
      batch = lane.held();
    }
    if (batch != null) {
      batch.close(); // throws if its stream is captured: then the lane keeps it
      synchronized (this) {
        lane.forget();
        lane.dropped++;
      }
    }
  }

  private DeviceBatch next(Lane lane, Request request)
      throws InterruptedException, BatchTimeoutException {
    Engine engine = lane.engine;
    DeviceStream stream = engine.core.settings.consumerStream();
    try {
      return request.nanos == Long.MAX_VALUE
          ? engine.get(stream, request.queued, Recipient.STEP, request.lastEpoch)
          : engine.get(stream, left(request), request.queued, Recipient.STEP);
    } catch (BatchTimeoutException e) {
      throw timeout(lane, request);
    } catch (LoaderClosedException | DeviceException e) {
      throw ended(e);
    }
  }

  /** What a {@code getQueued} has left may not be ready yet. */
  private void awaitCopies(Request request) throws InterruptedException, BatchTimeoutException {
    for (Lane lane : lanes) {
      DeviceBatch batch;
      synchronized (this) {
        batch = lane.mayBeUnderCopy() ? lane.held() : null;
      }
      if (batch != null) {
        awaitCopy(lane, batch, request);
      }
    }
  }

  private void awaitCopy(Lane lane, DeviceBatch batch, Request request)
      throws InterruptedException, BatchTimeoutException {
    Core core = lane.engine.core;
    try {
      while (!lane.engine.awaitReady(
          batch, Math.min(left(request), core.settings.warnAfterNanos()))) {
        if (left(request) <= 0) {
          throw timeout(lane, request);
        }
        core.log(Level.WARNING, core.diagnosis().afterWaiting(time.now() - request.began), null);
      }
    } catch (LoaderClosedException | DeviceException e) {
      throw ended(e);
    }
  }

  private BatchTimeoutException timeout(@Nullable Lane lane, Request request) {
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
                core.diagnosis().afterWaiting(time.now() - request.began)),
        core.lastFailure());
  }

  private void keep(Lane lane, DeviceBatch batch, boolean queued) {
    synchronized (this) {
      lane.hold(batch, queued);
      if (!closed) {
        return;
      }
    }
    giveBack(lane); // if it cannot be closed now, the next close() finds it
    throw closedException();
  }

  /** Every lane has a batch, and they are of one step. */
  private ParallelBatch take(Request request) {
    List<Lane> all = lanes;
    List<DeviceBatch> batches = new ArrayList<>(all.size());
    long latest = NOT_ASKED;
    Lane last = all.get(0);
    for (Lane lane : all) {
      DeviceBatch batch;
      synchronized (this) {
        batch = Objects.requireNonNull(lane.held());
      }
      batches.add(batch);
      long availableAt = lane.engine.availableAt(batch, request.queued);
      if (availableAt > latest) {
        latest = availableAt;
        last = lane;
      }
    }
    Supplier<Position> behind = positionBehind(all.get(0), batches.get(0));
    boolean waited;
    synchronized (this) {
      requireUsable(); // else close() has given the batches back
      waited = latest > asked;
      last.waitedFor += waited ? 1 : 0;
      all.forEach(Lane::forget);
      steps++;
      position = behind;
      asked = NOT_ASKED;
    }
    long now = time.now();
    for (DeviceBatch batch : batches) {
      batch.handOver(request.inLoop, now);
    }
    return new ParallelBatch(
        batches, behind, waited ? OptionalInt.of(all.indexOf(last)) : OptionalInt.empty());
  }

  /** Where all lanes are behind the step of this batch. */
  private Supplier<Position> positionBehind(Lane lane, DeviceBatch batch) {
    if (!lane.startedInOrder()) { // with several lanes, all start in order
      Position eager = batch.position();
      return () -> eager;
    }
    List<Lane> all = lanes;
    int epoch = batch.epoch();
    long step;
    synchronized (this) {
      step = lane.step();
    }
    return () -> Position.merge(all.stream().map(each -> each.behind(epoch, step)).toList());
  }

  private Position start() {
    return Position.merge(lanes.stream().map(Lane::start).toList());
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

  /** See {@link ParallelLoader#position}. */
  Position position() {
    Supplier<Position> behind;
    synchronized (this) {
      behind = position;
    }
    return behind.get();
  }

  /** The epoch of the next step. */
  int nextEpoch() {
    int next = 0;
    try {
      for (Lane lane : lanes) {
        int epoch = lane.engine.nextEpoch();
        synchronized (this) {
          epoch = lane.held() == null ? epoch : lane.held().epoch();
        }
        next = Math.max(next, epoch); // what another has of an earlier one is no whole step
      }
    } catch (LoaderClosedException | DeviceException e) {
      throw ended(e);
    }
    return next;
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
        if (lane.held() != null) {
          nobodys.add(lane.held());
        }
      }
      notifyAll();
    }
    for (DeviceBatch batch : nobodys) {
      try {
        batch.close();
      } catch (RuntimeException | Error e) { // there is more to close
        // Its loader is broken by it and has said so; or the stream is captured, and the next
        // close() gives it back. Until then nobody waits for what the caller has.
        batch.passToCaller();
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
