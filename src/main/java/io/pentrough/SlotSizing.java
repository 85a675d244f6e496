package io.pentrough;

import static io.pentrough.BottleneckAnalysis.NOTHING;

import io.pentrough.BottleneckAnalysis.Part;
import org.jspecify.annotations.Nullable;

/**
 * How many slots a pipeline should have whose sides wait for each other in turns: so many more that
 * each side can work through what the other one usually waits for.
 */
final class SlotSizing {

  /** If the slots alone explain this share of the time for a batch, they are the limit. */
  private static final double SLOTS_LIMIT = 0.8;

  private final PipelineModel model;
  private final BottleneckAnalysis of;

  SlotSizing(PipelineModel model) {
    this.model = model;
    of = model.of;
  }

  /**
   * The slots of a pipeline.
   *
   * @param period the least time for a batch with these slots
   * @param waitNanos how long the two sides usually wait for each other
   * @param isEnough whether more slots than these would not help
   */
  record Slots(int host, int device, double period, double waitNanos, boolean isEnough) {}

  /** Null if the loop may wait for its own work and not for slots. */
  @Nullable Slots more() {
    PipelineSetup setup = model.setup;
    double period = model.period;
    double target = model.reachable(model.periodAfter(NOTHING));
    double now =
        Math.max(model.hostPeriod(setup.hostSlots()), model.devicePeriod(setup.deviceSlots()));
    boolean fewSlots = now >= SLOTS_LIMIT * period && now > target * (1 + PipelineModel.TOLERANCE);
    if (model.isLoopUnknown() && !fewSlots) {
      return null;
    }
    Waits workers = waits(model.totals.slotWaits(), of.workers, of.idle);
    Waits loop = waits(model.totals.consumerWaits(), 1, of.starved);
    double fill = period * of.work(Part.TARGET);
    double copy = period * Math.max(of.work(Part.COPY), of.work(Part.STAGE));
    // A ring must stand behind what is slow, to keep what it makes while the loop pauses.
    boolean behindFills = !fewSlots && (fill >= copy / 2 || model.isMapped());
    boolean behindCopies = !fewSlots && copy >= fill / 2 && !model.isMapped();
    double moreOnHost = behindFills ? needed(workers, loop, fill) : 0;
    double moreOnDevice = behindCopies ? needed(workers, loop, copy) : 0;
    int host = added(setup.hostSlots(), moreOnHost);
    int device = added(setup.deviceSlots(), moreOnDevice);
    double share =
        Math.min(
            moreOnHost <= 0 ? 1 : (host - setup.hostSlots()) / moreOnHost,
            moreOnDevice <= 0 ? 1 : (device - setup.deviceSlots()) / moreOnDevice);
    host = model.hostSlotsFor(target, host);
    device = model.deviceSlotsFor(target, device);
    // Each slot saves the time of one batch in each pause.
    double least = Math.max(model.periodAfter(NOTHING), model.cpu.period);
    double after = period - Math.min(1, share) * (period - least);
    return new Slots(
        host,
        device,
        model.together(after, host, device),
        Math.max(workers.nanos, loop.nanos),
        after <= target);
  }

  private static int added(int from, double needed) {
    return needed > 0
        ? (int) Math.min(PipelineModel.maxSlots(from), from + Math.ceil(needed))
        : from;
  }

  /**
   * The waits of one side.
   *
   * @param nanos the length of those that matter: rare long ones, or the usual ones
   * @param batches how many batches are delivered between two of them
   */
  private record Waits(double nanos, double batches) {}

  /** If no wait was timed, all are as long. */
  private Waits waits(Histogram timed, int threads, double share) {
    if (timed.sum() == 0) {
      return new Waits(share * model.period * threads, 1);
    }
    double nanos = Math.max(timed.percentile(99), timed.medianOfTime());
    return new Waits(nanos, model.totals.batches() * nanos * threads / timed.sum());
  }

  /** The batches that a part makes while the other side waits, or that are wanted at once. */
  private static double needed(Waits workers, Waits loop, double nanos) {
    return Math.max(
        Math.min(workers.nanos / nanos, workers.batches),
        Math.min(loop.nanos / nanos, loop.batches));
  }
}
