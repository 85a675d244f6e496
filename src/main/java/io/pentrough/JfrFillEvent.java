package io.pentrough;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Threshold;
import org.jspecify.annotations.Nullable;

/** A call of a target. Lasts from the Flight Recorder's begin to its end. */
@Name("pentrough.Fill")
@Label("Fill")
@Description("A call of a target")
@Category(JfrEvents.CATEGORY)
@StackTrace(false)
@Threshold("10 ms")
final class JfrFillEvent extends Event implements Jfr.Fill {

  @Label("Loader")
  @Nullable String loader;

  @Label("Epoch")
  int epoch;

  @Label("Index")
  long index;

  @Label("Worker")
  int worker;

  @Label("Attempt")
  @Description("From 1")
  int attempt;

  @Label("Thrown")
  @Description("By the target")
  @Nullable Class<?> thrown;

  @Override
  public void ended(String ofLoader, HostSlot slot, int ofAttempt, @Nullable Throwable failure) {
    end();
    if (shouldCommit()) {
      loader = ofLoader;
      epoch = slot.epoch;
      index = slot.index;
      worker = slot.worker;
      attempt = ofAttempt;
      thrown = failure == null ? null : failure.getClass();
      commit();
    }
  }
}
