package io.pentrough;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What the JVM knows of a loader's threads: the CPU time of all workers and of the consumer, and
 * whether workers wait for locks.
 *
 * @param workersNanos the CPU time of all workers since they started; 0 if {@code unknown}
 * @param consumerNanos the CPU time of the one consumer since its thread started, so an upper bound
 *     for what its loop used; {@link #UNKNOWN_NANOS} if there are several, or if it has ended
 * @param blocked how often workers had to wait for a monitor
 * @param waiting how many workers waited, at this moment, for a lock or monitor that a thread holds
 * @param load how many threads of the machine ran, or waited for a core or a disk, on average of
 *     the last minute; negative if that is not known, as in a container that has a part of the
 *     cores
 * @param unknown why nothing is known, for people; null if it is
 */
record ThreadUsage(
    long workersNanos,
    long consumerNanos,
    long blocked,
    int waiting,
    double load,
    @Nullable String unknown) {

  static final long UNKNOWN_NANOS = -1;

  /** For a loader that no batch was taken from, or where several threads take them. */
  static final long NO_THREAD = 0;

  static final ThreadUsage NOT_ASKED = unknown("nobody asked for it");

  static ThreadUsage unknown(String why) {
    return new ThreadUsage(0, UNKNOWN_NANOS, 0, 0, -1, why);
  }

  /**
   * Asks the JVM. Takes some microseconds for each thread.
   *
   * @param workers the identifiers of the workers' threads
   * @param consumer the identifier of the consumer's thread, or {@link #NO_THREAD}
   */
  static ThreadUsage read(long[] workers, long consumer) {
    try {
      return Management.read(workers, consumer);
    } catch (LinkageError e) {
      return unknown("the module java.management is not there");
    } catch (UnsupportedOperationException | SecurityException e) {
      return unknown("the JVM does not report it");
    }
  }

  /** The part of it since an earlier reading of the same loader. */
  ThreadUsage minus(ThreadUsage earlier) {
    if (unknown != null || earlier.unknown != null) {
      return unknown == null ? earlier : this;
    }
    return new ThreadUsage(
        workersNanos - earlier.workersNanos,
        consumerNanos == UNKNOWN_NANOS || earlier.consumerNanos == UNKNOWN_NANOS
            ? consumerNanos
            : consumerNanos - earlier.consumerNanos,
        blocked - earlier.blocked,
        waiting,
        load,
        null);
  }

  /** A class of its own, which is loaded only where its module is. */
  private static final class Management {

    private static final ThreadMXBean BEAN = ManagementFactory.getThreadMXBean();

    /** In a container the load is that of the whole machine, and says nothing of our cores. */
    private static final boolean HAS_ALL_CORES = hasAllCores();

    private static boolean hasAllCores() {
      try (Stream<String> lines = Files.lines(Path.of("/proc/stat"))) {
        long cores = lines.filter(line -> line.matches("cpu\\d+ .*")).count();
        return cores == Runtime.getRuntime().availableProcessors();
      } catch (IOException | RuntimeException e) {
        return true; // no Linux, and so no such container
      }
    }

    static ThreadUsage read(long[] workers, long consumer) {
      if (!BEAN.isThreadCpuTimeSupported()) {
        return unknown("this JVM does not measure it");
      }
      if (!BEAN.isThreadCpuTimeEnabled()) {
        return unknown("its measurement is turned off");
      }
      long cpu = 0;
      for (long worker : workers) {
        long nanos = BEAN.getThreadCpuTime(worker);
        if (nanos < 0) {
          return unknown("a worker has not started, or has ended");
        }
        cpu += nanos;
      }
      long blocked = 0;
      int waiting = 0;
      for (ThreadInfo info : BEAN.getThreadInfo(workers)) { // without stack traces: no safepoint
        if (info != null) {
          blocked += info.getBlockedCount();
          waiting += info.getLockOwnerId() < 0 ? 0 : 1;
        }
      }
      long consumerNanos = consumer == NO_THREAD ? UNKNOWN_NANOS : BEAN.getThreadCpuTime(consumer);
      double load =
          HAS_ALL_CORES ? ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage() : -1;
      return new ThreadUsage(cpu, consumerNanos, blocked, waiting, load, null);
    }
  }
}
