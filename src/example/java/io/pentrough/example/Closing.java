package io.pentrough.example;

import io.pentrough.device.DeviceException;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/** What is to be closed, the last first; whatever happens to one, the others are. */
final class Closing implements AutoCloseable {

  private final Deque<AutoCloseable> open = new ArrayDeque<>();

  /** Closes it when its turn comes. */
  <T extends AutoCloseable> T later(T resource) {
    open.push(resource);
    return resource;
  }

  /** Closes all after a failure, which keeps what else goes wrong. */
  void closeAfter(Throwable failure) {
    try {
      close();
    } catch (DeviceException e) {
      failure.addSuppressed(e);
    }
  }

  @Override
  public void close() {
    @Nullable DeviceException failure = null;
    while (!open.isEmpty()) {
      try {
        open.pop().close();
      } catch (Exception e) {
        if (failure == null) {
          failure =
              new DeviceException("the device does not take everything back: " + e.getMessage(), e);
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }
}
