package io.pentrough;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/** The clock of a loader, which a test may set forward: then whoever waits looks at it again. */
final class SteppedTime implements Time {

  private final AtomicLong ahead = new AtomicLong();
  private final Set<Thread> parked = ConcurrentHashMap.newKeySet();
  private final Set<Object> locks = ConcurrentHashMap.newKeySet();

  private final boolean waitsForever;

  SteppedTime() {
    this(false);
  }

  private SteppedTime(boolean waitsForever) {
    this.waitsForever = waitsForever;
  }

  /** No wait on the lock ends by itself: whoever waits there has to be told. */
  static SteppedTime withoutBounds() {
    return new SteppedTime(true);
  }

  /** So much time passes at once. */
  void pass(long nanos) {
    ahead.addAndGet(nanos);
    parked.forEach(LockSupport::unpark);
    for (Object lock : locks) {
      synchronized (lock) {
        lock.notifyAll();
      }
    }
  }

  @Override
  public long now() {
    return SYSTEM.now() + ahead.get();
  }

  @Override
  public void park(Object blocker, long nanos) {
    parked.add(Thread.currentThread());
    SYSTEM.park(blocker, nanos);
  }

  @Override
  public void await(Object lock, long nanos) throws InterruptedException {
    locks.add(lock);
    SYSTEM.await(lock, waitsForever ? Long.MAX_VALUE : nanos);
  }
}
