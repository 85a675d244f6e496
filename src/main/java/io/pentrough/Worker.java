package io.pentrough;

import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** A thread that claims host slots and runs the target on them, one after the other. */
final class Worker implements Runnable {

  final int number;
  final Thread thread;

  // Guarded by the engine's monitor.
  @Nullable HostSlot filling;
  long sinceNanos;
  boolean parked;
  boolean ended;

  private final Engine engine;
  private final BatchContext context;
  private final BatchContext[] stageContexts;
  private final boolean poison;
  private final FirstFillCheck check;

  Worker(int number, Engine engine, LoaderOptions settings, FirstFillCheck check) {
    this.number = number;
    this.engine = engine;
    poison = settings.poison();
    this.check = check;
    context = new BatchContext(number, settings.seed());
    int stages = settings.stages() == null ? 0 : settings.stages().steps.size();
    stageContexts = new BatchContext[stages];
    for (int i = 0; i < stages; i++) {
      stageContexts[i] = new BatchContext(number, Philox4x32.seedOfStage(settings.seed(), i));
    }
    thread = new Thread(this, "pentrough-" + settings.name() + "-worker-" + number);
    thread.setDaemon(true);
  }

  @Override
  public void run() {
    try {
      engine.device().bindThread();
      for (HostSlot slot = engine.claim(this); slot != null; slot = engine.claim(this)) {
        engine.filled(this, slot, fill(slot), context.saidNoMore());
      }
    } catch (Throwable t) {
      engine.breakDown(t);
    } finally {
      engine.workerEnded(this);
    }
  }

  /** Null if the target returned, else what it threw at the last attempt its policy grants. */
  private @Nullable Throwable fill(HostSlot slot) {
    for (int attempt = 0; ; attempt++) {
      Throwable failure = attempt(slot, attempt);
      if (failure == null || !engine.mayRetry(slot, attempt, failure)) {
        return failure;
      }
    }
  }

  /** Null if the target returned, else what it threw; an Error too belongs to its index (I5). */
  private @Nullable Throwable attempt(HostSlot slot, int attempt) {
    HostSlotMemory memory = engine.memory(slot);
    if (poison) {
      memory.poison();
    }
    Job job = slot.job();
    HostBatch batch = memory.batch(job.spec());
    boolean checks = !memory.checked && !poison && check.isOn();
    batch.open();
    try {
      if (checks) {
        check.mark(batch);
      }
      StageParameters parameters = memory.parameters;
      if (parameters != null) {
        parameters.draw(stageContexts, slot.epoch, slot.index, attempt);
      }
      context.begin(slot.epoch, slot.index, attempt);
      job.target().fill(batch, context);
      batch.clearOtherRows();
      if (checks && !context.saidNoMore()) {
        check.look(batch, slot.epoch, slot.index);
        memory.checked = true;
      }
      return null;
    } catch (Throwable t) {
      return t;
    } finally {
      batch.close();
      context.end();
      Thread.interrupted(); // a flag the target left up is not the next batch's
    }
  }

  /** Waits until somebody frees a slot; may also return for no reason. */
  void park() {
    LockSupport.park(this);
    Thread.interrupted(); // somebody's interrupt would make every later park return at once
  }

  void wake() {
    LockSupport.unpark(thread);
  }
}
