package io.pentrough.spark;

import java.io.Closeable;
import java.io.Serializable;
import java.util.List;
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
    ledger.requireVisible(attempt, host);
    if (spark.partitionId() == 0) {
      ledger.requireWritable(attempt);
    }
    ElasticContext context =
        new ElasticContext(
            spark,
            ledger,
            attempt,
            needsGpu,
            pace,
            from == null ? null : ledger.read(from, attempt));
    try (Closeable closing = context::close) {
      return run(spark, context);
    }
  }

  private R run(BarrierTaskContext spark, ElasticContext context) throws Exception {
    try {
      R result = task.run(context);
      context.finish();
      return result;
    } catch (Throwable t) {
      // Before the closing. While that lasts, Spark may end this task because of another one, whose
      // failure is a consequence of this one.
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
