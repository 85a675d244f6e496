package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.Advice.Change;
import io.pentrough.Advice.Subject;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Advice as arithmetic: on simulated programs, which can follow it, and on constructed totals. */
class AdviceTest {

  private static double rate(LoaderStats stats) {
    return 1e9 * stats.batches() / stats.analysis().times.elapsed();
  }

  /** The first advice that needs nothing but other settings. */
  private static Optional<Advice> settings(LoaderStats stats) {
    return stats.advice().stream()
        .filter(advice -> advice.changes().stream().noneMatch(change -> change.subject().isTime()))
        .findFirst();
  }

  private static SimulatedProgram follow(SimulatedProgram program, Advice advice) {
    int workers = program.workers();
    int host = program.hostSlots();
    int device = program.deviceSlots();
    boolean hostIsDefault = host == workers + 2;
    for (Change change : advice.changes()) {
      switch (change.subject()) {
        case WORKERS -> workers = (int) change.to();
        case HOST_SLOTS -> host = (int) change.to();
        case DEVICE_SLOTS -> device = (int) change.to();
        default -> throw new AssertionError(change);
      }
    }
    if (hostIsDefault && workers > program.workers()) {
      host = workers + 2;
    }
    return new SimulatedProgram(
        workers,
        host,
        device,
        program.fill(),
        program.copy(),
        program.stage(),
        program.step(),
        program.pause(),
        program.pauseEvery(),
        program.slowFill(),
        program.queued());
  }

  static IntStream seeds() {
    return IntStream.range(0, 20);
  }

  /** A steady program takes as long for each fill, copy, stage and step, but for a tenth. */
  @ParameterizedTest
  @MethodSource("seeds")
  @DisplayName("a steady program that follows the advice reaches the predicted rate within 15 %")
  void steadyProgramsReachThePrediction(int seed) {
    Random random = new Random(seed);
    int followed = 0;
    for (int i = 0; i < 100; i++) {
      SimulatedProgram program = program(random, true);
      LoaderStats stats = program.run(seed);
      Optional<Advice> advice = settings(stats);
      if (advice.isPresent()) {
        double ratio =
            rate(follow(program, advice.get()).run(seed)) / advice.get().batchesPerSecond();
        assertTrue(ratio > 0.85 && ratio < 1.15, () -> ratio + ": " + program + "\n" + stats);
        followed++;
      }
    }
    assertTrue(followed > 5, "only " + followed);
  }

  @ParameterizedTest
  @MethodSource("seeds")
  @DisplayName("no advice promises less than there is, and to follow it never makes it slower")
  void adviceNeverHarms(int seed) {
    Random random = new Random(seed);
    for (int i = 0; i < 100; i++) {
      SimulatedProgram program = program(random, false);
      LoaderStats stats = program.run(seed);
      for (Advice advice : stats.advice()) {
        assertTrue(advice.batchesPerSecond() * 0.9 >= rate(stats) * 0.999, stats::toString);
      }
      Optional<Advice> advice = settings(stats);
      if (advice.isPresent()) {
        double after = rate(follow(program, advice.get()).run(seed));
        assertTrue(after >= 0.98 * rate(stats), () -> after + ": " + program + "\n" + stats);
      }
    }
  }

  private static SimulatedProgram program(Random random, boolean steady) {
    int workers = 1 + random.nextInt(4);
    return new SimulatedProgram(
        workers,
        random.nextInt(3) == 0 ? 1 + random.nextInt(8) : workers + 2,
        random.nextInt(3) == 0 ? 1 + random.nextInt(5) : 3,
        micros(random),
        micros(random),
        random.nextBoolean() ? 0 : micros(random),
        micros(random),
        steady || random.nextBoolean() ? 0 : 1000L * random.nextInt(200),
        2 + random.nextInt(15),
        steady || random.nextBoolean() ? 0 : micros(random) * 5,
        !steady && random.nextInt(4) == 0);
  }

  /** 1 to 33 ms. */
  private static long micros(Random random) {
    return (long) (1000 * Math.exp(random.nextDouble() * 3.5));
  }

  // ---- constructed totals: one second, one worker's fills back to back

  private static final long MS = 1_000_000;

  /** Workers that fill 50 batches each in a second, without a rest, for a loop that takes 8 ms. */
  private static LoaderStats fills(int workers, int cores, ThreadUsage threads) {
    StatsRecorder recorder = new StatsRecorder(workers, cores, workers + 2, 3);
    recorder.started(0);
    recorder.firstReady(0);
    for (int i = 0; i < 50 * workers; i++) {
      recorder.filled(20 * MS);
      recorder.copied(MS);
      recorder.delivered(3 << 20);
    }
    recorder.consumerStarving(0);
    recorder.consumerFed(1000 * MS - 50L * workers * 8 * MS);
    recorder.copyStarted(0);
    recorder.copyEnded(50L * workers * MS);
    return recorder.snapshot(1000 * MS, threads);
  }

