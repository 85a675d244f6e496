package io.pentrough;

import java.lang.System.Logger.Level;
import java.util.Objects;

/** What the owner of a queue asks: room for another job, and that no more will come. */
final class Submissions {

  /** Of a submit for which there was no room in time. */
  private static final long NO_ROOM = -1;

  private final Core core;
  private final Reports reports;

  Submissions(Core core, Reports reports) {
    this.core = core;
    this.reports = reports;
  }

  /** Waits for room in the queue without bound, but not in silence. */
  long submit(JobQueue jobs, Job job) throws InterruptedException {
    long asked = core.time.now();
    while (true) {
      long number = submitWithin(jobs, job, core.settings.warnAfterNanos());
      if (number != NO_ROOM) {
        return number;
      }
      core.log(Level.WARNING, diagnoseFull(jobs, core.time.now() - asked), null);
    }
  }

  /** Waits for room in the queue for at most so long. */
  long submit(JobQueue jobs, Job job, long timeoutNanos)
      throws InterruptedException, BatchTimeoutException {
    long asked = core.time.now();
    long number = submitWithin(jobs, job, timeoutNanos);
    if (number == NO_ROOM) {
      throw new BatchTimeoutException(
          diagnoseFull(jobs, core.time.now() - asked), core.lastFailure());
    }
    return number;
  }

  /** {@link #NO_ROOM} if the time is over; nothing is queued then. */
  private long submitWithin(JobQueue jobs, Job job, long timeoutNanos) throws InterruptedException {
    if (!PoolWait.isNeeded()) {
      return awaitRoom(jobs, job, timeoutNanos);
    }
    synchronized (core) {
      requireOpen(jobs);
      if (!jobs.isFull()) {
        return add(jobs, job);
      }
    }
    return Objects.requireNonNull(PoolWait.run(() -> awaitRoom(jobs, job, timeoutNanos)));
  }

  private long awaitRoom(JobQueue jobs, Job job, long timeoutNanos) throws InterruptedException {
    long asked = core.time.now();
    synchronized (core) {
      requireOpen(jobs);
      while (jobs.isFull()) {
        long left = timeoutNanos - (core.time.now() - asked);
        if (left <= 0) {
          return NO_ROOM;
        }
        core.awaitRoom(left);
        requireOpen(jobs);
      }
      return add(jobs, job);
    }
  }

  /** False if there is no room in the queue. */
  boolean offer(JobQueue jobs, Job job) {
    synchronized (core) {
      requireOpen(jobs);
      if (jobs.isFull()) {
        return false;
      }
      add(jobs, job);
      return true;
    }
  }

  /** No more jobs will come: what is queued is still delivered. */
  void end(JobQueue jobs) {
    synchronized (core) {
      jobs.endSubmissions();
      core.lookForJobs(core.time.now());
      core.consumers.signal(); // they may have had the last batch
      core.notifyAll(); // submitters
    }
  }

  private void requireOpen(JobQueue jobs) {
    core.requireUsable();
    if (jobs.hasEnded()) {
      throw new IllegalStateException(
          core.settings.name()
              + " takes no more jobs, because endSubmissions() was called: submit before that, or"
              + " start another queue");
    }
  }

  private long add(JobQueue jobs, Job job) {
    long number = jobs.submit(job);
    core.lookForJobs(core.time.now());
    core.workerSignaller.wakeOne();
    return number;
  }

  private String diagnoseFull(JobQueue jobs, long waitedNanos) {
    return reports.diagnosis().afterWaitingForRoom(waitedNanos, jobs.capacity());
  }
}
