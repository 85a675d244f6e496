package io.pentrough;

import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.WorkFailedException;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Queues copies and sees them complete. One thread at a time does so: whoever has {@link #enter
 * entered}, which keeps the copy stream in the order of delivery without a lock around the driver.
 *
 * <p>Usually that is the {@link CopyThread}. Where the device lets the caller copy, and a copy
 * takes less time than waking a thread, it is the worker that has filled the slot, a consumer that
 * waits, or one that has made room by closing a batch.
 *
 * <pre>
 *              enter            enter (of another)
 *     FREE  ----------&gt;  BUSY  -------------------&gt;  ASKED
 *           &lt;----------        &lt;-------------------
 *              leave            leave: false, so it looks again
 * </pre>
 */
final class Copier {

  private static final int FREE = 0;
  private static final int BUSY = 1;

  /** Busy, and somebody has come in vain since: there may be more to do. */
  private static final int ASKED = 2;

  private final AtomicInteger state = new AtomicInteger(FREE);

  private final Engine engine;
  private final LoaderMemory memory;
  private final boolean handOver;
  private final boolean copiesInCaller;

  /** Whether copies are short, run by their caller, and nothing comes behind them. */
  private final boolean copiesAtOnce;

  /**
   * Device slots whose copy is queued, oldest first: a ring, as one stream completes its copies in
   * order. <em>Copied</em> comes before <em>ready</em> by a stage's length, so each has its own
   * place in it.
   */
  private final DeviceSlot[] inFlight;

  private long queued;

  /** How many have had nothing left to wait for: at most one more than have run. */
  private long begun;

  private boolean heldUp;
  private long copied;
  private long ready;

  private @Nullable DeviceEvent firstReturning;
  private boolean isDone;
  private volatile boolean failed;

  /** The copy thread's: what {@link #endCalls} needs to know. */
  private boolean begunCalls;

  Copier(Engine engine, LoaderMemory memory, boolean handOver, boolean copiesAtOnce) {
    this.engine = engine;
    this.memory = memory;
    this.handOver = handOver;
    this.copiesAtOnce = copiesAtOnce;
    copiesInCaller = engine.device().copiesInCaller();
    inFlight = new DeviceSlot[memory.deviceSlots.size()];
  }

  /**
   * Announces the device's calls of a thread that from now on runs no code of the application but
   * stages'.
   */
  void beginCalls() {
    begunCalls = engine.device().beginCalls();
  }

  void endCalls() {
    engine.device().endCalls(begunCalls);
    begunCalls = false;
  }

  /** Whether the caller may call the rest now; if not, whoever may will look again. */
  boolean enter() {
    return !failed && enterAnyway();
  }

  /** The same, but if another thread may, it does not look again. */
  boolean enterIfFree() {
    return !failed && state.compareAndSet(FREE, BUSY);
  }

  /** As {@link #enter}, also after a failure. */
  boolean enterAnyway() {
    while (true) {
      if (state.compareAndSet(FREE, BUSY)) {
        return true;
      }
      if (state.get() == ASKED || state.compareAndSet(BUSY, ASKED)) {
        return false;
      }
    }
  }

  /** False if somebody has come in vain meanwhile: the caller has to look again. */
  boolean leave() {
    if (state.compareAndSet(BUSY, FREE)) {
      return true;
    }
    state.set(BUSY);
    return false;
  }

  /** Without a look at who has come in vain. */
  void leaveAnyway() {
    state.set(FREE);
  }

  /** A step has thrown: the marks of what it left may be old ones, so nobody looks at them. */
  void leaveFailed() {
    failed = true;
    state.set(FREE);
  }

  boolean hasFailed() {
    return failed;
  }

  /**
   * Does what can be done now, once; of copies that the caller runs, all if that is asked for.
   *
   * @param wakes whether a worker is to be woken for the host slot that gets free
   * @param more whether to go on as long as there is something to copy
   * @return whether there was anything to do
   */
  boolean step(boolean wakes, boolean more) {
    return step(engine.startCopy(), wakes, more);
  }

