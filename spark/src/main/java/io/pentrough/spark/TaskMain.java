package io.pentrough.spark;

import java.io.Closeable;
import java.io.Serializable;
import java.util.List;
import java.util.concurrent.Callable;
import org.apache.spark.BarrierTaskContext;
import org.jspecify.annotations.Nullable;
import scala.collection.Iterator;
import scala.jdk.javaapi.CollectionConverters;
import scala.runtime.AbstractFunction1;

/**
 * What Spark runs in each task of an attempt: restores, runs the user's task, and stays until all
 * others have finished. A Scala function, as JavaRDD has no barrier().
 */
final class TaskMain<R extends Serializable>
    extends AbstractFunction1<Iterator<Integer>, Iterator<R>> implements Serializable {

  private static final long serialVersionUID = 1;

  private final ElasticTask<R> task;
  private final Ledger ledger;
  private final int attempt;
  private final boolean needsGpu;
  private final Pace pace;
  private final @Nullable CheckpointName from;

  TaskMain(
      ElasticTask<R> task,
      Ledger ledger,
      int attempt,
      boolean needsGpu,
      Pace pace,
      @Nullable CheckpointName from) {
    this.task = task;
    this.ledger = ledger;
    this.attempt = attempt;
    this.needsGpu = needsGpu;
    this.pace = pace;
    this.from = from;
  }

  @Override
  public Iterator<R> apply(Iterator<Integer> partition) {
    try {
      return CollectionConverters.asScala(List.of(run(BarrierTaskContext.get())).iterator());
    } catch (Exception e) {
      throw TaskMain.<RuntimeException>unchecked(e);
    }
  }

  @SuppressWarnings("try") // the closing has no other use
  private R run(BarrierTaskContext spark) throws Exception {
    String host = hostOf(spark);
    if (spark.stageAttemptNumber() > 0) {
      // Would run on as many tasks as before, and nobody has claimed an attempt for it.
      throw new IllegalStateException("Spark has retried the stage of attempt " + attempt);
    }
    pace.begin(spark.partitionId(), host);
    ElasticContext context = reporting(spark, () -> restore(spark, host));
    try (Closeable closing = context::close) {
      return reporting(
          spark,
          () -> {
            R result = task.run(context);
            context.finish();
            return result;
          });
    }
  }

  private ElasticContext restore(BarrierTaskContext spark, String host)
      throws InterruptedException {
    ledger.requireVisible(attempt, host);
    if (spark.partitionId() == 0) {
      ledger.requireWritable(attempt);
    }
    return new ElasticContext(
        spark, ledger, attempt, needsGpu, pace, from == null ? null : ledger.read(from, attempt));
  }

  /**
   * Reports what this part of the work throws, before anything is closed. Spark may be ending this
   * task because of another one, or do so while it closes, and then reports nothing of it. But that
   * other failure may be a consequence of this one.
   */
  private <T> T reporting(BarrierTaskContext spark, Callable<T> work) throws Exception {
    try {
      return work.call();
    } catch (Throwable t) {
      pace.fails(t, spark.isInterrupted());
      throw t;
    }
  }

  private static String hostOf(BarrierTaskContext spark) {
    return spark.getTaskInfos()[spark.partitionId()].address();
  }

  /** Throws a checked exception where Scala's signature has none. */
  @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"})
  private static <T extends Throwable> T unchecked(Throwable t) throws T {
    throw (T) t;
  }
}
