package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.Advice.Subject;
import io.pentrough.LoaderStats.Bottleneck;
import io.pentrough.LoaderStats.Timing;
import io.pentrough.testkit.Exhaustive;
import io.pentrough.testkit.Patience;
import java.time.Duration;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What holds of every bottleneck, whatever was recorded, and of the bottlenecks on one program that
 * is run again and again. No thread, no clock: recordings are made up from a seed.
 */
@Timeout(
    value = Patience.TEST_SECONDS,
    threadMode = Timeout.ThreadMode.SEPARATE_THREAD) // for an endless loop, too
class BottleneckAnalysisTest {

  private static final Pattern SHARES =
      Pattern.compile(
          "(?:after the first batch: )?loop starved (\\d+) %, copy under way (\\d+) %"
              + "(?:, held up (\\d+) %)?(?:, stages at work (\\d+) %)?, workers \\((\\d+) on (\\d+)"
              + " cores\\) waiting for a slot (\\d+) %(?:, without a job (\\d+) %)?");
  private static final Pattern FIGURE = Pattern.compile("(\\d+) %");

  /** What the last lines of the text say. */
  private record Told(
      int starved,
      int copying,
      int heldUp,
      int staging,
      int workers,
      int cores,
      int idle,
      int workersStarved,
      String evidence,
      List<Advice> advice,
      List<Integer> gains) {

    static Told of(LoaderStats stats) {
      List<String> lines = stats.toString().lines().toList();
      List<Advice> advice = stats.advice();
      int last = lines.size() - 1 - advice.size();
      for (int i = 0; i < advice.size(); i++) {
        assertEquals((i == 0 ? "" : "or ") + advice.get(i), lines.get(last + 1 + i));
      }
      String evidence = lines.get(last);
      assertTrue(evidence.startsWith(stats.bottleneck() + ": "), evidence);
      Matcher shown = SHARES.matcher(lines.get(last - 1));
      assertTrue(shown.matches(), lines.get(last - 1));
      int[] figures =
          IntStream.rangeClosed(1, 8)
              .map(group -> shown.group(group) == null ? 0 : Integer.parseInt(shown.group(group)))
              .toArray();
      return new Told(
          figures[0],
          figures[1],
          figures[2],
          figures[3],
          figures[4],
          figures[5],
          figures[6],
          figures[7],
          evidence,
          advice,
          advice.stream().map(each -> gain(stats, each)).toList());
    }

    /** The share of the time that it promises to save, in percent, rounded down. */
    private static int gain(LoaderStats stats, Advice advice) {
      double now = 1e9 * stats.batches() / stats.analysis().times.elapsed();
      return (int) (100 * (1 - now / advice.batchesPerSecond()) + 1e-9);
    }

    boolean tooLittle() {
      return evidence.contains("nothing to judge by") || evidence.contains("too little time");
    }

    /** Whether more slots alone would do. */
    boolean addsSlots() {
      return advice.stream()
          .map(each -> each.changes().get(0).subject())
          .anyMatch(first -> first == Subject.HOST_SLOTS || first == Subject.DEVICE_SLOTS);
    }

    /** What can be changed. */
    Set<Cure> cures() {
      Set<Cure> cures = EnumSet.noneOf(Cure.class);
      for (Advice each : advice) {
        for (Advice.Change change : each.changes()) {
          cures.add(Cure.valueOf(change.subject().name()));
        }
      }
      if (evidence.contains("larger")) {
        cures.add(Cure.LARGER);
      }
      return cures;
    }
  }

  private enum Cure {
    WORKERS,
    HOST_SLOTS,
    DEVICE_SLOTS,
    SUBMIT_AHEAD,
    TARGET,
    COPY,
    STAGES,
    LOOP,
    LARGER
  }

  static IntStream seeds() {
    return IntStream.range(0, Exhaustive.count(4, 20));
  }

  @ParameterizedTest
  @MethodSource("seeds")
  @DisplayName("no bottleneck contradicts the figures above it, and none advises what cannot gain")
  void figuresAndAdviceAgree(int seed) {
    Random random = new Random(seed);
    Map<Bottleneck, Integer> seen = new EnumMap<>(Bottleneck.class);
    for (int i = 0; i < 500; i++) {
      Recording recording = new Recording(random);
      LoaderStats before = recording.run(1 + random.nextInt(40));
      LoaderStats after = recording.run(1 + random.nextInt(random.nextBoolean() ? 40 : 600));
      for (LoaderStats stats : List.of(before, after, after.minus(before))) {
        checkShares(stats);
        check(stats, Told.of(stats));
        seen.merge(stats.bottleneck(), 1, Integer::sum);
      }
    }
    assertEquals(
        EnumSet.allOf(Bottleneck.class), seen.keySet(), "nothing is checked that never is");
  }

