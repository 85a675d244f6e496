package io.pentrough;

import static io.pentrough.Advice.Subject.COPY;
import static io.pentrough.Advice.Subject.DEVICE_SLOTS;
import static io.pentrough.Advice.Subject.HOST_SLOTS;
import static io.pentrough.Advice.Subject.LOOP;
import static io.pentrough.Advice.Subject.STAGES;
import static io.pentrough.Advice.Subject.SUBMIT_AHEAD;
import static io.pentrough.Advice.Subject.TARGET;
import static io.pentrough.Advice.Subject.WORKERS;
import static io.pentrough.BottleneckAnalysis.FED;
import static io.pentrough.BottleneckAnalysis.NOTHING;

import io.pentrough.Advice.Change;
import io.pentrough.BottleneckAnalysis.Part;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.StringJoiner;
import java.util.function.IntToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * Turns a {@link BottleneckAnalysis} into {@link Advice}: how far a part has to change, and what
 * rate follows.
 *
 * <p>The rate follows from the same law. The part that is busiest after the change, or the loop,
 * needs its time for each batch, and no batch comes sooner. Times are means for a delivered batch.
 *
 * <p>More workers also need cores. A batch takes the CPU time of its fill and that of the loop. So
 * the cores allow a rate, and advice to add workers never promises more than that.
 */
final class Advisor {

  /** More workers at once are not advised: the disk or the network has limits of its own. */
  private static final int MAX_GROWTH = 4;

  /** In less time than this, one long pause decides what is advised. */
  private static final long LEAST_NANOS = 250_000_000;

  /** From so many waits for a monitor in a fill on, workers hinder each other. */
  private static final double CONTENDED = 0.2;

  /** If other threads want so large a share of the cores, a worker may wait for one. */
  private static final double BUSY_CORES = 0.5;

  /** More slots at once are not advised, if there are few: they take memory. */
  private static final int MAX_MORE_SLOTS = 16;

  /** A part that is never busy enough to be alone can hardly be made ten times as fast. */
  private static final double LEAST_RATIO = 0.1;

  /** A loop that waits for so much of the time may have its work on the device. */
  private static final double LOOP_UNKNOWN = 0.9;

  /** If the slots alone explain this share of the time for a batch, they are the limit. */
  private static final double SLOTS_LIMIT = 0.8;

  private static final String MEASURE_AGAIN = "; measure again before you add more";

  /** A value this much below the one that is needed is enough: a mean is no more accurate. */
  private static final double TOLERANCE = 0.02;

  private final BottleneckAnalysis of;
  private final PipelineSetup setup;
  private final LoaderTotals totals;
  private final ThreadUsage threads;

  /** Why the CPU time of the workers does not say how many there should be; null if it does. */
  private final @Nullable String unknown;

  /** The time for each delivered batch. */
  private final double period;

  /** What the cores allow, in nanoseconds for each batch; 0 if that is not known. */
  private final double corePeriod;

  /** What workers need for each delivered batch: more than a fill if fills fail or are retried. */
  private final double fillNanos;

  Advisor(BottleneckAnalysis of, PipelineSetup setup, LoaderTotals totals) {
    this.of = of;
    this.setup = setup;
    this.totals = totals;
    threads = totals.threads();
    unknown = unknown();
    period = of.batches == 0 ? 0 : (double) of.times.elapsed() / of.batches;
    double mean = (double) totals.fills().sum() / Math.max(1, totals.fills().count());
    fillNanos = Math.max(mean, period * of.work(Part.TARGET) * of.workers);
    corePeriod = corePeriod();
  }

  /**
   * A worker that waits for a core looks like one that waits for a disk. So on a machine that other
   * threads keep busy, nobody knows which of the two it is.
   */
  private @Nullable String unknown() {
    if (threads.unknown() != null) {
      return "the CPU time of workers is not known, as " + threads.unknown();
    }
    double others = threads.load() - of.workers - 1; // ours may all run, or wait for a disk
    return others < BUSY_CORES * of.cores
        ? null
        : "the CPU time of workers says little, as other programs or threads need the %d cores: the load is %.1f"
            .formatted(of.cores, threads.load());
  }

