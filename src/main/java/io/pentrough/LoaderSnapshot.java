package io.pentrough;

import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A picture of a loader at one moment: what each slot holds, and what each worker does. The message
 * of a {@link BatchTimeoutException} consists of it, and of the stacks of workers whose target
 * runs.
 *
 * <pre>{@code
 * System.out.println(loader.snapshot()); // what each slot holds, and what each worker does
 * }</pre>
 *
 * <p>It costs some objects for each slot and worker, and takes the loader's lock for some
 * microseconds. So it may be taken every second.
 *
 * <p>Immutable. <b>Threads.</b> Any.
 */
public final class LoaderSnapshot {

  /** What a slot does. Declared in the order of a batch's life. */
  public enum SlotState {
    /** Host slot: a worker's target writes the batch. */
    FILLING,
    /** Host slot: the batch waits for its copy. */
    FILLED,
    /** Host slot: the target threw. A {@code get} has to report that at the batch's turn. */
    FAILED,
    /** Host slot: there is no batch of this index, because the epoch has ended. */
    EMPTY,
    /** Host and device slot: the batch is being copied, or waits for work queued before it. */
    COPYING,
    /** Host slot: with {@code zeroCopy(true)}, the device slot is the same memory. */
    MAPPED,
    /** Device slot: the batch waits for a {@code get}. */
    READY,
    /** Device slot: a consumer has the batch. */
    LEASED,
    /** Device slot: the batch was closed, but its memory may not be written yet. */
    RETURNING,
    /** Device slot: the end of its use could not be recorded, so it is never used again. */
    POISONED,
    /** Device slot of a loader that ends: a consumer's queued work may still use it. */
    QUEUED_WORK,
    /** It may be used for the next batch. */
    FREE,
    /** The loader has ended and uses it no more. */
    OUT_OF_USE;

    /** As in a diagnosis. */
    private String words() {
      if (this == OUT_OF_USE) { // not by a switch, whose table would be a class that is needed late
        return "no longer used";
      }
      return this == QUEUED_WORK ? "waiting for queued work" : name().toLowerCase(Locale.ROOT);
    }
  }

  /** One slot. Immutable. */
  public static final class Slot {

    private final int number;
    private final SlotState state;
    private final long nanos;
    private final int epoch;
    private final long index;
    private final @Nullable String holder;

    private Slot(
        int number, SlotState state, long nanos, int epoch, long index, @Nullable Thread holder) {
      this.number = number;
      this.state = state;
      this.nanos = nanos;
      this.epoch = epoch;
      this.index = index;
      this.holder = holder == null ? null : holder.getName();
    }

    /**
     * The slot's number in its ring.
     *
     * @return 0 to the number of slots - 1
     */
    public int number() {
      return number;
    }

    /**
     * What the slot does.
     *
     * @return the state
     */
    public SlotState state() {
      return state;
    }

    /**
     * How long the slot has been in this state, and in the hands of its holder.
     *
     * @return the time, zero or more
     */
    public Duration since() {
      return Duration.ofNanos(nanos);
    }

    /**
     * Whether the slot holds a batch or its failure, so that {@link #epoch()} and {@link #index()}
     * are known.
     *
     * @return false if it is free or out of use
     */
    public boolean hasBatch() {
      return state.compareTo(SlotState.POISONED) < 0;
    }

    /**
     * The batch's epoch.
     *
     * @return 0 or more; -1 without a batch
     */
    public int epoch() {
      return hasBatch() ? epoch : -1;
    }

    /**
     * The batch's index in its epoch, or the number of its job.
     *
     * @return 0 or more; -1 without a batch
     */
    public long index() {
      return hasBatch() ? index : -1;
    }

    /**
     * Who holds the lease of the slot.
     *
     * @return the name of the thread that got it; empty if it is not leased, or if a {@link
     *     ParallelLoader} keeps it for a step that is not complete
     */
    public Optional<String> holder() {
      return Optional.ofNullable(holder);
    }

    /** One line. */
    @Override
    public String toString() {
      return "slot "
          + number
          + ": "
          + state.words()
          + (hasBatch() ? " (epoch " + epoch + ", index " + index + ")" : "")
          + " for "
          + Units.seconds(nanos);
    }
  }

  /** What a worker does. */
  public enum Activity {
    /** Its target fills a batch. */
    FILLING,
    /** It waits for a free host slot, or for a job. */
    WAITING,
    /** It has ended. */
    ENDED
  }

  /** One worker thread. Immutable. */
  public static final class Worker {

    private final int number;
    private final Activity activity;
    private final long nanos;
    private final int epoch;
    private final long index;
    final Thread thread;
    final @Nullable Class<?> target;

    /** Its batch in words; or why it waits. */
    final String words;

    private Worker(WorkerState worker, JobSource source, String whyIdle, long now) {
      HostSlot slot = worker.filling;
      number = worker.number;
      thread = worker.thread();
      nanos = Math.max(0, now - worker.sinceNanos);
      activity = worker.ended ? Activity.ENDED : slot == null ? Activity.WAITING : Activity.FILLING;
      epoch = slot == null ? -1 : slot.epoch;
      index = slot == null ? -1 : slot.index;
      words = slot == null ? whyIdle : source.describe(slot.epoch, slot.index);
      target = slot == null ? null : slot.job().target().getClass();
    }

    /**
     * The worker's number, as {@link BatchContext#worker()}.
     *
     * @return 0 to the number of workers - 1
     */
    public int number() {
      return number;
    }

    /**
     * The worker's thread.
     *
     * @return its name
     */
    public String thread() {
      return thread.getName();
    }