  private static void checkShares(LoaderStats stats) {
    for (double share :
        new double[] {
          stats.starvedShare(),
          stats.copyBusyShare(),
          stats.copyHeldUpShare(),
          stats.stageBusyShare(),
          stats.workerIdleShare(),
          stats.workerStarvedShare()
        }) {
      assertTrue(share >= 0 && share <= 1, stats::toString);
    }
    for (Timing timing :
        List.of(stats.fillTime(), stats.copyTime(), stats.stageTime(), stats.consumerWait())) {
      assertTrue(timing.count() >= 0 && timing.sumNanos() >= 0, stats::toString);
      assertTrue(timing.p50Nanos() <= timing.p99Nanos(), stats::toString);
      assertTrue(timing.p99Nanos() <= timing.maxNanos(), stats::toString);
    }
    assertTrue(stats.batches() >= 0 && stats.bytes() >= 0 && !stats.elapsed().isNegative());
  }

  private static void check(LoaderStats stats, Told told) {
    Set<Integer> shown =
        new TreeSet<>(
            List.of(
                told.starved,
                told.copying,
                told.heldUp,
                told.staging,
                told.idle,
                told.workersStarved));
    FIGURE
        .matcher(told.evidence)
        .results()
        .forEach(
            figure -> assertTrue(shown.contains(Integer.valueOf(figure.group(1))), told.evidence));

    for (int i = 0; i < told.gains.size(); i++) {
      int gain = told.gains.get(i);
      assertTrue(gain >= 10, "hardly worth it: " + stats);
      assertTrue(gain <= told.starved + 1, "more than the loop waited: " + stats);
      for (Advice.Change change : told.advice.get(i).changes()) {
        boolean less = change.subject().isTime();
        assertTrue(
            less ? change.to() < change.from() : change.to() > change.from(), stats::toString);
        assertTrue(
            change.to() >= 0 && (less || change.to() <= LoaderBuilder.MAX_THREADS_OR_SLOTS),
            stats::toString);
      }
    }

    Set<Cure> cures = told.cures();
    if (told.tooLittle() || (told.starved < 10 && stats.bottleneck() == Bottleneck.CONSUMER)) {
      assertEquals(EnumSet.noneOf(Cure.class), cures, stats::toString);
    }
    if (told.tooLittle()) {
      return;
    }
    if (stats.elapsed().toMillis() < 250) {
      assertEquals(List.of(), stats.advice(), stats::toString);
    }
    Duration first = stats.timeToFirstBatch().orElse(Duration.ZERO);
    if (stats.elapsed().minus(first).toMillis() < 250) {
      return; // no advice is due
    }
    if (told.starved < 10) {
      assertTrue(
          stats.bottleneck() == Bottleneck.CONSUMER || stats.bottleneck() == Bottleneck.OVERHEAD,
          stats::toString);
    }
    if (cures.contains(Cure.WORKERS)) {
      assertTrue(told.workers < told.cores, "no core for it: " + stats);
      assertTrue(told.idle + told.workersStarved <= 50, "they rest: " + stats);
      assertTrue(
          told.workersStarved == 0 || cures.contains(Cure.SUBMIT_AHEAD), "no job for it: " + stats);
    }
    if (cures.contains(Cure.SUBMIT_AHEAD)) {
      assertTrue(
          stats.workerStarvedShare() > 0 || told.workersStarved > 0, "there are jobs: " + stats);
    }
    if (told.addsSlots()) {
      assertTrue(told.copying < 90 && told.staging < 90, "they are all needed: " + stats);
    }
    int rest = told.idle + told.workersStarved;
    boolean rapid = // or nearly
        stats.elapsed().toNanos() / BottleneckAnalysis.RAPID_NANOS < stats.batches() * 2;
    switch (stats.bottleneck()) {
      case PRODUCER -> {
        assertTrue(told.idle <= told.starved && rest <= 50, stats::toString);
        assertTrue(cures.contains(Cure.TARGET) || cures.contains(Cure.WORKERS), stats::toString);
      }
      case COPY -> {
        assertTrue(
            told.copying >= 50 || (rapid && told.copying * 2 >= told.starved - 1), told.evidence);
        assertTrue(told.copying >= told.staging || rapid, stats::toString);
        assertTrue(cures.contains(Cure.COPY), stats::toString);
      }
      case STAGE -> {
        assertTrue(
            told.staging >= 50 || (rapid && told.staging * 2 >= told.starved - 1), told.evidence);
        assertTrue(told.staging >= told.copying || rapid || told.heldUp >= 10, stats::toString);
        assertTrue(cures.contains(Cure.STAGES), stats::toString);
      }
      case SUBMITTER -> {
        assertTrue(told.workersStarved >= 10 && told.workersStarved >= told.idle, stats::toString);
        assertTrue(cures.contains(Cure.SUBMIT_AHEAD), stats::toString);
      }
      case CONSUMER -> assertTrue(told.starved < 10 || told.heldUp >= 10 || rapid, stats::toString);
      case OVERHEAD -> assertTrue(cures.contains(Cure.LARGER), stats::toString);
      case BALANCED -> {
        // A loop that always waits may wait for its own work on the device. And as slots are added
        // in steps, a step may gain too little.
        assertTrue(told.addsSlots() || told.starved >= 90 || told.starved < 30, stats::toString);
        assertFalse(cures.contains(Cure.WORKERS), stats::toString);
      }
    }
  }

