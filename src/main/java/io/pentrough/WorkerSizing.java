package io.pentrough;

import io.pentrough.BottleneckAnalysis.Part;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How many workers a pipeline should have, and whether more of them help at all.
 *
 * <p>More workers also need cores, so advice to add some never promises more than the cores allow.
 * They need slots, too.
 */
final class WorkerSizing {

  /** More workers at once are not advised: the disk or the network has limits of its own. */
  private static final int MAX_GROWTH = 4;

  /** From this number of waits for a monitor in a fill on, workers hinder each other. */
  private static final double CONTENDED = 0.2;

  private final PipelineModel model;
  private final BottleneckAnalysis of;

  WorkerSizing(PipelineModel model) {
    this.model = model;
    of = model.of;
  }

  /**
   * More workers.
   *
   * @param hostSlots the slots that they need, as {@code deviceSlots}
   * @param period the least time for a batch with these workers
   * @param isEnough whether nothing else need be done about the target
   */
  record Workers(int count, int hostSlots, int deviceSlots, double period, boolean isEnough) {}

  /** Null if more of them would not help, or nobody knows whether they would. */
  @Nullable Workers more(Set<Part> changed) {
    if (whyNoMore() != null) {
      return null;
    }
    PipelineSetup setup = model.setup;
    double needed = model.periodAfter(changed);
    double reachable = model.reachable(needed);
    int most = Math.min(LoaderBuilder.MAX_THREADS_OR_SLOTS, of.workers * MAX_GROWTH);
    if (model.cpu.unknown != null) {
      most = Math.min(most, of.cores);
    }
    int exact = (int) Math.ceil(model.fillNanos / reachable - PipelineModel.TOLERANCE);
    int count = Math.min(most, Math.max(of.workers + 1, exact));
    double target = Math.max(reachable, model.fillNanos / count);
    boolean slotsFollow = setup.hostSlots() == LoaderBuilder.usualHostSlots(of.workers);
    int least =
        slotsFollow ? LoaderBuilder.usualHostSlots(count) : Math.max(setup.hostSlots(), count);
    int host = model.hostSlotsFor(model.fillsVary(least) ? 0.8 * target : target, least);
    int device = model.deviceSlotsFor(target, setup.deviceSlots());
    double after = model.together(target, host, device);
    return new Workers(count, host, device, after, after <= needed * (1 + PipelineModel.TOLERANCE));
  }

  /** Why more workers would not help, for people; null if they may. */
  @Nullable String whyNoMore() {
    ThreadUsage threads = model.totals.threads();
    if (of.workers > 1) {
      long fills = Math.max(1, model.totals.fills().count());
      if (threads.blocked() >= CONTENDED * fills && !of.isRapid()) {
        return "more workers would not help, as they block each other %.1f times in a fill"
            .formatted((double) threads.blocked() / fills);
      }
      if (threads.waiting() * 2 >= of.workers - 1 && threads.waiting() > 0) {
        return "more workers would not help, as %d of %d waited for a lock that a thread held"
            .formatted(threads.waiting(), of.workers);
      }
    }
    if (model.cpu.unknown != null) {
      return of.workers < of.cores
          ? null
          : "with %d cores, more workers gain only if it waits, as for a disk; %s"
              .formatted(of.cores, model.cpu.unknown);
    }
    return model.cpu.period > model.period * (1 - BottleneckAnalysis.FED)
        ? "more workers would not help, as workers and loop keep the %d cores busy"
            .formatted(of.cores)
        : null;
  }
}
