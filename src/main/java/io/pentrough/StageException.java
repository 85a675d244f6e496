package io.pentrough;

/**
 * A {@link BatchStage} has failed. The message names the stage, and the cause is what it threw.
 *
 * <p>If a stage fails for a batch, this is the cause of a {@link TargetException}. If a stage
 * cannot be prepared, {@code start()} throws it.
 *
 * <p><b>Threads.</b> May be used from any thread.
 */
public final class StageException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  StageException(String stage, String what, Throwable cause) {
    super("stage '" + stage + "' " + what + ": " + TargetException.words(cause), cause);
  }
}
