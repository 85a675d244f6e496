package io.pentrough;

import java.lang.System.Logger.Level;
import java.util.List;

/**
 * The loader's own thread: it has copies made and seen to end as its {@link CopyStrategy} says,
 * closes leases that nobody else closes any more, and in the end gives all memory back.
 */
final class CopyThread implements Runnable {

  /** A thread or a capture that ends wakes nobody: in the end, it is asked this often. */
  private static final long ENDED_NANOS = 10_000_000;

  final Thread thread;

  private final Core core;
  private final CopyStrategy copies;
  private final Leases leases;
  private final Reports reports;
  private final LeaseWatch overdue;
  private final WorkerWatch unbegun;

  CopyThread(
      Core core,
      CopyStrategy copies,
      Leases leases,
      Reports reports,
      LeaseWatch overdue,
      WorkerWatch unbegun) {
    this.core = core;
    this.copies = copies;
    this.leases = leases;
    this.reports = reports;
    this.overdue = overdue;
    this.unbegun = unbegun;
    thread = new Thread(this, "pentrough-" + core.settings.name() + "-copy");
    thread.setDaemon(true);
    core.copySignal.copyThread(thread);
  }

  @Override
  public void run() {
    try {
      core.device.bindThread();
      copies.begin();
      copyUntilStopped();
    } catch (Throwable t) {
      core.breakDown(t);
    }
    try {
      core.settings.whenStopped().run();
      copies.end();
      while (!core.isClosing()) {
        core.park(this, Long.MAX_VALUE);
        leases.closeCollected();
      }
      giveMemoryBack();
    } catch (Throwable t) {
      core.breakDown(t);
    } finally {
      terminated();
    }
  }

  private void copyUntilStopped() {
    while (true) {
      // Also if there is always something to copy.
      long untilNextLook = Math.min(overdue.look(), unbegun.look());
      leases.closeCollected();
      CopyStrategy.Progress progress = copies.work();
      reports.reportToFlightRecorder();
      if (progress == CopyStrategy.Progress.IDLE && core.isStopped()) {
        return;
      }
      if (progress != CopyStrategy.Progress.MOVED) {
        copies.awaitWork(untilNextLook);
        Thread.interrupted(); // somebody's interrupt would make every later park return at once
      }
    }
  }

  private void terminated() {
    reports.reportToFlightRecorder();
    List<String> refused = core.memory.refused();
    if (!refused.isEmpty()) {
      core.log(
          Level.WARNING,
          "not given back to " + core.device.name() + ": " + String.join(", ", refused),
          null);
    }
    core.terminated();
  }

  private void giveMemoryBack() {
    Reclaimer reclaimer = new Reclaimer(core);
    for (long rest = reclaimer.step(); rest > 0; rest = reclaimer.step()) {
      core.park(this, leases.mustLookAgain() ? Math.min(rest, ENDED_NANOS) : rest);
      leases.closeCollected();
      leases.closeAbandonedLoops();
      reports.reportToFlightRecorder();
    }
  }
}
