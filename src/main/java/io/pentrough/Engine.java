package io.pentrough;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceException;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.WorkFailedException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The monitor around a {@link SlotLedger}: whoever wants a step waits here until it is legal, and
 * wakes whom it concerns.
 *
 * <p>Three kinds of threads meet. Workers park one by one, so that a free slot wakes one of them;
 * the copy thread parks, or polls an event; consumers stay awake for a moment where that is worth
 * it, and wait on the monitor. Nothing under the monitor blocks or calls a device or a target: the
 * thread a slot belongs to does that outside, and the ledger's states keep everybody else off the
 * slot meanwhile.
 *
 * <p>Memory order: each hand-over of a slot (fill to copy, copy to consumer, consumer to copy, copy
 * to worker) passes through the monitor, so plain writes by the old owner are seen by the new one.
 */
final class Engine {

  private static final Logger LOG = System.getLogger("io.pentrough");

  /**
   * Up to so many bytes, a worker copies a batch in less time than it takes to wake the copy
   * thread: docs/performance.md.
   */
  private static final long WORKERS_COPY = 256 << 10;

  /**
   * Up to so many bytes, a consumer that waits copies its batch itself: it would wait for the copy
   * anyway, and for no longer than about a millisecond beyond its timeout.
   */
  private static final long CONSUMERS_COPY = 4 << 20;

  /** A device that takes longer to take memory back than this waits for somebody. */
  private static final long SLOW_FREE_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** Of a submit for which there was no room in time. */
  private static final long NO_ROOM = -1;

  private final Device device;
  private final LoaderOptions settings;
  private final LoaderMemory memory;
  private final CopyThread copyThread;
  private final List<Worker> workers;
  private final List<HostSlot> hostSlots;
  private final List<DeviceSlot> deviceSlots;
  private final boolean workersCopy;
  private final boolean consumersCopy;

  /** Whether a worker leaves the copy to consumers who wait. */
  private final boolean leavesCopies;

  private final boolean smallSlots;

  /** Whether the device knows, when a slot without a copy is closed, that no work is queued. */
  private final boolean returnsAtOnce;

  private final Object monitor = new Object();

  // Guarded by the monitor, like the state of every slot and worker.
  private final SlotLedger ledger;
  private final StatsRecorder stats;
  private final Skips skips;
  private final WorkerWakes workerWakes;
  private final JobSource source;
  private @Nullable Throwable broken;
  private @Nullable Throwable lastFailure;
  private long stagedUntil = Long.MIN_VALUE;
  private boolean closing;
  private boolean closed;
  private boolean terminated;
  private boolean toldOfSlowFree;
  private int workersLeft;
  private int slotsLeft;

  /** Whether {@link #requireUsable} would throw: to be asked without the monitor. */
  private volatile boolean unusable;

  /** Who has called close(), ever. */
  private final Set<Thread> closers = new HashSet<>();

  private final Queue<LeakedLease> leakedLeases = new ConcurrentLinkedQueue<>();

  private final Patience patience;
  final CopyWatch watch;

  /** When a consumer last looked what there is. */
  private long consumerLookedAt;

  private int consumersWaiting;

  /** Those of them that are content with a queued copy. */
  private int earlyConsumersWaiting;

  private int submittersWaiting;

  /** Allocates all memory and starts the threads; leaves nothing behind if that fails. */
  static Engine start(Device device, JobSource source, MemoryPlan plan, LoaderOptions settings) {
    LoaderMemory memory =
        LoaderMemory.allocate(
            device, source.usualSpec(), plan, settings.zeroCopy(), settings.stages());
    Engine engine;
    try {
      engine = new Engine(device, source, plan, settings, memory);
      engine.copyThread.thread.start();
    } catch (Throwable t) {
      memory.freeAll();
      throw t;
    }
    engine.startWorkers();
    return engine;
  }

  private Engine(
      Device device,
      JobSource source,
      MemoryPlan plan,
      LoaderOptions settings,
      LoaderMemory memory) {
    this.device = device;
    this.memory = memory;
    this.source = source;
    this.settings = settings;
    ledger =
        new SlotLedger(
            source, plan.hostSlots(), plan.deviceSlots(), settings.ordered(), settings.zeroCopy());
    hostSlots = ledger.hostSlots();
    deviceSlots = ledger.deviceSlots();
    slotsLeft = plan.hostSlots() + plan.deviceSlots();
    int cores = Runtime.getRuntime().availableProcessors();
    stats = new StatsRecorder(settings.workers(), cores, plan.deviceSlots());
    patience = new Patience(cores);
    watch =
        new CopyWatch(
            device.copiesInCaller() ? CopyWatch.Way.NOBODY : CopyWatch.Way.ofProperty(),
            CopyWatch.Time.SYSTEM);
    skips = new Skips(settings.failurePolicy(), stats);
    LeaseWatch leases =
        new LeaseWatch(
            settings.leaseWarnAfterNanos(),
            settings.leakDetection(),
            System::nanoTime,
            monitor,
            deviceSlots,
            source,
            (overdue, leasedAt) -> tell(Level.WARNING, overdue, leasedAt));
    stats.pageable(memory.pageableBytes());
    boolean copiesInCaller = device.copiesInCaller();
    returnsAtOnce = settings.zeroCopy() && copiesInCaller;
    boolean callersCopy = copiesInCaller && settings.stages() == null && !settings.zeroCopy();
    smallSlots = plan.hostSlotBytes() <= WORKERS_COPY;
    workersCopy = callersCopy && smallSlots;
    consumersCopy = callersCopy && plan.hostSlotBytes() <= CONSUMERS_COPY;
    leavesCopies = consumersCopy && !workersCopy;
    copyThread =
        new CopyThread(this, memory, leases, settings.name(), settings.zeroCopy(), workersCopy);
    FirstFillCheck check = new FirstFillCheck(settings.name());
    List<Worker> made = new ArrayList<>();
    for (int i = 0; i < settings.workers(); i++) {
      made.add(new Worker(i, this, settings, check));
    }
    workers = List.copyOf(made);
    workerWakes = new WorkerWakes(workers, ledger, hostSlots.size(), stats, smallSlots);
    synchronized (monitor) {
      stats.started(System.nanoTime());
      lookForJobs(System.nanoTime());
    }
  }

