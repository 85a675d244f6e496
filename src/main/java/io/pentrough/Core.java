package io.pentrough;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceException;
import io.pentrough.device.WorkFailedException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The one lock of a loader, and what it guards: the slots' states, the statistics, whether the
 * loader can still be used, and who waits for what.
 *
 * <p>The object itself is the lock. The parties of {@link Engine} take it for the length of a step,
 * and have no other. (A loop has one in its {@link BatchIterator}, and so have several loaders in
 * step, {@link LaneGroup}.) Nothing under it blocks or calls a device or a target: the thread to
 * which a slot belongs does that outside, and the slot's state keeps everybody else off meanwhile.
 *
 * <p>Memory order: each hand-over of a slot (fill to copy, copy to consumer, consumer to copy, copy
 * to worker) passes through the lock, so the new owner sees the plain writes of the old one.
 *
 * <p>A loader goes through these states, only ever downwards:
 *
 * <pre>
 *     usable       batches flow
 *       |   \
 *       |   broken       a copy, the driver or the library has failed: every call throws the cause
 *       |   /
 *     closing      close() was called: every call throws LoaderClosedException
 *       |
 *     terminated   no thread of the loader uses its memory any more
 * </pre>
 *
 * The ledger is {@linkplain SlotLedger#stop stopped} from <em>broken</em> or <em>closing</em> on.
 */
final class Core {

  /** A device that cannot wake us is asked about its events at least this often. */
  static final long POLL_NANOS = 1_000_000;

  private static final Logger LOG = System.getLogger("io.pentrough");

  final Device device;
  final LoaderOptions settings;
  final LoaderMemory memory;
  final Time time;
  final CopySignal copySignal = new CopySignal();
  final JobSource source;

  // Guarded by this.
  final SlotLedger ledger;
  final StatsRecorder stats;
  final TraceRecorder trace;
  final List<WorkerState> workers;
  final WorkerSignaller workerSignaller;
  final ConsumerSignals consumers;
  private @Nullable Throwable broken;
  private @Nullable Throwable lastFailure;
  private boolean closing;
  private boolean terminated;
  private int submittersWaiting;

  /** The epoch that is being delivered. */
  private int epoch;

  /** Whether the ledger has stopped, and {@link #requireUsable} throws: asked without the lock. */
  private volatile boolean stopped;

  Core(
      Device device,
      JobSource source,
      MemoryPlan plan,
      LoaderOptions settings,
      LoaderMemory memory,
      CopyWatch.Way watchedBy) {
    this.device = device;
    this.source = source;
    this.settings = settings;
    this.memory = memory;
    time = settings.time();
    trace = new TraceRecorder(settings.trace());
    ledger =
        new SlotLedger(
            source,
            plan.hostSlots(),
            plan.deviceSlots(),
            settings.ordered(),
            settings.zeroCopy(),
            trace);
    int cores = Runtime.getRuntime().availableProcessors();
    stats = new StatsRecorder(settings.workers(), cores, plan.hostSlots(), plan.deviceSlots());
    stats.pageable(memory.pageableBytes());
    List<WorkerState> all = new ArrayList<>();
    for (int i = 0; i < settings.workers(); i++) {
      all.add(new WorkerState(settings.firstWorker() + i));
    }
    workers = List.copyOf(all);
    workerSignaller = new WorkerSignaller(workers);
    consumers =
        new ConsumerSignals(this, time, new IdleStrategy(cores), new CopyWatch(watchedBy, time));
  }

  HostSlotMemory memory(HostSlot slot) {
    return memory.hostSlots.get(slot.number);
  }

  DeviceSlotMemory memory(DeviceSlot slot) {
    return memory.deviceSlots.get(slot.number);
  }

  // ---- whether the loader can be used

  void requireUsable() {
    assert Thread.holdsLock(this);
    if (closing) {
      throw closedException();
    }
    if (broken != null) {
      throw new DeviceException(
          settings.name()
              + " is broken: "
              + TargetException.words(broken)
              // Where work has failed, another loader may fail as well: the cause says what to do.
              + (broken instanceof WorkFailedException
                  ? "; close it"
                  : "; close it and start another one"),
          broken);
    }
  }

  /** The same without the lock, before anything else: a device that failed answers with that. */
  void requireUsableEarly() {
    if (stopped) {
      synchronized (this) {
        requireUsable();
      }
    }
  }

  LoaderClosedException closedException() {
    return new LoaderClosedException(settings.name() + " is closed: start another one");
  }

  /** A failure of a copy, the driver or the library: terminal (I5). The first one counts. */
  void breakDown(Throwable failure) {
    boolean first;
    synchronized (this) {
      first = broken == null;
      if (first) {
        broken = failure;
      }
      stop(time.now());
    }
    if (first) {
      log(Level.ERROR, "the loader is broken", failure);
    }
  }

  /** Close() has been called; only the first call counts. */
  void beginClosing(long now) {
    assert Thread.holdsLock(this);
    if (!closing) {
      closing = true;
      stop(now);
    }
  }

  private void stop(long now) {
    ledger.stop(now);
    stopped = true;
    wakeEverybody();
  }

  /** Whether no batch is claimed, copied or delivered any more. From any thread. */
  boolean isStopped() {
    return stopped;
  }

  synchronized boolean isClosing() {
    return closing;
  }

  synchronized boolean isOver() {
    return ledger.isOver();
  }

  synchronized boolean isTerminated() {
    return terminated;
  }

  /** The copy thread has given back all it could. */
  synchronized void terminated() {
    terminated = true;
    notifyAll();
  }

  synchronized boolean is(HostSlot slot, HostSlot.State state) {
    return slot.state == state;
  }

  synchronized boolean is(DeviceSlot slot, DeviceSlot.State state) {
    return slot.state == state;
  }

  // ---- who waits

  /** Parks a thread of the library. */
  void park(Object blocker, long nanos) {
    time.park(blocker, nanos);
    Thread.interrupted(); // somebody's interrupt would make every later park return at once
  }

  private void wakeEverybody() {
    consumers.signal();
    notifyAll();
    workerSignaller.wakeAll();
    copySignal.wakeCopyThread();
  }

  /** The number of jobs to be had may have changed. */
  void lookForJobs(long now) {
    assert Thread.holdsLock(this);
    stats.stalls.starved(source.mayGrow() && !ledger.order.hasNumbersLeft(), now);
  }

  /** The lowest open number may have moved on. */
  void windowMayHaveMoved() {
    assert Thread.holdsLock(this);
    if (ledger.order.windowHasMoved()) {
      workerSignaller.wakeAll();
    }
    int nextEpoch = source.nextEpoch(ledger.order.lowestOpen());
    if (nextEpoch != epoch || ledger.order.isExhausted()) {
      epoch = nextEpoch;
      consumers.signal(); // the epoch or batch that they wait for may never come
    }
    if (submittersWaiting > 0) {
      notifyAll();
    }
  }

  /** Waits until a queue may have room, or the time is over. */
  void awaitRoom(long nanos) throws InterruptedException {
    assert Thread.holdsLock(this);
    submittersWaiting++;
    try {
      time.await(this, nanos);
    } finally {
      submittersWaiting--;
    }
  }

  // ---- what to say

  /** A target or a stage has thrown: counted, and the cause of a timeout from now on. */
  void failed(Throwable failure) {
    assert Thread.holdsLock(this);
    stats.failed();
    lastFailure = failure;
  }

  synchronized @Nullable Throwable lastFailure() {
    return lastFailure;
  }

  /** Logs; a logger that throws must not cost a slot or a thread. Without the lock. */
  void log(Level level, String text, @Nullable Throwable thrown) {
    try {
      LOG.log(level, settings.name() + ": " + text, thrown);
    } catch (RuntimeException e) {
      // There is nowhere else to report it.
    }
  }
}
