package io.pentrough;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * A pipeline of workers, a copy, stages and a loop as a max-plus recurrence: no part waits for more
 * than it has to, but each wait ends a wake later. No thread, no clock; a seed gives one run.
 *
 * @param fill how long a fill takes, in microseconds, as all of these
 * @param step how long the loop works on a batch
 * @param pause how much longer it works on every batch of this {@code pauseEvery}
 * @param slowFill how much longer one fill of ten takes, at random
 * @param queued whether the loop's work is queued on the device
 */
record SimulatedProgram(
    int workers,
    int hostSlots,
    int deviceSlots,
    long fill,
    long copy,
    long stage,
    long step,
    long pause,
    int pauseEvery,
    long slowFill,
    boolean queued) {

  private static final int BATCHES = 120;
  private static final int RAPID_BATCHES = 600;
  private static final int WAKE = 15_000;

  // What a batch has, for the statistics.
  private static final long SMALL = BottleneckAnalysis.SMALL_BYTES / 64;
  private static final long LARGE = BottleneckAnalysis.SMALL_BYTES * 4;

  private record Event(long time, int order, Runnable told) {}

  /** A program without pauses and slow fills. */
  SimulatedProgram(
      int workers,
      int hostSlots,
      int deviceSlots,
      long fill,
      long copy,
      long stage,
      long step,
      boolean queued) {
    this(workers, hostSlots, deviceSlots, fill, copy, stage, step, 0, 1, 0, queued);
  }

  /** A trace without batches, with the statistics of a run. */
  Trace trace(int seed) {
    LoaderStats stats = run(seed);
    long end = stats.elapsed().toNanos();
    return new Trace(
        new Trace.Setup(
            "program", "paper", false, false, false, stage > 0, 0, workers, hostSlots, deviceSlots),
        new Trace.Clock(end, Instant.EPOCH),
        new TraceRecorder.Picture(0, end, List.of(), List.of()),
        stats);
  }

  LoaderStats run(int seed) {
    return run(seed, 16, ThreadUsage.NOT_ASKED);
  }

  LoaderStats run(int seed, int cores, ThreadUsage threads) {
    Random random = new Random(seed);
    boolean rapid = fill + copy + stage + step < 2000;
    int batches = rapid ? RAPID_BATCHES : BATCHES;
    StatsRecorder recorder = new StatsRecorder(workers, cores, hostSlots, deviceSlots);
    double[] pace = random.doubles(4, 0.98, 1.02).toArray(); // this run's
    List<Event> events = new ArrayList<>();
    long[] workerFree = new long[workers];
    long[] copied = new long[batches];
    long[] givenBack = new long[batches];
    long[] released = new long[batches];
    long staged = 0;
    long loopFree = 0;
    long kernels = 0;
    recorder.started(0);
    for (int i = 0; i < batches; i++) {
      int worker = 0;
      for (int other = 1; other < workers; other++) {
        worker = workerFree[other] < workerFree[worker] ? other : worker;
      }
      long asked = workerFree[worker];
      long claimed = after(asked, i < hostSlots ? 0 : copied[i - hostSlots]);
      long fillNanos = nanos(fill + (random.nextInt(10) == 0 ? slowFill : 0), pace[0], random);
      long filled = claimed + fillNanos;
      workerFree[worker] = filled;
      tell(events, asked, () -> recorder.stalls.workerIdle(asked));
      tell(events, claimed, () -> recorder.stalls.workerBusy(claimed));
      tell(events, claimed, () -> recorder.slotWaited(claimed - asked));
      tell(events, filled, () -> recorder.filled(fillNanos));

      long before = i == 0 ? 0 : copied[i - 1];
      long room = i < deviceSlots ? 0 : givenBack[i - deviceSlots];
      long reserved = Math.max(Math.max(filled, before), room);
      long begun = Math.max(reserved, i < deviceSlots ? 0 : released[i - deviceSlots]);
      long copyNanos = nanos(copy, pace[1], random);
      copied[i] = begun + copyNanos;
      if (begun > reserved) {
        tell(events, reserved, () -> recorder.stalls.copyHeldUp(reserved));
        tell(events, begun, () -> recorder.stalls.copyLetGo(begun));
      }
      long copyEnd = copied[i];
      tell(events, begun, () -> recorder.copyStarted(begun));
      tell(events, copyEnd, () -> recorder.copyEnded(copyEnd));
      tell(events, copyEnd, () -> recorder.copied(copyNanos));

      if (stage > 0) {
        long stageBegun = Math.max(copyEnd, staged);
        long stageEnd = stageBegun + nanos(stage, pace[2], random);
        tell(events, copyEnd, () -> recorder.stagesStarted(copyEnd));
        tell(events, stageEnd, () -> recorder.stagesEnded(stageEnd));
        tell(events, stageEnd, () -> recorder.staged(stageEnd - stageBegun));
        staged = stageEnd;
      } else {
        staged = copyEnd;
      }
      long ready = staged;
      tell(events, ready, () -> recorder.firstReady(ready));

      long wanted = loopFree;
      long got = after(wanted, ready);
      if (got > wanted) {
        tell(events, wanted, () -> recorder.consumerStarving(wanted));
        tell(events, got, () -> recorder.consumerFed(got));
      }
      tell(events, got, () -> recorder.consumerWaited(got - wanted));
      tell(events, got, () -> recorder.delivered(fill + copy < 200 ? SMALL : LARGE));
      long stepNanos =
          nanos(step + (i % pauseEvery == pauseEvery - 1 ? pause : 0), pace[3], random);
      kernels = Math.max(got, kernels) + stepNanos;
      loopFree = got + (queued ? 1000 : stepNanos);
      givenBack[i] = loopFree;
      released[i] = queued ? kernels : loopFree;
    }
    long end = loopFree;
    events.sort((one, other) -> Long.compare(one.time, other.time)); // stable
    for (Event event : events) {
      if (event.time <= end) {
        event.told.run();
      }
    }
    return recorder.snapshot(end, threads);
  }

  private static void tell(List<Event> events, long time, Runnable told) {
    events.add(new Event(time, events.size(), told));
  }

  /** When somebody who wants it at one time has what is there at another. */
  private static long after(long wanted, long there) {
    return there <= wanted ? wanted : there + WAKE;
  }

  private static long nanos(long micros, double pace, Random random) {
    return (long) (micros * 1000 * pace * (0.9 + 0.2 * random.nextDouble()));
  }
}
