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
 * Makes steps of the batches of several loaders. One thread at a time does that. The batches that
 * it has are kept in the {@linkplain Lane lanes}. If its time is over, the next thread finds them.
 *
 * <pre>
 *     lane 0   batch of step 4     below the highest: is given back, and the next one awaited
 *     lane 1   batch of step 5     step 4 was left out
 *     lane 2   -                   is awaited
 * </pre>
 */
final class StepMaker {

  /** No get has asked for the step in the making. */
  private static final long NOT_ASKED = Long.MIN_VALUE;

  private final LaneGroup group;
  private final Time time;

  private final StepTurn turn;

  /** When a get first asked for the step in the making. Guarded by the group. */
  private long asked = NOT_ASKED;

  StepMaker(LaneGroup group, Time time) {
    this.group = group;
    this.time = time;
    turn = new StepTurn(group, time);
  }

  /** The next step within a time; {@link Long#MAX_VALUE} for no bound, but not in silence. */
  ParallelBatch get(long nanos, boolean queued) throws InterruptedException, BatchTimeoutException {
    return get(new StepRequest(time.now(), nanos, queued, false, Schedule.FOR_EVER));
  }

  /**
   * The next step for a loop, without a bound.
   *
   * @param lastEpoch the last one that the loop is for
   */
  ParallelBatch getInLoop(int lastEpoch) throws InterruptedException, BatchTimeoutException {
    return get(new StepRequest(time.now(), Long.MAX_VALUE, false, true, lastEpoch));
  }

  private ParallelBatch get(StepRequest request)
      throws InterruptedException, BatchTimeoutException {
    if (!turn.begin(request)) {
      throw timeout(firstMissing(), request);
    }
    try {
      return make(request);
    } finally {
      turn.end();
    }
  }

  private ParallelBatch make(StepRequest request)
      throws InterruptedException, BatchTimeoutException {
    synchronized (group) {
      asked = asked == NOT_ASKED ? request.began() : asked;
    }
    try {
      for (Lane missing = align(); missing != null; missing = align()) {
        keep(missing, next(missing, request), request.queued());
      }
    } catch (TargetException e) {
      forget();
      throw e;
    } catch (NoSuchElementException e) {
      forget();
      giveBackUpTo(request.lastEpoch());
      throw noMoreSteps();
    }
    if (stepIsBehind(request.lastEpoch())) {
      throw noMoreSteps();
    }
    if (!request.queued()) {
      awaitCopies(request);
    }
    return take(request);
  }

  private void forget() {
    synchronized (group) {
      asked = NOT_ASKED;
    }
  }

  private NoSuchElementException noMoreSteps() {
    return new NoSuchElementException(
        group.name()
            + " has no more steps: every one that all devices can take has been delivered");
  }

  /** Gives back what is below the highest step; returns a lane without a batch, or null. */
  private @Nullable Lane align() {
    for (Lane behind = firstBehind(); behind != null; behind = firstBehind()) {
      group.giveBack(behind);
    }
    return firstMissing();
  }

  private @Nullable Lane firstBehind() {
    synchronized (group) {
      Lane highest = null;
      for (Lane lane : group.lanes()) {
        if (lane.held() != null && (highest == null || lane.compareSteps(highest) > 0)) {
          highest = lane;
        }
      }
      for (Lane lane : group.lanes()) {
        if (highest != null && lane.held() != null && lane.compareSteps(highest) < 0) {
          return lane;
        }
      }
      return null;
    }
  }

  private @Nullable Lane firstMissing() {
    synchronized (group) {
      for (Lane lane : group.lanes()) {
        if (lane.held() == null) {
          return lane;
        }
      }
      return null;
    }
  }

  /** Gives back what is left of the epochs up to one: a lane has no more for a step of them. */
  private void giveBackUpTo(int lastEpoch) {
    for (Lane lane : group.lanes()) {
      DeviceBatch held = group.heldBy(lane);
      if (held != null && held.epoch() <= lastEpoch) {
        group.giveBack(lane);
      }
    }
  }

  /** Whether the step that is there, left by another caller, is of a later epoch. */
  private boolean stepIsBehind(int lastEpoch) {
    synchronized (group) {
      group.requireUsable();
      return Objects.requireNonNull(group.lanes().get(0).held()).epoch() > lastEpoch;
    }
  }

  private DeviceBatch next(Lane lane, StepRequest request)
      throws InterruptedException, BatchTimeoutException {
    Engine engine = lane.engine;
    DeviceStream stream = engine.core.settings.consumerStream();
    try {
      return request.isUnbounded()
          ? engine.get(stream, request.queued(), Recipient.STEP, request.lastEpoch())
          : engine.get(stream, request.left(time.now()), request.queued(), Recipient.STEP);
    } catch (BatchTimeoutException e) {
      throw timeout(lane, request);
    } catch (LoaderClosedException | DeviceException e) {
      throw group.inTermsOfAll(e);
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
  private void awaitCopies(StepRequest request) throws InterruptedException, BatchTimeoutException {
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

  private void awaitCopy(Lane lane, DeviceBatch batch, StepRequest request)
      throws InterruptedException, BatchTimeoutException {
    Core core = lane.engine.core;
    try {
      while (!lane.engine.awaitReady(
          batch, Math.min(request.left(time.now()), core.settings.warnAfterNanos()))) {
        if (request.left(time.now()) <= 0) {
          throw timeout(lane, request);
        }
        core.log(Level.WARNING, diagnosis(lane, request), null);
      }
    } catch (LoaderClosedException | DeviceException e) {
      throw group.inTermsOfAll(e);
    }
  }

  private BatchTimeoutException timeout(@Nullable Lane lane, StepRequest request) {
    if (lane == null) { // another thread is about to return the step
      return new BatchTimeoutException(group.name() + ": another thread takes the next step", null);
    }
    Core core = lane.engine.core;
    return new BatchTimeoutException(
        "%s waits for %s on %s, and keeps what the other devices have for this step: %s"
            .formatted(group.name(), lane.name(), core.device.name(), diagnosis(lane, request)),
        core.lastFailure());
  }

  private String diagnosis(Lane lane, StepRequest request) {
    return lane.engine.reports.diagnosis().afterWaiting(time.now() - request.began());
  }

  /** Every lane has a batch, and they are of one step. */
  private ParallelBatch take(StepRequest request) {
    List<Lane> all = group.lanes();
    List<DeviceBatch> batches = new ArrayList<>(all.size());
    long latest = NOT_ASKED;
    Lane last = all.get(0);
    for (Lane lane : all) {
      DeviceBatch batch = Objects.requireNonNull(group.heldBy(lane));
      batches.add(batch);
      long availableAt = lane.engine.availableAt(batch, request.queued());
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
      batch.handOver(request.inLoop(), now);
    }
    return new ParallelBatch(
        batches, behind, waited ? OptionalInt.of(all.indexOf(last)) : OptionalInt.empty());
  }

  /** Where all lanes are after the step of this batch. */
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