  /** If one cannot be had, closes the engine and throws. */
  private void startWorkers() {
    try {
      for (Worker worker : workers) {
        synchronized (monitor) {
          workersLeft++;
          worker.sinceNanos = System.nanoTime();
        }
        worker.thread.start();
      }
    } catch (Throwable t) {
      synchronized (monitor) {
        workersLeft--; // the one that did not start
      }
      close();
      throw t;
    }
  }

  /** Closes this engine if its owner is collected unclosed. */
  LeakReport watchForLeak(Object owner) {
    try {
      return LeakReport.watch(
          owner,
          settings.name(),
          new LeakReport.MadeHere(settings.leakDetection()),
          this::closeInBackground);
    } catch (Throwable t) {
      close();
      throw t;
    }
  }

  private void closeInBackground() {
    Thread closer = new Thread(this::close, "pentrough-" + settings.name() + "-leaked");
    closer.setDaemon(true);
    closer.start();
  }

  Device device() {
    return device;
  }

  HostSlotMemory memory(HostSlot slot) {
    return memory.hostSlots.get(slot.number);
  }

  DeviceSlotMemory memory(DeviceSlot slot) {
    return memory.deviceSlots.get(slot.number);
  }

  List<HostSlot> hostSlots() {
    return hostSlots;
  }

  List<DeviceSlot> deviceSlots() {
    return deviceSlots;
  }

  // ---- workers

  /** Waits for a host slot and an index; null when the worker shall end. */
  @Nullable HostSlot claim(Worker worker) {
    long asked = System.nanoTime();
    long dryBefore = 0;
    boolean resting = false;
    boolean mayCopy = workersCopy;
    while (true) {
      boolean copies;
      synchronized (monitor) {
        if (!resting) {
          resting = true;
          worker.sinceNanos = asked;
          stats.workerIdle(asked);
          dryBefore = stats.dryNanos(asked);
        }
        worker.parked = false;
        copies = mayCopy && ledger.canCopy(); // first, as a fill may take long
        if (!copies) {
          long now = System.nanoTime();
          HostSlot slot = ledger.claim(worker.number, now);
          hasMoved(); // numbers that stand for nothing are delivered on the way
          if (slot != null || ledger.isStopped()) {
            stats.workerBusy(now);
          }
          if (ledger.isStopped()) {
            return null;
          }
          if (slot != null) {
            stats.slotWaited(Math.max(0, now - asked - (stats.dryNanos(now) - dryBefore)));
            lookForJobs(now); // this may have been the last
            worker.filling = slot;
            worker.sinceNanos = now;
            if (smallSlots) {
              workerWakes.forSlots(); // one wake may have been for several slots
            }
            return slot;
          }
          worker.parked = true;
        }
      }
      if (copies) {
        mayCopy = copyThread.copyAll(); // else somebody is at it, and will free a slot
      } else {
        worker.park();
        mayCopy = workersCopy;
      }
    }
  }

  /** The target has thrown: whether it shall be called again for the slot. */
  boolean mayRetry(HostSlot slot, int attempt, Throwable failure) {
    synchronized (monitor) {
      stats.failed();
      lastFailure = failure;
      return attempt < settings.failurePolicy().retries() && ledger.isWanted(slot);
    }
  }

  /** The target has returned, with a batch or to say that there is no more, or has thrown. */
  void filled(Worker worker, HostSlot slot, @Nullable Throwable thrown, boolean noMore) {
    if (workersCopy) {
      fillAndCopy(worker, slot, thrown, noMore);
      return;
    }
    if (settings.zeroCopy()) { // before it can be seen; the device slot is the worker's, too
      memory(deviceSlots.get(slot.number)).describe(memory(slot).filled());
    }
    boolean wakes;
    synchronized (monitor) {
      long now = System.nanoTime();
      settle(worker, slot, thrown, noMore, now);
      if (settings.zeroCopy()) {
        lend(now);
      }
      boolean left = leavesCopies && consumersWaiting > 0 && ledger.canCopy();
      if (left) {
        wakeConsumers(); // one of them copies it, or hands it on
      }
      wakes = ledger.isStopped() || !(left || settings.zeroCopy());
    }
    if (wakes) {
      copyThread.wake(); // to copy, or to free the slot
    }
  }

  private void fillAndCopy(
      Worker worker, HostSlot slot, @Nullable Throwable thrown, boolean noMore) {
    boolean entered = copyThread.enter(); // first, to settle and to look for a copy in one go
    DeviceSlot next = null;
    try {
      synchronized (monitor) {
        long now = System.nanoTime();
        settle(worker, slot, thrown, noMore, now);
        if (entered && !ledger.isStopped()) {
          next = ledger.startCopy(now);
        }
      }
    } catch (Throwable t) {
      if (entered) {
        copyThread.leave();
      }
      throw t;
    }
    if (entered) {
      copyThread.copyAll(next);
    } else {
      copyThread.copyAll(); // again: who was at it may have looked before
    }
  }

  /** Decides what comes of the worker's slot. */
  private void settle(
      Worker worker, HostSlot slot, @Nullable Throwable thrown, boolean noMore, long now) {
    if (thrown == null) {
      stats.filled(now - worker.sinceNanos);
    }
    worker.filling = null;
    worker.sinceNanos = now;
    if (!ledger.isWanted(slot)) {
      ledger.publish(slot, now);
      return;
    }
    Throwable failure = thrown == null ? contradiction(slot, noMore) : thrown;
    if (failure == null && !noMore) {
      ledger.publish(slot, now);
      return;
    }
    wakeConsumers();
    boolean behindTheEnd = thrown != null && !source.exists(slot.sequence);
    if (failure == null || behindTheEnd) {
      ledger.pass(slot, now);
      workerWakes.every(); // another epoch may begin
    } else if (thrown == null) {
      ledger.contradict(slot, failure, now);
    } else {
      ledger.fail(slot, failure, now);
    }
  }

