package io.pentrough.example;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Turns Ctrl-C, as any wish of the system's to end the JVM, into an interrupt of one thread, and
 * keeps the JVM until that thread has tidied up.
 */
final class CtrlC {

  /** More than closing a loader may take. */
  private static final int PATIENCE_SECONDS = 20;

  private final CountDownLatch tidy = new CountDownLatch(1);
  private final Thread hook;

  /** Watches over the calling thread. */
  CtrlC() {
    Thread watched = Thread.currentThread();
    hook =
        new Thread(
            () -> {
              watched.interrupt();
              awaitTidy();
            },
            "ctrl-c");
    Runtime.getRuntime().addShutdownHook(hook);
  }

  private void awaitTidy() {
    try {
      if (!tidy.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        System.err.println("Not all has ended within " + PATIENCE_SECONDS + " s.");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // nobody has reason to; the JVM ends then
    }
  }

  /** Stops to watch; an ending JVM waits no longer, so that {@link System#exit} does no harm. */
  void stopWatching() {
    tidy.countDown();
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // the JVM is ending: the hook runs, or will and find the latch open
    }
  }
}