  private double corePeriod() {
    if (unknown != null) {
      return 0;
    }
    PipelineTimes times = totals.times(); // as the threads' are: from the start on
    double atWork = (double) times.elapsed() * of.workers;
    atWork -= times.workersIdle() + times.workersJobless();
    double share = atWork <= 0 ? 0 : Math.max(0, Math.min(1, threads.workersNanos() / atWork));
    double loop = period * (1 - of.starved); // as if it computed all the time
    if (threads.consumerNanos() != ThreadUsage.UNKNOWN_NANOS) {
      loop = Math.min(loop, (double) threads.consumerNanos() / totals.batches());
    }
    return (share * fillNanos + loop) / of.cores;
  }

  /** The best first; each is enough alone. */
  List<Advice> advice() {
    List<Advice> all = new ArrayList<>();
    if (!of.isEnough() || of.times.elapsed() < LEAST_NANOS) {
      return all;
    }
    switch (of.bottleneck()) {
      case PRODUCER, SUBMITTER, STAGE, COPY, CONSUMER -> cures(all, of.toChange());
      case OVERHEAD -> busyFor(all, of.starved / 4);
      case BALANCED -> {
        slots(all);
        busyFor(all, BottleneckAnalysis.BUSY);
      }
    }
    return all;
  }

  /** All of these parts are at work nearly always, so all must change. */
  private void cures(List<Advice> all, Set<Part> limiting) {
    Set<Part> parts = EnumSet.copyOf(limiting);
    if (parts.size() > 1) {
      double after = periodAfter(parts);
      parts.removeIf(part -> part != Part.JOBS && period * workBefore(part) <= after);
    }
    if (parts.isEmpty()) {
      return;
    }
    if (parts.contains(Part.TARGET)) {
      Workers more = workers(parts);
      if (more != null && (parts.size() == 1 || more.isEnough)) {
        add(all, changes(parts, more), more.period, reason(parts, more), condition());
      }
      if (more == null || parts.size() == 1 || !more.isEnough) {
        addCures(all, parts);
      }
    } else {
      addCures(all, parts);
    }
    if (of.slotsMayHelp(parts)) {
      slots(all);
    }
  }

  private void addCures(List<Advice> all, Set<Part> parts) {
    double after = periodAfter(parts);
    Part only = parts.iterator().next();
    if (parts.size() == 1 && only != Part.JOBS && after > period * workBefore(only)) {
      addInTurns(all, only);
    } else {
      add(all, changes(parts, null), after, reason(parts, null));
    }
  }

  private void add(List<Advice> all, List<Change> changes, double after, String reason) {
    add(all, changes, after, reason, "");
  }

  private void add(
      List<Advice> all, List<Change> changes, double after, String reason, String condition) {
    if (!changes.isEmpty() && after <= period * (1 - FED)) {
      all.add(new Advice(changes, 1e9 / after, reason, condition));
    }
  }

  /** The least time for a batch when these parts need none; without any, when nobody waits. */
  private double periodAfter(Set<Part> changed) {
    return period * Math.max(0.01, 1 - of.gain(changed));
  }

  // ---- workers

  /**
   * More workers.
   *
   * @param hostSlots the slots that they need, as {@code deviceSlots}
   * @param period the least time for a batch with so many
   * @param isEnough whether nothing else need be done about the target
   * @param limit what keeps it from being more, for people
   */
  private record Workers(
      int count, int hostSlots, int deviceSlots, double period, boolean isEnough, String limit) {}

