package io.pentrough;

import io.pentrough.LoaderStats.Bottleneck;
import io.pentrough.LoaderStats.Timing;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Finds the part that limits a pipeline, from the shares of time in which each part was at work.
 * {@link BottleneckEvidence} puts the result into words, {@link Advisor} into numbers.
 *
 * <p>It follows the utilization law: however fast the other parts become, a part that was at work
 * for some share of the time still needs that time. So a change to one part gains at most the share
 * in which the busiest of the other parts did not work. No change to the loader gains more than the
 * share in which the loop waited.
 *
 * <p>Advice states that bound, and is not given where the bound is below {@link #FED}. A program
 * near a threshold may get one bottleneck now and another one later. It never gets two pieces of
 * advice for large gains that contradict each other.
 */
final class BottleneckAnalysis {

  /** A loop that waits for less than this share of the time is fed. */
  static final double FED = 0.10;

  /** From this share of the time on, a part is at work nearly always. */
  static final double SATURATED = 0.75;

  /** From this share of the workers' time on, missing jobs are why a loop starves. */
  static final double NO_JOBS = 0.10;

  /** Fewer batches are judged only after {@link #LONG_NANOS}. */
  static final int FEW_BATCHES = 10;

  static final long LONG_NANOS = 1_000_000_000;

  /** In less time than this, the shares depend on the scheduler. */
  static final long SHORT_NANOS = 25_000_000;

  /** So many batches are judged even then, as their number is the same in every run. */
  static final int MANY_BATCHES = 500;

  /**
   * Batches that come more often than this are rapid. Then waking threads, and waiting until they
   * get a core, takes a notable share of the time.
   */
  static final long RAPID_NANOS = 1_000_000;

  /** The time to wake a thread until it runs. Work that takes no longer limits nothing. */
  static final long WAKE_NANOS = 25_000;

  /** Up to this size, the time of a copy depends on latency more than on bytes. */
  static final long SMALL_BYTES = 256 << 10;

  /** From this share of the time on, copies that are held up are significant. */
  private static final double NOTABLE = 0.02;

  /** A part that is at work for less than this share of the time limits nothing alone. */
  static final double BUSY = 0.5;

  /** A part that may limit the pipeline. */
  enum Part {
    STAGE(Bottleneck.STAGE, "let the stages do less, or fuse them"),
    COPY(Bottleneck.COPY, "copy fewer bytes, for example a narrower type that the device expands"),
    TARGET(Bottleneck.PRODUCER, "make the target faster"),
    JOBS(Bottleneck.SUBMITTER, "submit further ahead"),
    /** The loop's own work on the device, if copies have to wait for it. */
    LOOP(Bottleneck.CONSUMER, "let the loop do less on the device");

    final Bottleneck bottleneck;
    final String cure;

    Part(Bottleneck bottleneck, String cure) {
      this.bottleneck = bottleneck;
      this.cure = cure;
    }
  }

  static final Set<Part> NOTHING = EnumSet.noneOf(Part.class);

  final PipelineTimes times;
  final int cores;
  final int workers;
  private final int deviceSlots;
  private final boolean fillsAreLong;
  private final boolean copiesAreLong;
  private final boolean stagesAreLong;

  final long batches;

  /** The share of the time in which the loop waited. */
  final double starved;

  /** The shares of the workers' time in which they waited for a slot, and for a job. */
  final double idle;

  final double workersStarved;

  /** The parts that must change, all of them, before anything is gained. */
  final Set<Part> limiting = EnumSet.noneOf(Part.class);

  private final Bottleneck bottleneck;

  /**
   * Judges.
   *
   * @param times the times after the first batch was ready, because before that every loop waits
   * @param batches how many batches were delivered
   * @param bytes the size of these batches
   */
  BottleneckAnalysis(
      PipelineSetup setup,
      PipelineTimes times,
      long batches,
      long bytes,
      Timing fills,
      Timing copies,
      Timing stages) {
    this.times = times;
    this.batches = batches;
    cores = setup.cores();
    workers = setup.workers();
    deviceSlots = setup.deviceSlots();
    starved = times.starvedShare();
    idle = times.idleShare(workers);
    workersStarved = times.workerStarvedShare(workers);
    boolean small = bytes <= batches * SMALL_BYTES;
    fillsAreLong = !isRapid() || isLong(fills, WAKE_NANOS);
    copiesAreLong = !isRapid() || isLong(copies, small ? 4 * WAKE_NANOS : WAKE_NANOS);
    stagesAreLong = !isRapid() || isLong(stages, 4 * WAKE_NANOS);
    bottleneck = judge();
  }

  /** By the median, as a busy machine interrupts calls and so raises the mean. */
  private static boolean isLong(Timing timing, long nanos) {
    return timing.p50Nanos() >= nanos || timing.meanNanos() >= 4 * nanos;
  }

  Bottleneck bottleneck() {
    return bottleneck;
  }

  private Bottleneck judge() {
    if (!isEnough()) {
      return Bottleneck.BALANCED;
    }
    if (times.elapsed() / WAKE_NANOS < batches) {
      return Bottleneck.OVERHEAD; // to get and close a batch alone takes a good part of that
    }
    if (starved < FED) {
      return Bottleneck.CONSUMER;
    }
    Part limit = limit();
    if (limit == null) {
      return isRapid() || nobodyWorks() >= starved / 2 ? Bottleneck.OVERHEAD : Bottleneck.BALANCED;
    }
    limiting.add(limit);
    while (gain(limiting) < FED) {
      limiting.add(busiest(limiting)); // to change one without the other gains next to nothing
    }
    return limit.bottleneck;
  }

  /** Whether there are enough batches, in enough time, to judge by. */
  boolean isEnough() {
    if (batches < FEW_BATCHES) {
      return batches > 0 && times.elapsed() >= LONG_NANOS;
    }
    return batches >= MANY_BATCHES || times.elapsed() >= SHORT_NANOS;
  }

  boolean isRapid() {
    return times.elapsed() / RAPID_NANOS < batches;
  }

  /** The part that limits a pipeline whose loop waits; null if no part does alone. */
  private @Nullable Part limit() {
    Part limit = null;
    double max = 0;
    for (Part part : Part.values()) {
      if (couldLimit(part) && work(part) > max) {
        limit = part;
        max = work(part);
      }
    }
    if (limit != null && !isClear(limit)) {
      limit = null;
    }
    if (limit != null && limit != Part.TARGET) {
      return limit;
    }
    if (workersStarved >= NO_JOBS && workersStarved > idle) {
      return Part.JOBS;
    }
    return starved >= idle ? limit : null;
  }

  /** Whether the busiest part is so busy that it limits the pipeline, whatever the others do. */
  private boolean isClear(Part busiest) {
    double share = work(busiest);
    if (share >= SATURATED) {
      return true;
    }
    return isRapid() // then no part is saturated, as waking threads takes some of the time
        ? busiest != Part.TARGET && share >= starved / 2
        : share >= BUSY && gain(EnumSet.of(busiest)) >= 2 * gain(NOTHING);
  }

  boolean couldLimit(Part part) {
    return switch (part) {
      case STAGE -> stagesAreLong;
      case COPY -> copiesAreLong && !copiesWaitForTheLoop();
      case TARGET -> fillsAreLong;
      case LOOP -> true;
      case JOBS -> false; // no work, but a lack of it
    };
  }

  /** The share of the time in which a part was at work; for the target, the mean of the workers. */
  double work(Part part) {
    return switch (part) {
      case STAGE -> times.stagingShare();
      case COPY -> times.copyingShare();
      case TARGET -> Math.max(0, 1 - idle - workersStarved);
      case LOOP -> times.heldUpShare() + (copiesWaitForTheLoop() ? times.copyingShare() : 0);
      case JOBS -> 0;
    };
  }

  /**
   * Whether copies wait for the loop's work on the device. With one device slot the two take turns.
   * With more, a copy waits only if the work on every slot is late.
   */
  private boolean copiesWaitForTheLoop() {
    return deviceSlots > 1 && times.heldUpShare() >= FED;
  }

  /** A lower bound of the share of the time in which the loop waited and no part was at work. */
  private double nobodyWorks() {
    return starved
        - workers * (1 - idle)
        - times.copyingShare()
        - times.heldUpShare()
        - times.stagingShare();
  }

  /** The busiest part except these. */
  Part busiest(Set<Part> others) {
    Part busiest = Part.JOBS;
    for (Part part : Part.values()) {
      if (!others.contains(part) && (busiest == Part.JOBS || work(part) > work(busiest))) {
        busiest = part;
      }
    }
    return busiest;
  }

  /** At most this share of the time is gained by changing these parts; of none, by more slots. */
  double gain(Set<Part> changed) {
    return Math.min(starved, 1 - work(busiest(changed)));
  }

  /**
   * The parts to change, together, if a part limits the pipeline; empty if the loop does, so that
   * nothing is gained.
   */
  Set<Part> toChange() {
    boolean loopAndCopies = bottleneck == Bottleneck.COPY && copiesTakeAsLongAsTheLoop();
    if (bottleneck != Bottleneck.CONSUMER && !loopAndCopies) {
      return limiting;
    }
    if (starved < FED) {
      return NOTHING;
    }
    Set<Part> changed = EnumSet.copyOf(limiting);
    changed.add(Part.LOOP);
    if (copiesTakeAsLongAsTheLoop()) {
      changed.add(Part.COPY);
    }
    return changed.size() == 1 && gain(NOTHING) < FED ? NOTHING : changed;
  }

  /** Whether more slots are worth a try besides: all parts rest at times. */
  boolean slotsMayHelp(Set<Part> changed) {
    return !isRapid()
        && bottleneck != Bottleneck.SUBMITTER
        && gain(NOTHING) >= (changed.contains(Part.LOOP) ? FED : 1 - SATURATED);
  }

  /**
   * The share of the time in which the loop's own work ran on the device. While copies run it is
   * not seen, so this is an upper bound.
   */
  double loopsDeviceWork() {
    return Math.min(1, times.heldUpShare() + times.copyingShare());
  }

  /** Whether it depends on chance which of the two waits for the other. */
  boolean copiesTakeAsLongAsTheLoop() {
    return deviceSlots > 1 && times.heldUpShare() >= NOTABLE && times.copyingShare() >= SATURATED;
  }
}
