package io.pentrough;

import io.pentrough.device.DeviceEvent;
import java.util.Arrays;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Sees the end of a copy that the device runs by itself, while a consumer waits for it.
 *
 * <p>CUDA wakes no thread at a deadline, and a parked thread comes back late, some 100 us here. So
 * the watcher parks until shortly before the copy is expected to end, and then asks again and again
 * for at most {@link #AWAKE_NANOS}. If the copy takes longer than that, the copy thread sees its
 * end, as it does for all copies that no consumer waits for.
 *
 * <pre>
 *   begins                                          ends
 *     |---------- parked ----------|--- late ---|--- asks ---|
 * </pre>
 *
 * <p>How long a copy takes is learned from the ones before. An end that was seen while asking is
 * exact. One that was there at the first look came earlier, so the next is expected earlier.
 *
 * <p>The end of a copy of 100 us is seen 36 us late with it, and 76 us late without
 * (docs/performance.md, <em>How soon the end of a copy is noticed</em>).
 *
 * <p>One thread watches at a time. Guarded by the {@link Core}, except {@link #look}.
 */
final class CopyWatch {

  /** Who watches: set by {@code -Dpentrough.copyWatch}, to compare the ways. */
  enum Way {
    /** Nobody: the copy thread parks for a part of the time that it has waited already. */
    NOBODY,
    /** The copy thread, which then wakes the consumer. */
    COPY_THREAD,
    /** The consumer, which no thread needs to wake. */
    CONSUMER;

    static Way ofProperty() {
      String name = System.getProperty(PROPERTY, CONSUMER.name());
      for (Way way : values()) {
        if (way.name().equalsIgnoreCase(name)) {
          return way;
        }
      }
      throw new IllegalArgumentException(
          "-D"
              + PROPERTY
              + "="
              + name
              + ": there are only "
              + Arrays.toString(values()).toLowerCase(Locale.ROOT));
    }
  }

  private static final String PROPERTY = "pentrough.copyWatch";

  /** For how long the watcher asks at most. */
  static final long AWAKE_NANOS = 60_000;

  /** After that the copy thread does. */
  private static final long LONGEST_NANOS = 1_000_000;

  /** So much earlier than expected the asking begins, as copies and parks differ. */
  private static final long MARGIN_NANOS = 15_000;

  private final Way way;
  private final Time time;
  private volatile @Nullable Thread watcher;
  private @Nullable DeviceEvent end;

  /** When the watched copy began, which distinguishes it from others. */
  private long sinceNanos;

  private boolean hasGivenUp;
  private volatile long expectedNanos;

  /** How long a copy takes; negative if none has been seen to end. */
  private long copyNanos = -1;

  // The watcher's own.

  /** How late a park comes back. */
  private long lateNanos = MARGIN_NANOS;

  /** When the watcher last found the copy pending. */
  private long pendingNanos;

  /** Whether it parked behind that. */
  private boolean endedInPark;

  /** There may be something else for the watcher. */
  private volatile boolean news;

  CopyWatch(Way way, Time time) {
    this.way = way;
    this.time = time;
  }

  /** Whether such a thread is the one that watches; may be asked without the lock. */
  boolean isDoneBy(Way whom) {
    return way == whom;
  }

  /** Whether a thread watches now; may be asked without the lock. */
  boolean isUnderWay() {
    return watcher != null;
  }

  /** When the end that is watched should have been seen, at the latest; without the lock. */
  long nanosUntilSeen() {
    return Math.max(0, expectedNanos - time.now()) + AWAKE_NANOS + 2 * MARGIN_NANOS;
  }

  /** Whether a waiting consumer wants to know that a copy begins. */
  boolean isForConsumers() {
    return way == Way.CONSUMER && watcher == null;
  }

  /**
   * Makes the caller the watcher, who then calls {@link #look} without the lock, and {@link
   * #ended}.
   *
   * @param asWhom the caller's kind
   * @param slot whose copy has begun, and ends first
   * @param ready the event behind that copy
   * @return false if the caller need not watch, another thread does, or it did not help before
   */
  boolean begin(Way asWhom, DeviceSlot slot, DeviceEvent ready) {
    boolean inVain = hasGivenUp && slot.copySinceNanos == sinceNanos;
    if (asWhom != way || watcher != null || copyNanos < 0 || inVain) {
      return false;
    }
    watcher = Thread.currentThread();
    end = ready;
    sinceNanos = slot.copySinceNanos;
    expectedNanos = sinceNanos + copyNanos;
    hasGivenUp = false;
    news = false;
    return true;
  }

  /**
   * Parks, then asks; returns early if there is other news or the thread is interrupted. Throws
   * what the event does.
   *
   * @return whether the copy has ended
   */
  boolean look(long atMostNanos) {
    DeviceEvent event = Objects.requireNonNull(end);
    Thread caller = Thread.currentThread();
    long start = time.now();
    pendingNanos = Long.MIN_VALUE;
    if (expectedNanos - start > AWAKE_NANOS) {
      long lookAt = start + Math.min(atMostNanos, expectedNanos - start - MARGIN_NANOS);
      parkUntil(lookAt - lateNanos, caller);
      lateNanos += news ? 0 : Math.min(time.now() - lookAt, AWAKE_NANOS) / 8;
    }
    long since = time.now();
    while (!news && !caller.isInterrupted()) {
      if (event.isComplete()) {
        return true;
      }
      long now = time.now();
      pendingNanos = now;
      endedInPark = false;
      if (now - since >= LONGEST_NANOS) {
        hasGivenUp = true;
        break;
      }
      if (now - start >= atMostNanos) {
        break;
      }
      if (now - since < AWAKE_NANOS) {
        Thread.onSpinWait();
      } else {
        time.park(this, 1);
        endedInPark = true;
      }
    }
    return false;
  }

  /** Not at all if that is past, though a park comes late: for at least a nanosecond. */
  private void parkUntil(long deadline, Thread caller) {
    long nanos = Math.max(1, deadline - time.now());
    while (nanos > 0 && !news && !caller.isInterrupted()) {
      time.park(this, nanos);
      nanos = deadline - time.now();
    }
  }

  /** The watcher could not do anything about the end it has seen: it does not look again. */
  void giveUp() {
    hasGivenUp = true;
  }

  /** The watcher has looked. */
  void ended() {
    watcher = null;
    end = null;
  }

  /** There may be something else for a consumer. */
  void signal() {
    if (watcher != null && watcher != Thread.currentThread()) {
      news = true;
      LockSupport.unpark(watcher);
    }
  }

  /** The slot's copy was seen to end, with the stages after it. */
  void copied(DeviceSlot slot, long now) {
    long took = now - slot.copySinceNanos;
    boolean watched = watcher == Thread.currentThread() && slot.copySinceNanos == sinceNanos;
    if (copyNanos < 0) {
      copyNanos = took;
    } else if (!watched) {
      copyNanos = Math.min(took, copyNanos + copyNanos / 8);
    } else if (pendingNanos == Long.MIN_VALUE) { // come earlier, until an end is seen to come
      copyNanos -= Math.min(MARGIN_NANOS, copyNanos / 8);
    } else if (endedInPark) {
      copyNanos = Math.max(copyNanos, took - (now - pendingNanos) / 2);
    }
  }
}
