package io.pentrough.benchmarks;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.TimeUnit;

/** How a textbook loader ends. */
final class Ending {

  private Ending() {}

  /** Interrupts the threads and waits for them. */
  static void end(ExecutorService threads) {
    threads.shutdownNow();
    boolean ended;
    try {
      ended = threads.awaitTermination(10, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      ended = false;
    }
    if (!ended) {
      throw new IllegalStateException("the textbook's threads do not end");
    }
  }
}
