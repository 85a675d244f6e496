package io.pentrough;

import io.pentrough.BottleneckAnalysis.Part;
import java.util.Set;
import java.util.function.IntToDoubleFunction;

/**
 * The time for a batch, as it was measured and as it would be after a change. A period is the time
 * from one batch to the next, in nanoseconds; times are means for a delivered batch.
 *
 * <p>It follows the law of {@link BottleneckAnalysis}. The part that is busiest after the change,
 * or the loop, needs its time for each batch, and no batch comes sooner. Slots and cores are limits
 * of the same kind.
 */
final class PipelineModel {

  /** A value this much below the one that is needed is enough: a mean is no more accurate. */
  static final double TOLERANCE = 0.02;

  /** A loop that waits for so much of the time may have its work on the device. */
  private static final double LOOP_UNKNOWN = 0.9;

  /** At most this multiple of the slots is advised at once, because they take memory. */
  private static final int MAX_SLOT_GROWTH = 4;

  /** If there are few slots, this number of additional ones may be advised. */
  private static final int MAX_MORE_SLOTS = 16;

  final BottleneckAnalysis of;
  final PipelineSetup setup;
  final LoaderTotals totals;

  /** The period that was measured. */
  final double period;

  /** What workers need for each delivered batch: more than a fill if fills fail or are retried. */
  final double fillNanos;

  final CpuLimit cpu;

  PipelineModel(BottleneckAnalysis of, PipelineSetup setup, LoaderTotals totals) {
    this.of = of;
    this.setup = setup;
    this.totals = totals;
    period = of.batches == 0 ? 0 : (double) of.times.elapsed() / of.batches;
    double mean = (double) totals.fills().sum() / Math.max(1, totals.fills().count());
    fillNanos = Math.max(mean, period * of.work(Part.TARGET) * of.workers);
    cpu = new CpuLimit(of, totals, period, fillNanos);
  }

  /** The time that a part needs for a batch; for the target, the mean of the workers. */
  double nanosOf(Part part) {
    return period * (part == Part.LOOP ? of.loopsDeviceWork() : of.work(part));
  }

  /** The least period when these parts need no time; without any, when nobody waits. */
  double periodAfter(Set<Part> changed) {
    return period * Math.max(0.01, 1 - of.gain(changed));
  }

  /**
   * The least period that can be promised. A loop that queues its work on the device and gives
   * batches back at once seems to need no time for them.
   */
  double reachable(double needed) {
    double known = isLoopUnknown() ? period / 2 : 0;
    return Math.max(known, Math.max(needed, cpu.period));
  }

  /** Whether the loop waits nearly always, perhaps for its own work on the device. */
  boolean isLoopUnknown() {
    return of.starved >= LOOP_UNKNOWN;
  }

  /** Whether nothing is copied, so that both rings are the same. */
  boolean isMapped() {
    return totals.copies().count() == 0 && of.times.copying() == 0;
  }

  // ---- slots

  /**
   * The least period with this number of host slots. One is in use from the claim until the batch
   * has been copied. Batches are copied in order, so the slots of those after a slow fill wait for
   * it.
   */
  double hostPeriod(int slots) {
    double behind = isMapped() ? loopNanos() : period * of.work(Part.COPY);
    return (Math.max(totals.fills().expectedMax(slots), fillNanos) + behind) / slots;
  }

  /**
   * The least period with this number of device slots. One is in use from the copy until the loop
   * gives the batch back.
   */
  double devicePeriod(int slots) {
    double copies = period * (of.work(Part.COPY) + of.work(Part.STAGE));
    return isMapped() ? 0 : (copies + loopNanos()) / slots;
  }

  /** With the work on the device that is seen. */
  private double loopNanos() {
    return period * (1 - of.starved + of.times.heldUpShare());
  }

  /**
   * What is left of a period when slots allow another one. Slow fills come at random, so at times
   * the slots are the limit although on average they are not.
   */
  double together(double target, int host, int device) {
    double slots = Math.max(hostPeriod(host), devicePeriod(device));
    return fillsVary(host)
        ? Math.cbrt(Math.pow(target, 3) + Math.pow(slots, 3))
        : Math.max(target, slots);
  }

  boolean fillsVary(int slots) {
    return totals.fills().expectedMax(slots) > 1.5 * fillNanos;
  }

  /**
   * The fewest host slots that allow a period; the most that may be advised, if they do not.
   *
   * @param from the least number of slots
   */
  int hostSlotsFor(double target, int from) {
    return fewest(target, from, this::hostPeriod);
  }

  /** As {@link #hostSlotsFor}. */
  int deviceSlotsFor(double target, int from) {
    return fewest(target, from, this::devicePeriod);
  }

  private static int fewest(double target, int from, IntToDoubleFunction periodOf) {
    int few = from;
    int many = maxSlots(from);
    while (few < many) { // the period never grows with the slots
      int middle = (few + many) >>> 1;
      if (periodOf.applyAsDouble(middle) <= target * (1 + TOLERANCE)) {
        many = middle;
      } else {
        few = middle + 1;
      }
    }
    return few;
  }

  /** The most slots that may be advised if there is this number now. */
  static int maxSlots(int slots) {
    return Math.min(
        LoaderBuilder.MAX_THREADS_OR_SLOTS,
        Math.max(slots * MAX_SLOT_GROWTH, slots + MAX_MORE_SLOTS));
  }
}