  private @Nullable Throwable contradiction(HostSlot slot, boolean noMore) {
    String wrong = source.returned(slot, noMore);
    if (wrong == null) {
      return null;
    }
    stats.failed();
    lastFailure = new IllegalStateException(wrong);
    return lastFailure;
  }

  void workerEnded(Worker worker) {
    synchronized (monitor) {
      HostSlot abandoned = worker.filling;
      if (abandoned != null) { // the library failed, and has stopped: the slot is free
        worker.filling = null;
        ledger.publish(abandoned, System.nanoTime());
      }
      worker.ended = true;
      workersLeft--;
      monitor.notifyAll();
    }
    copyThread.wake();
  }

  /** Hands filled slots over as they are: the device works in them without a copy. */
  private void lend(long now) {
    while (ledger.startCopy(now) != null) {
      stats.firstReady(now);
      wakeConsumers();
    }
  }

  // ---- the copy thread

  /** The next batch to copy, its slots reserved; null if there is none now. */
  @Nullable DeviceSlot startCopy() {
    synchronized (monitor) {
      if (ledger.isStopped() || settings.zeroCopy()) {
        return null;
      }
      long now = System.nanoTime();
      return ledger.startCopy(now);
    }
  }

  /** Whether {@link #startCopy} would find something now. */
  boolean canCopy() {
    synchronized (monitor) {
      return ledger.canCopy();
    }
  }

  /** The next copy waits for work of a consumer. */
  void copyHeldUp() {
    synchronized (monitor) {
      stats.copyHeldUp(System.nanoTime());
    }
  }

  /**
   * The copy has nothing left to wait for.
   *
   * @param wasHeldUp whether {@link #copyHeldUp()} has been told before
   */
  void copyBegins(DeviceSlot slot, boolean wasHeldUp) {
    synchronized (monitor) {
      long now = System.nanoTime();
      slot.copySinceNanos = now;
      slot.copyBegun = true;
      stats.copyStarted(now);
      if (wasHeldUp) {
        stats.copyLetGo(now);
      }
      if (consumersWaiting > earlyConsumersWaiting && watch.isForConsumers()) {
        monitor.notifyAll(); // being woken takes no longer than the copy, and less than a park
      }
    }
  }

  /**
   * The copy has run, and read the host slot.
   *
   * @param wakes whether to wake a worker for that slot: unless the caller is one
   */
  void copied(DeviceSlot slot, boolean wakes) {
    synchronized (monitor) {
      long now = System.nanoTime();
      slot.copiedNanos = now;
      stats.copyEnded(now);
      if (memory.stages != null) {
        stats.stagesStarted(now);
      }
      ledger.copied(slot.source(), now);
      if (wakes) {
        workerWakes.forSlots();
      }
    }
  }

  /**
   * The copy was run by the caller, and nothing is queued behind it: all of {@link #copyBegins},
   * {@link #copied} and {@link #ready} at once.
   *
   * @param wakes as for {@link #copied}
   * @param more whether to go on with the next
   * @return the next batch to copy, its slots reserved; null if there is none now
   */
  @Nullable DeviceSlot ran(DeviceSlot slot, boolean wakes, boolean more) {
    synchronized (monitor) {
      slot.copySinceNanos = slot.sinceNanos; // it was reserved then
      stats.copyStarted(slot.copySinceNanos);
      copied(slot, wakes);
      ready(slot);
      return more && !ledger.isStopped() ? ledger.startCopy(slot.copiedNanos) : null;
    }
  }

  /** A stage has failed for the batch: told at its place, when what is queued has run. */
  void stageFailed(DeviceSlot slot, Throwable failure) {
    synchronized (monitor) {
      stats.failed();
      lastFailure = failure;
      ledger.stageFailed(slot, failure);
    }
  }

  /** A copy has been queued: consumers whose stream is to wait for it need not. */
  void queued(DeviceSlot slot) {
    synchronized (monitor) {
      ledger.queued(slot);
      patience.tell();
      if (earlyConsumersWaiting > 0) {
        monitor.notifyAll();
      }
    }
  }

  void ready(DeviceSlot slot) {
    synchronized (monitor) {
      memory(slot).fence.endCopy(); // not before: a copy that fails may have waited in vain (I7)
      if (slot.state != DeviceSlot.State.COPYING) {
        stats.firstReady(System.nanoTime()); // it was taken early
      }
      copyEnded(slot);
    }
  }

  /** A copy of which nobody knows whether it ran, but that does not run any more. */
  void abandoned(DeviceSlot slot) {
    synchronized (monitor) {
      copyEnded(slot);
    }
  }

  private void copyEnded(DeviceSlot slot) {
    long now = System.nanoTime();
    watch.copied(slot, now);
    stats.copied(slot.copiedNanos - slot.copySinceNanos);
    if (memory.stages != null) {
      stats.staged(now - Math.max(slot.copiedNanos, stagedUntil)); // one after the other
      stats.stagesEnded(now);
      stagedUntil = now;
    }
    if (ledger.ready(slot, now)) {
      stats.firstReady(now);
      wakeConsumers();
    }
  }

  /** The consumer's work on the slot has run. */
  void returned(DeviceSlot slot) {
    synchronized (monitor) {
      if (slot.state == DeviceSlot.State.RETURNING || slot.state == DeviceSlot.State.LOST) {
        memory(slot).fence.allOver();
        if (settings.zeroCopy() && slot.state == DeviceSlot.State.RETURNING) {
          stats.slotNoMoreInUse(System.nanoTime());
        }
        ledger.returned(slot, System.nanoTime());
        workerWakes.one();
      }
    }
  }

  boolean is(HostSlot slot, HostSlot.State state) {
    synchronized (monitor) {
      return slot.state == state;
    }
  }

  boolean is(DeviceSlot slot, DeviceSlot.State state) {
    synchronized (monitor) {
      return slot.state == state;
    }
  }

