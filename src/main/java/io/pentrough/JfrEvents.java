package io.pentrough;

import io.pentrough.Trace.Step;
import java.util.function.Supplier;
import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.FlightRecorder;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.Percentage;
import jdk.jfr.Period;
import jdk.jfr.StackTrace;
import jdk.jfr.Threshold;
import jdk.jfr.Timespan;
import org.jspecify.annotations.Nullable;

/**
 * The events of the JDK Flight Recorder. Only {@link Jfr} refers to this class, which cannot be
 * loaded where there is no module {@code jdk.jfr}.
 *
 * <p>{@code Batch} and {@code Loader} are instants that carry times of the {@link Trace} and the
 * {@link LoaderStats}. {@code Fill} and {@code Get} last from the Flight Recorder's begin to its
 * end, because that is what the threshold of a recording is compared with. An event is made, and
 * its clock is read, only if a recording asks for it.
 *
 * <p>What was thrown is recorded as its class and not as the name of that: JDK 17 loses strings of
 * 16 characters or more in later recordings of a JVM.
 */
final class JfrEvents {

  private static final String CATEGORY = "Pentrough";

  // Never recorded: asked whether others are, which costs no heap.
  private static final BatchEvent ANY_BATCH = new BatchEvent();
  private static final FillEvent ANY_FILL = new FillEvent();
  private static final GetEvent ANY_GET = new GetEvent();
  private static final LoaderEvent ANY_LOADER = new LoaderEvent();

  private JfrEvents() {}

  /** Throws a {@link LinkageError} if this class cannot be loaded. */
  static void load() {}

  static Jfr.@Nullable Fill fill() {
    if (!ANY_FILL.isEnabled()) {
      return null;
    }
    FillEvent event = new FillEvent();
    event.begin();
    return event;
  }

  static Jfr.@Nullable Get get() {
    if (!ANY_GET.isEnabled()) {
      return null;
    }
    GetEvent event = new GetEvent();
    event.begin();
    return event;
  }

  static boolean wantsBatches() {
    return ANY_BATCH.isEnabled();
  }

  static void batch(String loader, long startedAt, TraceEntry over) {
    BatchEvent event = new BatchEvent();
    event.loader = loader;
    event.epoch = over.epoch;
    event.index = over.index;
    event.result = over.result.name();
    event.cause = over.cause;
    event.consumer = over.consumer;
    event.worker = over.worker;
    event.hostSlot = over.hostSlot;
    event.deviceSlot = over.deviceSlot;
    event.attempts = over.attempts;
    event.begin = over.at(Step.REQUESTED) - startedAt;
    event.slotWait = over.between(Step.REQUESTED, Step.CLAIMED);
    event.fill = over.between(Step.FILL_STARTED, Step.FILLED);
    event.deviceSlotWait = over.between(Step.FILLED, Step.RESERVED);
    event.copyWait = over.between(Step.RESERVED, Step.COPY_STARTED);
    event.copy = over.between(Step.COPY_STARTED, Step.COPIED);
    event.stages = over.between(Step.COPIED, Step.READY);
    event.ready = over.between(Step.READY, Step.TAKEN);
    event.use = over.between(Step.TAKEN, Step.CLOSED);
    event.stillInUse = over.between(Step.CLOSED, Step.FREED);
    event.total = over.between(Step.REQUESTED, Step.FREED);
    event.get = over.between(Step.ASKED, Step.TAKEN);
    event.commit();
  }

  /** A loader is told of at intervals, until what this returns is run. */
  static Runnable watch(Trace.Setup setup, Supplier<LoaderStats> stats) {
    LoaderWatch watch = new LoaderWatch(setup, stats);
    FlightRecorder.addPeriodicEvent(LoaderEvent.class, watch);
    return watch::end;
  }

  /** A class of its own: loaded without the events, as that takes no time. */
  static final class Recorder {

    private Recorder() {}

    /** Whether there is, or has been, a recording. */
    static boolean isInUse() {
      return FlightRecorder.isInitialized();
    }
  }

