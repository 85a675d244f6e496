package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class HistogramTest {

  /** Against exact nearest-rank percentiles, on durations spread over many orders of magnitude. */
  @Test
  void percentilesAreExactOrASixteenthTooHigh() {
    long seed = 20261122;
    System.out.println("seed " + seed);
    Random random = new Random(seed);
    for (int round = 0; round < 100; round++) {
      int n = 1 + random.nextInt(2000);
      long[] values = new long[n];
      Histogram histogram = new Histogram();
      long sum = 0;
      for (int i = 0; i < n; i++) {
        values[i] = (long) Math.exp(random.nextDouble() * 30) - 1;
        histogram.record(values[i]);
        sum += values[i];
      }
      Arrays.sort(values);
      for (int percent : new int[] {1, 50, 99, 100}) {
        long exact = values[(n * percent + 99) / 100 - 1];
        long estimate = histogram.percentile(percent);
        assertTrue(
            exact <= estimate && estimate <= exact + exact / 16,
            () -> percent + " %: " + estimate + " instead of " + exact);
      }
      assertEquals(n, histogram.count());
      assertEquals(sum, histogram.sum());
      assertEquals(values[n - 1], histogram.max());
    }
  }

  @Test
  void smallValuesAreExactAndExtremesHaveTheirPlace() {
    Histogram histogram = new Histogram();
    assertEquals(new LoaderStats.Timing(0, 0, 0, 0, 0), histogram.timing());
    histogram.record(-5);
    assertEquals(new LoaderStats.Timing(1, 0, 0, 0, 0), histogram.timing());
    histogram.record(31);
    histogram.record(17);
    assertEquals(new LoaderStats.Timing(3, 48, 31, 17, 31), histogram.timing());
    histogram.record(Long.MAX_VALUE);
    histogram.record(Long.MAX_VALUE);
    assertEquals(Long.MAX_VALUE, histogram.percentile(99));
    assertEquals(Long.MAX_VALUE, histogram.sum(), "saturated, not wrapped");
  }

  @Test
  void aDifferenceHoldsWhatCameSince() {
    Histogram histogram = new Histogram();
    for (int i = 0; i < 99; i++) {
      histogram.record(1_000_000);
    }
    Histogram earlier = histogram.copy();
    histogram.record(10);
    histogram.record(10);
    histogram.record(1000);
    Histogram since = histogram.minus(earlier);
    assertEquals(3, since.count());
    assertEquals(1020, since.sum());
    assertEquals(10, since.percentile(50));
    assertEquals(1023, since.max(), "1000 lies in the bucket of 992 to 1023");
    assertEquals(1023, since.percentile(99));
    assertEquals(99, earlier.count(), "a copy stays as it is");

    histogram.record(1_000_001);
    assertEquals(1_000_001, histogram.minus(earlier).max(), "never more than the whole maximum");
    assertEquals(new LoaderStats.Timing(0, 0, 0, 0, 0), histogram.minus(histogram.copy()).timing());
  }

  @Test
  void recordingAllocatesNothing() throws Exception {
    StatsRecorder recorder = new StatsRecorder(1, 2, 3, 3);
    recorder.started(0);
    assertEquals(
        0,
        Allocations.bytesOf(
            () -> {
              for (int i = 0; i < 1000; i++) {
                recorder.stalls.workerIdle(i);
                recorder.stalls.workerBusy(i + 1);
                recorder.slotWaited(1);
                recorder.filled(i * 1000L);
                recorder.copyStarted(i);
                recorder.copyEnded(i + 1);
                recorder.copied(i * 10L);
                recorder.firstReady(i);
                recorder.consumerStarving(i);
                recorder.consumerFed(i + 1);
                recorder.consumerWaited(1);
                recorder.delivered(100);
                recorder.failed();
              }
            }));
  }
}