  /** Null if more of them would not help, or nobody knows whether they would. */
  private @Nullable Workers workers(Set<Part> changed) {
    if (whyNoWorkers() != null) {
      return null;
    }
    double needed = periodAfter(changed);
    double reachable = reachable(needed);
    int most = Math.min(LoaderBuilder.MAX_THREADS_OR_SLOTS, of.workers * MAX_GROWTH);
    if (unknown != null) {
      most = Math.min(most, of.cores);
    }
    int exact = (int) Math.ceil(fillNanos / reachable - TOLERANCE);
    int count = Math.min(most, Math.max(of.workers + 1, exact));
    double target = Math.max(reachable, fillNanos / count);
    boolean slotsFollow = setup.hostSlots() == LoaderBuilder.usualHostSlots(of.workers);
    int least =
        slotsFollow ? LoaderBuilder.usualHostSlots(count) : Math.max(setup.hostSlots(), count);
    int host = enough(least, fillsVary(least) ? 0.8 * target : target, this::hostPeriod);
    int device = enough(setup.deviceSlots(), target, this::devicePeriod);
    double after = together(target, host, device);
    String limit = "";
    if (corePeriod > needed) {
      limit = ", and %d cores have time for one every %s".formatted(of.cores, duration(corePeriod));
    } else if (after > needed * (1 + TOLERANCE)) {
      limit = MEASURE_AGAIN;
    }
    return new Workers(count, host, device, after, after <= needed * (1 + TOLERANCE), limit);
  }

  /**
   * What can be promised. A loop that queues its work on the device and gives batches back at once
   * seems to need no time for them.
   */
  private double reachable(double needed) {
    double known = of.starved >= LOOP_UNKNOWN ? period / 2 : 0;
    return Math.max(known, Math.max(needed, corePeriod));
  }

  /** Null if more workers may help. */
  private @Nullable String whyNoWorkers() {
    if (of.workers > 1) {
      long fills = Math.max(1, totals.fills().count());
      if (threads.blocked() >= CONTENDED * fills && !of.isRapid()) {
        return "more workers would not help, as they block each other %.1f times in a fill"
            .formatted((double) threads.blocked() / fills);
      }
      if (threads.waiting() * 2 >= of.workers - 1 && threads.waiting() > 0) {
        return "more workers would not help, as %d of %d waited for a lock that a thread held"
            .formatted(threads.waiting(), of.workers);
      }
    }
    if (unknown != null) {
      return of.workers < of.cores
          ? null
          : "with %d cores, more workers gain only if it waits, as for a disk; %s"
              .formatted(of.cores, unknown);
    }
    return corePeriod > period * (1 - FED)
        ? "more workers would not help, as workers and loop keep the %d cores busy"
            .formatted(of.cores)
        : null;
  }

  // ---- slots

  /**
   * A host slot is in use from the claim until the batch has been copied. Batches are copied in
   * order, so the slots of those behind a slow fill wait for it.
   */
  private double hostPeriod(int slots) {
    double behind = isMapped() ? loopNanos() : period * of.work(Part.COPY);
    return (Math.max(totals.fills().expectedMax(slots), fillNanos) + behind) / slots;
  }

  /** A device slot is in use from the copy until the loop gives the batch back. */
  private double devicePeriod(int slots) {
    double copies = period * (of.work(Part.COPY) + of.work(Part.STAGE));
    return isMapped() ? 0 : (copies + loopNanos()) / slots;
  }

  /**
   * What is left of a period when slots allow another one. Slow fills come at random, so at times
   * the slots are the limit although on average they are not.
   */
  private double together(double target, int host, int device) {
    double slots = Math.max(hostPeriod(host), devicePeriod(device));
    return fillsVary(host)
        ? Math.cbrt(Math.pow(target, 3) + Math.pow(slots, 3))
        : Math.max(target, slots);
  }

  private boolean fillsVary(int slots) {
    return totals.fills().expectedMax(slots) > 1.5 * fillNanos;
  }

  /** Whether nothing is copied, so that both rings are the same. */
  private boolean isMapped() {
    return totals.copies().count() == 0 && of.times.copying() == 0;
  }

  /** With the work on the device that is seen. */
  private double loopNanos() {
    return period * (1 - of.starved + of.times.heldUpShare());
  }

