package io.pentrough.device;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.ref.WeakReference;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Of the collector, for tests of what nothing may keep. Any thread may use it. */
public final class Collected {

  private static final long PATIENCE_SECONDS = 30;

  private Collected() {}

  /** Fails if one of them is still kept after 30 s: a test's timeout would not end the loop. */
  public static void await(WeakReference<?>... kept) {
    await(List.of(kept));
  }

  public static void await(List<? extends WeakReference<?>> kept) {
    long began = System.nanoTime();
    while (kept.stream().anyMatch(reference -> reference.get() != null)) {
      assertTrue(
          System.nanoTime() - began < TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS),
          "waited in vain for what should be collected");
      System.gc();
      Thread.onSpinWait();
    }
  }
}
