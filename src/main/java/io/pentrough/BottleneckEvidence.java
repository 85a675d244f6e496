package io.pentrough;

import static io.pentrough.BottleneckAnalysis.FED;
import static io.pentrough.Units.percent;

import io.pentrough.BottleneckAnalysis.Part;
import java.util.StringJoiner;

/**
 * Puts a {@link BottleneckAnalysis} into words: the figures it is based on, and what follows if no
 * number does. What to change by how much is {@link Advice}.
 */
final class BottleneckEvidence {

  private final BottleneckAnalysis of;

  BottleneckEvidence(BottleneckAnalysis of) {
    this.of = of;
  }

  /**
   * One sentence.
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
    if (of.times.workersStarved() > 0) {
      workersWaited += " and " + percent(of.workersStarved) + " for a job";
    }
    String both = loopWaited + " while " + workersWaited;
    return switch (of.bottleneck()) {
      case PRODUCER, SUBMITTER, STAGE -> both + working() + orLarger();
      case COPY ->
          of.copiesTakeAsLongAsTheLoop() ? loopWaited + heldUp() : both + working() + orLarger();
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
                      + " core, so use fewer threads or larger batches");
      case BALANCED -> both + ": they wait in turns";
    };
  }

  private String heldUp() {
    String text =
        " while copies were under way "
            + percent(of.times.copyingShare())
            + " and held up "
            + percent(of.times.heldUpShare())
            + " by the loop's own work on the device";
    if (of.toChange().isEmpty()) {
      return text + ": the loader keeps up, only a faster loop would gain";
    }
    return of.copiesTakeAsLongAsTheLoop()
        ? text + ": the two take about as long" + orLarger()
        : text + orLarger();
  }

  private String orLarger() {
    return of.isRapid() ? "; larger batches may help as well" : "";
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
}
