package io.pentrough;

/**
 * A {@link BatchStage} has failed; the message has its name. The cause of a {@link TargetException}
 * where it fails for a batch, and thrown by {@code start()} where it cannot be prepared.
 *
 * <p><b>Threads.</b> Any.
 */
public final class StageException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  StageException(String stage, String what, Throwable cause) {
    super("stage '" + stage + "' " + what + ": " + TargetException.words(cause), cause);
  }
}
