package io.pentrough;

import io.pentrough.device.WorkFailedException;
import java.lang.invoke.MethodHandles;
import java.util.List;

/**
 * The classes that are first used when a loader that nobody has closed is given back. A container
 * may close an application's class loader before that, so they are loaded while they can be.
 */
final class LateClasses {

  private LateClasses() {}

  static void load() {
    MethodHandles.Lookup lookup = MethodHandles.lookup();
    for (Class<?> late :
        List.of(
            Closing.class,
            CopyStrategy.Progress.class,
            Diagnosis.class,
            Jfr.class,
            Jfr.Fill.class,
            Jfr.Get.class,
            Jfr.Watch.class,
            LoaderSnapshot.class,
            LoaderSnapshot.SlotState.class,
            LoaderSnapshot.Slot.class,
            LoaderSnapshot.Worker.class,
            LoaderSnapshot.Activity.class,
            PoolWait.class,
            Reclaimer.class,
            Reclaimer.Answer.class,
            StageException.class,
            StageExecutor.Refusal.class,
            StaticInitialisers.class,
            Units.class,
            WorkFailedException.class)) {
      try {
        lookup.ensureInitialized(late); // a literal alone does not load what a class refers to
      } catch (IllegalAccessException e) {
        throw new AssertionError(e);
      }
    }
  }
}
