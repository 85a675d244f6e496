package io.pentrough;

/**
 * The loader or queue was closed before or during the call. Nothing has been taken, queued or
 * changed; every later call ends alike.
 *
 * <p><b>Threads.</b> Any.
 */
public final class LoaderClosedException extends IllegalStateException {

  private static final long serialVersionUID = 1L;

  LoaderClosedException(String message) {
    super(message);
  }
}
