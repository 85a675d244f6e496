package io.pentrough.device.host;

import org.jspecify.annotations.Nullable;

/**
 * The entries of a stream's queue. Operation number n has the entry n modulo the length. The length
 * is a power of two, and grows if more operations are queued at once. Guarded by the queue's lock.
 */
final class OperationRing {

  private HostOperation[] entries = filled(new @Nullable HostOperation[32]);

  HostOperation at(long number) {
    return entries[(int) number & (entries.length - 1)];
  }

  /**
   * Makes room for one more operation. Every operation keeps its entry, also the one that runs.
   *
   * @param finished the number of the first operation that has not finished
   * @param queued how many have been queued
   */
  void reserve(long finished, long queued) {
    if (queued - finished < entries.length) {
      return;
    }
    @Nullable HostOperation[] longer = new @Nullable HostOperation[2 * entries.length];
    for (long n = finished; n < queued; n++) {
      longer[(int) n & (longer.length - 1)] = at(n);
    }
    entries = filled(longer);
  }

  /** Clears all entries but this one. */
  void clearExcept(HostOperation kept) {
    for (HostOperation entry : entries) {
      if (entry != kept) {
        entry.clear();
      }
    }
  }

  private static HostOperation[] filled(@Nullable HostOperation[] some) {
    HostOperation[] all = new HostOperation[some.length];
    for (int i = 0; i < all.length; i++) {
      HostOperation entry = some[i];
      all[i] = entry == null ? new HostOperation() : entry;
    }
    return all;
  }
}
