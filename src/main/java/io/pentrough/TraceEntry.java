package io.pentrough;

import io.pentrough.Trace.Result;
import io.pentrough.Trace.Step;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * What has happened to one batch so far. The slot that holds the batch has it, then the {@link
 * TraceRecorder}'s ring, which gives an old one for it: no batch makes a new one. Guarded by the
 * {@link Core}.
 */
final class TraceEntry {

  /** The time of a step that has not been reached. */
  static final long NEVER = Long.MIN_VALUE;

  private final long[] times = new long[Step.values().length];

  /** From the claim until the batch's last slot is free. */
  boolean open;

  /** Counts the claims: the order of a trace. */
  long number;

  int epoch;
  long index;
  int worker;
  int hostSlot;
  int attempts;

  /** -1 if it has none. */
  int deviceSlot;

  Result result = Result.UNDER_WAY;

  /** The class of what was thrown last: its message may run code of the application. */
  @Nullable Class<?> cause;

  /** The name of the thread that has called {@code get}. */
  @Nullable String consumer;

  /** A worker has claimed the slot for a batch, after a wait. */
  void begin(long claim, HostSlot slot, long now) {
    open = true;
    number = claim;
    epoch = slot.epoch;
    index = slot.index;
    worker = slot.worker;
    hostSlot = slot.number;
    attempts = 1;
    deviceSlot = -1;
    result = Result.UNDER_WAY;
    cause = null;
    consumer = null;
    Arrays.fill(times, NEVER);
    reach(Step.CLAIMED, now);
  }

  @SuppressWarnings("EnumOrdinal") // the place in an array that is as long as the enum
  void reach(Step step, long now) {
    times[step.ordinal()] = now;
  }

  @SuppressWarnings("EnumOrdinal") // as above
  long at(Step step) {
    return times[step.ordinal()];
  }

  /** How long it took from one step to another; {@link #NEVER} if it did not go this way. */
  long between(Step from, Step to) {
    long nanos = at(to) - at(from);
    return at(from) == NEVER || at(to) == NEVER || nanos < 0 ? NEVER : nanos;
  }

  /** The batch is a consumer's now, or what became of it has been reported to one. */
  void end(Result how, long now) {
    result = how;
    reach(Step.TAKEN, now);
  }

  void failed(Throwable failure) {
    cause = failure instanceof BadBatch ? BadSamplesException.class : failure.getClass();
  }

  /** A {@code get} that has waited since then was given this. */
  void given(String thread, long asked) {
    consumer = thread;
    reach(Step.ASKED, asked);
  }

  TraceEntry copy() {
    TraceEntry copy = new TraceEntry();
    copy.open = open;
    copy.number = number;
    copy.epoch = epoch;
    copy.index = index;
    copy.worker = worker;
    copy.hostSlot = hostSlot;
    copy.attempts = attempts;
    copy.deviceSlot = deviceSlot;
    copy.result = result;
    copy.cause = cause;
    copy.consumer = consumer;
    System.arraycopy(times, 0, copy.times, 0, times.length);
    return copy;
  }
}
