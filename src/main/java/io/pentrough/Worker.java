package io.pentrough;

import org.jspecify.annotations.Nullable;

/** A thread that claims host slots and runs the target on them, one after the other. */
final class Worker implements Runnable {

  final WorkerState state;

  private final Core core;
  private final Producers producers;
  private final Reports reports;
  private final BatchContext context;
  private final BatchContext[] stageContexts;
  private final boolean poison;
  private final FirstFillCheck check;

  Worker(WorkerState state, Core core, Producers producers, Reports reports, FirstFillCheck check) {
    this.state = state;
    this.core = core;
    this.producers = producers;
    this.reports = reports;
    LoaderOptions settings = core.settings;
    int number = state.number;
    poison = settings.poison();
    this.check = check;
    context = new BatchContext(number, settings.seed());
    int stages = settings.stages() == null ? 0 : settings.stages().steps.size();
    stageContexts = new BatchContext[stages];
    for (int i = 0; i < stages; i++) {
      stageContexts[i] = new BatchContext(number, Philox4x32.seedOfStage(settings.seed(), i));
    }
    state.runOn(thread(settings, "pentrough-" + settings.name() + "-worker-" + number));
  }

  private Thread thread(LoaderOptions settings, String name) {
    Thread thread = settings.threads().newThread(this);
    if (thread == null) {
      throw wrongThread("null", null);
    }
    if (core.workers.stream().anyMatch(other -> other.isOn(thread))) {
      throw wrongThread("the same thread twice: " + thread, null);
    }
    if (thread.getState() != Thread.State.NEW) {
      throw wrongThread("a thread that has been started: " + thread, null);
    }
    if (isVirtual(thread)) {
      throw wrongThread("a virtual thread, which has no device of its own", null);
    }
    thread.setName(name);
    thread.setDaemon(true);
    Thread.UncaughtExceptionHandler own = thread.getUncaughtExceptionHandler();
    thread.setUncaughtExceptionHandler(
        (ended, thrown) -> { // by what the factory runs before the worker, or after it
          state.thrown = thrown;
          own.uncaughtException(ended, thrown);
        });
    return thread;
  }

  private IllegalArgumentException wrongThread(String what, @Nullable Throwable cause) {
    return new IllegalArgumentException(
        core.settings.name()
            + ": the threadFactory returned "
            + what
            + "; it must return a new platform thread for each worker and leave starting it to the"
            + " loader",
        cause);
  }

  /** Throws what the thread's {@code start} throws. */
  void start() {
    Thread thread = state.thread();
    try {
      thread.start();
    } catch (IllegalThreadStateException e) {
      throw wrongThread("a thread that has been started since: " + thread, e);
    }
  }

  /** Virtual threads are there from Java 21 on, all in one group of this name. */
  private static boolean isVirtual(Thread thread) {
    ThreadGroup group = thread.getThreadGroup();
    return group != null && group.getName().equals("VirtualThreads");
  }

  @Override
  public void run() {
    if (!state.isOn(Thread.currentThread())) {
      core.breakDown(
          new IllegalStateException(
              "the threadFactory lets another thread ("
                  + Thread.currentThread().getName()
                  + ") run the worker than the one that it has returned; run what the factory was"
                  + " given on that thread"));
      return;
    }
    state.begun = true;
    try {
      core.device.bindThread();
      HostSlot slot = producers.claim(state);
      while (slot != null) {
        Throwable thrown = fill(slot);
        slot = producers.publishAndClaim(state, slot, thrown, context.saidEndOfEpoch());
        reports.reportToFlightRecorder(); // of which nobody wanted to know any more
      }
    } catch (Throwable t) {
      core.breakDown(t);
    } finally {
      producers.ended(state);
    }
  }

  /** Null if the target returned, else what it threw at the last attempt its policy grants. */
  private @Nullable Throwable fill(HostSlot slot) {
    for (int attempt = 0; ; attempt++) {
      Throwable failure = attempt(slot, attempt);
      if (failure == null || !producers.mayRetry(slot, attempt, failure)) {
        return failure;
      }
    }
  }

  /** Null if the target returned, else what it threw; an Error too belongs to its index (I5). */
  private @Nullable Throwable attempt(HostSlot slot, int attempt) {
    HostSlotMemory memory = core.memory(slot);
    if (poison) {
      memory.poison();
    }
    Job job = slot.job();
    HostBatch batch = memory.batch(job.spec());
    boolean checks = !memory.checked && !poison && check.isOn();
    batch.open();
    Jfr.Fill event = null;
    Throwable thrown = null;
    try {
      if (checks) {
        check.mark(batch);
      }
      StageParameters parameters = memory.parameters;
      if (parameters != null) {
        parameters.draw(stageContexts, slot.epoch, slot.index, attempt);
      }
      context.begin(slot.epoch, slot.index, attempt);
      event = Jfr.fill();
      job.target().fill(batch, context);
      batch.requireConsistent();
      batch.clearOtherRows();
      if (checks && !context.saidEndOfEpoch()) {
        check.look(batch, slot.epoch, slot.index);
        memory.checked = batch.size() > 0;
      }
      return null;
    } catch (Throwable t) {
      thrown = t;
      return t;
    } finally {
      if (event != null) {
        event.ended(core.settings.name(), slot, attempt + 1, thrown);
      }
      batch.close();
      context.end();
      Thread.interrupted(); // a flag the target left up is not the next batch's
    }
  }
}
