package io.pentrough.device.cuda;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Something of the driver that has to be given back: a stream, an event, memory.
 *
 * <p>To a driver, a handle that another thread destroys during a call is a wild pointer. So each
 * use is counted, and whoever is last, a user or the one who closes, gives it back.
 */
abstract class CudaHandle {

  private static final Logger LOG = System.getLogger("io.pentrough");

  private static final int CLOSED = 1 << 30;

  final CudaContext context;

  /** How many calls use the handle, and {@link #CLOSED} from close() on. */
  private final AtomicInteger uses = new AtomicInteger();

  /** For a handle that exists, and counts as long as it does. */
  CudaHandle(CudaContext context) {
    this.context = context;
  }

  /** Gives it back to the driver; called once, with the context current. */
  abstract void destroy();

  /** For messages: what this is. */
  abstract String what();

  /** Keeps the handle until {@link #done()}; throws if it is closed. */
  final void use() {
    while (true) {
      int now = uses.get();
      if ((now & CLOSED) != 0) {
        throw new IllegalStateException("this " + what() + " is closed");
      }
      if (uses.compareAndSet(now, now + 1)) {
        return;
      }
    }
  }

  /**
   * Keeps the handle, and makes the context current, for the length of a call; what it returns goes
   * to {@link #end}.
   */
  final boolean begin() {
    use();
    try {
      return context.enter();
    } catch (RuntimeException e) {
      done();
      throw e;
    }
  }

  final void end(boolean pushed) {
    try {
      context.exit(pushed);
    } finally {
      done();
    }
  }

  final void done() {
    if (uses.decrementAndGet() == CLOSED) {
      try {
        giveBack();
      } catch (RuntimeException e) { // close() has returned long since, and cannot say so
        LOG.log(Level.WARNING, "a " + what() + " closed while it was in use: " + e.getMessage(), e);
      }
    }
  }

  final boolean isClosed() {
    return (uses.get() & CLOSED) != 0;
  }

  final void closeOnce() {
    while (true) {
      int now = uses.get();
      if ((now & CLOSED) != 0) {
        return;
      }
      if (uses.compareAndSet(now, now | CLOSED)) {
        if (now == 0) {
          giveBack();
        }
        return;
      }
    }
  }

  private void giveBack() {
    try {
      boolean pushed = context.enter();
      try {
        destroy();
      } finally {
        context.exit(pushed);
      }
    } finally {
      context.handleGone();
    }
  }
}
