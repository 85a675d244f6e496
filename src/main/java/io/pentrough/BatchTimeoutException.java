package io.pentrough;

import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * No batch was ready in time. Nothing has been taken; the next {@code get} waits for the same
 * batch. Thrown by {@link BatchQueue#submit(BatchSpec, BatchTarget, java.time.Duration) submit},
 * there was no room for a job in time, and nothing has been queued.
 *
 * <p>The message is a diagnosis: how long the caller waited and for which index, the slots of both
 * rings by state, and what each worker is doing since when, with the stack of a target that is
 * still running. The cause is what a target threw last, if any ever did, else null.
 *
 * <p>It is checked because the caller has to decide at each call what a timeout means: to wait
 * again, or to give up.
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
