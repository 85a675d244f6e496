package io.pentrough;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** The clock, and the two ways in which an engine waits. Handed in, so that tests can step them. */
interface Time {

  /** The JVM's. */
  Time SYSTEM =
      new Time() {
        @Override
        public long now() {
          return System.nanoTime();
        }

        @Override
        public void park(Object blocker, long nanos) {
          if (nanos == Long.MAX_VALUE) {
            LockSupport.park(blocker);
          } else {
            LockSupport.parkNanos(blocker, nanos);
          }
        }

        @Override
        public void await(Object lock, long nanos) throws InterruptedException {
          TimeUnit.NANOSECONDS.timedWait(lock, nanos);
        }
      };

  /** Nanoseconds since some moment. */
  long now();

  /**
   * Parks the calling thread until it is unparked or interrupted, or the time is over; may return
   * early or late.
   */
  void park(Object blocker, long nanos);

  /**
   * Waits for {@code notifyAll} on a lock that the caller holds, at most so long; may return early.
   */
  void await(Object lock, long nanos) throws InterruptedException;
}
