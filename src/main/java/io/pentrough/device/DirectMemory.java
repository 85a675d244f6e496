package io.pentrough.device;

import com.sun.management.HotSpotDiagnosticMXBean;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.util.Locale;
import java.util.Optional;

/**
 * The JVM's direct memory, of which all of a program has one lot. For implementations of {@link
 * Device}, and for programs that want to know whether an allocation of many gigabytes can succeed
 * before it has run for half a minute.
 *
 * <p><b>Threads.</b> Any.
 */
public final class DirectMemory {

  private static final long UNKNOWN = -1;

  /** Less is refused soon enough by the allocation itself. */
  private static final long MIN_BYTES = 64L << 20;

  /** How long the JVM's own allocation waits for the collector before it refuses. */
  private static final int PATIENCE_MILLIS = 512;

  private static final int STEP_MILLIS = 16;

  private DirectMemory() {}

  /**
   * Why the JVM cannot give this number of bytes. Allocates none of them. If fewer are free, the
   * call runs the garbage collector and waits up to half a second, as the JVM does before it
   * refuses an allocation.
   *
   * @param bytes the number of bytes, all allocations together
   * @return in words, for example {@code the JVM allows 5.9 GiB of direct memory, of which 1.2 GiB
   *     are in use}; empty if they can be allocated, or if that is unknown (without the module
   *     {@code jdk.management}, or on another JVM than HotSpot)
   */
  public static Optional<String> whyNot(long bytes) {
    long limit = bytes < MIN_BYTES ? UNKNOWN : limit();
    if (limit == UNKNOWN) {
      return Optional.empty();
    }
    long used = bytes > limit ? Management.used() : usedUnless(limit - bytes);
    if (bytes <= limit - used) {
      return Optional.empty();
    }
    String allowed = "the JVM allows " + words(limit) + " of direct memory";
    return Optional.of(
        used < MIN_BYTES ? allowed : allowed + ", of which " + words(used) + " are in use");
  }

  /** How much is in use, once that is little enough, or the collector frees no more. */
  private static long usedUnless(long enough) {
    long used = Management.used();
    if (used > enough) {
      boolean interrupted = Thread.interrupted(); // the collector's threads take their time anyway
      System.gc(); // closed buffers count until they are collected
      for (int waited = 0; used > enough && waited < PATIENCE_MILLIS; waited += STEP_MILLIS) {
        try {
          Thread.sleep(STEP_MILLIS);
        } catch (InterruptedException e) {
          interrupted = true;
        }
        used = Management.used();
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
    return used;
  }

  private static long limit() {
    try {
      return Management.limit();
    } catch (LinkageError | RuntimeException e) {
      return UNKNOWN;
    }
  }

  private static String words(long bytes) {
    return bytes < 1L << 30
        ? String.format(Locale.ROOT, "%d MiB", bytes >> 20)
        : String.format(Locale.ROOT, "%.1f GiB", bytes / (double) (1 << 30));
  }

  /** A class of its own, which is loaded only where its module is. */
  private static final class Management {

    static long limit() {
      HotSpotDiagnosticMXBean jvm =
          ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class);
      long set = Long.parseLong(jvm.getVMOption("MaxDirectMemorySize").getValue());
      return set > 0 ? set : Runtime.getRuntime().maxMemory();
    }

    static long used() {
      return ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
          .filter(pool -> pool.getName().equals("direct"))
          .mapToLong(BufferPoolMXBean::getMemoryUsed)
          .sum();
    }
  }
}
