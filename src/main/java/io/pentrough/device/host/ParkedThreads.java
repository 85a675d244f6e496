package io.pentrough.device.host;

import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The threads that are parked until a stream has run a number of operations. Allocates only when
 * more threads park at the same time than ever before. Guarded by the queue's lock.
 */
final class ParkedThreads {

  private @Nullable Thread[] threads = new @Nullable Thread[4];
  private long[] tickets = new long[threads.length];
  private int count;

  void add(Thread thread, long ticket) {
    if (count == threads.length) {
      threads = Arrays.copyOf(threads, 2 * count);
      tickets = Arrays.copyOf(tickets, 2 * count);
    }
    threads[count] = thread;
    tickets[count] = ticket;
    count++;
  }

  /** Removes a thread, if it is still here. */
  void remove(Thread thread) {
    for (int i = 0; i < count; i++) {
      if (threads[i] == thread) {
        removeAt(i);
        return;
      }
    }
  }

  /** Wakes and removes the threads that wait for at most this many operations. */
  void unpark(long finished) {
    for (int i = count - 1; i >= 0; i--) {
      if (tickets[i] <= finished) {
        LockSupport.unpark(threads[i]);
        removeAt(i);
      }
    }
  }

  private void removeAt(int i) {
    count--;
    threads[i] = threads[count];
    tickets[i] = tickets[count];
    threads[count] = null;
  }
}
