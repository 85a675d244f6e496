package io.pentrough.benchmarks;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;

/** The threads that a loader has started, and what they and the caller use. */
final class Threads {

  private static final ThreadMXBean BEAN =
      (ThreadMXBean) ManagementFactory.getThreadMXBean(); // of HotSpot

  private final long[] ids;

  private Threads(long[] ids) {
    this.ids = ids;
  }

  /** Those there are now. */
  static Set<Long> now() {
    Set<Long> ids = new HashSet<>();
    Arrays.stream(BEAN.getAllThreadIds()).forEach(ids::add);
    return ids;
  }

  /** Those there are now and were not before. */
  static Threads startedSince(Set<Long> before) {
    Set<Long> ids = now();
    ids.removeAll(before);
    return new Threads(ids.stream().mapToLong(Long::longValue).toArray());
  }

  /** CPU time they have used, in nanoseconds. */
  long cpuNanos() {
    return Arrays.stream(BEAN.getThreadCpuTime(ids)).map(nanos -> Math.max(0, nanos)).sum();
  }

  /** CPU time that they and the calling thread have used, in nanoseconds. */
  long cpuNanosWithCaller() {
    return cpuNanos() + BEAN.getCurrentThreadCpuTime();
  }

  /** Java heap that they and the calling thread have allocated, in bytes. */
  @SuppressWarnings("deprecation") // Thread.getId(): threadId() is new in JDK 19
  long allocatedBytes() {
    return Arrays.stream(BEAN.getThreadAllocatedBytes(ids)).map(bytes -> Math.max(0, bytes)).sum()
        + BEAN.getThreadAllocatedBytes(Thread.currentThread().getId());
  }
}
