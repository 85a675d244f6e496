package io.pentrough;

import java.util.function.Supplier;
import jdk.jfr.FlightRecorder;
import org.jspecify.annotations.Nullable;

/**
 * The events of the JDK Flight Recorder: which of them a recording asks for, and when each is made.
 * Only {@link Jfr} refers to this class, which cannot be loaded where there is no module {@code
 * jdk.jfr}.
 *
 * <p>{@link JfrBatchEvent} and {@link JfrLoaderEvent} are instants that carry times of the {@link
 * Trace} and the {@link LoaderStats}. {@link JfrFillEvent} and {@link JfrGetEvent} last from the
 * Flight Recorder's begin to its end, because that is what the threshold of a recording is compared
 * with. An event is made, and its clock is read, only if a recording asks for it.
 *
 * <p>What was thrown is recorded as its class and not as the name of that: JDK 17 loses strings of
 * 16 characters or more in later recordings of a JVM.
 */
final class JfrEvents {

  static final String CATEGORY = "Pentrough";

  // Never recorded: asked whether others are, which costs no heap.
  private static final JfrBatchEvent ANY_BATCH = new JfrBatchEvent();
  private static final JfrFillEvent ANY_FILL = new JfrFillEvent();
  private static final JfrGetEvent ANY_GET = new JfrGetEvent();
  private static final JfrLoaderEvent ANY_LOADER = new JfrLoaderEvent();

  private JfrEvents() {}

  /** Throws a {@link LinkageError} if this class cannot be loaded. */
  static void load() {}

  static Jfr.@Nullable Fill fill() {
    if (!ANY_FILL.isEnabled()) {
      return null;
    }
    JfrFillEvent event = new JfrFillEvent();
    event.begin();
    return event;
  }

  static Jfr.@Nullable Get get() {
    if (!ANY_GET.isEnabled()) {
      return null;
    }
    JfrGetEvent event = new JfrGetEvent();
    event.begin();
    return event;
  }

  static boolean wantsBatches() {
    return ANY_BATCH.isEnabled();
  }

  static void batch(String loader, long startedAt, TraceEntry over) {
    JfrBatchEvent.emit(loader, startedAt, over);
  }

  /** Reports on a loader at intervals, until the returned object is run. */
  static Runnable watch(Trace.Setup setup, Supplier<LoaderStats> stats) {
    LoaderWatch watch = new LoaderWatch(setup, stats);
    FlightRecorder.addPeriodicEvent(JfrLoaderEvent.class, watch);
    return watch::end;
  }

  /** A class of its own: loaded without the events, as that takes no time. */
  static final class Recorder {

    private Recorder() {}

    /** Whether there is, or has been, a recording. */
    static boolean isInUse() {
      return FlightRecorder.isInitialized();
    }
  }

  /**
   * Reports on one loader: on a thread of the Flight Recorder, at the end on the closing thread.
   */
  private static final class LoaderWatch implements Runnable {

    private final Trace.Setup setup;
    private final Supplier<LoaderStats> stats;
    private @Nullable LoaderStats last;
    private boolean ended;

    LoaderWatch(Trace.Setup setup, Supplier<LoaderStats> stats) {
      this.setup = setup;
      this.stats = stats;
    }

    @Override
    public synchronized void run() {
      if (!ended) {
        report();
      }
    }

    void end() {
      FlightRecorder.removePeriodicEvent(this);
      synchronized (this) {
        if (!ended) {
          ended = true;
          report();
        }
      }
    }

    private void report() {
      if (!ANY_LOADER.isEnabled()) {
        return;
      }
      LoaderStats all = stats.get();
      LoaderStats since = last == null ? all : all.minus(last);
      last = all;
      JfrLoaderEvent.emit(setup, all, since);
    }
  }
}
