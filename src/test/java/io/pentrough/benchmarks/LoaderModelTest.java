package io.pentrough.benchmarks;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The model that emulated loaders are held against. */
class LoaderModelTest {

  @Test
  void oneSlotEachWorkedByHand() {
    // fill 0-3 copy 3-5 compute 5-9 | fill 5-8, copy behind the close 9-11, compute 11-15 | ...
    Timeline line = LoaderModel.run(new Ring(1, 1, 1), constant(3, 3, 2, 4));

    assertArrayEquals(new long[] {0, 5, 11}, line.claimed);
    assertArrayEquals(new long[] {3, 8, 14}, line.filled);
    assertArrayEquals(new long[] {3, 9, 15}, line.copyBegan);
    assertArrayEquals(new long[] {5, 11, 17}, line.copied);
    assertArrayEquals(new long[] {5, 11, 17}, line.got);
    assertArrayEquals(new long[] {9, 15, 21}, line.closed);
    assertEquals(8.0 / 12, line.utilisation(1));
    // serial 18, busiest station 8 (the consumer), 12 spent
    assertEquals(6.0 / 10, line.overlap(1, 1));
  }

  @Test
  void aSlowBatchHoldsUpThoseBehindItWhateverTheWorkers() {
    // Two workers: batch 0 takes 10, batches 1 and 2 are filled meanwhile and wait for their turn;
    // three host slots are then in use, so batch 3 waits for the first copy.
    Durations durations =
        new Durations(new long[] {10, 2, 2, 2}, new long[] {1, 1, 1, 1}, new long[] {3, 3, 3, 3});

    Timeline line = LoaderModel.run(new Ring(2, 3, 2), durations);

    assertArrayEquals(new int[] {0, 1, 1, 1}, line.worker);
    assertArrayEquals(new long[] {0, 0, 2, 11}, line.claimed.clone());
    assertArrayEquals(new long[] {10, 2, 4, 13}, line.filled);
    assertArrayEquals(new long[] {10, 11, 14, 17}, line.copyBegan);
    assertArrayEquals(new long[] {11, 14, 17, 20}, line.got);
  }

  @ParameterizedTest
  @CsvSource({"7,2,3,1,7", "7,2,3,2,3.5", "7,2,3,4,3", "1,5,3,1,5", "1,2,9,2,9"})
  void withSlotsEnoughTheBusiestStationSetsThePace(
      int fill, int copy, int compute, int workers, double pace) {
    int n = 1000;
    Timeline line = LoaderModel.run(Ring.deep(workers, 8), constant(n, fill, copy, compute));

    int first = 100;
    double perBatch = (double) (line.closed[n - 1] - line.closed[first - 1]) / (n - first);
    assertEquals(pace, perBatch, 0.01);
    assertEquals(compute / pace, line.utilisation(first), 0.002);
    assertEquals(1, line.overlap(first, workers), 0.002);
  }

  @Test
  void itIsWhatSteppingThroughTimeGives() {
    SplittableRandom random = new SplittableRandom(20261123);
    for (int run = 0; run < 2000; run++) {
      Ring ring = new Ring(1 + random.nextInt(4), 1 + random.nextInt(5), 1 + random.nextInt(4));
      int n = 1 + random.nextInt(20);
      Durations durations =
          new Durations(
              random.longs(n, 1, 12).toArray(),
              random.longs(n, 1, 12).toArray(),
              random.longs(n, 1, 12).toArray());
      String what = "run " + run + ": " + ring;

      Timeline line = LoaderModel.run(ring, durations);

      SteppedLoader stepped = new SteppedLoader(ring, durations);
      stepped.run();
      assertArrayEquals(stepped.claimed, line.claimed, what);
      assertArrayEquals(stepped.copyBegan, line.copyBegan, what);
      assertArrayEquals(stepped.got, line.got, what);
      assertArrayEquals(stepped.closed, line.closed, what);
    }
  }

  @Test
  void itsHandOversCostNothingAndOthersWhatTheyAreGiven() {
    Ring ring = new Ring(2, 3, 2);
    int n = 50;
    Durations durations =
        new Durations(
            Draws.PARETO.nanos(n, 1000, 1),
            Draws.JITTERED.nanos(n, 800, 2),
            Draws.LOGNORMAL.nanos(n, 900, 3));

    LoaderModel.Costs none = LoaderModel.run(ring, durations).costs(ring);
    assertArrayEquals(new long[n], none.worker());
    assertArrayEquals(new long[n], none.copy());
    assertArrayEquals(new long[n], none.consumer());

    SplittableRandom random = new SplittableRandom(4);
    LoaderModel.Costs given =
        new LoaderModel.Costs(
            random.longs(n, 0, 50).toArray(),
            random.longs(n, 0, 50).toArray(),
            random.longs(n, 0, 50).toArray());
    LoaderModel.Costs seen = LoaderModel.run(ring, durations, given).costs(ring);
    // What the first claims of each worker cost cannot be seen: nobody knows since when it waits.
    assertArrayEquals(
        Arrays.copyOfRange(given.worker(), 2, n), Arrays.copyOfRange(seen.worker(), 2, n));
    assertArrayEquals(given.copy(), seen.copy());
    assertArrayEquals(given.consumer(), seen.consumer());
  }

