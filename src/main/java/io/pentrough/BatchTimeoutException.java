package io.pentrough;

import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * No batch got ready in time. Nothing has been taken; the next {@code get} waits for the same
 * batch.
 *
 * <p>The message is a diagnosis: how long the caller waited and for which index, the slots of both
 * rings by state, and what each worker is doing since when, with the stack of a target that is
 * still running. The cause is what a target threw last, if any ever did, else null.
 *
 * <p><b>Threads.</b> Any.
 */
public final class BatchTimeoutException extends TimeoutException {

  private static final long serialVersionUID = 1L;

  BatchTimeoutException(String diagnosis, @Nullable Throwable lastFailure) {
    super(diagnosis);
    initCause(lastFailure);
  }
}
