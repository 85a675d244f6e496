package io.pentrough;

/** The loader was closed before or during the call. Nothing has been taken. */
public final class LoaderClosedException extends IllegalStateException {

  private static final long serialVersionUID = 1L;

  LoaderClosedException(String message) {
    super(message);
  }
}
