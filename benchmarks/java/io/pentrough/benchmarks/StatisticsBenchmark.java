package io.pentrough.benchmarks;

import io.pentrough.StatisticsOfABatch;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** What the statistics, which are always on, have in the other rows. An operation is a batch. */
public class StatisticsBenchmark {

  /** A loader's, with nothing around them. */
  @State(Scope.Thread)
  public static class Statistics {
    private final StatisticsOfABatch batch = new StatisticsOfABatch();
  }

  /** The share in get and close. */
  @Benchmark
  public void statisticsOfAGet(Statistics statistics) {
    statistics.batch.get();
  }

  /** The share in a fill and its copy. */
  @Benchmark
  public void statisticsOfAFill(Statistics statistics) {
    statistics.batch.fill();
  }
}
