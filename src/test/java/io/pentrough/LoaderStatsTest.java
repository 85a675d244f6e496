package io.pentrough;

import static io.pentrough.testkit.Numbered.check;
import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.LoaderStats.Bottleneck;
import io.pentrough.LoaderStats.Timing;
import io.pentrough.device.Device;
import io.pentrough.device.host.HostDevice;
import io.pentrough.testkit.Numbered;
import java.time.Duration;
import java.util.NoSuchElementException;
import java.util.Optional;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LoaderStatsTest {

  private static final long MS = 1_000_000;
  private static final long HOUR = 3_600_000 * MS;

  /** nanoTime may be anything: also negative. */
  private static final long START = -7_000 * MS;

  private final StatsRecorder recorder = new StatsRecorder(2, 2, 4, 3);

  private static long at(long millis) {
    return START + millis * MS;
  }

  private static BackgroundLoader endingAfter(int batches, Device device, SteppedTime time) {
    return BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill)
        .batchesPerEpoch(batches)
        .epochs(1)
        .warnAfter(Duration.ofDays(1))
        .time(time)
        .start();
  }

  @Test
  @DisplayName("the time behind the end of the data counts for nobody")
  void end() throws Exception {
    SteppedTime time = new SteppedTime();
    try (Device device = HostDevice.open();
        BackgroundLoader loader = endingAfter(3, device, time)) {
      for (int i = 0; i < 2; i++) {
        check(i, loader.get(patience()));
        time.pass(HOUR);
      }
      try (DeviceBatch last = loader.get(patience())) {
        time.pass(HOUR); // a batch that is held is worked on
        assertEquals(3, loader.stats().elapsed().toHours());
        assertEquals(2, last.index());
      }
      LoaderStats atEnd = loader.stats();
      time.pass(10 * HOUR);
      assertEquals(3, loader.stats().elapsed().toHours());
      assertEquals(atEnd.elapsed(), loader.stats().elapsed());
      assertEquals(atEnd.starvedShare(), loader.stats().starvedShare());
      assertEquals(atEnd.workerIdleShare(), loader.stats().workerIdleShare());
      assertNull(loader.poll(Duration.ZERO));
      loader.reset(); // brings nothing back that has been delivered
      time.pass(HOUR);
      assertEquals(3, loader.stats().elapsed().toHours());
    }
  }

  @Test
  @DisplayName("a consumer that asks behind the end may still work on a batch")
  void asksBehindEnd() throws Exception {
    SteppedTime time = new SteppedTime();
    try (Device device = HostDevice.open();
        BackgroundLoader loader = endingAfter(1, device, time)) {
      try (DeviceBatch held = loader.get(patience())) {
        assertEquals(0, held.index());
        assertThrows(NoSuchElementException.class, () -> loader.get(patience()));
        time.pass(HOUR);
        assertEquals(1, loader.stats().elapsed().toHours());
      }
      time.pass(10 * HOUR);
      assertEquals(1, loader.stats().elapsed().toHours());
    }
  }

  @Test
  void aSnapshotTellsWhatWasRecorded() {
    recorder.started(at(0));
    assertEquals(Optional.empty(), recorder.snapshot(at(0)).timeToFirstBatch());
    assertTrue(recorder.snapshot(at(0)).toString().contains("no batch ready yet"));
    recorder.filled(10);
    recorder.filled(12);
    recorder.slotWaited(3);
    recorder.copied(4);
    recorder.consumerWaited(5);
    recorder.firstReady(at(30));
    recorder.firstReady(at(40));
    recorder.delivered(100);
    recorder.delivered(50);
    recorder.failed();
    LoaderStats stats = recorder.snapshot(at(1000));
    recorder.delivered(1);
    recorder.filled(99);

    assertEquals(2, stats.batches());
    assertEquals(150, stats.bytes());
    assertEquals(1, stats.failures());
    assertEquals(Optional.of(Duration.ofMillis(30)), stats.timeToFirstBatch());
    assertEquals(Duration.ofSeconds(1), stats.elapsed());
    assertEquals(new Timing(2, 22, 12, 10, 12), stats.fillTime());
    assertEquals(11, stats.fillTime().meanNanos());
    assertEquals(new Timing(1, 3, 3, 3, 3), stats.slotWait());
    assertEquals(new Timing(1, 4, 4, 4, 4), stats.copyTime());
    assertEquals(new Timing(1, 5, 5, 5, 5), stats.consumerWait());
  }

  @Test
  void sharesCountOverlapsOnceAndWorkersEach() {
    recorder.started(at(0));
    recorder.copyStarted(at(100)); // 100 to 300 and 200 to 400: busy for 300
    recorder.copyStarted(at(200));
    recorder.copyEnded(at(300));
    recorder.copyEnded(at(400));
    recorder.consumerStarving(at(0)); // 0 to 50 and 25 to 100: starved for 100
    recorder.consumerStarving(at(25));
    recorder.consumerFed(at(50));
    recorder.consumerFed(at(100));
    recorder.stalls.workerIdle(at(500)); // 500 to 600 and 500 to 800: 400 of two workers' 2000
    recorder.stalls.workerIdle(at(500));
    recorder.stalls.workerBusy(at(600));
    recorder.stalls.workerBusy(at(800));
    LoaderStats stats = recorder.snapshot(at(1000));
    assertEquals(0.3, stats.copyBusyShare());
    assertEquals(0.1, stats.starvedShare());
    assertEquals(0.2, stats.workerIdleShare());
  }

  @Test
  void whatIsStillGoingOnCountsUpToTheSnapshotAndNotTwice() {
    recorder.started(at(0));
    recorder.copyStarted(at(0));
    recorder.consumerStarving(at(50));
    recorder.stalls.workerIdle(at(80));
    LoaderStats first = recorder.snapshot(at(100));
    assertEquals(1.0, first.copyBusyShare());
    assertEquals(0.5, first.starvedShare());
    assertEquals(0.1, first.workerIdleShare());

    recorder.consumerFed(at(125));
    LoaderStats second = recorder.snapshot(at(200));
    assertEquals(0.375, second.starvedShare());
    assertEquals(0.25, second.minus(first).starvedShare());
    assertEquals(0.5, second.minus(first).workerIdleShare());
    assertEquals(1.0, second.minus(first).copyBusyShare());
    assertThrows(IllegalStateException.class, () -> recorder.consumerFed(at(300)));
  }

  @Test
  void aDifferenceIsAboutItsIntervalAlone() {
    recorder.started(at(0));
    recorder.firstReady(at(5));
    for (int i = 0; i < 100; i++) {
      recorder.filled(1000 * MS);
      recorder.delivered(10);
    }
    recorder.failed();
    LoaderStats first = recorder.snapshot(at(1000));
    recorder.filled(8);
    recorder.delivered(7);
    LoaderStats second = recorder.snapshot(at(1500));
    recorder.filled(9);
    LoaderStats third = recorder.snapshot(at(1500));

    LoaderStats interval = second.minus(first);
    assertEquals(1, interval.batches());
    assertEquals(7, interval.bytes());
    assertEquals(0, interval.failures());
    assertEquals(Duration.ofMillis(500), interval.elapsed());
    assertEquals(new Timing(1, 8, 8, 8, 8), interval.fillTime());
    assertEquals(new Timing(0, 0, 0, 0, 0), interval.copyTime());
    assertEquals(Optional.of(Duration.ofMillis(5)), interval.timeToFirstBatch());
    assertEquals(9, third.minus(first).minus(interval).fillTime().maxNanos());
    assertEquals(Duration.ZERO, first.minus(first).elapsed());
  }

  @Test
  void onlyEarlierSnapshotsOfTheSameLoaderAreSubtracted() {
    StatsRecorder other = new StatsRecorder(2, 2, 4, 3);
    recorder.started(at(0));
    other.started(at(0));
    LoaderStats first = recorder.snapshot(at(1));
    LoaderStats second = recorder.snapshot(at(1)); // the clock did not move between them
    assertRefused(
        "a later snapshot cannot be subtracted from an earlier one: exchange the two",
        first,
        second);
    assertRefused(
        "the statistics of another loader cannot be subtracted from these",
        second,
        other.snapshot(at(0)));
    assertRefused(
        "the two statistics begin at different moments: subtract whole snapshots",
        recorder.snapshot(at(2)),
        second.minus(first));
  }

  private static void assertRefused(String message, LoaderStats stats, LoaderStats earlier) {
    assertEquals(
        message,
        assertThrows(IllegalArgumentException.class, () -> stats.minus(earlier)).getMessage());
  }

  /** Shares in thousandths, of two workers; each row stands just on one side of a threshold. */
  @ParameterizedTest
  @CsvSource({
    " 99,   0,    0, CONSUMER",
    " 99, 900, 1000, CONSUMER",
    "100, 100,    0, PRODUCER",
    "100, 101,    0, BALANCED",
    "250, 250,    0, PRODUCER",
    "251, 251,    0, BALANCED",
    "800, 400,  100, PRODUCER",
    "799, 400,  100, BALANCED",
    "300, 400,  100, BALANCED",
    "620,  10,   90, PRODUCER",
    "400, 900,  750, COPY",
    "400, 900,  749, BALANCED",
    "800, 900,  700, COPY",
    "800,  99,  900, PRODUCER",
    "800, 101,  900, COPY",
    "980, 760,   10, OVERHEAD",
    "980, 750,   10, BALANCED",
  })
  void theBottleneckFollowsTheShares(
      long starved, long idle, long copyBusy, Bottleneck bottleneck) {
    assertEquals(bottleneck, stats(starved, idle, copyBusy, 1).bottleneck());
  }

  private LoaderStats stats(long starved, long idle, long copyBusy, int batches) {
    recorder.started(at(0));
    recorder.firstReady(at(0));
    recorder.consumerStarving(at(0));
    recorder.consumerFed(at(starved));
    recorder.stalls.workerIdle(at(0));
    recorder.stalls.workerIdle(at(0));
    recorder.stalls.workerBusy(at(idle));
    recorder.stalls.workerBusy(at(idle));
    recorder.copyStarted(at(0));
    recorder.copyEnded(at(copyBusy));
    for (int i = 0; i < batches; i++) {
      recorder.delivered(3 << 20);
    }
    return recorder.snapshot(at(1000));
  }

  /** Shares in thousandths. */
  @ParameterizedTest
  @CsvSource({
    "800, 500, 400, 350,   0, CONSUMER",
    "800, 500, 400, 349,   0, BALANCED",
    "800, 500, 760,  99,   0, COPY",
    "800, 500, 760, 100,   0, CONSUMER",
    " 99, 500, 350, 400,   0, CONSUMER",
    "800, 500, 900,  10, 750, COPY",
    "800, 500, 740,  10, 750, STAGE",
    "800, 500,  10, 900, 749, CONSUMER",
    "800, 240, 100,  10, 750, PRODUCER",
  })
  void theBottleneckTellsTheLinkFromTheLoopsOwnWorkAndFromStages(
      long starved, long idle, long copyBusy, long heldUp, long staging, Bottleneck bottleneck) {
    recorder.started(at(0));
    recorder.firstReady(at(0));
    recorder.stalls.copyHeldUp(at(0));
    recorder.stalls.copyLetGo(at(heldUp));
    recorder.stagesStarted(at(0));
    recorder.stagesEnded(at(staging));
    recorder.staged(staging * MS);
    LoaderStats stats = stats(starved, idle, copyBusy, 1);
    assertEquals(bottleneck, stats.bottleneck());
    assertEquals(heldUp / 1000.0, stats.copyHeldUpShare());
    assertEquals(staging / 1000.0, stats.stageBusyShare());
    assertEquals(staging * MS, stats.stageTime().sumNanos());
    String text = stats.toString();
    assertTrue(text.contains(" %, held up " + heldUp / 10 + " %, stages at work "), text);
    assertEquals(
        (bottleneck == Bottleneck.CONSUMER && starved > 99) || heldUp == 99,
        text.contains("held up " + heldUp / 10 + " % by the loop's own work on the device"),
        text);
  }

  @Test
  void withOneDeviceSlotCopiesAndTheLoopTakeTurns() {
    StatsRecorder oneSlot = new StatsRecorder(1, 2, 1, 1);
    oneSlot.started(at(0));
    oneSlot.firstReady(at(0));
    oneSlot.consumerStarving(at(0));
    oneSlot.stalls.workerIdle(at(0));
    oneSlot.stalls.copyHeldUp(at(0));
    oneSlot.copyStarted(at(400));
    oneSlot.stalls.copyLetGo(at(400));
    oneSlot.delivered(1);
    LoaderStats stats = oneSlot.snapshot(at(1000));
    assertEquals(Bottleneck.BALANCED, stats.bottleneck());
    assertTrue(stats.toString().contains("they wait in turns"), stats::toString);
    assertEquals(Advice.Subject.DEVICE_SLOTS, stats.advice().get(0).changes().get(0).subject());
  }

  @Test
  void theTextHasTheFiguresTheEvidenceAndAdvice() {
    recorder.started(at(0) - 30);
    recorder.firstReady(at(0));
    recorder.filled(1_234_567);
    recorder.filled(95_000_000);
    recorder.slotWaited(0);
    recorder.copied(45_600);
    recorder.consumerWaited(12_000_000_000L);

    assertEquals(
        """
        12 batches, 36.0 MiB in 1.00 s (12.0 batches/s, 36.0 MiB/s); first batch ready after 30 ns; failures: 0, skipped: 0
                           count       sum      mean       p50       p99       max
        fill                   2   96.2 ms   48.1 ms   1.25 ms   95.0 ms   95.0 ms
        slot wait              1      0 ns      0 ns      0 ns      0 ns      0 ns
        copy (at most)         1   45.6 us   45.6 us   45.6 us   45.6 us   45.6 us
        consumer wait          1    12.0 s    12.0 s    12.0 s    12.0 s    12.0 s
        loop starved 62 %, copy under way 9 %, workers (2 on 2 cores) waiting for a slot 1 %
        PRODUCER: the loop waited 62 % of the time for data while workers waited 1 % for a slot
        TARGET 163 ms -> 61.8 ms: make the target faster (with 2 cores, more workers gain only if it waits, as for a disk; the CPU time of workers is not known, as nobody asked for it); the loop needs a batch every 30.9 ms (at most 32.3 batches/s)"""
            .replace("\n", System.lineSeparator()),
        stats(629, 19, 90, 12).toString());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        " 99 |  49 |   0 | CONSUMER: the loop waited 9 % of the time for data while workers waited"
            + " 4 % for a slot: the loader keeps up, a faster one would gain no more than that wait",
        "400 | 300 | 920 | COPY: the loop waited 40 % of the time for data while workers waited 30 %"
            + " for a slot, with a copy under way 92 % / COPY 920 ms -> 700 ms: copy fewer bytes, for"
            + " example a narrower type that the device expands; the workers make a batch every"
            + " 700 ms (at most 1.4 batches/s)",
        "800 |  40 | 950 | PRODUCER: the loop waited 80 % of the time for data while workers waited"
            + " 4 % for a slot, with a copy under way 95 % / COPY 950 ms -> 200 ms, TARGET 1.92 s ->"
            + " 400 ms: copy fewer bytes, for example a narrower type that the device expands, and"
            + " make the target faster (with 2 cores, more workers gain only if it waits, as for a"
            + " disk; the CPU time of workers is not known, as nobody asked for it); the loop needs"
            + " a batch every 200 ms (at most 5.0 batches/s)",
        "300 | 400 | 100 | BALANCED: the loop waited 30 % of the time for data while workers waited"
            + " 40 % for a slot: they wait in turns / HOST_SLOTS 4 -> 5: the loop and the workers wait"
            + " for each other in turns, usually for 800 ms (at most 1.4 batches/s) / or TARGET 1.20 s"
            + " -> 600 ms: make the target faster (with 2 cores, more workers gain only if it waits,"
            + " as for a disk; the CPU time of workers is not known, as nobody asked for it); the"
            + " loop needs a batch every 700 ms (at most 1.4 batches/s)",
        "950 | 950 |  20 | OVERHEAD: the loop waited 95 % of the time for data while workers waited"
            + " 95 % for a slot, and mostly no part was at work: threads wait for each other or for"
            + " a core, so use fewer threads or larger batches",
      })
  void eachBottleneckGivesItsEvidenceAndAdvice(
      long starved, long idle, long copyBusy, String lastLines) {
    LoaderStats stats = stats(starved, idle, copyBusy, 1);
    String text = stats.toString();
    assertEquals(
        lastLines,
        text.substring(text.indexOf(stats.bottleneck() + ": "))
            .replace(System.lineSeparator(), " / "));
  }

  @Test
  void whileThereIsNoJobWorkersWaitForThatAndForNoSlot() {
    recorder.started(at(0));
    recorder.stalls.workerIdle(
        at(0)); // no job from 100 to 700: one rests before, the other from 400 on
    recorder.stalls.starved(true, at(100));
    recorder.stalls.starved(true, at(200));
    recorder.stalls.workerIdle(at(400));
    LoaderStats before = recorder.snapshot(at(500));
    recorder.stalls.starved(false, at(700));
    recorder.stalls.workerBusy(at(750));
    recorder.stalls.workerBusy(at(800));
    LoaderStats stats = recorder.snapshot(at(1000));
    assertEquals((100 + 50 + 100) / 2000.0, stats.workerIdleShare());
    assertEquals((600 + 300) / 2000.0, stats.workerStarvedShare());
    assertEquals((200 + 200) / 1000.0, stats.minus(before).workerStarvedShare());
    assertEquals(600 * MS, recorder.stalls.starvedNanos(at(1000)));
  }

  /** Shares in thousandths. */
  @ParameterizedTest
  @CsvSource({
    "800,  50, 100, 100, SUBMITTER",
    "800,  50,  99, 100, PRODUCER",
    "100, 250, 251, 100, SUBMITTER",
    "800, 260, 260, 100, BALANCED",
    "800, 100, 700, 800, COPY",
    "800,   0, 700, 500, SUBMITTER",
    " 99,   0, 900, 100, CONSUMER",
  })
  void theBottleneckOfAQueueWithoutJobs(
      long starved, long idle, long workersStarved, long copyBusy, Bottleneck bottleneck) {
    LoaderStats stats = statsWithoutJobs(starved, idle, workersStarved, copyBusy);
    assertEquals(bottleneck, stats.bottleneck());
    assertTrue(
        stats.toString().contains("for a slot and " + workersStarved / 10 + " % for a job"),
        stats::toString);
  }

  @Test
  void theAdviceForADryQueue() {
    String text = statsWithoutJobs(800, 100, 600, 100).toString();
    assertTrue(
        text.contains("workers (2 on 2 cores) waiting for a slot 10 %, without a job 60 %"), text);
    assertTrue(
        text.endsWith(
            "SUBMITTER: the loop waited 80 % of the time for data while workers waited 10 % for a"
                + " slot and 60 % for a job"
                + System.lineSeparator()
                + "SUBMIT_AHEAD 1 -> 4: submit further ahead; the workers make a batch every 300 ms"
                + " (at most 3.3 batches/s)"),
        text);
  }

  private LoaderStats statsWithoutJobs(
      long starved, long idle, long workersStarved, long copyBusy) {
    recorder.started(at(0));
    recorder.firstReady(at(0));
    recorder.stalls.workerIdle(at(0));
    recorder.stalls.workerIdle(at(0));
    recorder.stalls.starved(true, at(idle));
    recorder.stalls.workerBusy(at(idle + workersStarved));
    recorder.stalls.workerBusy(at(idle + workersStarved));
    recorder.consumerStarving(at(0));
    recorder.consumerFed(at(starved));
    recorder.copyStarted(at(0));
    recorder.copyEnded(at(copyBusy));
    recorder.delivered(1);
    return recorder.snapshot(at(1000));
  }

  @Test
  void theTimeBeforeTheFirstBatchIsNotJudged() {
    recorder.started(at(0));
    recorder.consumerStarving(at(0));
    LoaderStats before = recorder.snapshot(at(500));
    recorder.consumerFed(at(900));
    recorder.firstReady(at(900));
    recorder.consumerStarving(at(950));
    recorder.consumerFed(at(951));
    for (int i = 0; i < 10; i++) {
      recorder.delivered(1);
    }
    LoaderStats stats = recorder.snapshot(at(1000));
    assertEquals(0.901, stats.starvedShare());
    assertEquals(Bottleneck.CONSUMER, stats.bottleneck());
    assertEquals(Bottleneck.CONSUMER, stats.minus(before).bottleneck());
    assertTrue(
        stats.toString().contains("after the first batch: loop starved 1 %, "), stats::toString);
    assertTrue(
        stats.toString().contains("CONSUMER: after the first batch the loop waited 1 % of"),
        stats::toString);
    LoaderStats later = recorder.snapshot(at(2000));
    assertFalse(later.minus(stats).toString().contains("first batch:"), later::toString);
  }

  @ParameterizedTest
  @CsvSource({
    (4 * BottleneckAnalysis.SMALL_BYTES) + "," + (2 * BottleneckAnalysis.WAKE_NANOS) + ", COPY",
    (4 * BottleneckAnalysis.SMALL_BYTES) + "," + (BottleneckAnalysis.WAKE_NANOS - 1) + ", OVERHEAD",
    "4096, " + (2 * BottleneckAnalysis.WAKE_NANOS) + ", OVERHEAD",
    "4096, " + (4 * BottleneckAnalysis.WAKE_NANOS - 1) + ", OVERHEAD",
    "4096, " + (4 * BottleneckAnalysis.WAKE_NANOS) + ", COPY",
  })
  void ofRapidBatchesOnlyLongCopiesLimitAnything(int bytes, long copyNanos, Bottleneck bottleneck) {
    recorder.started(at(0));
    recorder.firstReady(at(0));
    recorder.stalls.workerIdle(at(0));
    recorder.stalls.workerIdle(at(0));
    recorder.consumerStarving(at(0));
    recorder.copyStarted(at(0));
    recorder.copyEnded(at(60));
    for (int i = 0; i < 1000; i++) {
      recorder.copied(copyNanos);
      recorder.delivered(bytes);
    }
    assertEquals(bottleneck, recorder.snapshot(at(100)).bottleneck());
  }

  @Test
  void whatTheBottleneckQuotesIsShownAbove() {
    recorder.started(at(0));
    recorder.consumerStarving(at(0));
    LoaderStats nothing = recorder.snapshot(at(100));
    assertTrue(nothing.toString().contains("loop starved 100 %"), nothing::toString);
    assertTrue(nothing.toString().endsWith("waited 100 % of the time for data"), nothing::toString);

    recorder.firstReady(at(100));
    recorder.stalls.workerIdle(at(100));
    recorder.stagesStarted(at(100)); // and not over: there is no timing
    recorder.delivered(1);
    LoaderStats stats = recorder.snapshot(at(2000)).minus(nothing);
    assertEquals(Bottleneck.STAGE, stats.bottleneck());
    assertEquals(3, stats.toString().split("stages at work 100 %", -1).length, stats::toString);
  }

  @ParameterizedTest
  @CsvSource({
    "   9,    999, false",
    "   1,   1000, true",
    "  10,     24, false",
    "  10,     25, true",
    " 499,     24, false",
    " 500,     24, true",
  })
  void aBottleneckNeedsBatchesOrTime(int batches, long millis, boolean enough) {
    recorder.started(at(0));
    recorder.firstReady(at(0));
    recorder.consumerStarving(at(0));
    for (int i = 0; i < batches; i++) {
      recorder.delivered(1);
    }
    LoaderStats stats = recorder.snapshot(at(millis));
    assertEquals(!enough, stats.toString().contains("BALANCED: too few"), stats::toString);
    assertEquals(!enough, stats.bottleneck() == Bottleneck.BALANCED);
  }

  @Test
  void withNothingDeliveredThereIsNoBottleneckToGive() {
    LoaderStats stats = stats(980, 0, 0, 0);
    assertEquals(Bottleneck.BALANCED, stats.bottleneck());
    assertTrue(
        stats
            .toString()
            .endsWith(
                "BALANCED: no batch was delivered, so there is nothing to judge by; the loop waited"
                    + " 98 % of the time for data"),
        stats::toString);
    assertEquals(
        0, new StatsRecorder(3, 2, 5, 3).snapshot(5).workerIdleShare(), "before the start");
  }
}