  /**
   * Whether no lease is open on the slot and no copy writes it; a consumer's queued work may still
   * use it.
   */
  boolean isGivenBack(DeviceSlot slot) {
    return is(slot, DeviceSlot.State.FREE) || is(slot, DeviceSlot.State.RETURNING);
  }

  boolean isStopped() {
    synchronized (monitor) {
      return ledger.isStopped();
    }
  }

  boolean isClosing() {
    synchronized (monitor) {
      return closing;
    }
  }

  /** A failure of a copy, the driver or the library: terminal (I5). The first one counts. */
  void breakDown(Throwable failure) {
    boolean first;
    synchronized (monitor) {
      first = broken == null;
      if (first) {
        broken = failure;
        unusable = true;
      }
      ledger.stop(System.nanoTime());
      wakeEverybody();
    }
    if (first) {
      tell(Level.ERROR, "the loader is broken", failure);
    }
  }

  // ---- consumers

  /**
   * Waits without bound, but not in silence.
   *
   * @param early whether the stream waits for the copy, instead of the caller
   * @param inLoop whether {@link #close} closes the lease, if the loop over it is left early
   */
  DeviceBatch get(DeviceStream stream, boolean early, boolean inLoop) throws InterruptedException {
    long asked = System.nanoTime();
    while (true) {
      DeviceBatch batch = poll(stream, settings.warnAfterNanos(), early, inLoop);
      if (batch != null) {
        return batch;
      }
      tell(Level.WARNING, diagnose(System.nanoTime() - asked), null);
    }
  }

  /**
   * Waits at most so long.
   *
   * @param early whether the stream waits for the copy, instead of the caller
   */
  DeviceBatch get(DeviceStream stream, long timeoutNanos, boolean early)
      throws InterruptedException, BatchTimeoutException {
    long asked = System.nanoTime();
    DeviceBatch batch = poll(stream, timeoutNanos, early, false);
    if (batch == null) {
      throw timeout(diagnose(System.nanoTime() - asked));
    }
    return batch;
  }

  private BatchTimeoutException timeout(String diagnosis) {
    Throwable cause;
    synchronized (monitor) {
      cause = lastFailure;
    }
    return new BatchTimeoutException(diagnosis, cause);
  }

  static void requireSameDevice(DeviceStream stream, Device device) {
    if (stream.device() != device) {
      throw new IllegalArgumentException(
          "the stream belongs to another device ("
              + stream.device().name()
              + ") than the loader ("
              + device.name()
              + "): use a stream of the loader's device");
    }
  }

  /** What a capture writes down would run again and again, on memory that has gone on by then. */
  private static void requireNotCapturing(DeviceStream stream) {
    if (stream.isCapturing()) {
      throw captured();
    }
  }

  private static StreamCapturingException captured() {
    return new StreamCapturingException(
        "the stream is being captured into a graph: get and close batches outside the capture"
            + " (copy what the graph shall read into a buffer of your own)");
  }

  /** Null if the time is over; nothing has been taken then. */
  private @Nullable DeviceBatch poll(
      DeviceStream stream, long timeoutNanos, boolean early, boolean inLoop)
      throws InterruptedException {
    requireSameDevice(stream, device);
    if (unusable) { // first: of a device that has failed the stream answers with that
      synchronized (monitor) {
        requireUsable();
      }
    }
    boolean begun = device.beginCalls();
    try {
      requireNotCapturing(stream);
      return deliver(stream, timeoutNanos, early, inLoop);
    } finally {
      device.endCalls(begun);
    }
  }

  private @Nullable DeviceBatch deliver(
      DeviceStream stream, long timeoutNanos, boolean early, boolean inLoop)
      throws InterruptedException {
    DeviceBatch lease =
        new DeviceBatch(this, stream, inLoop); // before anything is taken that could be lost
    long asked = System.nanoTime();
    Delivery delivery = take(lease, asked, timeoutNanos, early, Meanwhile.NOTHING);
    while (delivery == skips || delivery instanceof Meanwhile) {
      Meanwhile done = Meanwhile.NOTHING;
      if (delivery == Meanwhile.COPY) {
        boolean copied = copyThread.copyOne(smallSlots);
        done = copied ? Meanwhile.COPIED : Meanwhile.COPIED_NOTHING;
      } else if (delivery == Meanwhile.STAY_AWAKE) {
        patience.stayAwake(timeoutNanos - (System.nanoTime() - asked));
        done = Meanwhile.STAYED_AWAKE;
      } else if (delivery == Meanwhile.WATCH) {
        watchCopy(timeoutNanos - (System.nanoTime() - asked));
        done = Meanwhile.WATCHED;
      }
      delivery =
          delivery == Meanwhile.REST_IN_POOL
              ? PoolWait.run(() -> take(lease, asked, timeoutNanos, early, Meanwhile.REST_IN_POOL))
              : take(lease, asked, timeoutNanos, early, done);
    }
    if (delivery == null) {
      return null;
    }
    if (delivery instanceof SlotLedger.Failure failure) {
      // Not under the monitor: it asks what the target threw for its words.
      throw new TargetException(
          failure.epoch(), failure.index(), failure.worker(), failure.cause());
    }
    return lease(lease, (DeviceSlot) delivery, early);
  }

