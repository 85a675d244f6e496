package io.pentrough;

/**
 * How threads that wait in {@code get} learn that there may be something for them. Guarded by the
 * {@link Core}, except {@link #news} and {@link #stayAwake}.
 *
 * <p>A consumer first reads {@link #news}, then looks; if it finds nothing it waits only until the
 * news is another, so nothing that happens in between is missed. It waits in one of three ways: it
 * stays awake ({@link IdleStrategy}), watches a copy ({@link CopyWatch}), or rests on the lock.
 */
final class ConsumerSignals {

  final IdleStrategy idle;
  final CopyWatch watch;
  private final Object lock;
  private final Time time;
  private volatile long news;
  private int resting;

  /** Those of them that are content with a queued copy. */
  private int restingForQueued;

  ConsumerSignals(Object lock, Time time, IdleStrategy idle, CopyWatch watch) {
    this.lock = lock;
    this.time = time;
    this.idle = idle;
    this.watch = watch;
  }

  /** Changes whenever there may be something for a consumer. */
  long news() {
    return news;
  }

  /** There may be something for a consumer. */
  void signal() {
    haveNews();
    watch.signal();
    if (resting > 0) {
      lock.notifyAll();
    }
  }

  /** A copy has been queued, which is enough for a consumer whose stream waits for it. */
  void signalQueuedCopy() {
    haveNews();
    if (restingForQueued > 0) {
      lock.notifyAll();
    }
  }

  /** A copy runs that a consumer could watch. */
  void signalRunningCopy() {
    if (anyRestsForReady() && watch.isForConsumers()) {
      haveNews();
      lock.notifyAll();
    }
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // under the lock; others only read it
  private void haveNews() {
    assert Thread.holdsLock(lock);
    news++;
  }

  boolean anyRests() {
    assert Thread.holdsLock(lock);
    return resting > 0;
  }

  /** Whether a consumer rests that wants a batch whose copy has ended. */
  boolean anyRestsForReady() {
    assert Thread.holdsLock(lock);
    return resting > restingForQueued;
  }

  /** Spins until the news is another, or for a moment. */
  void stayAwake(long seen, long atMostNanos) {
    long most = Math.min(atMostNanos, IdleStrategy.AWAKE_NANOS);
    long since = time.now();
    while (news == seen && time.now() - since < most) {
      Thread.onSpinWait();
    }
  }

  /** Releases the lock until the news is another, or the time is over. */
  void rest(long seen, boolean forQueued, long nanos) throws InterruptedException {
    assert Thread.holdsLock(lock);
    resting++;
    restingForQueued += forQueued ? 1 : 0;
    try {
      long since = time.now();
      long left = nanos;
      while (news == seen && left > 0) {
        time.await(lock, left);
        left = nanos - (time.now() - since);
      }
    } finally {
      resting--;
      restingForQueued -= forQueued ? 1 : 0;
    }
  }
}
