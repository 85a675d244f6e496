package io.pentrough.device.cuda;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * An object of the driver that must be destroyed: a stream, an event, memory.
 *
 * <p>If another thread destroyed it during a call, the driver would use a dangling pointer. So each
 * use is counted. The last thread, a user or the one that closes it, destroys it.
 */
abstract class CudaHandle {

  private static final Logger LOG = System.getLogger("io.pentrough");

  private static final int CLOSED = 1 << 30;

  final CudaContext context;

  /** How many calls use the handle, plus {@link #CLOSED} after close(). */
  private final AtomicInteger uses = new AtomicInteger();

  /** Whether the context counts the open handle, or each use of it. */
  private final boolean closable;

  /** For an existing handle that is counted already. */
  CudaHandle(CudaContext context) {
    this(context, true);
  }

  /**
   * For an existing handle.
   *
   * @param closable whether it will be closed, and is counted already; otherwise each use of it
   *     keeps the context
   */
  CudaHandle(CudaContext context, boolean closable) {
    this.context = context;
    this.closable = closable;
  }

  /** Destroys it. Called once, with the context current. */
  abstract void destroy();

  /** What this is, for messages. */
  abstract String what();

  /** What to do about it, for messages. */
  String afterClose() {
    return "close it only after everything that uses it";
  }

  /** Keeps the handle until {@link #done()}. Throws if it is closed. */
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

  /** Keeps the handle and makes the context current for a call. The result goes to {@link #end}. */
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
      } catch (RuntimeException e) { // close() has returned already, so it cannot throw
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
