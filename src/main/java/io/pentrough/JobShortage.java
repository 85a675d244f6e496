package io.pentrough;

import java.lang.System.Logger.Level;

/** Warns where fewer jobs are queued than there are workers, so that some of them wait. */
final class JobShortage {

  private final Core core;
  private volatile boolean found;

  JobShortage(Core core) {
    this.core = core;
  }

  /** A batch was delivered: there may be fewer jobs now than workers. */
  void look() {
    assert Thread.holdsLock(core);
    if (core.source.runsShort(core.settings.workers())) {
      found = true;
    }
  }

  /** Warns of what was found, once. Without the lock. */
  void warn() {
    if (!found) {
      return;
    }
    found = false;
    core.log(
        Level.WARNING,
        "fewer jobs are queued than there are workers ("
            + core.settings.workers()
            + "), so some of them wait: submit further ahead",
        null);
  }
}