  /** Anything that an engine could tell a recorder, in an order that it could be told in. */
  private static final class Recording {
    private final Random random;
    private final StatsRecorder recorder;
    private final int workers;
    private final long scale;
    private final double[] likes = new double[6];
    private final int[] open = new int[6];
    private final long workNanos;
    private final long batchBytes;
    private final boolean staged;
    private long now;
    private boolean ready;

    Recording(Random random) {
      this.random = random;
      workers = 1 + random.nextInt(4);
      recorder =
          new StatsRecorder(
              workers, 1 + random.nextInt(6), 1 + random.nextInt(8), 1 + random.nextInt(3));
      scale = (long) Math.pow(10, 3 + random.nextInt(5));
      workNanos = (long) Math.pow(10, 2 + random.nextInt(6));
      batchBytes = 1L << (4 + random.nextInt(20));
      staged = random.nextBoolean();
      now = random.nextLong() >> 8;
      for (int i = 0; i < likes.length; i++) {
        double like = random.nextDouble();
        likes[i] = random.nextInt(3) == 0 ? like : like < 0.5 ? like / 10 : 1 - like / 20;
      }
      recorder.started(now);
      if (random.nextInt(3) > 0) {
        likes[4] = 0; // there are always jobs
      }
      if (random.nextBoolean()) {
        likes[3] = 0; // copies are not held up
      }
      if (random.nextBoolean()) {
        ready = true;
        recorder.firstReady(now);
      }
    }

    LoaderStats run(int steps) {
      for (int i = 0; i < steps; i++) {
        now += (long) (random.nextDouble() * scale);
        step(random.nextInt(9));
      }
      return recorder.snapshot(now);
    }

    private void step(int what) {
      switch (what) {
        case 0 ->
            toggle(
                0,
                workers,
                () -> recorder.stalls.workerIdle(early()),
                () -> recorder.stalls.workerBusy(now));
        case 1 -> toggle(1, 2, () -> recorder.copyStarted(now), () -> recorder.copyEnded(now));
        case 2 ->
            toggle(2, 2, () -> recorder.consumerStarving(now), () -> recorder.consumerFed(now));
        case 3 ->
            toggle(
                3, 1, () -> recorder.stalls.copyHeldUp(now), () -> recorder.stalls.copyLetGo(now));
        case 4 -> recorder.stalls.starved(random.nextDouble() < likes[4], now);
        case 5 -> {
          if (staged) {
            toggle(5, 1, () -> recorder.stagesStarted(now), () -> recorder.stagesEnded(now));
            recorder.staged((long) (random.nextDouble() * workNanos));
          }
        }
        default -> {
          recorder.filled((long) (random.nextDouble() * workNanos));
          recorder.copied((long) (random.nextDouble() * workNanos));
          recorder.consumerWaited((long) (random.nextDouble() * scale));
          if (ready || random.nextInt(4) == 0) {
            ready = true;
            recorder.firstReady(now);
            recorder.delivered(batchBytes);
          }
        }
      }
    }

    /** A worker tells when it began to wait after it has got the lock. */
    private long early() {
      return now - random.nextInt((int) (scale / 10));
    }

    private void toggle(int of, int most, Runnable begin, Runnable end) {
      boolean more = random.nextDouble() < likes[of];
      if (more && open[of] < most) {
        open[of]++;
        begin.run();
      } else if (!more && open[of] > 0) {
        open[of]--;
        end.run();
      }
    }
  }

