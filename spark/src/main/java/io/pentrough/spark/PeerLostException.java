package io.pentrough.spark;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Says that a task fails only because another task of its attempt has, such as when a connection to
 * it was closed. A task may throw it from its exchange of gradients. The driver then waits for what
 * the other task has to say, for up to a minute, and shows that as the cause of the attempt's end.
 */
public class PeerLostException extends IOException {

  private static final long serialVersionUID = 1;

  /**
   * A loss.
   *
   * @param message which task is lost
   * @param cause how it was noticed; null if there is no exception
   */
  public PeerLostException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
