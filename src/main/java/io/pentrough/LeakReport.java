package io.pentrough;

import io.pentrough.device.WorkFailedException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.invoke.MethodHandles;
import java.lang.ref.Cleaner;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What happens when an object that should have been closed is collected instead: it is named, with
 * where it came from if that was recorded, and what it held is given back. Must not refer to the
 * object itself.
 */
final class LeakReport implements Runnable {

  private static final Logger LOG = System.getLogger("io.pentrough");
  private static final Cleaner CLEANER = Cleaner.create();

  static {
    loadWhatIsNeededLate();
  }

  private final String what;
  private final Throwable madeAt;
  private final Runnable giveBack;
  private volatile boolean closed;

  /** Keeps this report, and all that giving back needs, until it has run. Set by {@link #watch}. */
  private Cleaner.@Nullable Cleanable registration;

  private LeakReport(String what, Throwable madeAt, Runnable giveBack) {
    this.what = what;
    this.madeAt = madeAt;
    this.giveBack = giveBack;
  }

  /**
   * Watches an object.
   *
   * @param what names it
   * @param madeAt where it was made; without frames if that is not recorded
   * @param giveBack called if it was not closed, on the cleaner's thread: must not block
   */
  static LeakReport watch(Object object, String what, Throwable madeAt, Runnable giveBack) {
    LeakReport report = new LeakReport(what, madeAt, giveBack);
    report.registration = CLEANER.register(object, report);
    return report;
  }

  /**
   * A container may close an application's class loader before what the application has left is
   * given back. So the classes that are first used on that way are loaded while they can be.
   */
  private static void loadWhatIsNeededLate() {
    MethodHandles.Lookup lookup = MethodHandles.lookup();
    for (Class<?> late :
        List.of(
            Diagnosis.class,
            Diagnosis.WorkerState.class,
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

  Throwable madeAt() {
    return madeAt;
  }

  /**
   * The object has been closed as it should. Nothing here refers to it or to what it held from now
   * on, or neither could be collected where a target refers to its loader.
   */
  void closed() {
    closed = true;
    Objects.requireNonNull(registration).clean();
  }

  @Override
  public void run() {
    if (closed) {
      return;
    }
    try {
      LOG.log(Level.WARNING, what + " was never closed, and is given back now", madeAt);
    } finally {
      giveBack.run();
    }
  }

  /** Where something was made, for a log. */
  static final class MadeHere extends Throwable {

    private static final long serialVersionUID = 1L;

    /**
     * The place of the call.
     *
     * @param withStack whether to record it
     */
    MadeHere(boolean withStack) {
      super(
          withStack ? "it was made here" : "-Dpentrough.leakDetection=true records where",
          null,
          false,
          withStack);
    }
  }
}
