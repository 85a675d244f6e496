package io.pentrough.device;

import org.jspecify.annotations.Nullable;

/**
 * A device refused a call, or queued work failed. The message names the device and its answer.
 *
 * <p><b>Threads.</b> May be used from any thread.
 */
public class DeviceException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /**
   * Makes an exception.
   *
   * @param message what failed and where, in the user's words
   */
  public DeviceException(String message) {
    super(message);
  }

  /**
   * Makes an exception with a cause.
   *
   * @param message what failed and where, in the user's words
   * @param cause the cause, or null
   */
  public DeviceException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