  /**
   * Takes what is to be delivered next, or comes back to go on, having left failures out or with
   * something to do meanwhile; null if the time is over. Tells what has come up on the way, without
   * the monitor.
   */
  private @Nullable Delivery take(
      DeviceBatch lease, long asked, long timeoutNanos, boolean early, Meanwhile done)
      throws InterruptedException {
    Delivery delivery = null;
    boolean runsShort = false;
    boolean handsOnCopy = false;
    List<SlotLedger.Failure> leftOut = List.of();
    try {
      synchronized (monitor) {
        try {
          delivery = await(Thread.currentThread(), asked, timeoutNanos, early, done);
        } finally {
          leftOut = skips.takeUntold();
          handsOnCopy = leavesCopies && delivery != Meanwhile.COPY && ledger.canCopy();
        }
        if (delivery != skips && !(delivery instanceof Meanwhile)) {
          long waited = Math.max(0, consumerLookedAt - asked);
          stats.consumerWaited(waited);
          patience.waited(waited);
        }
        if (delivery instanceof DeviceSlot slot) {
          stats.delivered(memory(slot).bytes);
          lease.taken(slot, ledger.lowestOpen(), ledger.deliveries());
          runsShort = source.runsShort(settings.workers());
        }
      }
    } finally {
      if (handsOnCopy) {
        copyThread.wake(); // a worker may have left the copy to this consumer
      }
      for (int i = 0; i < leftOut.size(); i++) { // an iterator would be heap for each batch (I6)
        tellSkipped(leftOut.get(i));
      }
    }
    if (runsShort) {
      tell(
          Level.WARNING,
          "fewer jobs are queued than there are workers ("
              + settings.workers()
              + "), so some of them wait: submit further ahead",
          null);
    }
    return delivery;
  }

  private void tellSkipped(SlotLedger.Failure failure) {
    device.endCalls(device.beginCalls()); // the listener may change the current context
    try {
      skips.tell(failure);
    } catch (Throwable t) {
      tell(Level.WARNING, "the listener for skipped batches threw", t);
    }
  }

  /** Makes the lease one of the slot. */
  private DeviceBatch lease(DeviceBatch lease, DeviceSlot slot, boolean early) {
    if (!lease.isOpen()) { // by a listener for skipped batches that has closed the loader
      throw isClosed();
    }
    DeviceSlotMemory held = memory(slot);
    try {
      if (early) {
        lease.stream().waitFor(held.ready);
      }
      lease.of(held);
      if (settings.leakDetection()) {
        LeakReport report =
            lease.watchForLeak(settings.name(), new LeakedLease(this, slot, lease.stream()));
        synchronized (monitor) {
          slot.leakReport = report;
        }
      }
    } catch (Throwable t) {
      synchronized (monitor) {
        ledger.release(slot, System.nanoTime()); // nobody has used it
      }
      breakDown(t);
      throw t;
    }
    return lease;
  }

  /**
   * Waits for what is to be delivered next; null if the time is over, what has been left out if
   * there is nothing else yet, or what the caller is to do meanwhile.
   */
  private @Nullable Delivery await(
      Thread caller, long asked, long timeoutNanos, boolean early, Meanwhile done)
      throws InterruptedException {
    if (done != Meanwhile.NOTHING) {
      stats.consumerFed(System.nanoTime()); // that was waiting, too
    }
    if (done == Meanwhile.WATCHED) {
      watch.ended();
      if (consumersWaiting > earlyConsumersWaiting) {
        monitor.notifyAll(); // one of them may watch the next copy
      }
    }
    boolean rests = done == Meanwhile.REST_IN_POOL;
    boolean mayCopy = consumersCopy && done != Meanwhile.COPIED_NOTHING && !rests;
    boolean mayStay = done != Meanwhile.STAYED_AWAKE && done != Meanwhile.COPIED_NOTHING && !rests;
    while (true) {
      if (Thread.interrupted()) {
        throw new InterruptedException();
      }
      requireUsable();
      long now = System.nanoTime();
      consumerLookedAt = now;
      if (ledger.passOver(now)) {
        workerWakes.every();
        hasMoved();
      }
      SlotLedger.Failure failure = ledger.takeFailure(now);
      if (failure != null) {
        workerWakes.one(); // there is a free host slot
        copyThread.wake(); // or a device slot, where a stage has failed
        hasMoved(); // a queue has room for another job, and nobody else will say so
        if (skips.leavesOut(failure)) {
          continue;
        }
        return failure;
      }
      DeviceSlot slot = early ? ledger.takeEarly(caller, now) : ledger.take(caller, now);
      if (slot != null) {
        hasMoved();
        return slot;
      }
      if (ledger.isExhausted()) {
        throw new NoSuchElementException(
            settings.name() + " has no more batches: every one has been delivered");
      }
      if (ledger.heldBy(caller) == deviceSlots.size()) {
        throw new AllSlotsHeldException(
            "this thread holds all "
                + deviceSlots.size()
                + " device slots and would wait for itself: close a batch first, or raise deviceSlots"
                + " (a lease counts for the thread that got it; if others close yours, one slot more"
                + " than they hold at once will do; a loop over batches() that is left early holds"
                + " its last batch until that is closed)");
      }
      long left = timeoutNanos - (now - asked);
      if (left <= 0) {
        return null;
      }
      if (skips.areUntold()) {
        return skips; // to tell before waiting
      }
      if (mayCopy && ledger.canCopy()) {
        stats.consumerStarving(now);
        return Meanwhile.COPY;
      }
      if (!early && !rests && !PoolWait.isNeeded() && beginWatch(CopyWatch.Way.CONSUMER)) {
        stats.consumerStarving(now);
        return Meanwhile.WATCH;
      }
      if (mayStay && patience.isWorthIt()) {
        patience.foundNothing();
        stats.consumerStarving(now);
        return Meanwhile.STAY_AWAKE;
      }
      if (!rests && PoolWait.isNeeded()) {
        stats.consumerStarving(now);
        return Meanwhile.REST_IN_POOL;
      }
      consumersWaiting++;
      earlyConsumersWaiting += early ? 1 : 0;
      stats.consumerStarving(now);
      try {
        TimeUnit.NANOSECONDS.timedWait(monitor, left);
        mayCopy = consumersCopy;
        mayStay = true;
      } finally {
        consumersWaiting--;
        earlyConsumersWaiting -= early ? 1 : 0;
        stats.consumerFed(System.nanoTime());
      }
    }
  }

  private void watchCopy(long atMostNanos) {
    try {
      if (watch.look(atMostNanos) && !copyThread.see()) {
        watch.giveUp(); // the thread that is at it may be in a call of the driver for long
        copyThread.wake(); // to look behind that
      }
    } catch (Throwable t) {
      breakDown(t);
    }
  }

