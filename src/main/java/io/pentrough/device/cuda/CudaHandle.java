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

  /** Whether the context counts this as long as it is open, or each use of it. */
  private final boolean closable;

  /** For a handle that exists, and is counted already. */
  CudaHandle(CudaContext context) {
    this(context, true);
  }

  /**
   * For a handle that exists.
   *
   * @param closable whether it will be closed, and is counted already; else each use of it keeps
   *     the context
   */
  CudaHandle(CudaContext context, boolean closable) {
    this.context = context;
    this.closable = closable;
  }

  /** Gives it back to the driver; called once, with the context current. */
  abstract void destroy();

  /** For messages: what this is. */
  abstract String what();

  /** For messages: what should have been done. */
  String afterClose() {
    return "close it only after everything that uses it";
  }

  /** Keeps the handle until {@link #done()}; throws if it is closed. */
  final void use() {
    if (!closable) {
      context.callComes();
      return;
    }
    while (true) {
      int now = uses.get();
      if ((now & CLOSED) != 0) {
        throw new IllegalStateException("this " + what() + " is closed: " + afterClose());
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
    } catch (Throwable t) {
      done();
      throw t;
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
    if (!closable) {
      context.callGone();
      return;
    }
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
      boolean pushed = context.enterToFree();
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
