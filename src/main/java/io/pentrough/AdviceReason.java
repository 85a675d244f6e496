package io.pentrough;

import io.pentrough.BottleneckAnalysis.Part;
import java.util.Set;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;

/** Says in words why an {@link Advice} is given, and what must be true of the program for it. */
final class AdviceReason {

  private static final String MEASURE_AGAIN = "; measure again before you add more";

  private final PipelineModel model;
  private final BottleneckAnalysis of;
  private final WorkerSizing sizing;

  AdviceReason(PipelineModel model, WorkerSizing sizing) {
    this.model = model;
    this.sizing = sizing;
    of = model.of;
  }

  /**
   * Why these parts should change.
   *
   * @param more the workers that change the target; null if it is to be made faster
   */
  String ofParts(Set<Part> parts, WorkerSizing.@Nullable Workers more) {
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
    text += "a fill takes " + duration(model.fillNanos) + ", " + need(parts) + limit(parts, more);
    String unknown = model.cpu.unknown;
    return unknown == null ? text : text + " (" + unknown + ")";
  }

  private String cure(Part part) {
    String why = part == Part.TARGET ? sizing.whyNoMore() : null;
    return why == null ? part.cure : part.cure + " (" + why + ")";
  }

  /** What decides how often a batch comes when these parts have changed. */
  private String need(Set<Part> changed) {
    String every = duration(model.periodAfter(changed));
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

  /** What keeps it from being more workers. */
  private String limit(Set<Part> changed, WorkerSizing.Workers more) {
    if (model.cpu.period > model.periodAfter(changed)) {
      return ", and %d cores have time for one every %s"
          .formatted(of.cores, duration(model.cpu.period));
    }
    return more.isEnough() ? "" : MEASURE_AGAIN;
  }

  /** Why there should be more slots. */
  String ofSlots(SlotSizing.Slots more) {
    return "the loop and the workers wait for each other in turns, usually for "
        + duration(more.waitNanos())
        + (more.isEnough() ? "" : MEASURE_AGAIN);
  }

  /** What more workers need, and nobody can see in the figures. */
  String conditionOfWorkers() {
    StringJoiner all = new StringJoiner(" and ");
    if (model.isLoopUnknown()) {
      all.add("the loop's work on the device takes no longer");
    }
    if (of.workers == 1) {
      all.add("fills do not wait for each other");
    }
    return all.toString();
  }

  private static String duration(double nanos) {
    return Units.duration((long) nanos);
  }
}
