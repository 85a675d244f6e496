package io.pentrough.device.cuda;

import io.pentrough.device.DeviceException;
import org.jspecify.annotations.Nullable;

/** CUDA cannot be used here, for a reason that completes the sentence "no CUDA: ...". */
final class NoCuda extends DeviceException {

  private static final long serialVersionUID = 1L;

  /** The reason. */
  final String why;

  NoCuda(String why, @Nullable Throwable cause) {
    super("no CUDA: " + why, cause);
    this.why = why;
  }

  /**
   * The same, where what helps would be too long for a reason.
   *
   * @param cure what to do, for the exception's message only
   */
  NoCuda(String why, String cure, @Nullable Throwable cause) {
    super("no CUDA: " + why + "; " + cure, cause);
    this.why = why;
  }
}
