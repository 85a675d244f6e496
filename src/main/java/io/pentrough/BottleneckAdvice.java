package io.pentrough;

import static io.pentrough.BottleneckAnalysis.FED;
import static io.pentrough.BottleneckAnalysis.NOTHING;
import static io.pentrough.Units.percent;
import static io.pentrough.Units.wholePercent;

import io.pentrough.BottleneckAnalysis.Part;
import io.pentrough.LoaderStats.Bottleneck;
import java.util.EnumSet;
import java.util.Set;
import java.util.StringJoiner;

/** Puts a {@link BottleneckAnalysis} into words: the figures it is based on, and what to change. */
final class BottleneckAdvice {

  private static final String ADD_SLOTS = "add host and device slots";

  private final BottleneckAnalysis of;

  BottleneckAdvice(BottleneckAnalysis of) {
    this.of = of;
  }

  /**
   * One sentence with figures and advice.
   *
   * @param sinceFirstBatch whether to say that the figures leave out the time before the first
   *     batch
   */
  String explain(boolean sinceFirstBatch) {
    String loopWaited =
        (sinceFirstBatch ? "after the first batch " : "")
            + "the loop waited "
            + percent(of.starved)
            + " of the time for data";
    if (!of.isEnough()) {
      return (of.batches == 0
              ? "no batch was delivered, so there is nothing to judge by; "
              : "too few batches or too little time to judge by; ")
          + loopWaited;
    }
    String workersWaited = "workers waited " + percent(of.idle) + " for a slot";
    if (of.times.workersJobless() > 0) {
      workersWaited += " and " + percent(of.jobless) + " for a job";
    }
    String both = loopWaited + " while " + workersWaited;
    return switch (of.bottleneck()) {
      case PRODUCER, SUBMITTER, STAGE -> both + working() + ": " + cures(of.limiting);
      case COPY ->
          of.copiesTakeAsLongAsTheLoop()
              ? loopWaited + heldUp()
              : both + working() + ": " + cures(of.limiting);
      case CONSUMER ->
          of.starved < FED
              ? both + ": the loader keeps up, a faster one would gain no more than that wait"
              : loopWaited + heldUp();
      case OVERHEAD ->
          both
              + (of.isRapid()
                  ? ": batches take so little time that handing them from thread to thread takes"
                      + " much of it, so make them larger"
                  : ", and mostly no part was at work: threads wait for each other or for a"
                      + " core, so use fewer threads or larger batches")
              + orChangeThoseBusyFor(of.starved / 4);
      case BALANCED ->
          both
              + ": they wait in turns, so "
              + ADD_SLOTS
              + gains(NOTHING)
              + orChangeThoseBusyFor(BottleneckAnalysis.BUSY)
              + (of.jobless >= BottleneckAnalysis.NO_JOBS ? ", and " + Part.JOBS.cure : "");
    };
  }

  private String heldUp() {
    String text =
        " while copies were under way "
            + percent(of.times.copyingShare())
            + " and held up "
            + percent(of.times.heldUpShare())
            + " by the loop's own work on the device: ";
    Set<Part> changed = EnumSet.copyOf(of.limiting);
    changed.add(Part.LOOP);
    if (of.copiesTakeAsLongAsTheLoop()) {
      changed.add(Part.COPY);
      text += "the two take about as long, so ";
    }
    return changed.size() == 1 && of.gain(NOTHING) < FED
        ? text + "the loader keeps up, only a faster loop would gain"
        : text + cures(changed);
  }

  /** The parts besides the target that are nearly always at work. */
  private String working() {
    StringJoiner text = new StringJoiner(" and ", ", with ", "").setEmptyValue("");
    if (of.limiting.contains(Part.STAGE)) {
      text.add("stages at work " + percent(of.times.stagingShare()));
    }
    if (of.limiting.contains(Part.COPY)) {
      text.add("a copy under way " + percent(of.times.copyingShare()));
    }
    return text.toString();
  }

  private String cures(Set<Part> parts) {
    StringJoiner text = new StringJoiner(", and ");
    for (Part part : parts) {
      text.add(cure(part));
    }
    String all = text + gains(parts);
    if (parts.contains(Part.TARGET) && of.workers >= of.cores) {
      all += "; with " + of.cores + " cores, more workers gain only if it waits, as for a disk";
    }
    if (of.isRapid()) {
      return all + "; or make batches larger";
    }
    boolean allRest =
        of.gain(NOTHING) >= (parts.contains(Part.LOOP) ? FED : 1 - BottleneckAnalysis.SATURATED);
    return allRest && of.bottleneck() != Bottleneck.SUBMITTER
        ? all + "; or " + ADD_SLOTS + gains(NOTHING)
        : all;
  }

  private String cure(Part part) {
    if (part != Part.TARGET || of.workers >= of.cores) {
      return part.cure;
    }
    return of.times.workersJobless() > 0
        ? part.cure + ", or add workers and submit further ahead"
        : "add workers or " + part.cure;
  }

  /** Other remedies: to change a part that is at work for at least this share of the time. */
  private String orChangeThoseBusyFor(double share) {
    StringBuilder text = new StringBuilder();
    for (Part part : Part.values()) {
      Set<Part> changed = EnumSet.of(part);
      if (of.work(part) >= share && of.couldLimit(part) && of.gain(changed) >= FED) {
        text.append(", or ").append(part.cure).append(gains(changed));
      }
    }
    return text.toString();
  }

  /** Empty for a faster loop, which may gain more than it waited. */
  private String gains(Set<Part> changed) {
    if (changed.contains(Part.LOOP)) {
      return "";
    }
    int rest = wholePercent(of.work(of.busiest(changed)));
    return " (gains at most " + Math.min(wholePercent(of.starved), 100 - rest) + " %)";
  }
}