  private static ThreadUsage cpu(long workersMillis, long loopMillis) {
    return new ThreadUsage(workersMillis * MS, loopMillis * MS, 0, 0, -1, null);
  }

  private static List<String> sentences(LoaderStats stats) {
    return stats.advice().stream().map(Advice::toString).toList();
  }

  @Test
  void aTargetThatWaitsGetsWorkers() {
    assertEquals(
        List.of(
            "WORKERS 1 -> 3: a fill takes 20.0 ms, the loop needs a batch every 8.00 ms, if fills"
                + " do not wait for each other (at most 125.0 batches/s)",
            "TARGET 20.0 ms -> 8.00 ms: make the target faster; the loop needs a batch every 8.00"
                + " ms (at most 125.0 batches/s)"),
        sentences(fills(1, 2, cpu(10, 5))));
    Advice advice = fills(1, 2, cpu(10, 5)).advice().get(0);
    assertEquals(List.of(new Change(Subject.WORKERS, 1, 3)), advice.changes());
    assertEquals(125, advice.batchesPerSecond(), 1e-6);
    assertEquals("fills do not wait for each other", advice.condition());
    assertEquals("", fills(1, 2, cpu(10, 5)).advice().get(1).condition());
    assertEquals("", fills(2, 4, cpu(20, 10)).advice().get(0).condition());
    assertEquals(advice, fills(1, 2, cpu(10, 5)).advice().get(0));
    assertEquals(advice.hashCode(), fills(1, 2, cpu(10, 5)).advice().get(0).hashCode());
  }

  @Test
  void coresBoundWhatIsPromised() {
    // A fill computes for 20 ms and the loop for 8: two cores make a batch every 14 ms.
    assertEquals(
        List.of(
            "WORKERS 1 -> 2: a fill takes 20.0 ms, the loop needs a batch every 8.00 ms, and 2"
                + " cores have time for one every 14.0 ms, if fills do not wait for each other (at"
                + " most 71.4 batches/s)"),
        sentences(fills(1, 2, cpu(1000, 400))).subList(0, 1));
    // The loop leaves its core alone.
    assertEquals(100, fills(1, 2, cpu(1000, 0)).advice().get(0).batchesPerSecond(), 1e-6);
    // Nobody knows, so the loop counts as computing.
    long unknown = ThreadUsage.UNKNOWN_NANOS;
    assertEquals(
        1000 / 14.0,
        fills(1, 2, new ThreadUsage(1000 * MS, unknown, 0, 0, -1, null))
            .advice()
            .get(0)
            .batchesPerSecond(),
        1e-6);
  }

  @Test
  void coresThatAreBusyGetNoWorkers() {
    assertEquals(
        List.of(
            "TARGET 20.0 ms -> 16.0 ms: make the target faster (more workers would not help, as"
                + " workers and loop keep the 2 cores busy); the loop needs a batch every 8.00 ms"
                + " (at most 125.0 batches/s)"),
        sentences(fills(2, 2, cpu(1600, 400))));
  }

  @Test
  void workersThatWaitForEachOtherGetNoMore() {
    ThreadUsage onMonitor = new ThreadUsage(10 * MS, 0, 90, 0, -1, null);
    ThreadUsage onLock = new ThreadUsage(10 * MS, 0, 0, 1, -1, null);
    String notMore =
        "TARGET 20.0 ms -> 16.0 ms: make the target faster (more workers would not help, as ";
    assertEquals(
        List.of(
            notMore
                + "they block each other 0.9 times in a fill); the loop needs a batch every 8.00"
                + " ms (at most 125.0 batches/s)"),
        sentences(fills(2, 8, onMonitor)));
    assertEquals(
        List.of(
            notMore
                + "1 of 2 waited for a lock that a thread held); the loop needs a batch every 8.00"
                + " ms (at most 125.0 batches/s)"),
        sentences(fills(2, 8, onLock)));
    assertEquals(Subject.WORKERS, first(fills(1, 8, onMonitor)), "it cannot be another worker");
    assertEquals(Subject.WORKERS, first(fills(2, 8, cpu(10, 0))));
  }

  private static Subject first(LoaderStats stats) {
    return stats.advice().get(0).changes().get(0).subject();
  }