  /** The fewest slots that allow such a period; the most that may be advised, if they do not. */
  private static int enough(int from, double target, IntToDoubleFunction periodOf) {
    int few = from;
    int many = most(from);
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

  private static int most(int slots) {
    return Math.min(
        LoaderBuilder.MAX_THREADS_OR_SLOTS, Math.max(slots * MAX_GROWTH, slots + MAX_MORE_SLOTS));
  }

  /** So many more that each side can work through what the other one usually waits for. */
  private void slots(List<Advice> all) {
    double target = reachable(periodAfter(NOTHING));
    double now = Math.max(hostPeriod(setup.hostSlots()), devicePeriod(setup.deviceSlots()));
    boolean fewSlots = now >= SLOTS_LIMIT * period && now > target * (1 + TOLERANCE);
    if (of.starved >= LOOP_UNKNOWN && !fewSlots) {
      return; // it may wait for its own work
    }
    Waits workers = waits(totals.slotWaits(), of.workers, of.idle);
    Waits loop = waits(totals.consumerWaits(), 1, of.starved);
    double fill = period * of.work(Part.TARGET);
    double copy = period * Math.max(of.work(Part.COPY), of.work(Part.STAGE));
    // A ring must stand behind what is slow, to keep what it makes while the loop pauses.
    boolean behindFills = !fewSlots && (fill >= copy / 2 || isMapped());
    boolean behindCopies = !fewSlots && copy >= fill / 2 && !isMapped();
    double moreOnHost = behindFills ? needed(workers, loop, fill) : 0;
    double moreOnDevice = behindCopies ? needed(workers, loop, copy) : 0;
    int host = addedSlots(setup.hostSlots(), moreOnHost);
    int device = addedSlots(setup.deviceSlots(), moreOnDevice);
    double share =
        Math.min(
            moreOnHost <= 0 ? 1 : (host - setup.hostSlots()) / moreOnHost,
            moreOnDevice <= 0 ? 1 : (device - setup.deviceSlots()) / moreOnDevice);
    host = enough(host, target, this::hostPeriod);
    device = enough(device, target, this::devicePeriod);
    List<Change> changes = new ArrayList<>();
    addSlots(changes, host, device);
    if (of.jobless >= BottleneckAnalysis.NO_JOBS) {
      changes.add(submitAhead(of.workers));
    }
    // Each slot saves the time of one batch in each pause.
    double least = Math.max(periodAfter(NOTHING), corePeriod);
    double after = period - Math.min(1, share) * (period - least);
    add(
        all,
        changes,
        together(after, host, device),
        "the loop and the workers wait for each other in turns, usually for "
            + duration(Math.max(workers.nanos, loop.nanos))
            + (after > target ? MEASURE_AGAIN : ""));
  }

  private static int addedSlots(int from, double needed) {
    return needed > 0 ? (int) Math.min(most(from), from + Math.ceil(needed)) : from;
  }

  private void addSlots(List<Change> changes, int host, int device) {
    if (host > setup.hostSlots()) {
      changes.add(new Change(HOST_SLOTS, setup.hostSlots(), host));
    }
    if (device > setup.deviceSlots()) {
      changes.add(new Change(DEVICE_SLOTS, setup.deviceSlots(), device));
    }
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
      return new Waits(share * period * threads, 1);
    }
    double nanos = Math.max(timed.percentile(99), timed.medianOfTime());
    return new Waits(nanos, totals.batches() * nanos * threads / timed.sum());
  }

  /** The batches that a part makes while the other side waits, or that are wanted at once. */
  private static double needed(Waits workers, Waits loop, double nanos) {
    return Math.max(
        Math.min(workers.nanos / nanos, workers.batches),
        Math.min(loop.nanos / nanos, loop.batches));
  }

  // ---- the others

  /** To change a part that is at work for at least this share of the time. */
  private void busyFor(List<Advice> all, double share) {
    for (Part part : Part.values()) {
      if (of.work(part) >= share && of.couldLimit(part) && of.gain(EnumSet.of(part)) >= FED) {
        addInTurns(all, part);
      }
    }
  }

  /** The part and others wait in turns: what the part saves of its time is saved of a batch's. */
  private void addInTurns(List<Advice> all, Part part) {
    Set<Part> changed = EnumSet.of(part);
    double from = period * workBefore(part);
    double after = Math.max(periodAfter(changed), period - from * (1 - LEAST_RATIO));
    double ratio = (from - (period - after)) / from;
    add(all, List.of(change(part, ratio)), after, reason(changed, null));
  }

