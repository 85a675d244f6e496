package io.pentrough.device.cuda;

import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Makes the handles of a device. Each is counted before it is made, so that the context stays. */
final class CudaHandles {

  private final CudaContext context;

  CudaHandles(CudaContext context) {
    this.context = context;
  }

  <T extends AutoCloseable> T make(Supplier<T> maker) {
    return make(context::handleComes, maker);
  }

  /** Makes a handle for an existing one, also on a closed device. */
  <T extends AutoCloseable> T makeLate(Supplier<T> maker) {
    return make(context::handleComesLate, maker);
  }

  private <T extends AutoCloseable> T make(Runnable count, Supplier<T> maker) {
    count.run();
    @Nullable T made = null;
    try {
      boolean pushed = context.enter();
      try {
        made = maker.get();
      } finally {
        context.exit(pushed);
      }
      return Objects.requireNonNull(made);
    } catch (Throwable t) {
      giveUp(made, t);
      throw t;
    }
  }

  private void giveUp(@Nullable AutoCloseable made, Throwable why) {
    try {
      if (made == null) {
        context.handleGone();
      } else {
        made.close();
      }
    } catch (Exception e) {
      why.addSuppressed(e);
    }
  }
}
