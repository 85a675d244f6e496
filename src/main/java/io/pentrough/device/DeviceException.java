package io.pentrough.device;

import org.jspecify.annotations.Nullable;

/**
 * A device refused a call, or work queued on it failed. The message names the device and what it
 * said.
 */
public class DeviceException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /**
   * Makes an exception.
   *
   * @param message what failed, where, in the user's words
   */
  public DeviceException(String message) {
    super(message);
  }

  /**
   * Makes an exception with a cause.
   *
   * @param message what failed, where, in the user's words
   * @param cause what was behind it, or null
   */
  public DeviceException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
