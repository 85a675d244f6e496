package io.pentrough.spark;

import org.jspecify.annotations.Nullable;

/**
 * An {@link ElasticJob} has ended without its results. The message says in which attempt and task,
 * and why. The cause is what that task has thrown, if it could be brought to the driver; what other
 * tasks of that attempt have thrown is suppressed. The checkpoints stay, so a new job on the same
 * store continues from the newest.
 */
public final class ElasticJobException extends RuntimeException {

  private static final long serialVersionUID = 1;

  ElasticJobException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
