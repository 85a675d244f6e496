package io.pentrough.device;

import io.pentrough.testkit.Patience;
import java.lang.ref.WeakReference;
import java.util.List;
import java.util.function.BooleanSupplier;

/** Of the collector, for tests of what nothing may keep. Any thread may use it. */
public final class Collected {

  /**
   * The pause between two collections. A collection stops all threads, and with them the one that
   * the test waits for.
   */
  private static final long PAUSE_NANOS = 20_000_000;

  private Collected() {}

  /** Collects until it happens; fails if it does not within {@link Patience}. */
  public static void until(String what, BooleanSupplier happened) {
    long[] due = {System.nanoTime()};
    Patience.until(
        what,
        () -> {
          if (System.nanoTime() - due[0] >= 0) {
            System.gc();
            due[0] = System.nanoTime() + PAUSE_NANOS;
          }
          return happened.getAsBoolean();
        });
  }

  /** Fails if one of them is still kept when patience ends. */
  public static void await(WeakReference<?>... kept) {
    await(List.of(kept));
  }

  public static void await(List<? extends WeakReference<?>> kept) {
    until(
        "all of it is collected",
        () -> kept.stream().allMatch(reference -> reference.get() == null));
  }
}
