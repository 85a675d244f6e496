package io.pentrough;

import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.WorkFailedException;
import org.jspecify.annotations.Nullable;

/**
 * Queues copies on the copy stream, and sees them end. For one thread at a time, which has the
 * {@link CopierTurn}: so the stream gets the copies in the order of delivery, with no lock around
 * calls of the driver.
 *
 * <p>The batches under way are numbered in the order in which they were queued. Four counters say
 * how far each is; they differ by no more than the ring is long:
 *
 * <pre>
 *     ready &lt;= copied &lt;= begun &lt;= copied + 1
 *              copied &lt;= queued
 * </pre>
 *
 * As one stream runs one copy after the other, at most one copy has begun and not ended. Stages run
 * behind a copy on a stream of their own, so <em>copied</em> runs ahead of <em>ready</em>.
 */
final class Copier {

  private final CopyProgress progress;
  private final Core core;
  private final LoaderMemory memory;
  private final boolean runsInCaller;

  /** The batches under way, by number modulo the length. */
  private final DeviceSlot[] inFlight;

  private long queued;
  private long begun;
  private long copied;
  private long ready;

  /** Whether the oldest copy has been reported to wait for a consumer's work. */
  private boolean heldUp;

  /** What {@link #endCalls} needs to know; the copy thread's. */
  private boolean begunCalls;

  Copier(Core core) {
    this.core = core;
    progress = new CopyProgress(core);
    memory = core.memory;
    runsInCaller = core.device.copiesInCaller();
    inFlight = new DeviceSlot[memory.deviceSlots.size()];
  }

  /**
   * Announces the device's calls of a thread that from now on runs no code of the application but
   * stages'.
   */
  void beginCalls() {
    begunCalls = core.device.beginCalls();
  }

  void endCalls() {
    core.device.endCalls(begunCalls);
    begunCalls = false;
  }

  /** The next batch to copy, its slots reserved; null if there is none. Has to be copied then. */
  @Nullable DeviceSlot next() {
    return progress.next();
  }

  /**
   * Queues a copy, or runs it at once where the call that queues it does so, and nothing comes
   * before or after it.
   *
   * @param wake for the host slot
   * @param more whether to go on with the next
   * @return the next batch to copy, its slots reserved; null if there is none
   */
  @Nullable DeviceSlot copy(DeviceSlot to, Wake wake, boolean more) {
    DeviceSlotMemory target = register(to);
    boolean alone = copied == queued - 1 && ready == queued - 1;
    if (alone && isComplete(target.fence.latest())) {
      return run(to, target, wake, more);
    }
    queue(to, target);
    return more ? progress.next() : null;
  }

  void queue(DeviceSlot to) {
    queue(to, register(to));
  }

  /** First of all: if anything after this throws, {@link #abandon} gives the slots back. */
  private DeviceSlotMemory register(DeviceSlot to) {
    inFlight[(int) (queued++ % inFlight.length)] = to;
    return core.memory(to);
  }

  private @Nullable DeviceSlot run(
      DeviceSlot to, DeviceSlotMemory target, Wake wake, boolean more) {
    copy(to, target);
    memory.copyStream.record(target.ready);
    if (!target.ready.isComplete()) { // after all; its end is seen later
      progress.queued(to, false);
      return null;
    }
    begun++;
    copied++;
    ready++;
    return progress.ran(to, wake, more);
  }

  private void queue(DeviceSlot to, DeviceSlotMemory target) {
    boolean begins = copied == queued - 1 && isComplete(target.fence.latest());
    if (begins && runsInCaller) {
      begin(to); // now, as the call does the copy
    }
    copy(to, target);
    StageExecutor stages = memory.stages;
    if (stages == null) {
      memory.copyStream.record(target.ready);
    } else {
      memory.copyStream.record(copiedEvent(to));
      queueStages(stages, to, target);
    }
    boolean beginsNow = begins && !runsInCaller;
    begun += beginsNow ? 1 : 0;
    progress.queued(to, beginsNow);
  }

  private void copy(DeviceSlot to, DeviceSlotMemory target) {
    HostSlotMemory source = core.memory(to.source());
    target.describe(source.filled());
    DeviceStream stream = memory.copyStream;
    DeviceEvent released = target.fence.beginCopy();
    if (released != null) {
      stream.waitFor(released); // I2: work of the last consumer may still be queued
    }
    stream.copyToDevice(source.pinned, 0, target.buffer, 0, target.bytes);
  }

