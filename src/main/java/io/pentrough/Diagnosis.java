package io.pentrough;

import java.util.ArrayList;
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
  private final @Nullable String leases;
  private final List<WorkerState> workers = new ArrayList<>();

  Diagnosis(SlotLedger ledger, List<Worker> workers, long now) {
    waitedFor = ledger.lowestOpen();
    boolean ending = ledger.isStopped();
    hostRing =
        ring(
            ledger.hostSlots(),
            slot -> inWords(slot.state, slot.state == HostSlot.State.FREE, slot.freed, ending));
    deviceRing =
        ring(
            ledger.deviceSlots(),
            slot -> inWords(slot.state, slot.state == DeviceSlot.State.FREE, slot.freed, ending));
    leases = leases(ledger);
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
    if (leases != null) {
      text.append("\n  ").append(leases);
    }
    for (WorkerState worker : workers) {
      worker.describe(text);
    }
    return text.toString();
  }

  private static <S> String ring(List<S> slots, Function<S, String> stateOf) {
    Map<String, Integer> counts = new TreeMap<>();
    for (S slot : slots) {
      counts.merge(stateOf.apply(slot), 1, Integer::sum);
    }
    return counts.entrySet().stream()
        .map(count -> count.getValue() + " " + count.getKey())
        .collect(Collectors.joining(", ", slots.size() + " = ", ""));
  }

  /** In the end a free slot is one whose memory is given back, or still used by queued work. */
  private static String inWords(Enum<?> state, boolean free, boolean freed, boolean ending) {
    if (freed) {
      return "given back";
    }
    return free && ending ? "waiting for queued work" : state.name().toLowerCase(Locale.ROOT);
  }

  /**
   * Who holds leases; if consumers hold every device slot, no batch can come however long one
   * waits.
   */
  private static @Nullable String leases(SlotLedger ledger) {
    Map<String, Integer> holders = new TreeMap<>();
    int leased = 0;
    for (DeviceSlot slot : ledger.deviceSlots()) {
      Thread holder = slot.holder;
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

  private record WorkerState(int number, Thread thread, long index, long nanos, boolean ended) {

    void describe(StringBuilder text) {
      text.append("\n  worker ").append(number).append(": ");
      if (ended) {
        text.append("ended");
      } else if (index < 0) {
        text.append("waiting for a free host slot for ").append(seconds(nanos));
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