  @Name("pentrough.Batch")
  @Label("Batch")
  @Description(
      "A batch is over. A time of N/A means that the batch did not get there, or was taken before.")
  @Category(CATEGORY)
  @StackTrace(false)
  static final class BatchEvent extends Event {
    @Label("Loader")
    @Nullable String loader;

    @Label("Epoch")
    int epoch;

    @Label("Index")
    @Description("In its epoch; the number of the job, if the loader is a queue")
    long index;

    @Label("Result")
    @Nullable String result;

    @Label("Cause")
    @Description("What made the batch fail")
    @Nullable Class<?> cause;

    @Label("Consumer")
    @Description("The thread that called get")
    @Nullable String consumer;

    @Label("Worker")
    int worker;

    @Label("Host Slot")
    int hostSlot;

    @Label("Device Slot")
    @Description("-1 if the batch did not get one")
    int deviceSlot;

    @Label("Attempts")
    @Description("How often the target was called")
    int attempts;

    @Label("Begin")
    @Description("When the worker began to wait for a slot, since the start of the loader")
    @Timespan(Timespan.NANOSECONDS)
    long begin;

    @Label("Wait for Host Slot")
    @Description("The worker waited for a host slot, or for a job")
    @Timespan(Timespan.NANOSECONDS)
    long slotWait;

    @Label("Fill")
    @Timespan(Timespan.NANOSECONDS)
    long fill;

    @Label("Wait for Device Slot")
    @Timespan(Timespan.NANOSECONDS)
    long deviceSlotWait;

    @Label("Wait for Copy")
    @Description("The copy waited for its turn, or for work of the loop")
    @Timespan(Timespan.NANOSECONDS)
    long copyWait;

    @Label("Copy")
    @Description("Until the loader saw its end, so at most")
    @Timespan(Timespan.NANOSECONDS)
    long copy;

    @Label("Stages")
    @Timespan(Timespan.NANOSECONDS)
    long stages;

    @Label("Ready")
    @Description("The batch was ready and waited for the loop")
    @Timespan(Timespan.NANOSECONDS)
    long ready;

    @Label("Use")
    @Description("From get to close")
    @Timespan(Timespan.NANOSECONDS)
    long use;

    @Label("Still in Use")
    @Description("From close until the slot was free: work of the loop still ran")
    @Timespan(Timespan.NANOSECONDS)
    long stillInUse;

    @Label("Total")
    @Description("From Begin until the last slot was free")
    @Timespan(Timespan.NANOSECONDS)
    long total;

    @Label("Get")
    @Description("How long the get that was given this batch waited")
    @Timespan(Timespan.NANOSECONDS)
    long get;
  }

  @Name("pentrough.Fill")
  @Label("Fill")
  @Description("A call of a target")
  @Category(CATEGORY)
  @StackTrace(false)
  @Threshold("10 ms")
  static final class FillEvent extends Event implements Jfr.Fill {
    @Label("Loader")
    @Nullable String loader;

    @Label("Epoch")
    int epoch;

    @Label("Index")
    long index;

    @Label("Worker")
    int worker;

    @Label("Attempt")
    @Description("From 1")
    int attempt;

    @Label("Thrown")
    @Description("By the target")
    @Nullable Class<?> thrown;

    @Override
    public void ended(String ofLoader, HostSlot slot, int ofAttempt, @Nullable Throwable failure) {
      end();
      if (shouldCommit()) {
        loader = ofLoader;
        epoch = slot.epoch;
        index = slot.index;
        worker = slot.worker;
        attempt = ofAttempt;
        thrown = failure == null ? null : failure.getClass();
        commit();
      }
    }
  }

  @Name("pentrough.Get")
  @Label("Get")
  @Description("A call of get, until it returned a batch, threw, or logged that it still waits")
  @Category(CATEGORY)
  @StackTrace(false)
  @Threshold("10 ms")
  static final class GetEvent extends Event implements Jfr.Get {
    @Label("Loader")
    @Nullable String loader;

    @Label("Epoch")
    @Description("-1 if there was no batch")
    int epoch = -1;

    @Label("Index")
    @Description("-1 if there was no batch")
    long index = -1;

    @Label("Queued")
    @Description("Whether it was getQueued")
    boolean queued;

    @Label("Thrown")
    @Description("By get")
    @Nullable Class<?> thrown;

