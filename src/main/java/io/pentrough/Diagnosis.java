package io.pentrough;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Who waits for whom, in words: the message of a timeout, and of a close that had to leave
 * something behind.
 *
 * <p>Made under the {@link Core}'s lock, as all of it must be of one moment; the stacks are taken
 * when it is written out, since that may stop other threads for a while.
 */
final class Diagnosis {

  /** How much of a stuck target's stack is shown. */
  private static final int FRAMES = 12;

  /**
   * After so long a wait the stacks of all threads are looked at, which stops them for a moment.
   */
  private static final long ALL_THREADS_NANOS = 1_000_000_000;

  /** At the end. */
  private static final String OUT_OF_USE = "out of use";

  /** At the end: a free slot that a consumer's queued work may still use. */
  private static final String QUEUED_WORK = "waiting for queued work";

  /** {@link Worker}, which this class does not refer to: it calls, and is not called. */
  private static final String WORKER = Diagnosis.class.getPackageName() + ".Worker";

  private final String waitedFor;
  private final String hostRing;
  private final String deviceRing;
  private final boolean heldBack;
  private final String whyIdle;
  private final @Nullable String leases;
  private final List<WorkerLine> workers = new ArrayList<>();

  Diagnosis(SlotLedger ledger, JobSource source, List<WorkerState> workers, long now) {
    waitedFor = source.describe(ledger.order.lowestOpen());
    boolean ending = ledger.isStopped();
    hostRing =
        ring(
            ledger.hostSlots(),
            slot -> slot.state,
            slot -> slot.outOfUse ? OUT_OF_USE : word(slot.state));
    deviceRing =
        ring(
            ledger.deviceSlots(),
            slot -> slot.state,
            slot ->
                slot.outOfUse
                    ? OUT_OF_USE
                    : ending && isFree(slot) ? QUEUED_WORK : word(slot.state));
    leases = leases(ledger);
    heldBack = ledger.order.isHeldBack();
    whyIdle =
        heldBack
            ? "waiting for that one"
            : ledger.order.hasNumbersLeft() ? "waiting for a free host slot" : source.whyIdle();
    for (WorkerState worker : workers) {
      HostSlot slot = worker.filling;
      this.workers.add(
          new WorkerLine(
              worker.number,
              worker.thread(),
              slot == null ? null : source.describe(slot.epoch, slot.index),
              slot == null ? "" : slot.job().target().getClass().getName(),
              now - worker.sinceNanos,
              worker.ended));
    }
  }

  /** The diagnosis under a headline that says how long the caller has waited, and for what. */
  String afterWaiting(long nanos) {
    return "no batch after " + seconds(nanos) + ": waiting for " + waitedFor + describe(nanos);
  }

  /** The diagnosis under a headline that says how long the caller has waited for room. */
  String afterWaitingForRoom(long nanos, int capacity) {
    return "no room for a job after "
        + seconds(nanos)
        + ": "
        + capacity
        + " are submitted and not yet delivered, and the next to be delivered is "
        + waitedFor
        + "; get its batch, or raise capacity"
        + describe(nanos);
  }

  @Override
  public String toString() {
    return describe(ALL_THREADS_NANOS);
  }

  private String describe(long waitedNanos) {
    StringBuilder text = new StringBuilder();
    text.append("\n  host slots: ").append(hostRing);
    text.append("\n  device slots: ").append(deviceRing);
    if (heldBack) {
      text.append("\n  ").append(waitedFor);
      text.append(" holds up the workers: it may be overtaken by no more than ");
      text.append(DeliveredWindow.SIZE).append(" others");
    }
    if (leases != null) {
      text.append("\n  ").append(leases);
    }
    Map<Thread, StackTraceElement[]> targets = new HashMap<>();
    for (WorkerLine worker : workers) {
      worker.describe(text, whyIdle, targets);
    }
    if (!targets.isEmpty()) {
      Thread caller = Thread.currentThread();
      text.append(
          StaticInitialisers.describe(
              waitedNanos < ALL_THREADS_NANOS
                  ? Map.of(caller, caller.getStackTrace())
                  : Thread.getAllStackTraces(),
              targets));
    }
    return text.toString();
  }

  /** How many slots are in each state, in the order of a slot's life, free ones last. */
  private static <S, E extends Enum<E>> String ring(
      List<S> slots, Function<S, E> stateOf, Function<S, String> inWords) {
    Map<String, Integer> counts = new LinkedHashMap<>();
    slots.stream()
        .sorted(Comparator.comparing(stateOf))
        .forEach(slot -> counts.merge(inWords.apply(slot), 1, Integer::sum));
    return counts.entrySet().stream()
        .map(count -> count.getValue() + " " + count.getKey())
        .collect(Collectors.joining(", ", slots.size() + " = ", ""));
  }

  private static String word(Enum<?> state) {
    return state.name().toLowerCase(Locale.ROOT);
  }

  private static boolean isFree(DeviceSlot slot) {
    return slot.state == DeviceSlot.State.FREE;
  }

  /**
   * Who holds leases; if consumers hold every device slot, no batch can come however long one
   * waits.
   */
  private static @Nullable String leases(SlotLedger ledger) {
    Map<String, Integer> holders = new TreeMap<>();
    int leased = 0;
    for (DeviceSlot slot : ledger.deviceSlots()) {
      Thread holder = slot.holder();
      if (holder != null) {
        holders.merge(holder.getName(), 1, Integer::sum);
        leased++;
      }
    }
    if (leased == 0) {
      return null;
    }
    return leased == ledger.deviceSlots().size()
        ? "every device slot is leased " + holders + ": close a batch, or raise deviceSlots"
        : "leases held by " + holders;
  }

  private static String seconds(long nanos) {
    return String.format(Locale.ROOT, "%.3f s", nanos / 1e9);
  }

  record WorkerLine(
      int number,
      Thread thread,
      @Nullable String job,
      String targetClass,
      long nanos,
      boolean ended) {

    /** Later JDKs do not show the frame of a lambda that has called nothing: only its caller. */
    private StackTraceElement[] withHiddenFrame(StackTraceElement[] stack) {
      boolean isHidden = stack.length > 0 && stack[0].getClassName().equals(WORKER);
      return isHidden
          ? new StackTraceElement[] {new StackTraceElement(targetClass, "fill", null, -1)}
          : stack;
    }

    void describe(StringBuilder text, String whyIdle, Map<Thread, StackTraceElement[]> targets) {
      text.append("\n  worker ").append(number).append(": ");
      if (ended) {
        text.append("ended");
      } else if (job == null) {
        text.append(whyIdle).append(" for ").append(seconds(nanos));
      } else {
        text.append("in the target for ").append(job);
        text.append(" for ").append(seconds(nanos));
        StackTraceElement[] stack = thread.getStackTrace();
        targets.put(thread, withHiddenFrame(stack));
        for (int i = 0; i < Math.min(FRAMES, stack.length); i++) {
          text.append("\n      at ").append(stack[i]);
        }
      }
    }
  }
}
