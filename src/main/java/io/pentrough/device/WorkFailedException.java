package io.pentrough.device;

import org.jspecify.annotations.Nullable;

/**
 * Work that was queued on the device failed when it ran. That work is over, and so is what was
 * queued behind it: none of it will touch memory again. A plain {@link DeviceException} says less:
 * the device refused the call, and what is queued may still run.
 *
 * <p><b>Threads.</b> Any.
 */
public class WorkFailedException extends DeviceException {

  private static final long serialVersionUID = 1L;

  /**
   * Makes an exception.
   *
   * @param message what failed, where, in the user's words
   */
  public WorkFailedException(String message) {
    super(message);
  }

  /**
   * Makes an exception with a cause.
   *
   * @param message what failed, where, in the user's words
   * @param cause what the work threw, or null
   */
  public WorkFailedException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