    @Override
    public void ended(
        String ofLoader,
        boolean onlyQueued,
        @Nullable DeviceBatch found,
        @Nullable Throwable failure) {
      end();
      if (shouldCommit()) {
        loader = ofLoader;
        queued = onlyQueued;
        thrown = failure == null ? null : failure.getClass();
        if (found != null) {
          epoch = found.epoch();
          index = found.index();
        } else if (failure instanceof TargetException target) {
          epoch = target.epoch();
          index = target.index();
        }
        commit();
      }
    }
  }

  @Name("pentrough.Loader")
  @Label("Loader")
  @Description("What a loader did since its last event; the counts are from its start")
  @Category(CATEGORY)
  @StackTrace(false)
  @Period("1 s")
  static final class LoaderEvent extends Event {
    @Label("Loader")
    @Nullable String loader;

    @Label("Device")
    @Nullable String device;

    @Label("Workers")
    int workers;

    @Label("Host Slots")
    int hostSlots;

    @Label("Device Slots")
    int deviceSlots;

    @Label("Batches")
    @Description("Delivered")
    long batches;

    @Label("Bytes")
    @Description("Delivered")
    @DataAmount
    long bytes;

    @Label("Failures")
    @Description("Calls of the target that threw")
    long failures;

    @Label("Skips")
    @Description("Batches that were left out")
    long skips;

    @Label("Bad Samples")
    long badSamples;

    @Label("Interval")
    @Description("The time since the last event, which what follows is of")
    @Timespan(Timespan.NANOSECONDS)
    long interval;

    @Label("Batches per Second")
    float batchesPerSecond;

    @Label("Loop Waited")
    @Description("No batch was ready")
    @Percentage
    float loopWaited;

    @Label("Workers Waited")
    @Description("For a host slot")
    @Percentage
    float workersWaited;

    @Label("Workers without Job")
    @Percentage
    float workersWithoutJob;

    @Label("Copying")
    @Percentage
    float copying;

    @Label("Copies Held Up")
    @Description("The next copy waited for work of the loop")
    @Percentage
    float copiesHeldUp;

    @Label("Stages at Work")
    @Percentage
    float stagesAtWork;

    @Label("Bottleneck")
    @Nullable String bottleneck;
  }

  /** Tells of one loader: on a thread of the Flight Recorder, and in the end by who closes it. */
  private static final class LoaderWatch implements Runnable {

    private final Trace.Setup setup;
    private final Supplier<LoaderStats> stats;
    private @Nullable LoaderStats last;
    private boolean ended;

    LoaderWatch(Trace.Setup setup, Supplier<LoaderStats> stats) {
      this.setup = setup;
      this.stats = stats;
    }

    @Override
    public synchronized void run() {
      if (!ended) {
        tell();
      }
    }

    void end() {
      FlightRecorder.removePeriodicEvent(this);
      synchronized (this) {
        if (!ended) {
          ended = true;
          tell();
        }
      }
    }

    private void tell() {
      if (!ANY_LOADER.isEnabled()) {
        return;
      }
      LoaderEvent event = new LoaderEvent();
      LoaderStats all = stats.get();
      LoaderStats since = last == null ? all : all.minus(last);
      last = all;
      event.loader = setup.loader();
      event.device = setup.device();
      event.workers = setup.workers();
      event.hostSlots = setup.hostSlots();
      event.deviceSlots = setup.deviceSlots();
      event.batches = all.batches();
      event.bytes = all.bytes();
      event.failures = all.failures();
      event.skips = all.skips();
      event.badSamples = all.badSamples();
      event.interval = since.elapsed().toNanos();
      event.batchesPerSecond = (float) since.batchesPerSecond();
      event.loopWaited = (float) since.starvedShare();
      event.workersWaited = (float) since.workerIdleShare();
      event.workersWithoutJob = (float) since.workerJoblessShare();
      event.copying = (float) since.copyBusyShare();
      event.copiesHeldUp = (float) since.copyHeldUpShare();
      event.stagesAtWork = (float) since.stageBusyShare();
      event.bottleneck = since.bottleneck().name();
      event.commit();
    }
  }
}