  /** Whether the copy thread shall watch the copy under way; then {@link #endWatch} follows. */
  boolean beginWatch() {
    synchronized (monitor) {
      return consumersWaiting > earlyConsumersWaiting && beginWatch(CopyWatch.Way.COPY_THREAD);
    }
  }

  void endWatch() {
    synchronized (monitor) {
      watch.ended();
    }
  }

  private boolean beginWatch(CopyWatch.Way asWhom) {
    DeviceSlot slot = ledger.firstUnderCopy();
    return slot != null && watch.begin(asWhom, slot, memory(slot).ready);
  }

  private static boolean isCapturing(DeviceStream stream) {
    try {
      return stream.isCapturing();
    } catch (RuntimeException e) {
      return false; // recording the release will fail, and say so
    }
  }

  /**
   * Closing a batch: does nothing if it is closed already. Refuses to close one whose release would
   * be written down instead of recorded.
   */
  void close(DeviceBatch lease, DeviceSlot slot) {
    boolean begun = device.beginCalls();
    try {
      if (isCapturing(lease.stream())) {
        throw captured();
      }
      DeviceEvent released;
      synchronized (monitor) {
        if (!lease.isOpen()) {
          return;
        }
        released = letGo(slot);
      }
      release(slot, lease.stream(), released);
    } finally {
      device.endCalls(begun);
    }
  }

  /**
   * Closes what loops that were left early still hold: those of the caller, and of threads that
   * have ended. Another thread may be about to queue work on its batch.
   */
  void closeAbandonedLoops() {
    for (int i = 0; i < deviceSlots.size(); i++) {
      DeviceSlot slot = deviceSlots.get(i);
      DeviceStream stream;
      synchronized (monitor) {
        stream = isAbandoned(slot) ? slot.leasedFor : null;
      }
      if (stream != null && !isCapturing(stream)) {
        close(slot, stream);
      }
    }
  }

  private boolean isAbandoned(DeviceSlot slot) {
    Thread holder = slot.holder;
    return slot.isInLoop
        && holder != null
        && (holder == Thread.currentThread() || !holder.isAlive());
  }

  /**
   * Whether there may be something to do later for {@link #closeAbandonedLoops} or {@link
   * #closeLeaked}, of which nobody will tell.
   */
  boolean mustLookAgain() {
    if (!leakedLeases.isEmpty()) {
      return true;
    }
    synchronized (monitor) {
      for (int i = 0; i < deviceSlots.size(); i++) {
        if (deviceSlots.get(i).isInLoop && deviceSlots.get(i).holder != null) {
          return true;
        }
      }
      return false;
    }
  }

  /** Closes a lease in place of its holder. */
  private void close(DeviceSlot slot, DeviceStream stream) {
    DeviceEvent released;
    synchronized (monitor) {
      if (slot.holder == null) {
        return; // another thread has done so
      }
      released = letGo(slot);
    }
    try {
      release(slot, stream, released);
    } catch (Throwable t) { // an Error too: the caller has more to give back
      // The loader is broken by it, and has said so.
    }
  }

  /** From now on the lease counts for the calling thread. */
  void passToCaller(DeviceBatch lease, DeviceSlot slot) {
    Thread caller = Thread.currentThread();
    if (slot.holder == caller) { // it got the lease itself
      return;
    }
    synchronized (monitor) {
      if (lease.isOpen()) {
        slot.holder = caller;
      }
    }
  }

  /** A lease was collected unclosed: on the cleaner's thread, which may not wait for a driver. */
  private record LeakedLease(Engine engine, DeviceSlot slot, DeviceStream stream)
      implements Runnable {
    @Override
    public void run() {
      engine.leakedLeases.add(this);
      engine.copyThread.wake();
    }
  }

  /** Closes the leases that were collected unclosed. */
  void closeLeaked() {
    LeakedLease lease = leakedLeases.peek();
    while (lease != null && !isCapturing(lease.stream)) {
      leakedLeases.remove();
      close(lease.slot, lease.stream);
      lease = leakedLeases.peek();
    }
  }

  /** From now on nobody holds the lease, but nobody may have the slot yet. */
  private DeviceEvent letGo(DeviceSlot slot) {
    ledger.letGo(slot);
    LeakReport report = slot.leakReport;
    if (report != null) {
      slot.leakReport = null;
      report.closed();
    }
    return memory(slot).fence.next();
  }

  /** Records <em>released</em> behind the consumer's work, then lets the slot be reused (I2). */
  private void release(DeviceSlot slot, DeviceStream stream, DeviceEvent released) {
    DeviceSlotMemory held = memory(slot);
    try {
      stream.record(released);
    } catch (Throwable t) {
      synchronized (monitor) {
        held.lostOn = stream;
        ledger.lose(slot, System.nanoTime());
      }
      breakDown(t);
      throw t;
    }
    boolean over = returnsAtOnce && isOver(released);
    boolean wakes;
    boolean copies;
    synchronized (monitor) {
      if (!over) {
        held.fence.recorded(released);
      }
      ledger.release(slot, System.nanoTime());
      if (over) {
        ledger.returned(slot, System.nanoTime());
        workerWakes.forSlots();
      } else if (settings.zeroCopy()) {
        stats.slotStillInUse(System.nanoTime());
      }
      boolean toCopy = ledger.canCopy() && !(workersCopy && workerWakes.one());
      copies = toCopy && workersCopy;
      wakes = (toCopy && !copies) || ledger.isStopped() || (settings.zeroCopy() && !over);
    }
    if (copies) {
      copyThread.copyOne(true); // at once, which takes no longer than a wake would
    }
    if (wakes) {
      copyThread.wake();
    }
  }

  /** Whether the consumer's work has run; if the device does not say, the copy thread will ask. */
  private static boolean isOver(DeviceEvent released) {
    try {
      return released.isComplete();
    } catch (DeviceException e) {
      return false;
    }
  }