  /** The same, with a copy that is reserved already; null if there is none. */
  boolean step(@Nullable DeviceSlot reserved, boolean wakes, boolean more) {
    DeviceSlot next = reserved;
    boolean any = false;
    boolean runsNow = true;
    while (next != null && runsNow) {
      inFlight[(int) (queued++ % inFlight.length)] = next;
      runsNow = runsNow(next);
      if (runsNow) {
        next = copyNow(next, wakes || any, more); // the caller itself is there for one
      } else {
        queueCopy(next);
      }
      any = true;
    }
    boolean completed = completeCopies(wakes || any);
    boolean returned = completeReturns();
    isDone = more && next == null && !completed && !returned;
    return any || completed || returned;
  }

  /** Sees what has ended, and queues nothing; whether there was anything. */
  boolean see() {
    return completeCopies(true);
  }

  /** Whether the last step has left nothing to do: to be asked if that has done anything. */
  boolean isDone() {
    return isDone;
  }

  /** Whether nothing is under way. */
  boolean isIdle() {
    return copied == queued && ready == queued;
  }

  /** What will complete next, to be waited for; null if there is no such thing. */
  @Nullable DeviceEvent awaited() {
    if (copied < queued) {
      return copiedEvent(oldest(copied));
    }
    return ready < queued ? readyEvent(oldest(ready)) : firstReturning;
  }

  /** Whether the call that queues the copy does it, with nothing to wait for before or behind. */
  private boolean runsNow(DeviceSlot to) {
    boolean alone = copied == queued - 1 && ready == queued - 1;
    return copiesAtOnce && alone && isLetGo(to);
  }

  /** Whether the work of the slot's last consumer has run. */
  private boolean isLetGo(DeviceSlot slot) {
    DeviceEvent released = memory.deviceSlots.get(slot.number).fence.latest();
    return released == null || released.isComplete();
  }

  /** Copies now, and returns the next one to copy, if more are asked for. */
  private @Nullable DeviceSlot copyNow(DeviceSlot to, boolean wakes, boolean more) {
    DeviceSlotMemory target = memory.deviceSlots.get(to.number);
    copy(to, target);
    memory.copyStream.record(target.ready);
    if (!target.ready.isComplete()) { // after all; it is seen later
      engine.queued(to);
      return null;
    }
    begun++;
    copied++;
    ready++;
    return engine.ran(to, wakes, more);
  }

  private void copy(DeviceSlot to, DeviceSlotMemory target) {
    HostSlotMemory source = memory.hostSlots.get(to.source().number);
    target.describe(source.filled());
    DeviceStream stream = memory.copyStream;
    DeviceEvent released = target.fence.beginCopy();
    if (released != null) {
      stream.waitFor(released); // I2: work of the last consumer may still be queued
    }
    stream.copyToDevice(source.pinned, 0, target.buffer, 0, target.bytes);
  }

  private void queueCopy(DeviceSlot to) {
    DeviceSlotMemory target = memory.deviceSlots.get(to.number);
    if (copiesInCaller && copied == queued - 1 && isLetGo(to)) {
      begins(to); // now, for the call does the copy
    }
    copy(to, target);
    DeviceStream stream = memory.copyStream;
    StageExecutor stages = memory.stages;
    if (stages == null) {
      stream.record(target.ready);
    } else {
      stream.record(copiedEvent(to));
      queueStages(stages, to, target);
    }
    engine.queued(to);
  }

  /** On a stream of their own, so that the next copy flows meanwhile. */
  private void queueStages(StageExecutor stages, DeviceSlot to, DeviceSlotMemory target) {
    stages.stream.waitFor(copiedEvent(to)); // I9
    endCalls(); // a stage is code of the application
    Throwable failure = stages.queue(to, target);
    beginCalls();
    if (failure != null) {
      engine.stageFailed(to, failure);
    }
    stages.stream.record(target.ready);
  }