  @Test
  @DisplayName("on a busy machine a worker that waits for a core gets no more than there are cores")
  void busyMachine() {
    String busy =
        "the CPU time of workers says little, as other programs or threads need the 2 cores: the"
            + " load is %s";
    assertEquals(
        "WORKERS 1 -> 2: a fill takes 20.0 ms, the loop needs a batch every 8.00 ms; measure again"
            + " before you add more ("
            + busy.formatted("3.0")
            + "), if fills do not wait for each other (at most 100.0 batches/s)",
        fills(1, 2, onMachineWithLoad(3)).advice().get(0).toString());
    String target = fills(2, 2, onMachineWithLoad(7.25)).advice().get(0).toString();
    assertTrue(target.startsWith("TARGET 20.0 ms -> "), target);
    assertTrue(
        target.contains("with 2 cores, more workers gain only if it waits, as for a disk; "),
        target);
    assertTrue(target.contains(busy.formatted("7.3")), target);
    ThreadUsage block = new ThreadUsage(10 * MS, 0, 90, 0, 12, null);
    String blocked = fills(2, 4, block).advice().get(0).toString();
    assertTrue(blocked.contains("they block each other 0.9 times in a fill"), blocked);
    // The loader's own threads may be all of the load.
    assertEquals(Subject.WORKERS, first(fills(2, 2, onMachineWithLoad(3.9))));
    assertEquals(Subject.WORKERS, first(fills(2, 2, onMachineWithLoad(-1))));
  }

  private static ThreadUsage onMachineWithLoad(double load) {
    return new ThreadUsage(10 * MS, 5 * MS, 0, 0, load, null);
  }

  @Test
  void withoutCpuTimesWorkersAreAddedUpToTheCores() {
    ThreadUsage unknown = ThreadUsage.unknown("the module java.management is not there");
    assertEquals(
        "WORKERS 1 -> 2: a fill takes 20.0 ms, the loop needs a batch every 8.00 ms; measure again"
            + " before you add more (the CPU time of workers is not known, as the module"
            + " java.management is not there), if fills do not wait for each other (at most 100.0"
            + " batches/s)",
        fills(1, 2, unknown).advice().get(0).toString());
    assertEquals(
        "TARGET 20.0 ms -> 16.0 ms: make the target faster (with 2 cores, more workers gain only"
            + " if it waits, as for a disk; the CPU time of workers is not known, as the module"
            + " java.management is not there); the loop needs a batch every 8.00 ms (at most 125.0"
            + " batches/s)",
        fills(2, 2, unknown).advice().get(0).toString());
  }

  @Test
  void slotsOfTheUsersOwnGrowWithTheWorkers() {
    StatsRecorder recorder = new StatsRecorder(1, 2, 1, 1);
    recorder.started(0);
    recorder.firstReady(0);
    for (int i = 0; i < 50; i++) {
      recorder.filled(20 * MS);
      recorder.copied(4 * MS);
      recorder.delivered(3 << 20);
    }
    recorder.consumerStarving(0);
    recorder.consumerFed(600 * MS);
    recorder.copyStarted(0);
    recorder.copyEnded(200 * MS);
    Advice advice = recorder.snapshot(1000 * MS, cpu(10, 5)).advice().get(0);
    assertEquals(
        List.of(
            new Change(Subject.WORKERS, 1, 3),
            new Change(Subject.HOST_SLOTS, 1, 3), // 20 + 4 ms for each, and a batch every 8 ms
            new Change(Subject.DEVICE_SLOTS, 1, 2)), // 4 + 8 ms
        advice.changes());
  }

  @Test
  void fewBatchesOrALoopThatIsFedGetNone() {
    StatsRecorder recorder = new StatsRecorder(1, 2, 3, 3);
    recorder.started(0);
    recorder.firstReady(0);
    recorder.consumerStarving(0);
    assertEquals(List.of(), recorder.snapshot(900 * MS).advice());
    recorder.delivered(1);
    assertEquals(List.of(), recorder.snapshot(900 * MS).advice(), "too few");
    recorder.consumerFed(900 * MS);
    for (int i = 0; i < 1000; i++) {
      recorder.filled(20 * MS);
      recorder.delivered(1);
    }
    assertEquals(List.of(), recorder.snapshot(20_000 * MS).advice(), "it waits for little");
  }

  @Test
  void aDifferenceHasItsOwnCpuTimes() {
    ThreadUsage difference = cpu(500, 300).minus(cpu(100, 200));
    assertEquals(cpu(400, 100), difference);
    ThreadUsage unknown = ThreadUsage.unknown("why");
    assertEquals(unknown, cpu(1, 1).minus(unknown));
    assertEquals(unknown, unknown.minus(cpu(1, 1)));
    ThreadUsage noConsumer = new ThreadUsage(0, ThreadUsage.UNKNOWN_NANOS, 0, 0, -1, null);
    assertEquals(1 * MS, cpu(1, 1).minus(noConsumer).consumerNanos(), "an upper bound");
  }
}