  @Test
  void drawsHaveTheMeanTheyAreAskedFor() {
    for (Draws draws : Draws.values()) {
      long[] nanos = draws.nanos(200_000, 1e6, 5);
      assertArrayEquals(nanos, draws.nanos(200_000, 1e6, 5), "seeded");
      // Pareto's mean converges slowly: a variance it has not.
      double tolerance = draws == Draws.PARETO ? 0.15 : 0.01;
      assertEquals(1, Arrays.stream(nanos).average().orElseThrow() / 1e6, tolerance, draws + "");
    }
    long[] jittered = Draws.JITTERED.nanos(10_000, 1000, 6);
    assertEquals(500.0, (double) Arrays.stream(jittered).min().orElseThrow(), 2.0);
    assertEquals(1500.0, (double) Arrays.stream(jittered).max().orElseThrow(), 2.0);
    long[] pareto = Draws.PARETO.nanos(100_000, 1e6, 7);
    Arrays.sort(pareto);
    assertEquals(33, pareto[99_900] / 1e6, 6, "one in a thousand");
    long[] lognormal = Draws.LOGNORMAL.nanos(100_000, 1e6, 8);
    Arrays.sort(lognormal);
    assertEquals(6.2, lognormal[99_000] / 1e6, 0.4, "one in a hundred");
  }

  private static Durations constant(int n, double fill, double copy, double compute) {
    return new Durations(
        Draws.CONSTANT.nanos(n, fill, 0),
        Draws.CONSTANT.nanos(n, copy, 0),
        Draws.CONSTANT.nanos(n, compute, 0));
  }

  /**
   * The rules of a loader again, the slow way: unit by unit, with slots that are counted and
   * nothing computed ahead.
   */
  private static final class SteppedLoader {

    private final Ring ring;
    private final Durations durations;
    private final int n;
    final long[] claimed;
    final long[] copyBegan;
    final long[] got;
    final long[] closed;

    /** What each worker fills, and until when; -1 if nothing. */
    private final int[] filling;

    private final long[] fillsUntil;
    private final boolean[] filled;
    private int claims;
    private int copyStarts;
    private int copies;
    private long copiesUntil;
    private int gets;
    private int closes;
    private long computesUntil;

    SteppedLoader(Ring ring, Durations durations) {
      this.ring = ring;
      this.durations = durations;
      n = durations.batches();
      claimed = new long[n];
      copyBegan = new long[n];
      got = new long[n];
      closed = new long[n];
      filling = new int[ring.workers()];
      Arrays.fill(filling, -1);
      fillsUntil = new long[ring.workers()];
      filled = new boolean[n];
    }

    void run() {
      for (long now = 0; closes < n; now++) {
        boolean moved;
        do {
          moved = end(now);
          moved |= begin(now);
        } while (moved);
      }
    }

    private boolean end(long now) {
      boolean moved = false;
      for (int w = 0; w < filling.length; w++) {
        if (filling[w] >= 0 && fillsUntil[w] == now) {
          filled[filling[w]] = true;
          filling[w] = -1;
          moved = true;
        }
      }
      if (copies < copyStarts && copiesUntil == now) {
        copies++;
        moved = true;
      }
      if (closes < gets && computesUntil == now) {
        closed[closes++] = now;
        moved = true;
      }
      return moved;
    }

    private boolean begin(long now) {
      boolean moved = false;
      for (int w = 0; w < filling.length; w++) {
        int hostSlotsInUse = claims - copies;
        if (filling[w] < 0 && claims < n && hostSlotsInUse < ring.hostSlots()) {
          claimed[claims] = now;
          filling[w] = claims;
          fillsUntil[w] = now + durations.fill()[claims++];
          moved = true;
        }
      }
      int deviceSlotsInUse = copyStarts - closes;
      if (copyStarts == copies
          && copyStarts < n
          && filled[copyStarts]
          && deviceSlotsInUse < ring.deviceSlots()) {
        copyBegan[copyStarts] = now;
        copiesUntil = now + durations.copy()[copyStarts++];
        moved = true;
      }
      if (gets == closes && gets < copies) {
        got[gets] = now;
        computesUntil = now + durations.compute()[gets++];
        moved = true;
      }
      return moved;
    }
  }
}
