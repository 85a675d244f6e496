package io.pentrough.device;

import io.pentrough.testkit.Patience;
import java.lang.ref.WeakReference;
import java.util.List;

/** Of the collector, for tests of what nothing may keep. Any thread may use it. */
public final class Collected {

  private Collected() {}

  /** Fails if one of them is still kept when patience ends. */
  public static void await(WeakReference<?>... kept) {
    await(List.of(kept));
  }

  public static void await(List<? extends WeakReference<?>> kept) {
    Patience.until(
        "all of it is collected",
        () -> {
          System.gc();
          return kept.stream().allMatch(reference -> reference.get() == null);
        });
  }
}
