package io.pentrough.spark;

import java.util.function.IntUnaryOperator;
import org.apache.spark.SparkContext;

/** How many tasks there is room for at the same time. */
final class Room {

  private static final long POLL_MILLIS = 500;

  private final SparkContext spark;
  private final IntUnaryOperator tasks;

  /**
   * The room of an application.
   *
   * @param tasks of how many there is room for, how many are wanted; 0 to wait
   */
  Room(SparkContext spark, IntUnaryOperator tasks) {
    this.spark = spark;
    this.tasks = tasks;
  }

  /**
   * Waits until there is room for as many tasks as are wanted then. Spark would wait too, but for
   * ten minutes, whatever comes.
   *
   * @return how many tasks to start
   * @throws ElasticJobException if the time is over, or the application was stopped
   */
  int await(long nanos) throws InterruptedException {
    long began = System.nanoTime();
    while (true) {
      int room = now();
      int wanted = room == 0 ? 0 : tasks.applyAsInt(room);
      if (wanted > 0 && wanted <= room) {
        return wanted;
      }
      if (System.nanoTime() - began > nanos) {
        throw new ElasticJobException(
            ("there is room for " + room + " tasks at the same time")
                + (wanted > room ? ", but " + wanted + " are wanted" : ", which is not enough")
                + ("; " + nanos / 1_000_000_000 + " s have not changed that. Add executors, or ask")
                + " for fewer tasks",
            null);
      }
      Thread.sleep(POLL_MILLIS);
    }
  }

  /** What Spark asks itself before it starts a barrier stage. Public in bytecode only. */
  private int now() {
    if (spark.isStopped()) { // what follows would only say that there is no room
      throw new ElasticJobException("the Spark application was stopped", null);
    }
    try {
      return spark.maxNumConcurrentTasks(spark.resourceProfileManager().defaultResourceProfile());
    } catch (RuntimeException e) {
      if (spark.isStopped()) {
        throw new ElasticJobException("the Spark application was stopped", e);
      }
      throw e;
    }
  }
}