  /** Durations in microseconds. */
  @ParameterizedTest
  @CsvSource({
    // workers, host, device, fill, copy, stage, step, queued, bottleneck
    "1, 3, 3, 20000,  1000,     0,  8000, false, PRODUCER",
    "3, 5, 3, 20000,  1000,     0,  8000, false, CONSUMER",
    "2, 4, 3,  4000, 20000,     0,  8000, false, COPY",
    "2, 4, 3,  8000,  1000, 20000,  8000, false, STAGE",
    "2, 4, 3,  8000,  1000,     0, 12000, false, CONSUMER",
    "2, 4, 3,  8000,  1000,     0, 12000,  true, CONSUMER",
    "2, 4, 3,  2000,  8000,     0, 12000,  true, CONSUMER",
    "2, 4, 3,  2000, 12000,     0,  8000,  true, COPY",
    "1, 1, 1, 10000, 10000,     0, 10000, false, BALANCED",
    "1, 3, 3,     1,     1,     0,     5, false, OVERHEAD",
    "4, 6, 3,     1,     2,     0,     1, false, OVERHEAD",
    "1, 3, 3,  1000,    10,     0,   970, false, CONSUMER",
  })
  @DisplayName("a program gets one bottleneck, in each of many runs that differ a little")
  void oneProgramOneBottleneck(
      int workers,
      int hostSlots,
      int deviceSlots,
      long fill,
      long copy,
      long stage,
      long step,
      boolean queued,
      Bottleneck bottleneck) {
    for (int seed = 0; seed < Exhaustive.count(40, 2000); seed++) {
      LoaderStats stats =
          new SimulatedProgram(workers, hostSlots, deviceSlots, fill, copy, stage, step, queued)
              .run(seed);
      assertEquals(bottleneck, stats.bottleneck(), stats::toString);
    }
  }

  /** Programs near a threshold; durations in microseconds. */
  @ParameterizedTest
  @CsvSource({
    // the loop waits for some 10 % of the time: for the target, the copy, the stages
    "1, 3, 3, 10000,  1000,     0,  9000, false",
    "2, 4, 3,  4000, 10000,     0,  9000, false",
    "2, 4, 3,  4000,  1000, 10000,  9000, false",
    // two parts take as long
    "2, 4, 3,  1000, 10000, 10000,  4000, false",
    "1, 3, 3, 10000, 10000,     0,  4000, false",
    "1, 3, 3, 10000,  1000, 10000,  4000, false",
    "2, 4, 3,  2000, 10000,     0,  9700,  true",
    "1, 3, 3, 10000,  1000,     0,  9900,  true",
    "2, 4, 2,  2000, 10000,     0, 10000,  true",
    // nobody is at work all the time
    "1, 1, 1, 10000,  4000,     0,  4000, false",
    "1, 1, 1,  4000, 10000,     0,  4000, false",
    "1, 1, 1,  8000,  8000,     0,  2000, false",
    "1, 1, 1,  2000, 10000,     0, 30000,  true",
    // work of the length of a wake, or of a few
    "1, 3, 3,    25,     1,     0,     1, false",
    "1, 3, 3,    60,     1,     0,     1, false",
    "2, 4, 3,   100,     1,     0,     1, false",
    "2, 4, 3,     1,    30,     0,     1, false",
    "2, 4, 3,     1,    60,     0,     1, false",
    "2, 4, 3,     1,     1,     0,    20, false",
    // a batch each millisecond
    "1, 1, 1,   400,   400,     0,   200, false",
    "2, 4, 3,   100,   950,     0,   100, false",
  })
  @DisplayName("near a threshold, runs of one program get advice that can be followed together")
  void adviceDoesNotFlap(
      int workers,
      int hostSlots,
      int deviceSlots,
      long fill,
      long copy,
      long stage,
      long step,
      boolean queued) {
    Map<Bottleneck, Told> seen = new EnumMap<>(Bottleneck.class);
    for (int seed = 0; seed < Exhaustive.count(40, 2000); seed++) {
      LoaderStats stats =
          new SimulatedProgram(workers, hostSlots, deviceSlots, fill, copy, stage, step, queued)
              .run(seed);
      Told told = Told.of(stats);
      for (Told other : seen.values()) {
        assertTrue(goTogether(told, other), told + "\n" + other);
      }
      seen.put(stats.bottleneck(), told);
    }
  }

  /** Whether one can follow both, or little is to be gained by either. */
  private static boolean goTogether(Told one, Told other) {
    if (one.tooLittle() || other.tooLittle()) {
      return true;
    }
    Set<Cure> both = EnumSet.copyOf(one.cures());
    both.retainAll(other.cures());
    return !both.isEmpty() || (most(one) <= 20 && most(other) <= 20);
  }

  private static int most(Told told) {
    return told.gains.stream().max(Integer::compare).orElse(0);
  }
}
