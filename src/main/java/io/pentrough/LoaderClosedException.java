package io.pentrough;

/**
 * The loader or queue was closed before or during the call. Nothing has been taken, queued or
 * changed. Every later call ends in the same way.
 *
 * <p>To end a thread when another one closes the loader, catch this type. The supertype {@link
 * IllegalStateException} also reports mistakes of the program.
 *
 * <p><b>Threads.</b> Any.
 */
public final class LoaderClosedException extends IllegalStateException {

  private static final long serialVersionUID = 1L;

  LoaderClosedException(String message) {
    super(message);
  }
}
