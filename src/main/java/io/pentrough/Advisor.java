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

import io.pentrough.Advice.Change;
import io.pentrough.BottleneckAnalysis.Part;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Turns a {@link BottleneckAnalysis} into {@link Advice}: which parts have to change, each by how
 * much, and what rate follows.
 *
 * <p>The {@link PipelineModel} says what follows from a change, {@link WorkerSizing} and {@link
 * SlotSizing} how many workers and slots are worth a try, and {@link AdviceReason} why.
 */
final class Advisor {

  /** In less time than this, one long pause decides what is advised. */
  private static final long MIN_NANOS = 250_000_000;

  /** A part that is never busy enough to be alone can hardly be made ten times as fast. */
  private static final double MIN_RATIO = 0.1;

  private final PipelineModel model;
  private final BottleneckAnalysis of;
  private final PipelineSetup setup;
  private final double period;
  private final WorkerSizing workers;
  private final SlotSizing slots;
  private final AdviceReason reason;

  Advisor(BottleneckAnalysis of, PipelineSetup setup, LoaderTotals totals) {
    this.of = of;
    this.setup = setup;
    model = new PipelineModel(of, setup, totals);
    period = model.period;
    workers = new WorkerSizing(model);
    slots = new SlotSizing(model);
    reason = new AdviceReason(model, workers);
  }

  /** The best first; each is enough alone. */
  List<Advice> advice() {
    List<Advice> all = new ArrayList<>();
    if (!of.isEnough() || of.times.elapsed() < MIN_NANOS) {
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
      double after = model.periodAfter(parts);
      parts.removeIf(part -> part != Part.JOBS && model.nanosOf(part) <= after);
    }
    if (parts.isEmpty()) {
      return;
    }
    if (parts.contains(Part.TARGET)) {
      WorkerSizing.Workers more = workers.more(parts);
      if (more != null && (parts.size() == 1 || more.isEnough())) {
        String condition = reason.conditionOfWorkers();
        add(all, changes(parts, more), more.period(), reason.ofParts(parts, more), condition);
      }
      if (more == null || parts.size() == 1 || !more.isEnough()) {
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
    double after = model.periodAfter(parts);
    Part only = parts.iterator().next();
    if (parts.size() == 1 && only != Part.JOBS && after > model.nanosOf(only)) {
      addInTurns(all, only);
    } else {
      add(all, changes(parts, null), after, reason.ofParts(parts, null));
    }
  }

  private void slots(List<Advice> all) {
    SlotSizing.Slots more = slots.more();
    if (more == null) {
      return;
    }
    List<Change> changes = new ArrayList<>();
    addSlots(changes, more.host(), more.device());
    if (of.workersStarved >= BottleneckAnalysis.NO_JOBS) {
      changes.add(submitAhead(of.workers));
    }
    add(all, changes, more.period(), reason.ofSlots(more));
  }

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
    double from = model.nanosOf(part);
    double after = Math.max(model.periodAfter(changed), period - from * (1 - MIN_RATIO));
    double ratio = (from - (period - after)) / from;
    add(all, List.of(change(part, ratio)), after, reason.ofParts(changed, null));
  }

  private void add(List<Advice> all, List<Change> changes, double after, String why) {
    add(all, changes, after, why, "");
  }

  private void add(
      List<Advice> all, List<Change> changes, double after, String why, String condition) {
    if (!changes.isEmpty() && after <= period * (1 - FED)) {
      all.add(new Advice(changes, 1e9 / after, why, condition));
    }
  }

  // ---- changes

  private List<Change> changes(Set<Part> parts, WorkerSizing.@Nullable Workers more) {
    double after = model.periodAfter(parts);
    List<Change> changes = new ArrayList<>();
    for (Part part : parts) {
      switch (part) {
        case JOBS -> changes.add(submitAhead(of.workers));
        case TARGET -> {
          if (more == null) {
            double to = Math.min(1, after / model.nanosOf(part));
            double each = Math.min(model.fillNanos * to, of.workers * after);
            changes.add(new Change(TARGET, (long) model.fillNanos, (long) each));
          } else {
            addWorkers(changes, more);
          }
        }
        case STAGE, COPY, LOOP -> changes.add(change(part, after / model.nanosOf(part)));
      }
    }
    return changes;
  }

  private void addWorkers(List<Change> changes, WorkerSizing.Workers more) {
    changes.add(new Change(WORKERS, of.workers, more.count()));
    boolean isDefault =
        setup.hostSlots() == LoaderBuilder.usualHostSlots(of.workers)
            && more.hostSlots() == LoaderBuilder.usualHostSlots(more.count());
    addSlots(changes, isDefault ? 0 : more.hostSlots(), more.deviceSlots());
    if (of.times.workersStarved() > 0) {
      changes.add(submitAhead(more.count()));
    }
  }

  private void addSlots(List<Change> changes, int host, int device) {
    if (host > setup.hostSlots()) {
      changes.add(new Change(HOST_SLOTS, setup.hostSlots(), host));
    }
    if (device > setup.deviceSlots()) {
      changes.add(new Change(DEVICE_SLOTS, setup.deviceSlots(), device));
    }
  }

  /** Twice as many as there are workers: one job for each, and one that it can begin next. */
  private Change submitAhead(int workers) {
    long now = Math.max(1, Math.round(of.workers * (1 - of.workersStarved)));
    return new Change(SUBMIT_AHEAD, now, 2L * workers);
  }

  /** A part is to take this part of its time. */
  private Change change(Part part, double ratio) {
    double from = part == Part.TARGET ? model.fillNanos : model.nanosOf(part);
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
}
