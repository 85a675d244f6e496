package io.pentrough;

import java.util.ArrayList;
import java.util.EnumMap;
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
 * <p>Made under the engine's monitor, as all of it must be of one moment; the stacks are taken when
 * it is written out, since that may stop other threads for a while.
 */
final class Diagnosis {

  /** How much of a stuck target's stack is shown. */
  private static final int FRAMES = 12;

  private final long waitedFor;
  private final String hostRing;
  private final String deviceRing;
  private final boolean heldBack;
  private final @Nullable String advice;
  private final List<WorkerState> workers = new ArrayList<>();

  Diagnosis(SlotLedger ledger, List<Worker> workers, long now) {
    waitedFor = ledger.lowestOpen();
    hostRing = ring(ledger.hostSlots(), HostSlot.State.class, slot -> slot.state);
    deviceRing = ring(ledger.deviceSlots(), DeviceSlot.State.class, slot -> slot.state);
    heldBack = ledger.isHeldBack();
    advice = advice(ledger);
    for (Worker worker : workers) {
      HostSlot slot = worker.filling;
      this.workers.add(
          new WorkerState(
              worker.number,
              worker.thread,
              slot == null ? -1 : slot.sequence,
              now - worker.sinceNanos,
              worker.ended));
    }
  }

  /** The diagnosis under a headline that says how long the caller has waited, and for what. */
  String afterWaiting(long nanos) {
    return "no batch after " + seconds(nanos) + ": waiting for index " + waitedFor + this;
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    text.append("\n  host slots: ").append(hostRing);
    text.append("\n  device slots: ").append(deviceRing);
    if (advice != null) {
      text.append("\n  ").append(advice);
    }
    for (WorkerState worker : workers) {
      worker.describe(text, heldBack);
    }
    return text.toString();
  }

  private static <S, E extends Enum<E>> String ring(
      List<S> slots, Class<E> states, Function<S, E> stateOf) {
    Map<E, Integer> counts = new EnumMap<>(states);
    for (S slot : slots) {
      counts.merge(stateOf.apply(slot), 1, Integer::sum);
    }
    return counts.entrySet().stream()
        .map(count -> count.getValue() + " " + count.getKey().name().toLowerCase(Locale.ROOT))
        .collect(Collectors.joining(", ", slots.size() + " = ", ""));
  }

  /** What one index, or consumers that hold every device slot, keep from going on. */
  private static @Nullable String advice(SlotLedger ledger) {
    Map<String, Integer> holders = new TreeMap<>();
    if (ledger.isHeldBack()) {
      return "index "
          + ledger.lowestOpen()
          + " holds up the workers: it may be overtaken by no more than "
          + DeliveredWindow.SIZE
          + " others";
    }
    for (DeviceSlot slot : ledger.deviceSlots()) {
      Thread holder = slot.holder;
      if (holder == null) {
        return null;
      }
      holders.merge(holder.getName(), 1, Integer::sum);
    }
    return "every device slot is leased " + holders + ": close a batch, or raise deviceSlots";
  }

  private static String seconds(long nanos) {
    return String.format(Locale.ROOT, "%.3f s", nanos / 1e9);
  }

  private record WorkerState(int number, Thread thread, long index, long nanos, boolean ended) {

    void describe(StringBuilder text, boolean heldBack) {
      text.append("\n  worker ").append(number).append(": ");
      if (ended) {
        text.append("ended");
      } else if (index < 0) {
        text.append(heldBack ? "waiting for that index for " : "waiting for a free host slot for ")
            .append(seconds(nanos));
      } else {
        text.append("in the target for index ").append(index);
        text.append(" for ").append(seconds(nanos));
        StackTraceElement[] stack = thread.getStackTrace();
        for (int i = 0; i < Math.min(FRAMES, stack.length); i++) {
          text.append("\n      at ").append(stack[i]);
        }
      }
    }
  }
}