    /**
     * What the worker does.
     *
     * @return the activity
     */
    public Activity activity() {
      return activity;
    }

    /**
     * How long the worker has been doing that.
     *
     * @return the time, zero or more
     */
    public Duration since() {
      return Duration.ofNanos(nanos);
    }

    /**
     * The epoch of the batch that the target fills.
     *
     * @return 0 or more; -1 if it fills none
     */
    public int epoch() {
      return epoch;
    }

    /**
     * The index of the batch that the target fills, or the number of its job.
     *
     * @return 0 or more; -1 if it fills none
     */
    public long index() {
      return index;
    }

    /** One line. */
    @Override
    public String toString() {
      if (activity == Activity.ENDED) {
        return "worker " + number + ": ended";
      }
      return "worker "
          + number
          + ": "
          + (activity == Activity.FILLING ? "in the target for " : "")
          + words
          + " for "
          + Units.seconds(nanos);
    }
  }

  private final String loader;
  private final String waitingFor;
  private final boolean heldBack;
  private final List<Slot> hostSlots = new ArrayList<>();
  private final List<Slot> deviceSlots = new ArrayList<>();
  private final List<Worker> workers = new ArrayList<>();

  /** Under the {@link Core}'s lock, because all of it must be of one moment. */
  LoaderSnapshot(
      String loader, SlotLedger ledger, JobSource source, List<WorkerState> workers, long now) {
    this.loader = loader;
    waitingFor = source.describe(ledger.order.lowestOpen());
    heldBack = ledger.order.isHeldBack();
    for (HostSlot slot : ledger.host.slots) {
      SlotState state = slot.outOfUse ? SlotState.OUT_OF_USE : SlotState.valueOf(slot.state.name());
      hostSlots.add(
          new Slot(slot.number, state, since(slot.sinceNanos, now), slot.epoch, slot.index, null));
    }
    boolean ending = ledger.isStopped();
    for (DeviceSlot slot : ledger.device.slots) {
      boolean isFree = slot.state == DeviceSlot.State.FREE;
      SlotState state =
          slot.outOfUse
              ? SlotState.OUT_OF_USE
              : ending && isFree ? SlotState.QUEUED_WORK : SlotState.valueOf(slot.state.name());
      deviceSlots.add(
          new Slot(
              slot.number,
              state,
              since(slot.sinceNanos, now),
              slot.epoch,
              slot.index,
              slot.holder()));
    }
    String whyIdle =
        heldBack
            ? "waiting for that one"
            : ledger.order.hasNumbersLeft() ? "waiting for a free host slot" : source.whyIdle();
    for (WorkerState worker : workers) {
      this.workers.add(new Worker(worker, source, whyIdle, now));
    }
  }

  private static long since(long sinceNanos, long now) {
    return Math.max(0, now - sinceNanos);
  }

  /**
   * The loader's name.
   *
   * @return as {@link BatchLoader#name()}
   */
  public String loader() {
    return loader;
  }

  /**
   * The first batch that has not been delivered, for which a {@code get} waits. With {@code
   * ordered(false)} another batch may come before it.
   *
   * @return in words, for example {@code index 3 of epoch 0}
   */
  public String waitingFor() {
    return waitingFor;
  }

  /**
   * The host slots.
   *
   * @return immutable, in the order of their numbers
   */
  public List<Slot> hostSlots() {
    return List.copyOf(hostSlots);
  }

  /**
   * The device slots.
   *
   * @return immutable, in the order of their numbers
   */
  public List<Slot> deviceSlots() {
    return List.copyOf(deviceSlots);
  }

  /**
   * The workers.
   *
   * @return immutable, in the order of their numbers
   */
  public List<Worker> workers() {
    return List.copyOf(workers);
  }

  /** Several lines, as in a diagnosis, but without stacks. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder();
    text.append(loader).append(": next is ").append(waitingFor);
    describeSlots(text);
    workers.forEach(worker -> text.append("\n  ").append(worker));
    return text.toString();
  }

  void describeSlots(StringBuilder text) {
    text.append("\n  host slots: ").append(ring(hostSlots));
    text.append("\n  device slots: ").append(ring(deviceSlots));
    if (heldBack) {
      text.append("\n  ").append(waitingFor);
      text.append(" holds up the workers: it may be overtaken by no more than ");
      text.append(DeliveredWindow.SIZE).append(" others");
    }
    Map<String, Integer> holders = new TreeMap<>();
    for (Slot slot : deviceSlots) {
      slot.holder().ifPresent(holder -> holders.merge(holder, 1, Integer::sum));
    }
    int leased = holders.values().stream().mapToInt(Integer::intValue).sum();
    if (leased == deviceSlots.size()) { // no batch can come however long one waits
      text.append("\n  every device slot is leased ").append(holders);
      text.append(": close a batch, or raise deviceSlots");
    } else if (leased > 0) {
      text.append("\n  leases held by ").append(holders);
    }
  }

  /** How many slots are in each state: {@code 5 = 2 filling, 3 free}. */
  static String ring(List<Slot> slots) {
    Map<SlotState, Integer> counts = new EnumMap<>(SlotState.class);
    slots.forEach(slot -> counts.merge(slot.state, 1, Integer::sum));
    if (counts.getOrDefault(SlotState.OUT_OF_USE, 0) == slots.size()) {
      return "all " + slots.size() + " " + SlotState.OUT_OF_USE.words();
    }
    return counts.entrySet().stream()
        .map(count -> count.getValue() + " " + count.getKey().words())
        .collect(Collectors.joining(", ", slots.size() + " = ", ""));
  }
}
