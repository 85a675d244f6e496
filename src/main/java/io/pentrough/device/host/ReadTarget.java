package io.pentrough.device.host;

import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import java.util.Objects;

/** Checks the target of a read, because the JDK's own exceptions have no message. */
final class ReadTarget {

  private ReadTarget() {}

  static void require(ByteBuffer target, long bytes) {
    if (Objects.requireNonNull(target, "target").isReadOnly()) {
      throw new IsReadOnly();
    }
    if (target.remaining() < bytes) {
      throw new TooSmall(target.remaining(), bytes);
    }
  }

  private static final class IsReadOnly extends ReadOnlyBufferException {

    private static final long serialVersionUID = 1L;

    @Override
    public String getMessage() {
      return "the target is read-only: give a buffer that can be written";
    }
  }

  private static final class TooSmall extends BufferOverflowException {

    private static final long serialVersionUID = 1L;

    private final String message;

    TooSmall(int room, long bytes) {
      message =
          "the target has room for "
              + room
              + " bytes, but "
              + bytes
              + " are to be read: allocate more, or look at the target's position and limit";
    }

    @Override
    public String getMessage() {
      return message;
    }
  }
}
