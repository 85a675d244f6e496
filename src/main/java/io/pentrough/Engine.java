package io.pentrough;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceStream;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A running loader: wires the parties that meet at the {@link Core}, and starts their threads.
 *
 * <pre>
 *     Worker -----> Producers --.                    .--> Copier (streams, events)
 *                               +--> CopyStrategy ---+
 *     get, close -> Consumers --'         |          '--> CopyProgress --.
 *            `----> Leases ---------------|------------------------------+--> Core
 *     CopyThread --> CopyStrategy, Leases, Reclaimer --------------------|     |
 *     close() -----> Closing ------------------------------------------- '     '-> SlotLedger, statistics,
 *                                                                               signals
 * </pre>
 *
 * Calls go from left to right only; what goes back are wakes, through the core.
 */
final class Engine {

  static {
    LateClasses.load();
  }

  final Core core;
  final Reports reports;
  private final Submissions submissions;
  private final WaitGuard guard;
  private final Consumers consumers;
  private final Closing closing;
  private final CopyThread copyThread;
  private final List<Worker> workers = new ArrayList<>();

  /** Allocates all memory and starts the threads; leaves nothing behind if that fails. */
  static Engine start(Device device, JobSource source, MemoryPlan plan, LoaderOptions settings) {
    LoaderMemory memory =
        LoaderMemory.allocate(
            device,
            source.usualSpec(),
            plan,
            settings.zeroCopy(),
            settings.stages(),
            settings.time());
    Engine engine;
    try {
      CopyWatch.Way watchedBy =
          device.copiesInCaller() ? CopyWatch.Way.NOBODY : CopyWatch.Way.ofProperty();
      engine = new Engine(new Core(device, source, plan, settings, memory, watchedBy));
      engine.copyThread.thread.start();
    } catch (Throwable t) {
      memory.freeAll();
      throw t;
    }
    engine.startWorkers();
    engine.startStatusLog(settings.statusLogNanos());
    engine.reports.reportToFlightRecorder();
    return engine;
  }

  private Engine(Core core) {
    this.core = core;
    reports = new Reports(core);
    CopyStrategy copies = strategy(core);
    Producers producers = new Producers(core, copies);
    submissions = new Submissions(core, reports);
    Leases leases = new Leases(core, copies, reports);
    guard = new WaitGuard(core);
    consumers = new Consumers(core, copies, leases, reports, guard);
    LoaderOptions settings = core.settings;
    LeaseWatch overdue =
        new LeaseWatch(
            settings.leaseWarnAfterNanos(),
            settings.leakDetection(),
            core.time::now,
            core,
            core.ledger.device.slots,
            core.source,
            (what, leasedAt) -> core.log(Level.WARNING, what, leasedAt));
    copyThread = new CopyThread(core, copies, leases, reports, overdue, new WorkerWatch(core));
    closing = new Closing(core, leases, reports, copyThread.thread);
    FirstFillCheck check = new FirstFillCheck(settings.name());
    for (WorkerState state : core.workers) {
      workers.add(new Worker(state, core, producers, reports, check));
    }
    synchronized (core) {
      long now = core.time.now();
      core.stats.started(now);
      core.trace.started(now);
      core.lookForJobs(now);
    }
  }

  private static CopyStrategy strategy(Core core) {
    if (core.settings.zeroCopy()) {
      return new MappedBatches(core);
    }
    long slotBytes = core.memory.hostSlots.get(0).pinned.bytes();
    boolean inline =
        core.device.copiesInCaller()
            && core.settings.stages() == null
            && slotBytes <= InlineCopies.MEDIUM_BYTES;
    return inline
        ? new InlineCopies(core, slotBytes <= InlineCopies.SMALL_BYTES)
        : new QueuedCopies(core);
  }

  /** If one cannot be had, closes the engine and throws. */
  private void startWorkers() {
    for (Worker worker : workers) {
      synchronized (core) {
        worker.state.sinceNanos = core.time.now();
      }
      try {
        worker.start();
      } catch (Throwable t) {
        close();
        throw t;
      }
      synchronized (core) {
        worker.state.started = true;
      }
    }
  }

  private void startStatusLog(long intervalNanos) {
    if (intervalNanos > 0) {
      try {
        StatusLog.start(core, reports, intervalNanos);
      } catch (Throwable t) {
        close();
        throw t;
      }
    }
  }

  /** Closes this engine if its owner is collected unclosed. */
  LeakReport watchForLeak(Object owner) {
    try {
      return LeakReport.watchLoader(
          owner,
          core.settings.name(),
          new LeakReport.MadeHere(core.settings.leakDetection()),
          this::close);
    } catch (Throwable t) {
      close();
      throw t;
    }
  }

  /** See {@link Consumers#get(DeviceStream, boolean, Recipient, int)}. */
  DeviceBatch get(DeviceStream stream, boolean queued, Recipient recipient, int lastEpoch)
      throws InterruptedException {
    return consumers.get(stream, queued, recipient, lastEpoch);
  }

  /** See {@link Consumers#get(DeviceStream, long, boolean, Recipient)}. */
  DeviceBatch get(DeviceStream stream, long timeoutNanos, boolean queued, Recipient recipient)
      throws InterruptedException, BatchTimeoutException {
    return consumers.get(stream, timeoutNanos, queued, recipient);
  }

  /** See {@link Consumers#awaitReady}; for a lease that is open. */
  boolean awaitReady(DeviceBatch lease, long timeoutNanos) throws InterruptedException {
    return consumers.awaitReady(core.ledger.device.slots.get(lease.slot()), timeoutNanos);
  }

  /** What a {@link BatchQueue} asks. */
  Submissions submissions() {
    return submissions;
  }

  /**
   * Starts anew from the first undelivered index; what is being filled or copied is dropped when it
   * comes back (I4).
   */
  void reset() {
    synchronized (core) {
      core.requireUsable();
      long now = core.time.now();
      core.ledger.reset(now);
      core.copySignal.mayCopy();
      core.lookForJobs(now);
      core.workerSignaller.wakeAll();
      core.consumers.signal(); // the number that they wait for may not exist any more
    }
    core.copySignal.wakeCopyThread();
    reports.reportToFlightRecorder();
  }

  /** See {@link Consumers#nextEpoch}. */
  int nextEpoch() {
    return consumers.nextEpoch();
  }

  /** What has been delivered up to now; also after the end. */
  Position position() {
    synchronized (core) {
      DeliveryOrder order = core.ledger.order;
      long open = order.lowestOpen();
      return core.source.position(open, order.deliveredAbove(open, order.deliveries()).toArray());
    }
  }

  /** See {@link Closing#close}. */
  void close() {
    close(List.of(this));
  }

  /** See {@link Closing#close}. */
  static void close(List<Engine> engines) {
    try {
      engines.forEach(engine -> engine.reports.endStatistics());
    } finally {
      Closing.close(engines.stream().map(engine -> engine.closing).toList());
      engines.forEach(engine -> engine.reports.reportToFlightRecorder());
    }
  }

  /** What ended this engine; null if it can be used, or is closed. */
  @Nullable DeviceException brokenBy() {
    synchronized (core) {
      try {
        core.requireUsable();
        return null;
      } catch (LoaderClosedException e) {
        return null;
      } catch (DeviceException e) {
        return e;
      }
    }
  }

  /** See {@link WaitGuard#requireSlotOfOthers}. */
  void requireSlotOfOthers() {
    synchronized (core) {
      guard.requireSlotOfOthers();
    }
  }

  /**
   * When a {@code get} could first have taken the batch of a lease that is open, by the clock of
   * the engine.
   *
   * @param queued whether a copy that had begun was enough for it
   */
  long availableAt(DeviceBatch lease, boolean queued) {
    synchronized (core) {
      TraceEntry entry = core.ledger.device.slots.get(lease.slot()).entry;
      long reserved = entry.at(Trace.Step.RESERVED);
      return queued && reserved != TraceEntry.NEVER ? reserved : entry.at(Trace.Step.READY);
    }
  }
}
