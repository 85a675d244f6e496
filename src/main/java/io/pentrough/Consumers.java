package io.pentrough;

import io.pentrough.device.DeviceStream;
import java.lang.System.Logger.Level;
import org.jspecify.annotations.Nullable;

/**
 * What the training loop asks: the next batch, within a time.
 *
 * <pre>
 *                +----------------------- look (with the lock) -----------------------+
 *                |                |              |              |          |          |
 *             a batch          failure       REPORT_SKIPS     HELP,      REST      GIVE_UP
 *                |                |              |          STAY_AWAKE     |          |
 *           leases.open    TargetException   listener           |       lock.wait   null
 *                                                \______________|__________/
 *                                                         look again
 * </pre>
 *
 * A consumer looks again only after something has changed, or its time is over (I5).
 */
final class Consumers {

  private final Core core;
  private final CopyStrategy copies;
  private final Leases leases;
  private final Reports reports;
  private final Skips skips;
  private final Deliveries deliveries;
  private final JobShortage shortage;
  private final WaitGuard guard;

  Consumers(Core core, CopyStrategy copies, Leases leases, Reports reports, WaitGuard guard) {
    this.core = core;
    this.copies = copies;
    this.leases = leases;
    this.reports = reports;
    skips = new Skips(core.settings.failurePolicy(), core.source.epochTarget(), core.stats);
    deliveries = new Deliveries(core, skips);
    shortage = new JobShortage(core);
    this.guard = guard;
  }

  /** See {@link Deliveries#nextEpoch}. */
  int nextEpoch() {
    synchronized (core) {
      core.requireUsable();
      return deliveries.nextEpoch();
    }
  }

  /**
   * Waits without bound, but not in silence.
   *
   * @param queued whether the stream waits for the copy, instead of the caller
   * @param lastEpoch nothing of a later epoch is taken or waited for
   */
  DeviceBatch get(DeviceStream stream, boolean queued, Recipient recipient, int lastEpoch)
      throws InterruptedException {
    long first = core.time.now();
    long asked = first;
    while (true) {
      DeviceBatch batch =
          poll(stream, asked, core.settings.warnAfterNanos(), queued, recipient, lastEpoch);
      if (batch != null) {
        return batch;
      }
      core.log(Level.WARNING, reports.diagnosis().afterWaiting(core.time.now() - first), null);
      asked = core.time.now(); // the log has had its own time
    }
  }

  /**
   * Waits at most so long.
   *
   * @param queued whether the stream waits for the copy, instead of the caller
   */
  DeviceBatch get(DeviceStream stream, long timeoutNanos, boolean queued, Recipient recipient)
      throws InterruptedException, BatchTimeoutException {
    long asked = core.time.now();
    DeviceBatch batch = poll(stream, asked, timeoutNanos, queued, recipient, Schedule.FOR_EVER);
    if (batch == null) {
      long waited = core.time.now() - asked;
      throw new BatchTimeoutException(reports.diagnosis().afterWaiting(waited), core.lastFailure());
    }
    return batch;
  }

  /**
   * Waits until the copy of a batch that was taken in flight has ended.
   *
   * @return false if the time is over before
   */
  boolean awaitReady(DeviceSlot slot, long timeoutNanos) throws InterruptedException {
    long asked = core.time.now();
    synchronized (core) {
      core.requireUsable();
      while (slot.underCopy) {
        long left = timeoutNanos - (core.time.now() - asked);
        if (left <= 0) {
          return false;
        }
        core.time.await(core, Math.min(left, Core.POLL_NANOS)); // no signal comes for such copies
        core.requireUsable();
      }
      return true;
    }
  }

  /** Null if the time is over; nothing has been taken then. */
  private @Nullable DeviceBatch poll(
      DeviceStream stream,
      long asked,
      long timeoutNanos,
      boolean queued,
      Recipient recipient,
      int lastEpoch)
      throws InterruptedException {
    LoaderOptions.requireSameDevice(stream, core.device);
    core.requireUsableEarly();
    DeviceBatch lease =
        new DeviceBatch(leases, stream, recipient, lastEpoch); // before anything is taken
    Jfr.Get event = Jfr.get();
    DeviceBatch found = null;
    Throwable thrown = null;
    boolean begun = core.device.beginCalls();
    try {
      if (stream.isCapturing()) {
        throw Leases.capturedException();
      }
      found = deliver(lease, asked, timeoutNanos, queued);
      return found;
    } catch (Throwable t) {
      thrown = t;
      throw t;
    } finally {
      copies.consumerLeaves();
      core.device.endCalls(begun);
      if (event != null) {
        event.ended(core.settings.name(), queued, found, thrown);
      }
      reports.reportToFlightRecorder();
    }
  }

