package io.pentrough.benchmarks;

/**
 * A loader that costs nothing: whatever may happen happens at once.
 *
 * <p>Its events, by the rules of {@code docs/design.md}, for batch i of a loader with h host slots
 * and d device slots:
 *
 * <ul>
 *   <li>a worker claims it as soon as one is idle and a host slot is free; numbers are claimed and
 *       copied in order, so the slot is the one that batch i - h leaves when it has been copied;
 *   <li>its copy begins when it is filled, batch i - 1 has been copied (there is one copy stream),
 *       and batch i - d has been given back;
 *   <li>the consumer gets it when it is copied and batch i - 1 has been given back.
 * </ul>
 *
 * As delivery is in order, nothing of a batch depends on a later one: the events need no queue, the
 * batches can be gone through one after the other.
 */
final class LoaderModel {

  /**
   * What the hand-over of a batch costs, in nanoseconds: how much later something begins than it
   * could.
   *
   * @param worker until a worker has claimed it
   * @param copy until its copy begins
   * @param consumer until the consumer has got it
   */
  @SuppressWarnings("ArrayRecordComponent") // looked at, and not compared
  record Costs(long[] worker, long[] copy, long[] consumer) {}

  private LoaderModel() {}

  /** What happens when, all idle at 0. */
  static Timeline run(Ring ring, Durations durations) {
    int n = durations.batches();
    return run(ring, durations, new Costs(new long[n], new long[n], new long[n]));
  }

  /** The same, if hand-overs cost something. */
  static Timeline run(Ring ring, Durations durations, Costs costs) {
    Timeline line = new Timeline(durations.batches());
    long[] idleSince = new long[ring.workers()];
    for (int i = 0; i < durations.batches(); i++) {
      int worker = 0;
      for (int other = 1; other < ring.workers(); other++) {
        worker = idleSince[other] < idleSince[worker] ? other : worker;
      }
      line.worker[i] = worker;
      line.claimed[i] =
          Math.max(idleSince[worker], Timeline.at(line.copied, i - ring.hostSlots()))
              + costs.worker()[i];
      line.filled[i] = line.claimed[i] + durations.fill()[i];
      idleSince[worker] = line.filled[i];
      line.copyBegan[i] = line.copyPossible(i, ring) + costs.copy()[i];
      line.copied[i] = line.copyBegan[i] + durations.copy()[i];
      line.got[i] = line.getPossible(i) + costs.consumer()[i];
      line.closed[i] = line.got[i] + durations.compute()[i];
    }
    return line;
  }
}