  /** Waits for room in the queue without bound, but not in silence. */
  long submit(JobQueue jobs, Job job) throws InterruptedException {
    long asked = System.nanoTime();
    while (true) {
      long number = submitWithin(jobs, job, settings.warnAfterNanos());
      if (number != NO_ROOM) {
        return number;
      }
      tell(Level.WARNING, diagnoseFull(jobs, System.nanoTime() - asked), null);
    }
  }

  /** Waits for room in the queue for at most so long. */
  long submit(JobQueue jobs, Job job, long timeoutNanos)
      throws InterruptedException, BatchTimeoutException {
    long asked = System.nanoTime();
    long number = submitWithin(jobs, job, timeoutNanos);
    if (number == NO_ROOM) {
      throw timeout(diagnoseFull(jobs, System.nanoTime() - asked));
    }
    return number;
  }

  /** {@link #NO_ROOM} if the time is over; nothing is queued then. */
  private long submitWithin(JobQueue jobs, Job job, long timeoutNanos) throws InterruptedException {
    if (!PoolWait.isNeeded()) {
      return awaitRoom(jobs, job, timeoutNanos);
    }
    synchronized (monitor) {
      requireOpenFor(jobs);
      if (!jobs.isFull()) {
        return queue(jobs, job);
      }
    }
    return Objects.requireNonNull(PoolWait.run(() -> awaitRoom(jobs, job, timeoutNanos)));
  }

  private long awaitRoom(JobQueue jobs, Job job, long timeoutNanos) throws InterruptedException {
    long asked = System.nanoTime();
    synchronized (monitor) {
      requireOpenFor(jobs);
      while (jobs.isFull()) {
        long left = timeoutNanos - (System.nanoTime() - asked);
        if (left <= 0) {
          return NO_ROOM;
        }
        submittersWaiting++;
        try {
          TimeUnit.NANOSECONDS.timedWait(monitor, left);
        } finally {
          submittersWaiting--;
        }
        requireOpenFor(jobs);
      }
      return queue(jobs, job);
    }
  }

  /** False if there is no room in the queue. */
  boolean offer(JobQueue jobs, Job job) {
    synchronized (monitor) {
      requireOpenFor(jobs);
      if (jobs.isFull()) {
        return false;
      }
      queue(jobs, job);
      return true;
    }
  }

  /** No more jobs will come: what is queued is still delivered. */
  void endSubmissions(JobQueue jobs) {
    synchronized (monitor) {
      jobs.endSubmissions();
      lookForJobs(System.nanoTime());
      wakeConsumers(); // they may have had the last batch
      monitor.notifyAll(); // submitters
    }
  }

  private void requireOpenFor(JobQueue jobs) {
    requireUsable();
    if (jobs.hasEnded()) {
      throw new IllegalStateException(
          settings.name()
              + " takes no more jobs, because endSubmissions() was called: submit before that, or"
              + " start another queue");
    }
  }

  private long queue(JobQueue jobs, Job job) {
    long number = jobs.submit(job);
    lookForJobs(System.nanoTime());
    workerWakes.one();
    return number;
  }

  /**
   * Starts anew from the first undelivered index; what is being filled or copied is dropped when it
   * comes back (I4).
   */
  void reset() {
    synchronized (monitor) {
      requireUsable();
      long now = System.nanoTime();
      ledger.reset(now);
      lookForJobs(now);
      workerWakes.every();
      wakeConsumers(); // the number waited for may lie behind the end, and is not asked for again
    }
    copyThread.wake();
  }

  /** The position at an earlier moment, see {@link DeviceBatch#position()}. */
  Position position(long lowestOpen, long deliveries) {
    synchronized (monitor) {
      return source.position(lowestOpen, ledger.deliveredAbove(lowestOpen, deliveries).toArray());
    }
  }

  LoaderStats stats() {
    synchronized (monitor) {
      return stats.snapshot(System.nanoTime());
    }
  }

  // ---- the end

  /**
   * Stops everybody, waits within the bound for what is in use, and leaves the rest to whoever
   * finishes last (I7). Ignores interrupts but keeps the flag.
   */
  void close() {
    if (!PoolWait.isNeeded()) {
      closeNow();
      return;
    }
    try {
      PoolWait.<Void>run(
          () -> {
            closeNow();
            return null;
          });
    } catch (InterruptedException e) { // not by what waits
      Thread.currentThread().interrupt();
    }
  }

