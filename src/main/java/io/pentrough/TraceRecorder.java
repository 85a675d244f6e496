package io.pentrough;

import io.pentrough.Trace.Event.Kind;
import io.pentrough.Trace.Result;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Keeps what happened to the last batches of a loader, and who waits for one.
 *
 * <p>A batch that is under way is recorded in its slot, as a {@link TraceEntry}. When its last slot
 * gets free, the entry comes into the ring here, and the slot gets the oldest one in exchange. So
 * nothing is allocated for a batch, and a batch that takes long is not overtaken by the ring.
 *
 * <p>The engine calls every method under its lock, with times that it has read anyway. The times of
 * retries are the exception, and {@link #hasUnreported()}, which needs no lock.
 */
final class TraceRecorder {

  private final TraceEntry[] finished;
  private final TraceEvent[] events;
  private long finishedCount;
  private long eventCount;
  private long claims;

  /** Who waits in {@code get}, and since when. The array grows to the most that wait at once. */
  private @Nullable Thread[] waiting = new Thread[2];

  private long[] waitingSince = new long[2];

  private long startedAt;

  /** The batch that was over last, and its copy for the Flight Recorder. */
  private TraceEntry last = new TraceEntry();

  private @Nullable TraceEntry lastCopy;

  /** Copies of batches that are over: empty unless a recording asks for them. */
  private List<TraceEntry> unreported = new ArrayList<>();

  private volatile boolean hasUnreported;

  /**
   * Nothing has happened yet.
   *
   * @param batches how many batches that are over are kept, and how many events
   */
  TraceRecorder(int batches) {
    finished = new TraceEntry[batches];
    events = new TraceEvent[batches];
    for (int i = 0; i < batches; i++) {
      finished[i] = new TraceEntry();
      events[i] = new TraceEvent();
    }
  }

  void started(long now) {
    startedAt = now;
  }

  /** A worker has claimed the slot. */
  void claimed(HostSlot slot, long now) {
    slot.entry.begin(claims++, slot, now);
  }

  /**
   * A slot gets free.
   *
   * @param entry what it holds
   * @return what it shall hold instead
   */
  TraceEntry freed(TraceEntry entry, long now) {
    if (!entry.open) { // it has gone on with the batch, to the device slot
      return entry;
    }
    entry.open = false;
    entry.reach(Trace.Step.FREED, now);
    if (entry.result == Result.UNDER_WAY) {
      entry.result = Result.DROPPED;
    }
    last = entry;
    lastCopy = null;
    if (Jfr.wantsBatches()) {
      lastCopy = entry.copy();
      unreported.add(lastCopy);
      hasUnreported = true;
    }
    if (finished.length == 0) {
      return entry;
    }
    int place = (int) (finishedCount++ % finished.length);
    TraceEntry oldest = finished[place];
    finished[place] = entry;
    return oldest;
  }

  /** The failure that has just been taken is left out. */
  void skipped() {
    last.result = Result.SKIPPED;
    if (lastCopy != null) {
      lastCopy.result = Result.SKIPPED;
    }
  }

  /** Whether there are batches to report to the Flight Recorder. From any thread. */
  boolean hasUnreported() {
    return hasUnreported;
  }

  /** Takes these batches; the caller reports them without the lock. */
  List<TraceEntry> takeUnreported() {
    List<TraceEntry> taken = unreported;
    unreported = new ArrayList<>();
    hasUnreported = false;
    return taken;
  }

  long startedAt() {
    return startedAt;
  }

  /** The target has thrown, and is called again. */
  void retried(HostSlot slot, Throwable failure, long now) {
    slot.entry.attempts++;
    TraceEvent event = event(Kind.RETRY, now, now);
    if (event != null) {
      event.of(slot.entry, failure.getClass().getName());
    }
  }

  void reset(long now) {
    event(Kind.RESET, now, now);
  }

  void stopped(long now) {
    event(Kind.STOPPED, now, now);
  }

  /** A get of the calling thread finds nothing, and begins to wait or goes on waiting. */
  void waits(long asked) {
    int free = indexOf(null);
    if (free < 0) {
      free = waiting.length;
      waiting = Arrays.copyOf(waiting, 2 * free);
      waitingSince = Arrays.copyOf(waitingSince, 2 * free);
    }
    waiting[free] = Thread.currentThread();
    waitingSince[free] = asked;
  }

  /** The calling thread looks again, or gives up. */
  void waitsNoMore() {
    int found = indexOf(Thread.currentThread());
    if (found >= 0) {
      waiting[found] = null;
    }
  }

  private int indexOf(@Nullable Thread thread) {
    for (int i = 0; i < waiting.length; i++) {
      if (waiting[i] == thread) {
        return i;
      }
    }
    return -1;
  }

  /**
   * A get of the calling thread has come to its end.
   *
   * @param found what it was given; null if its time is over
   */
  void got(@Nullable Outcome found, long asked, long now) {
    String thread = Thread.currentThread().getName();
    if (found instanceof DeviceSlot slot) {
      slot.entry.given(thread, asked);
    } else if (found == null) {
      TraceEvent event = event(Kind.TIMEOUT, asked, now);
      if (event != null) {
        event.thread = thread;
      }
    } else { // a failure, whose slot was freed in this step
      last.given(thread, asked);
      if (lastCopy != null) {
        lastCopy.given(thread, asked);
      }
    }
  }

  private @Nullable TraceEvent event(Kind kind, long since, long at) {
    if (events.length == 0) {
      return null;
    }
    TraceEvent event = events[(int) (eventCount++ % events.length)];
    event.begin(kind, since, at);
    return event;
  }

  /** Everything up to now. What it returns is of this moment, and is used without the lock. */
  Picture picture(List<HostSlot> hostSlots, List<DeviceSlot> deviceSlots, long now) {
    List<TraceEntry> entries = new ArrayList<>();
    for (int i = 0; i < Math.min(finishedCount, finished.length); i++) {
      entries.add(finished[i].copy());
    }
    for (HostSlot slot : hostSlots) {
      addIfOpen(entries, slot.entry);
    }
    for (DeviceSlot slot : deviceSlots) {
      addIfOpen(entries, slot.entry);
    }
    List<TraceEvent> happened = new ArrayList<>();
    for (long i = Math.max(0, eventCount - events.length); i < eventCount; i++) {
      happened.add(events[(int) (i % events.length)].copy());
    }
    for (int i = 0; i < waiting.length; i++) {
      Thread thread = waiting[i];
      if (thread != null) {
        TraceEvent event = new TraceEvent();
        event.begin(Kind.WAITING, waitingSince[i], now);
        event.thread = thread.getName();
        happened.add(event);
      }
    }
    return new Picture(startedAt, now, entries, happened);
  }

  private static void addIfOpen(List<TraceEntry> entries, TraceEntry entry) {
    if (entry.open) {
      entries.add(entry.copy());
    }
  }

  /** Copies of one moment. */
  record Picture(long startedAt, long takenAt, List<TraceEntry> entries, List<TraceEvent> events) {}

  /** Something that is no step of a batch. */
  static final class TraceEvent {
    Kind kind = Kind.RESET;
    long since;
    long at;
    int epoch;
    long index;

    /** -1 if the event is of no batch. */
    int worker;

    @Nullable String thread;
    @Nullable String cause;

    private void begin(Kind kind, long since, long at) {
      this.kind = kind;
      this.since = since;
      this.at = at;
      worker = -1;
      thread = null;
      cause = null;
    }

    private void of(TraceEntry entry, String cause) {
      epoch = entry.epoch;
      index = entry.index;
      worker = entry.worker;
      this.cause = cause;
    }

    private TraceEvent copy() {
      TraceEvent copy = new TraceEvent();
      copy.begin(kind, since, at);
      copy.epoch = epoch;
      copy.index = index;
      copy.worker = worker;
      copy.thread = thread;
      copy.cause = cause;
      return copy;
    }
  }
}
