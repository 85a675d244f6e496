package io.pentrough;

import io.pentrough.LoaderSnapshot.Slot;
import java.lang.System.Logger.Level;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Logs a line about a loader at regular intervals, if {@code -Dpentrough.watch=1s} asks for it. It
 * has a thread of its own, which ends when the loader is closed.
 */
final class StatusLog {

  static final String PROPERTY = "pentrough.watch";

  private static final Pattern INTERVAL = Pattern.compile("(\\d{1,9})\\s*(ms|s|m|min)");

  private final Core core;
  private final Reports reports;
  private final long intervalNanos;

  private StatusLog(Core core, Reports reports, long intervalNanos) {
    this.core = core;
    this.reports = reports;
    this.intervalNanos = intervalNanos;
  }

  /**
   * The interval that the system property asks for.
   *
   * @return nanoseconds; 0 if it is not set
   * @throws IllegalArgumentException if it is no interval
   */
  static long nanosOfProperty() {
    String asked = System.getProperty(PROPERTY);
    return asked == null ? 0 : nanos(asked);
  }

  static long nanos(String asked) {
    Matcher matcher = INTERVAL.matcher(asked.strip());
    long number = matcher.matches() ? Long.parseLong(matcher.group(1)) : 0;
    if (number < 1) {
      throw new IllegalArgumentException(
          "-D"
              + PROPERTY
              + "="
              + asked
              + " is no interval: write a whole number and a unit, for example 500ms, 1s or 2m");
    }
    return number
        * switch (matcher.group(2)) {
          case "ms" -> 1_000_000L;
          case "s" -> 1_000_000_000L;
          default -> 60_000_000_000L;
        };
  }

  /** Starts to log. */
  static void start(Core core, Reports reports, long intervalNanos) {
    StatusLog log = new StatusLog(core, reports, intervalNanos);
    Thread thread = new Thread(log::run, "pentrough-" + core.settings.name() + "-watch");
    thread.setDaemon(true);
    thread.start();
  }

  private void run() {
    LoaderStats before = null;
    long next = core.time.now() + intervalNanos;
    try {
      boolean wasOver = false;
      while (isOpenAt(next)) {
        boolean isOver = core.isOver();
        LoaderStats now = reports.statistics();
        if (!isOver) {
          core.log(Level.INFO, line(now, before, reports.snapshot()), null);
        } else if (!wasOver) {
          core.log(Level.INFO, lastLine(now), null);
        }
        wasOver = isOver;
        before = now;
        next += intervalNanos;
      }
    } catch (InterruptedException e) {
      // Somebody wants this thread to end.
    }
  }

  /** Waits until then. False if the loader is closed, which ends the wait. */
  private boolean isOpenAt(long moment) throws InterruptedException {
    synchronized (core) {
      long left = moment - core.time.now();
      while (!core.isClosing() && left > 0) {
        core.time.await(core, left);
        left = moment - core.time.now();
      }
      return !core.isClosing();
    }
  }

  /** What has happened since the line before, and what there is now. */
  static String line(LoaderStats stats, @Nullable LoaderStats before, LoaderSnapshot snapshot) {
    LoaderStats since = before == null ? stats : stats.minus(before);
    double seconds = Math.max(1e-9, since.elapsed().toNanos() / 1e9);
    StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            Locale.ROOT,
            "%,d batches, %.1f/s, %s/s; loop waited %s, workers waited %s, copying %s",
            stats.batches(),
            since.batches() / seconds,
            Units.bytes((long) (since.bytes() / seconds)),
            Units.percent(since.starvedShare()),
            Units.percent(since.workerIdleShare() + since.workerStarvedShare()),
            Units.percent(since.copyBusyShare())));
    append(text, since.failures(), "failed");
    append(text, since.skips(), "skipped");
    append(text, since.badSamples(), "bad samples");
    text.append("; host slots ").append(LoaderSnapshot.ring(snapshot.hostSlots()));
    text.append("; device slots ").append(LoaderSnapshot.ring(snapshot.deviceSlots()));
    text.append("; next is ").append(snapshot.waitingFor());
    for (Slot slot : snapshot.deviceSlots()) {
      if (slot.state() == LoaderSnapshot.SlotState.LEASED && slot.since().toSeconds() >= 1) {
        text.append("; slot ").append(slot.number()).append(" leased for ");
        text.append(Units.duration(slot.since().toNanos()));
      }
    }
    return text.append("; ").append(since.bottleneck()).toString();
  }

  /** Behind which nothing happens. */
  private static String lastLine(LoaderStats stats) {
    return String.format(Locale.ROOT, "all batches have been delivered, %,d", stats.batches());
  }

  private static void append(StringBuilder text, long count, String what) {
    if (count > 0) {
      text.append(", ").append(count).append(' ').append(what);
    }
  }
}