  private void closeNow() {
    long started = System.nanoTime();
    long bound = settings.closeTimeoutNanos();
    boolean again;
    synchronized (monitor) {
      again = closed;
      if (!again) {
        closing = true;
        unusable = true;
        closers.add(Thread.currentThread());
        ledger.stop(started);
        wakeEverybody();
      }
    }
    closeAbandonedLoops(); // the copy thread closes those of threads that end later
    if (again) {
      return;
    }
    boolean interrupted = false;
    if (settings.interruptTargets()) {
      interrupted = awaitEnd(started, bound / 2);
      interruptTargets();
    }
    interrupted |= awaitEnd(started, bound);
    interrupted |= joinThreads();
    reportEnd();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /**
   * Waits until all is given back but what the caller itself holds, and says so if the device is
   * slow to take memory back; returns whether it was interrupted meanwhile.
   */
  private boolean awaitEnd(long started, long bound) {
    Thread caller = Thread.currentThread();
    boolean interrupted = false;
    String slow;
    do {
      slow = null;
      synchronized (monitor) {
        while (slow == null && !hasEnded(caller)) {
          long now = System.nanoTime();
          long left = bound - (now - started);
          if (left <= 0) {
            break;
          }
          slow = takeSlowFree(now);
          if (slow == null) {
            try {
              TimeUnit.NANOSECONDS.timedWait(monitor, Math.min(left, SLOW_FREE_NANOS));
            } catch (InterruptedException e) {
              interrupted = true;
            }
          }
        }
      }
      if (slow != null) {
        tell(Level.WARNING, "close() is held up: " + describe(slow), null);
      }
    } while (slow != null);
    return interrupted;
  }

  /** What the device has not taken back for long; null if nothing, or if that has been told. */
  private @Nullable String takeSlowFree(long now) {
    String asked = memory.asked();
    if (toldOfSlowFree || asked == null || now - memory.askedNanos() < SLOW_FREE_NANOS) {
      return null;
    }
    toldOfSlowFree = true;
    return asked;
  }

  private String describe(String asked) {
    double seconds = (System.nanoTime() - memory.askedNanos()) / 1e9;
    return "%s has not taken back %s since it was asked %.3f s ago."
            .formatted(device.name(), asked, seconds)
        + " No work of this loader is queued any more, but a driver may wait for all work in its"
        + " context before it frees memory: look for a kernel or a stream of others that does not"
        + " come to an end";
  }

  /** Waits for the last instructions of threads that have ended; true if interrupted meanwhile. */
  private boolean joinThreads() {
    List<Thread> ending = new ArrayList<>();
    synchronized (monitor) {
      for (Worker worker : workers) {
        if (worker.ended) {
          ending.add(worker.thread);
        }
      }
      if (terminated) {
        ending.add(copyThread.thread);
      }
    }
    boolean interrupted = false;
    for (Thread thread : ending) {
      while (thread.isAlive()) {
        try {
          thread.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    return interrupted;
  }

  /**
   * Whether there is nothing left to wait for. A caller who holds something himself, a slot or the
   * worker he runs on, does not wait for it, nor for what others who are closing hold: they may be
   * waiting for his.
   */
  private boolean hasEnded(Thread caller) {
    if (slotsOf(caller) == 0 && !isWorker(caller)) {
      return terminated && workersLeft == 0;
    }
    int slots = 0;
    int closingWorkers = 0;
    for (Thread closer : closers) {
      slots += slotsOf(closer);
      closingWorkers += isWorker(closer) ? 1 : 0;
    }
    return workersLeft == closingWorkers && (terminated || slotsLeft == slots);
  }

  /** How many slots are in the hands of a thread: leased, or being filled by it. */
  private int slotsOf(Thread thread) {
    int slots = ledger.heldBy(thread) * (settings.zeroCopy() ? 2 : 1);
    for (Worker worker : workers) {
      slots += worker.thread == thread && worker.filling != null ? 1 : 0;
    }
    return slots;
  }

  private boolean isWorker(Thread thread) {
    for (Worker worker : workers) {
      if (worker.thread == thread && !worker.ended) {
        return true;
      }
    }
    return false;
  }

  /** Unless there is nothing to wait for any more; a target that is closing itself is let be. */
  private void interruptTargets() {
    synchronized (monitor) {
      if (hasEnded(Thread.currentThread())) {
        return;
      }
      for (Worker worker : workers) {
        if (worker.filling != null && !closers.contains(worker.thread)) {
          worker.thread.interrupt();
        }
      }
    }
  }

  /** Names what could not be given back, once. */
  private void reportEnd() {
    Diagnosis left;
    String asked;
    boolean told;
    synchronized (monitor) {
      if (closed) {
        return;
      }
      closed = true;
      left = terminated ? null : diagnosis();
      asked = memory.asked();
      told = toldOfSlowFree;
    }
    if (left != null && asked != null) {
      if (!told) {
        tell(Level.WARNING, "closed with memory still to be freed: " + describe(asked), null);
      }
    } else if (left != null) {
      tell(
          Level.WARNING,
          "closed with memory still in use; it is freed by whoever finishes last. " + left,
          null);
    }
  }

  /** Nobody will use the slot again. */
  void outOfUse(HostSlot slot) {
    synchronized (monitor) {
      slot.outOfUse = true;
      slotsLeft--;
      monitor.notifyAll();
    }
  }

  /** Nobody will use the slot again. */
  void outOfUse(DeviceSlot slot) {
    synchronized (monitor) {
      slot.outOfUse = true;
      slotsLeft--;
      monitor.notifyAll();
    }
  }

  /** The copy thread has given back all it could. */
  void terminated() {
    List<String> refused = memory.refused();
    if (!refused.isEmpty()) {
      tell(
          Level.WARNING,
          "not given back to " + device.name() + ": " + String.join(", ", refused),
          null);
    }
    synchronized (monitor) {
      terminated = true;
      monitor.notifyAll();
    }
  }

  // ---- under the monitor

  /** The number of jobs to be had may have changed. */
  private void lookForJobs(long now) {
    stats.dry(source.mayGrow() && !ledger.hasNumbersLeft(), now);
  }

  /** The lowest open number may have moved on. */
  private void hasMoved() {
    if (ledger.windowHasMoved()) {
      workerWakes.every();
    }
    if (ledger.isExhausted()) {
      wakeConsumers();
    }
    if (submittersWaiting > 0) {
      monitor.notifyAll();
    }
  }

  private LoaderClosedException isClosed() {
    return new LoaderClosedException(settings.name() + " is closed: start another one");
  }

  private void requireUsable() {
    if (closing) {
      throw isClosed();
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

  private void wakeConsumers() {
    patience.tell();
    watch.tell();
    if (consumersWaiting > 0) {
      monitor.notifyAll();
    }
  }

  private void wakeEverybody() {
    patience.tell();
    watch.tell();
    monitor.notifyAll();
    workerWakes.every();
    copyThread.wake();
  }

  /** Logs; a logger that throws must not cost a slot or a thread. */
  private void tell(Level level, String text, @Nullable Throwable thrown) {
    try {
      LOG.log(level, settings.name() + ": " + text, thrown);
    } catch (RuntimeException e) {
      // There is nobody left to tell.
    }
  }

  private String diagnose(long waitedNanos) {
    Diagnosis diagnosis;
    synchronized (monitor) {
      diagnosis = diagnosis();
    }
    return diagnosis.afterWaiting(waitedNanos);
  }

  private String diagnoseFull(JobQueue jobs, long waitedNanos) {
    Diagnosis diagnosis;
    synchronized (monitor) {
      diagnosis = diagnosis();
    }
    return diagnosis.afterWaitingForRoom(waitedNanos, jobs.capacity());
  }

  private Diagnosis diagnosis() {
    return new Diagnosis(ledger, source, workers, System.nanoTime());
  }
}
