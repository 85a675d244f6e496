package io.pentrough;

import io.pentrough.LoaderStats.Timing;
import io.pentrough.LoaderStats.Verdict;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;

/**
 * Names the part that limits a pipeline, and what to change, from the shares of time in which each
 * part was at work.
 *
 * <p>It follows the utilization law: however fast the other parts become, a part that was at work
 * for some share of the time still needs that time. So a change to one part gains at most what the
 * busiest of the other parts leaves, and no change to the loader gains more than the share in which
 * the loop waited. Advice states that bound, and is not given where the bound is below {@link
 * #FED}. A program near a threshold may get one verdict now and another one later, but not advice
 * for large gains that contradict each other.
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

  /** In less time than this, the scheduler decides what the shares are. */
  static final long SHORT_NANOS = 25_000_000;

  /** So many are judged even then: how many there are does not change from run to run. */
  static final int MANY_BATCHES = 500;

  /**
   * Where a batch comes more often than this, the time that it takes to wake threads, and for them
   * to get a core, is a notable part of all.
   */
  static final long RAPID_NANOS = 1_000_000;

  /** What it takes to wake a thread, and for it to run: work of that length limits nothing. */
  static final long WAKE_NANOS = 25_000;

  /** How long a copy of up to so many bytes takes is a matter of latency more than of bytes. */
  static final long SMALL_BYTES = 256 << 10;

  /** From this share of the time on, copies that are held up tell something. */
  private static final double NOTABLE = 0.02;

  /** A part that is at work for less than this share of the time limits nothing alone. */
  private static final double BUSY = 0.5;

  private static final String ADD_SLOTS = "add host and device slots";

  /** A part that may limit the pipeline. */
  private enum Part {
    STAGE(Verdict.STAGE, "let the stages do less, or fuse them"),
    COPY(Verdict.COPY, "copy fewer bytes, for example a narrower type that the device expands"),
    TARGET(Verdict.PRODUCER, "make the target faster"),
    JOBS(Verdict.SUBMITTER, "submit further ahead"),
    /** The loop's own work on the device, if copies have to wait for it. */
    LOOP(Verdict.CONSUMER, "let the loop do less on the device");

    final Verdict verdict;
    final String cure;

    Part(Verdict verdict, String cure) {
      this.verdict = verdict;
      this.cure = cure;
    }
  }

  private static final Set<Part> NOTHING = EnumSet.noneOf(Part.class);

  private final PipelineTimes times;
  private final int cores;
  private final int workers;
  private final int deviceSlots;
  private final boolean fillsAreLong;
  private final boolean copiesAreLong;
  private final boolean stagesAreLong;

  private final long batches;
  private final double starved;
  private final double idle;
  private final double jobless;

  /** The parts to be changed, all of them, before anything is gained. */
  private final Set<Part> limiting = EnumSet.noneOf(Part.class);

  private final Verdict verdict;

  /**
   * Judges.
   *
   * @param times those after the first batch was ready: before, every loop waits
   * @param batches those handed to consumers
   * @param bytes of these batches
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
    jobless = times.joblessShare(workers);
    boolean small = bytes <= batches * SMALL_BYTES;
    fillsAreLong = !isRapid() || isLong(fills, WAKE_NANOS);
    copiesAreLong = !isRapid() || isLong(copies, small ? 4 * WAKE_NANOS : WAKE_NANOS);
    stagesAreLong = !isRapid() || isLong(stages, 4 * WAKE_NANOS);
    verdict = judge();
  }

  /** By the median, as calls that a busy machine interrupts raise the mean. */
  private static boolean isLong(Timing timing, long nanos) {
    return timing.p50Nanos() >= nanos || timing.meanNanos() >= 4 * nanos;
  }

  Verdict verdict() {
    return verdict;
  }

  private Verdict judge() {
    if (!isEnough()) {
      return Verdict.BALANCED;
    }
    if (times.elapsed() / WAKE_NANOS < batches) {
      return Verdict.OVERHEAD; // to get and close a batch alone takes a good part of that
    }
    if (starved < FED) {
      return Verdict.CONSUMER;
    }
    Part limit = limit();
    if (limit == null) {
      return isRapid() || nobodyWorks() >= starved / 2 ? Verdict.OVERHEAD : Verdict.BALANCED;
    }
    limiting.add(limit);
    while (gain(limiting) < FED) {
      limiting.add(busiest(limiting)); // to change one without the other gains next to nothing
    }
    return limit.verdict;
  }

  private boolean isEnough() {
    if (batches < FEW_BATCHES) {
      return batches > 0 && times.elapsed() >= LONG_NANOS;
    }
    return batches >= MANY_BATCHES || times.elapsed() >= SHORT_NANOS;
  }

  private boolean isRapid() {
    return times.elapsed() / RAPID_NANOS < batches;
  }

  /** What limits the pipeline whose loop waits; null if no part does alone. */
  private @Nullable Part limit() {
    Part limit = null;
    double most = 0;
    for (Part part : Part.values()) {
      if (couldLimit(part) && work(part) > most) {
        limit = part;
        most = work(part);
      }
    }
    if (limit != null && !isClear(limit)) {
      limit = null;
    }
    if (limit != null && limit != Part.TARGET) {
      return limit;
    }
    if (jobless >= NO_JOBS && jobless > idle) {
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
    return isRapid() // then nobody is saturated, as some time goes into wakes
        ? busiest != Part.TARGET && share >= starved / 2
        : share >= BUSY && gain(EnumSet.of(busiest)) >= 2 * gain(NOTHING);
  }

  private boolean couldLimit(Part part) {
    return switch (part) {
      case STAGE -> stagesAreLong;
      case COPY -> copiesAreLong && !copiesWaitForTheLoop();
      case TARGET -> fillsAreLong;
      case LOOP -> true;
      case JOBS -> false; // a rest, and no work
    };
  }

  /** The share of time in which the part was at work; of the target, that of each worker. */
  private double work(Part part) {
    return switch (part) {
      case STAGE -> times.stagingShare();
      case COPY -> times.copyingShare();
      case TARGET -> Math.max(0, 1 - idle - jobless);
      case LOOP -> times.heldUpShare() + (copiesWaitForTheLoop() ? times.copyingShare() : 0);
      case JOBS -> 0;
    };
  }

  /**
   * Whether it is the loop's work on the device that copies are behind of. With one device slot the
   * two take turns. With more, a copy that has to wait means that the work on every slot is behind.
   */
  private boolean copiesWaitForTheLoop() {
    return deviceSlots > 1 && times.heldUpShare() >= FED;
  }

  /** At least for this share of time the loop waited and no part was at work. */
  private double nobodyWorks() {
    return starved
        - workers * (1 - idle)
        - times.copyingShare()
        - times.heldUpShare()
        - times.stagingShare();
  }

  /** The busiest part but for those, which are not all. */
  private Part busiest(Set<Part> others) {
    Part busiest = Part.JOBS;
    for (Part part : Part.values()) {
      if (!others.contains(part) && (busiest == Part.JOBS || work(part) > work(busiest))) {
        busiest = part;
      }
    }
    return busiest;
  }

  /** The share of time that is gained at most by changing these parts, or none and the slots. */
  private double gain(Set<Part> changed) {
    return Math.min(starved, 1 - work(busiest(changed)));
  }

  // ---- in words

  /** The figures that the verdict comes from, and what to change. */
  String explain(boolean sinceFirstBatch) {
    String loopWaited =
        (sinceFirstBatch ? "after the first batch " : "")
            + "the loop waited "
            + percent(starved)
            + " of the time for data";
    if (!isEnough()) {
      return (batches == 0
              ? "no batch was delivered, so there is nothing to judge by; "
              : "too few batches or too little time to judge by; ")
          + loopWaited;
    }
    String workersWaited = "workers waited " + percent(idle) + " for a slot";
    if (times.workersJobless() > 0) {
      workersWaited += " and " + percent(jobless) + " for a job";
    }
    String both = loopWaited + " while " + workersWaited;
    return switch (verdict) {
      case PRODUCER, SUBMITTER, STAGE -> both + working() + ": " + cures(limiting);
      case COPY ->
          copiesTakeAsLongAsTheLoop()
              ? loopWaited + heldUp()
              : both + working() + ": " + cures(limiting);
      case CONSUMER ->
          starved < FED
              ? both + ": the loader keeps up, a faster one would gain no more than that wait"
              : loopWaited + heldUp();
      case OVERHEAD ->
          both
              + (isRapid()
                  ? ": batches take so little time that handing them from thread to thread takes"
                      + " much of it, so make them larger"
                  : ", and mostly no part was at work: threads wait for each other or for a"
                      + " core, so use fewer threads or larger batches")
              + orChangeThoseBusyFor(starved / 4);
      case BALANCED ->
          both
              + ": they wait in turns, so "
              + ADD_SLOTS
              + gains(NOTHING)
              + orChangeThoseBusyFor(BUSY)
              + (jobless >= NO_JOBS ? ", and " + Part.JOBS.cure : "");
    };
  }

  /** Whether it is a matter of chance which of the two waits for the other. */
  private boolean copiesTakeAsLongAsTheLoop() {
    return deviceSlots > 1 && times.heldUpShare() >= NOTABLE && times.copyingShare() >= SATURATED;
  }

  private String heldUp() {
    String text =
        " while copies were under way "
            + percent(times.copyingShare())
            + " and held up "
            + percent(times.heldUpShare())
            + " by the loop's own work on the device: ";
    Set<Part> changed = EnumSet.copyOf(limiting);
    changed.add(Part.LOOP);
    if (copiesTakeAsLongAsTheLoop()) {
      changed.add(Part.COPY);
      text += "the two take about as long, so ";
    }
    return changed.size() == 1 && gain(NOTHING) < FED
        ? text + "the loader keeps up, only a faster loop would gain"
        : text + cures(changed);
  }

  /** What else than the target is at work nearly always. */
  private String working() {
    StringJoiner text = new StringJoiner(" and ", ", with ", "").setEmptyValue("");
    if (limiting.contains(Part.STAGE)) {
      text.add("stages at work " + percent(times.stagingShare()));
    }
    if (limiting.contains(Part.COPY)) {
      text.add("a copy under way " + percent(times.copyingShare()));
    }
    return text.toString();
  }

  private String cures(Set<Part> parts) {
    StringJoiner text = new StringJoiner(", and ");
    for (Part part : parts) {
      text.add(cure(part));
    }
    String all = text + gains(parts);
    if (parts.contains(Part.TARGET) && workers >= cores) {
      all += "; with " + cores + " cores, more workers gain only if it waits, as for a disk";
    }
    if (isRapid()) {
      return all + "; or make batches larger";
    }
    boolean allRest = gain(NOTHING) >= (parts.contains(Part.LOOP) ? FED : 1 - SATURATED);
    return allRest && verdict != Verdict.SUBMITTER
        ? all + "; or " + ADD_SLOTS + gains(NOTHING)
        : all;
  }

  private String cure(Part part) {
    if (part != Part.TARGET || workers >= cores) {
      return part.cure;
    }
    return times.workersJobless() > 0
        ? part.cure + ", or add workers and submit further ahead"
        : "add workers or " + part.cure;
  }

  /** What helps besides: to change a part that is at work for at least this share of the time. */
  private String orChangeThoseBusyFor(double share) {
    StringBuilder text = new StringBuilder();
    for (Part part : Part.values()) {
      Set<Part> changed = EnumSet.of(part);
      if (work(part) >= share && couldLimit(part) && gain(changed) >= FED) {
        text.append(", or ").append(part.cure).append(gains(changed));
      }
    }
    return text.toString();
  }

  /** Nothing for a faster loop, which may gain more than it waited. */
  private String gains(Set<Part> changed) {
    if (changed.contains(Part.LOOP)) {
      return "";
    }
    int rest = wholePercent(work(busiest(changed)));
    return " (gains at most " + Math.min(wholePercent(starved), 100 - rest) + " %)";
  }

  /** Rounded down, so that a figure stands on the same side of a threshold as its share does. */
  static String percent(double share) {
    return String.format(Locale.ROOT, "%d %%", wholePercent(share));
  }

  private static int wholePercent(double share) {
    return (int) (share * 100);
  }
}
