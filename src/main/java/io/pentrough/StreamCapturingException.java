package io.pentrough;

/**
 * The consumer's stream is being captured into a graph. A batch cannot be got or closed there: the
 * graph would repeat that work each time it runs, on memory that holds other batches by then.
 * Nothing has been taken, and a batch that was to be closed stays open. Get and close batches
 * outside the capture.
 *
 * <p><b>Threads.</b> Any.
 */
public final class StreamCapturingException extends IllegalStateException {

  private static final long serialVersionUID = 1L;

  StreamCapturingException(String message) {
    super(message);
  }
}
