package io.pentrough;

import java.util.Locale;

/** Figures for people: about three digits, and a unit. */
final class Units {

  private static final String[] DURATIONS = {"ns", "us", "ms", "s"};
  private static final String[] SIZES = {"B", "KiB", "MiB", "GiB", "TiB"};

  private Units() {}

  /** For example {@code "1.25 ms"}. */
  static String duration(long nanos) {
    return scaled(nanos, 1000, DURATIONS);
  }

  /** To the millisecond, for example {@code "0.250 s"}. */
  static String seconds(long nanos) {
    return String.format(Locale.ROOT, "%.3f s", nanos / 1e9);
  }

  /** For example {@code "3.50 MiB"}. */
  static String bytes(long bytes) {
    return scaled(bytes, 1024, SIZES);
  }

  /** For example {@code "12 %"}. See {@link #wholePercent}. */
  static String percent(double share) {
    return wholePercent(share) + " %";
  }

  /** Rounded down, so that a figure is on the same side of a threshold as its share. */
  static int wholePercent(double share) {
    return (int) (share * 100);
  }

  private static String scaled(long value, int step, String[] units) {
    if (value < step) {
      return value + " " + units[0];
    }
    double scaled = value;
    int unit = 0;
    while (scaled >= step && unit < units.length - 1) {
      scaled /= step;
      unit++;
    }
    String pattern = scaled < 10 ? "%.2f %s" : scaled < 100 ? "%.1f %s" : "%.0f %s";
    return String.format(Locale.ROOT, pattern, scaled, units[unit]);
  }
}
