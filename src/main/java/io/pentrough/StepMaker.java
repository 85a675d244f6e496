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
 */
final class StepMaker {

  /** No get has asked for the step in the making. */
  private static final long NOT_ASKED = Long.MIN_VALUE;

  private final LaneGroup group;
  private final Time time;

  // Guarded by the group.

  /** Whether a thread makes a step. */
  private boolean taken;

  private long asked = NOT_ASKED;

  StepMaker(LaneGroup group, Time time) {
    this.group = group;
    this.time = time;
  }

  /**
   * What a get wants.
   *
   * @param nanos the longest wait; {@link Long#MAX_VALUE} for no bound, but not in silence
   * @param queued whether the streams wait for the copies, instead of the caller
   * @param inLoop whether {@code close} closes the leases, if the loop is left early
   * @param lastEpoch no step behind it; only without a bound
   */
  private record Request(long began, long nanos, boolean queued, boolean inLoop, int lastEpoch) {}

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

  // ---- one thread at a time

  private ParallelBatch get(Request request) throws InterruptedException, BatchTimeoutException {
    if (!tryTurn()) {
      requireSlotsOfOthers();
      Boolean mine =
          PoolWait.isNeeded()
              ? PoolWait.run(() -> awaitTurn(request))
              : Boolean.valueOf(awaitTurn(request));
      if (!Boolean.TRUE.equals(mine)) {
        throw timeout(group.firstMissing(), request);
      }
    }
    try {
      return make(request);
    } finally {
      synchronized (group) {
        taken = false;
        group.notifyAll();
      }
    }
  }

  private boolean tryTurn() throws InterruptedException {
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    synchronized (group) {
      group.requireUsable();
      boolean isFree = !taken;
      taken = true;
      return isFree;
    }
  }

  /** The thread whose turn it is may wait for a slot that only the calling thread can free. */
  private void requireSlotsOfOthers() {
    for (Lane lane : group.lanes()) {
      if (group.heldBy(lane) == null) {
        lane.engine.requireSlotOfOthers();
      }
    }
  }

  /** False if the time is over. */
  private boolean awaitTurn(Request request) throws InterruptedException {
    synchronized (group) {
      group.requireUsable();
      while (taken) {
        long left = left(request);
        if (left <= 0) {
          return false;
        }
        time.await(group, left);
        group.requireUsable();
      }
      taken = true;
      return true;
    }
  }

  private long left(Request request) {
    return request.nanos == Long.MAX_VALUE
        ? Long.MAX_VALUE
        : request.nanos - (time.now() - request.began);
  }

  // ---- by the thread whose turn it is

  private ParallelBatch make(Request request) throws InterruptedException, BatchTimeoutException {
    synchronized (group) {
      asked = asked == NOT_ASKED ? request.began : asked;
    }
    try {
      Lane missing = group.align(request.lastEpoch);
      while (missing != null) {
        keep(missing, next(missing, request), request.queued);
        missing = group.align(request.lastEpoch);
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
      group.giveBackUpTo(request.lastEpoch);
      throw new NoSuchElementException(
          group.name()
              + " has no more steps: every one that all devices can take has been delivered");
    }
  }

  private void forget() {
    synchronized (group) {
      asked = NOT_ASKED;
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
      throw group.ended(e);
    }
  }

  private void keep(Lane lane, DeviceBatch batch, boolean queued) {
    synchronized (group) {
      lane.hold(batch, queued);
      if (!group.isClosed()) {
        return;
      }
    }
    group.giveBack(lane); // if it cannot be closed now, the next close() finds it
    throw group.closedException();
  }

  /** What a {@code getQueued} has left may not be ready yet. */
  private void awaitCopies(Request request) throws InterruptedException, BatchTimeoutException {
    for (Lane lane : group.lanes()) {
      DeviceBatch batch;
      synchronized (group) {
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
        core.log(Level.WARNING, diagnosis(lane, request), null);
      }
    } catch (LoaderClosedException | DeviceException e) {
      throw group.ended(e);
    }
  }

  private BatchTimeoutException timeout(@Nullable Lane lane, Request request) {
    if (lane == null) { // another thread is about to return the step
      return new BatchTimeoutException(group.name() + ": another thread takes the next step", null);
    }
    Core core = lane.engine.core;
    return new BatchTimeoutException(
        "%s waits for %s on %s, and keeps what the other devices have for this step: %s"
            .formatted(group.name(), lane.name(), core.device.name(), diagnosis(lane, request)),
        core.lastFailure());
  }

  private String diagnosis(Lane lane, Request request) {
    return lane.engine.reports.diagnosis().afterWaiting(time.now() - request.began);
  }

  /** Every lane has a batch, and they are of one step. */
  private ParallelBatch take(Request request) {
    List<Lane> all = group.lanes();
    List<DeviceBatch> batches = new ArrayList<>(all.size());
    long latest = NOT_ASKED;
    Lane last = all.get(0);
    for (Lane lane : all) {
      DeviceBatch batch = Objects.requireNonNull(group.heldBy(lane));
      batches.add(batch);
      long availableAt = lane.engine.availableAt(batch, request.queued);
      if (availableAt > latest) {
        latest = availableAt;
        last = lane;
      }
    }
    Supplier<Position> behind = positionBehind(all.get(0), batches.get(0));
    boolean waited;
    synchronized (group) {
      group.requireUsable(); // else close() has given the batches back
      waited = latest > asked;
      last.waitedFor += waited ? 1 : 0;
      group.returned(behind);
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
    List<Lane> all = group.lanes();
    int epoch = batch.epoch();
    long step;
    synchronized (group) {
      step = lane.step();
    }
    return () -> Position.merge(all.stream().map(each -> each.behind(epoch, step)).toList());
  }
}
