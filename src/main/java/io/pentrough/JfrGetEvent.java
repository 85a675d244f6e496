package io.pentrough;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Threshold;
import org.jspecify.annotations.Nullable;

/** A call of {@code get}. Lasts from the Flight Recorder's begin to its end. */
@Name("pentrough.Get")
@Label("Get")
@Description("A call of get, until it returned a batch, threw, or logged that it still waits")
@Category(JfrEvents.CATEGORY)
@StackTrace(false)
@Threshold("10 ms")
final class JfrGetEvent extends Event implements Jfr.Get {

  @Label("Loader")
  @Nullable String loader;

  @Label("Epoch")
  @Description("-1 if there was no batch")
  int epoch = -1;

  @Label("Index")
  @Description("-1 if there was no batch")
  long index = -1;

  @Label("Queued")
  @Description("Whether it was getQueued")
  boolean queued;

  @Label("Thrown")
  @Description("By get")
  @Nullable Class<?> thrown;

  @Override
  public void ended(
      String ofLoader,
      boolean onlyQueued,
      @Nullable DeviceBatch found,
      @Nullable Throwable failure) {
    end();
    if (shouldCommit()) {
      loader = ofLoader;
      queued = onlyQueued;
      thrown = failure == null ? null : failure.getClass();
      if (found != null) {
        epoch = found.epoch();
        index = found.index();
      } else if (failure instanceof TargetException target) {
        epoch = target.epoch();
        index = target.index();
      }
      commit();
    }
  }
}