  /** On a stream of their own, so that the next copy flows meanwhile. */
  private void queueStages(StageExecutor stages, DeviceSlot to, DeviceSlotMemory target) {
    stages.stream.waitFor(copiedEvent(to)); // I9
    endCalls(); // a stage is code of the application
    Throwable failure = stages.queue(to, target);
    beginCalls();
    if (failure != null) {
      progress.stageFailed(to, failure);
    }
    stages.stream.record(target.ready);
  }

  /**
   * Sees which copies and stages have ended.
   *
   * @param wake for the first host slot that gets free; for the others a worker is woken now
   * @return whether any has
   */
  boolean complete(Wake wake) {
    boolean moved = false;
    while (copied < queued && copiedEvent(oldest(copied)).isComplete()) { // I1: asked by the host
      completeCopy(oldest(copied), moved ? Wake.NOW : wake);
      moved = true;
    }
    if (copied < queued && begun == copied) {
      lookWhetherItBegins(oldest(copied));
    }
    while (ready < copied && readyEvent(oldest(ready)).isComplete()) {
      progress.ready(oldest(ready++));
      moved = true;
    }
    return moved;
  }

  private void completeCopy(DeviceSlot slot, Wake wake) {
    if (begun == copied) {
      begin(slot);
    }
    DeviceSlot next = copied + 1 < queued ? oldest(copied + 1) : null;
    if (next != null && !isReleased(next)) {
      next = null; // it waits for a consumer, and is asked again
    }
    begun += next == null ? 0 : 1;
    copied++;
    if (memory.stages == null) {
      ready++;
      progress.completed(slot, wake, next);
    } else {
      progress.copied(slot, wake, next);
    }
  }

  /** For the statistics: whether the copy runs, or waits for work of a consumer. */
  private void lookWhetherItBegins(DeviceSlot slot) {
    if (isReleased(slot)) {
      begin(slot);
    } else if (!heldUp) {
      heldUp = true;
      progress.heldUp();
    }
  }

  private void begin(DeviceSlot slot) {
    progress.begins(slot, heldUp);
    heldUp = false;
    begun++;
  }

  /** Whether the work of consumers that a queued copy waits for has run. */
  private boolean isReleased(DeviceSlot slot) {
    return isComplete(core.memory(slot).fence.awaited());
  }

  private static boolean isComplete(@Nullable DeviceEvent released) {
    return released == null || released.isComplete();
  }

  /** Whether nothing is under way. */
  boolean isIdle() {
    return copied == queued && ready == queued;
  }

  /** What will complete next, to be waited for; null if nothing is under way. */
  @Nullable DeviceEvent awaited() {
    if (copied < queued) {
      return copiedEvent(oldest(copied));
    }
    return ready < queued ? readyEvent(oldest(ready)) : null;
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
      memory.leakUnderCopy(slot.number, core.memory(slot), noAnswer);
      if (copied < ready) {
        int source = slot.source().number;
        memory.leak(source, memory.hostSlots.get(source), noAnswer);
        copied++;
      }
    }
    while (copied < queued) {
      abandonCopy(oldest(copied));
    }
    while (ready < queued) {
      progress.abandoned(oldest(ready++));
    }
  }

  private void abandonCopy(DeviceSlot slot) {
    if (begun == copied) {
      begin(slot);
    }
    copied++;
    progress.copied(slot, Wake.NOW, null);
  }

  /** What kept the device from answering; null if the work is over. */
  private @Nullable Throwable await(Runnable work) {
    try {
      work.run();
      return null;
    } catch (WorkFailedException e) {
      core.breakDown(e);
      return null;
    } catch (Throwable t) {
      core.breakDown(t);
      return t;
    }
  }

  private DeviceSlot oldest(long position) {
    return inFlight[(int) (position % inFlight.length)];
  }

  /** Where nothing follows the copy, one event is both <em>copied</em> and <em>ready</em>. */
  private DeviceEvent copiedEvent(DeviceSlot slot) {
    DeviceEvent copied = core.memory(slot.source()).copied;
    return copied == null ? readyEvent(slot) : copied;
  }

  private DeviceEvent readyEvent(DeviceSlot slot) {
    return core.memory(slot).ready;
  }
}