  private List<Change> changes(Set<Part> parts, @Nullable Workers more) {
    double after = periodAfter(parts);
    List<Change> changes = new ArrayList<>();
    for (Part part : parts) {
      switch (part) {
        case JOBS -> changes.add(submitAhead(of.workers));
        case TARGET -> {
          if (more == null) {
            double to = Math.min(1, after / (period * workBefore(part)));
            double each = Math.min(fillNanos * to, of.workers * after);
            changes.add(new Change(TARGET, (long) fillNanos, (long) each));
          } else {
            addWorkers(changes, more);
          }
        }
        case STAGE, COPY, LOOP -> changes.add(change(part, after / (period * workBefore(part))));
      }
    }
    return changes;
  }

  private double workBefore(Part part) {
    return part == Part.LOOP ? of.loopsDeviceWork() : of.work(part);
  }

  private void addWorkers(List<Change> changes, Workers more) {
    changes.add(new Change(WORKERS, of.workers, more.count));
    boolean isDefault =
        setup.hostSlots() == LoaderBuilder.usualHostSlots(of.workers)
            && more.hostSlots == LoaderBuilder.usualHostSlots(more.count);
    addSlots(changes, isDefault ? 0 : more.hostSlots, more.deviceSlots);
    if (of.times.workersJobless() > 0) {
      changes.add(submitAhead(more.count));
    }
  }

  /** Twice as many as there are workers: one job for each, and one that it can begin next. */
  private Change submitAhead(int workers) {
    long now = Math.max(1, Math.round(of.workers * (1 - of.jobless)));
    return new Change(SUBMIT_AHEAD, now, 2L * workers);
  }

  /** A part is to take this part of its time. */
  private Change change(Part part, double ratio) {
    double from = part == Part.TARGET ? fillNanos : period * workBefore(part);
    Advice.Subject subject =
        switch (part) {
          case STAGE -> STAGES;
          case COPY -> COPY;
          case TARGET -> TARGET;
          case LOOP -> LOOP;
          case JOBS -> throw new IllegalArgumentException("jobs take no time");
        };
    return new Change(subject, (long) from, (long) (from * Math.min(1, ratio)));
  }

  // ---- sentences

  private String reason(Set<Part> parts, @Nullable Workers more) {
    StringJoiner cures = new StringJoiner(", and ", "", "; ").setEmptyValue("");
    for (Part part : parts) {
      if (part != Part.TARGET || more == null) {
        cures.add(cure(part));
      }
    }
    String text = cures.toString();
    if (more == null) {
      return text + need(parts);
    }
    text += "a fill takes " + duration(fillNanos) + ", " + need(parts) + more.limit;
    return unknown == null ? text : text + " (" + unknown + ")";
  }

  private String cure(Part part) {
    String why = part == Part.TARGET ? whyNoWorkers() : null;
    return why == null ? part.cure : part.cure + " (" + why + ")";
  }

  /** What more workers need, and nobody can see in the figures. */
  private String condition() {
    StringJoiner all = new StringJoiner(" and ");
    if (of.starved >= LOOP_UNKNOWN) {
      all.add("the loop's work on the device takes no longer");
    }
    if (of.workers == 1) {
      all.add("fills do not wait for each other");
    }
    return all.toString();
  }

  /** What decides how often a batch comes when these parts have changed. */
  private String need(Set<Part> changed) {
    String every = duration(periodAfter(changed));
    Part busiest = of.busiest(changed);
    if (1 - of.starved >= of.work(busiest)) {
      return "the loop needs a batch every " + every;
    }
    return switch (busiest) {
      case STAGE -> "the stages need " + every + " for a batch";
      case COPY -> "the copy of a batch needs " + every;
      case TARGET -> "the workers make a batch every " + every;
      case LOOP -> "the loop's work on the device needs " + every;
      case JOBS -> "the loop can have a batch every " + every;
    };
  }

  private static String duration(double nanos) {
    return Units.duration((long) nanos);
  }
}
