package io.pentrough;

import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Reports to the JDK Flight Recorder what a loader does, while a recording asks for it.
 *
 * <p>The module {@code jdk.jfr} is optional: only {@link JfrEvents} and its events refer to it.
 * They are loaded when the Flight Recorder is in use, because that takes 0.2 s. No method may be
 * called with the loader's lock, except {@link #wantsBatches()}.
 */
final class Jfr {

  private static final boolean PRESENT = isPresent();

  /** Whether anybody has tried to load the events, and whether they are loaded. */
  private static volatile boolean tried;

  private static volatile boolean loaded;

  private Jfr() {}

  private static boolean isPresent() {
    try {
      JfrEvents.Recorder.isInUse();
      return true;
    } catch (LinkageError | RuntimeException e) {
      return false; // the module is not there, or may not be used
    }
  }

  private static boolean isInUse() {
    return PRESENT && JfrEvents.Recorder.isInUse() && isLoaded();
  }

  private static boolean isLoaded() {
    if (!tried) {
      loaded = load();
      tried = true;
    }
    return loaded;
  }

  private static boolean load() {
    try {
      JfrEvents.load();
      return true;
    } catch (LinkageError | RuntimeException e) {
      return false; // the class loader may be closed, or the Flight Recorder refuses
    }
  }

  /** A call of a target, which is under way. */
  interface Fill {
    /**
     * The target has returned, or has thrown.
     *
     * @param attempt counts from 1
     */
    void ended(String loader, HostSlot slot, int attempt, @Nullable Throwable thrown);
  }

  /** A {@code get}, which is under way. */
  interface Get {
    /**
     * It has returned a batch, has found none in time, or has thrown.
     *
     * @param queued whether it was {@code getQueued}
     */
    void ended(
        String loader, boolean queued, @Nullable DeviceBatch found, @Nullable Throwable thrown);
  }

  /** A target is called; null if no recording wants to know. */
  static @Nullable Fill fill() {
    return isInUse() ? JfrEvents.fill() : null;
  }

  /** A {@code get} begins; null if no recording wants to know. */
  static @Nullable Get get() {
    return isInUse() ? JfrEvents.get() : null;
  }

  /** Whether a recording wants to know of each batch. From any thread, also with the lock. */
  static boolean wantsBatches() {
    return PRESENT && loaded && JfrEvents.wantsBatches();
  }

  /**
   * A batch is over.
   *
   * @param startedAt when its loader started
   */
  static void batch(String loader, long startedAt, TraceEntry over) {
    JfrEvents.batch(loader, startedAt, over);
  }

  /** Reports on a loader at intervals, once the Flight Recorder is in use. */
  static final class Watch {

    private final Trace.Setup setup;
    private final Supplier<LoaderStats> stats;
    private volatile boolean begun;
    private @Nullable Runnable end;

    Watch(Trace.Setup setup, Supplier<LoaderStats> stats) {
      this.setup = setup;
      this.stats = stats;
    }

    /** Begins if it can; to be called now and then. */
    void look() {
      if (!begun && isInUse()) {
        begin();
      }
    }

    private synchronized void begin() {
      if (begun) {
        return;
      }
      begun = true;
      try {
        end = JfrEvents.watch(setup, stats);
      } catch (LinkageError | RuntimeException e) {
        // As above: it is no reason not to load data.
      }
    }

    /** Reports on the loader for the last time; only the first call counts. */
    synchronized void end() {
      begun = true;
      Runnable last = end;
      end = null;
      if (last != null) {
        try {
          last.run();
        } catch (LinkageError | RuntimeException e) {
          // As above.
        }
      }
    }
  }
}