  private @Nullable DeviceBatch deliver(
      DeviceBatch lease, long asked, long timeoutNanos, boolean queued)
      throws InterruptedException {
    boolean mayHelp = true;
    boolean maySpin = true;
    @Nullable Meanwhile last = null;
    while (true) {
      long news = core.consumers.news(); // first, so that nothing that comes after it is missed
      Outcome outcome;
      try {
        outcome = look(lease, asked, timeoutNanos, queued, last, mayHelp, maySpin);
      } finally {
        skips.reportPending(core);
      }
      if (outcome instanceof DeviceSlot slot) {
        shortage.warn();
        leases.open(lease, slot, queued);
        return lease;
      }
      if (outcome instanceof Failure failure) {
        // Not under the lock: it asks what the target threw for its words.
        throw new TargetException(
            failure.epoch(), failure.index(), failure.worker(), failure.reported());
      }
      long left = timeoutNanos - (core.time.now() - asked);
      last = (Meanwhile) outcome;
      switch (last) {
        case HELP -> mayHelp = maySpin = copies.help(left);
        case STAY_AWAKE -> {
          core.consumers.stayAwake(news, left);
          mayHelp = true;
          maySpin = false;
        }
        case REST -> {
          rest(news, queued, left);
          mayHelp = maySpin = true;
        }
        case REPORT_SKIPS -> {} // done above
        case GIVE_UP -> {
          return null;
        }
      }
    }
  }

  /**
   * Takes what is to be delivered next, or says what to do until there is something.
   *
   * @param last what the caller has done since it last looked; null before the first look
   */
  private Outcome look(
      DeviceBatch lease,
      long asked,
      long timeoutNanos,
      boolean queued,
      @Nullable Meanwhile last,
      boolean mayHelp,
      boolean maySpin)
      throws InterruptedException {
    synchronized (core) {
      long now = core.time.now();
      if (last == Meanwhile.HELP || last == Meanwhile.STAY_AWAKE) {
        waitsNoMore(now); // that was waiting, too
      }
      if (last == Meanwhile.HELP) {
        copies.helped();
      }
      if (Thread.interrupted()) {
        throw new InterruptedException();
      }
      core.requireUsable();
      Outcome found = deliveries.take(lease.lastEpoch(), queued, now);
      if (found != null) {
        waited(found, asked, now);
        if (found instanceof DeviceSlot slot) {
          core.stats.delivered(core.memory(slot).bytes);
          core.stats.takenBy(Thread.currentThread().getId());
          lease.taken(slot, core.ledger.order.lowestOpen(), core.ledger.order.deliveries());
          shortage.look();
        }
        return found;
      }
      core.workerSignaller.wakeOwed();
      guard.requireMoreToCome(now);
      if (timeoutNanos - (now - asked) <= 0) {
        waited(null, asked, now);
        return Meanwhile.GIVE_UP;
      }
      if (skips.arePending()) {
        return Meanwhile.REPORT_SKIPS;
      }
      core.stats.consumerStarving(now);
      core.trace.waits(asked);
      if (mayHelp && copies.canHelp(queued)) {
        return Meanwhile.HELP;
      }
      return maySpin && core.consumers.idle.isWorthIt() ? Meanwhile.STAY_AWAKE : Meanwhile.REST;
    }
  }

  private void waited(@Nullable Outcome found, long asked, long now) {
    long waited = Math.max(0, now - asked);
    core.stats.consumerWaited(waited);
    core.consumers.idle.waited(waited);
    core.trace.got(found, asked, now);
  }

  private void waitsNoMore(long now) {
    core.stats.consumerFed(now);
    core.trace.waitsNoMore();
  }

  private void rest(long news, boolean queued, long nanos) throws InterruptedException {
    if (PoolWait.isNeeded()) {
      PoolWait.<Void>run(
          () -> {
            restHere(news, queued, nanos);
            return null;
          });
    } else {
      restHere(news, queued, nanos);
    }
  }

  private void restHere(long news, boolean queued, long nanos) throws InterruptedException {
    synchronized (core) {
      try {
        core.consumers.rest(news, queued, nanos);
      } finally {
        waitsNoMore(core.time.now());
      }
    }
  }
}
