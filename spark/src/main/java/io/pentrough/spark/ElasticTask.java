package io.pentrough.spark;

import java.io.Serializable;

/**
 * What each task of an {@link ElasticJob} runs. Spark sends it to the executors, so what it refers
 * to must be serialisable; make devices, loaders and networks inside of {@link #run}.
 *
 * @param <R> the result of a task
 */
@FunctionalInterface
public interface ElasticTask<R extends Serializable> extends Serializable {

  /**
   * Continues the training from the last checkpoint to its end. Called once in each task of each
   * attempt, on the task's thread. It should call {@link ElasticContext#step()} behind each step.
   *
   * @param context the task's place in the job
   * @return the result; if all tasks return, the job has ended
   * @throws Exception ends the attempt; the driver starts another one, unless it is a {@link
   *     RefusedException}
   */
  R run(ElasticContext context) throws Exception;
}
