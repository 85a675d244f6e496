package io.pentrough.device;

import org.jspecify.annotations.Nullable;

/**
 * Work that was queued on the device failed when it ran. Neither that work nor what was queued
 * behind it will access memory again. After a plain {@link DeviceException}, which says only that
 * the device refused a call, queued work may still run.
 *
 * <p><b>Threads.</b> May be used from any thread.
 */
public class WorkFailedException extends DeviceException {

  private static final long serialVersionUID = 1L;

  /**
   * Makes an exception.
   *
   * @param message what failed and where, in the user's words
   */
  public WorkFailedException(String message) {
    super(message);
  }

  /**
   * Makes an exception with a cause.
   *
   * @param message what failed and where, in the user's words
   * @param cause what the work threw, or null
   */
  public WorkFailedException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