  private boolean completeCopies(boolean wakes) {
    boolean moved = false;
    while (copied < queued && copiedEvent(oldest(copied)).isComplete()) { // I1: asked by the host
      copied(oldest(copied), wakes || moved); // the caller itself is there for one
      moved = true;
    }
    if (copied < queued) {
      watchNext(oldest(copied));
    }
    while (ready < copied && isReady(oldest(ready))) {
      engine.ready(oldest(ready++));
      moved = true;
    }
    return moved;
  }

  private void copied(DeviceSlot slot, boolean wakes) {
    if (begun == copied) {
      begins(slot);
    }
    engine.copied(slot, wakes);
    copied++;
  }

  /** For the statistics: whether the copy runs, or waits for work of a consumer. */
  private void watchNext(DeviceSlot slot) {
    if (begun > copied) {
      return;
    }
    DeviceEvent released = memory.deviceSlots.get(slot.number).fence.awaited();
    if (released == null || released.isComplete()) {
      begins(slot);
    } else if (!heldUp) {
      heldUp = true;
      engine.copyHeldUp();
    }
  }

  private void begins(DeviceSlot slot) {
    engine.copyBegins(slot, heldUp);
    heldUp = false;
    begun++;
  }

  /** Slots handed over without a copy go back to the workers once the consumers' work has run. */
  private boolean completeReturns() {
    boolean moved = false;
    firstReturning = null;
    List<DeviceSlot> slots = handOver ? engine.deviceSlots() : List.of();
    for (int i = 0; i < slots.size(); i++) { // an iterator would be heap for each batch (I6)
      DeviceSlot slot = slots.get(i);
      if (!engine.is(slot, DeviceSlot.State.RETURNING)) {
        continue;
      }
      DeviceSlotMemory held = memory.deviceSlots.get(slot.number);
      DeviceEvent released = held.fence.latest();
      if (released == null || released.isComplete()) {
        engine.returned(slot);
        moved = true;
      } else if (firstReturning == null) {
        firstReturning = released;
      }
    }
    return moved;
  }

  /**
   * After a failure: waits for what the device still runs. A stream whose work has failed runs
   * nothing any more; one that does not answer may, so what it uses is leaked (I7).
   */
  void abandon() {
    if (ready == queued) {
      return;
    }
    Throwable noAnswer = await(memory.copyStream::synchronize);
    if (memory.stages != null) {
      Throwable ofStages = await(memory.stages::synchronize);
      if (ofStages != null) {
        memory.leakStages(ofStages);
        noAnswer = ofStages;
      }
    }
    while (noAnswer != null && ready < queued) {
      DeviceSlot slot = oldest(ready++);
      memory.leakUnderCopy(slot.number, memory.deviceSlots.get(slot.number), noAnswer);
      if (copied < ready) {
        int source = slot.source().number;
        memory.leak(source, memory.hostSlots.get(source), noAnswer);
        copied++;
      }
    }
    while (copied < queued) {
      copied(oldest(copied), true);
    }
    while (ready < queued) {
      engine.abandoned(oldest(ready++));
    }
  }

  /** What kept the device from answering; null if the work is over. */
  private @Nullable Throwable await(Runnable work) {
    try {
      work.run();
      return null;
    } catch (WorkFailedException e) {
      engine.breakDown(e);
      return null;
    } catch (Throwable t) {
      engine.breakDown(t);
      return t;
    }
  }

  private DeviceSlot oldest(long position) {
    return inFlight[(int) (position % inFlight.length)];
  }

  /** Where nothing comes behind the copy, one event is both <em>copied</em> and <em>ready</em>. */
  private DeviceEvent copiedEvent(DeviceSlot slot) {
    DeviceEvent copied = memory.hostSlots.get(slot.source().number).copied;
    return copied == null ? readyEvent(slot) : copied;
  }

  /** Asked behind <em>copied</em>, which says all where there are no stages. */
  private boolean isReady(DeviceSlot slot) {
    return memory.stages == null || readyEvent(slot).isComplete();
  }

  private DeviceEvent readyEvent(DeviceSlot slot) {
    return memory.deviceSlots.get(slot.number).ready;
  }
}
