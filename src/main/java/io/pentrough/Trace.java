package io.pentrough;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * What happened to the last batches of a loader, and to those that were under way when {@link
 * BatchLoader#trace()} was called. {@link #writeHtml(Path)} draws it as a timeline, {@link
 * #writeChromeTrace(Path)} writes it for ui.perfetto.dev.
 *
 * <pre>{@code
 * loader.trace().writeHtml(file); // a page for any browser
 * }</pre>
 *
 * <p>All times are nanoseconds since the loader started. They are the times at which the loader saw
 * a step. On a device that copies by itself, such as CUDA, the step itself was a little earlier:
 * the loader polls, so it may see the end of a copy up to a millisecond late.
 *
 * <p><b>Threads.</b> Immutable; may be used from any thread. Only the methods that write a file
 * block.
 */
public final class Trace {

  /** The steps of a batch, in their usual order. */
  public enum Step {
    /** A worker began to wait for a free host slot, or for a job of a {@link BatchQueue}. */
    REQUESTED,
    /** The worker got a host slot, and the batch to fill. */
    CLAIMED,
    /**
     * The target was called; on the host device, the worker may have copied small batches first.
     */
    FILL_STARTED,
    /** The target returned, or threw for the last time. */
    FILLED,
    /** The batch got a device slot. Not reached with {@code zeroCopy(true)}. */
    RESERVED,
    /** The copy had nothing left to wait for. Not reached with {@code zeroCopy(true)}. */
    COPY_STARTED,
    /** The copy was complete; stages begin. Not reached with {@code zeroCopy(true)}. */
    COPIED,
    /** The batch was ready on the device. {@code getQueued} may have taken it before. */
    READY,
    /** The {@code get} that was given the batch, or its failure, was called. */
    ASKED,
    /** That {@code get} was given the batch or its failure; a skipped batch was left out. */
    TAKEN,
    /** The lease was closed. */
    CLOSED,
    /** The batch's last slot was free for another batch. */
    FREED
  }

  /** What became of a batch. */
  public enum Result {
    /** It has not been delivered yet. */
    UNDER_WAY,
    /** A {@code get} returned it. It may not be closed yet. */
    DELIVERED,
    /** Its target or a stage threw, and a {@code get} has reported that. */
    FAILED,
    /** Its target or a stage threw, and the {@link FailurePolicy} left it out. */
    SKIPPED,
    /** The target said that the epoch had ended before it. */
    EMPTY,
    /** Nobody wanted it any more: the loader was reset, was closed or broke. */
    DROPPED
  }

  /** One batch. A batch that is made again after a reset is another one. */
  public static final class Batch {

    private final TraceEntry entry;
    private final long startedAt;

    private Batch(TraceEntry entry, long startedAt) {
      this.entry = entry;
      this.startedAt = startedAt;
    }

    /**
     * The epoch of this batch.
     *
     * @return the epoch, from 0
     */
    public int epoch() {
      return entry.epoch;
    }

    /**
     * The index of this batch in its epoch, or the number of its job.
     *
     * @return the index, from 0
     */
    public long index() {
      return entry.index;
    }

    /**
     * The worker that filled this batch.
     *
     * @return the worker's number, from 0
     */
    public int worker() {
      return entry.worker;
    }

    /**
     * The host slot in which this batch was filled.
     *
     * @return the slot's number, from 0
     */
    public int hostSlot() {
      return entry.hostSlot;
    }

    /**
     * The device slot of this batch.
     *
     * @return the slot's number, from 0; empty if the batch did not get one
     */
    public OptionalInt deviceSlot() {
      return entry.deviceSlot < 0 ? OptionalInt.empty() : OptionalInt.of(entry.deviceSlot);
    }

    /**
     * How often the target was called for this batch.
     *
     * @return 1, and one more for each retry
     */
    public int attempts() {
      return entry.attempts;
    }

    /**
     * What became of this batch.
     *
     * @return the result at the moment of the trace
     */
    public Result result() {
      return entry.result;
    }

    /**
     * What made this batch fail.
     *
     * @return the name of the exception's class; empty if the batch did not fail
     */
    public Optional<String> cause() {
      return Optional.ofNullable(entry.cause).map(Class::getName);
    }

    /**
     * The thread that called {@code get}.
     *
     * @return the thread's name; empty if no {@code get} was given this batch or its failure
     */
    public Optional<String> consumer() {
      return Optional.ofNullable(entry.consumer);
    }

    /**
     * When this batch reached a step.
     *
     * @param step the step
     * @return nanoseconds since the loader started; empty if the batch has not reached it
     */
    public OptionalLong at(Step step) {
      long at = entry.at(Objects.requireNonNull(step, "step"));
      return at == TraceEntry.NEVER ? OptionalLong.empty() : OptionalLong.of(at - startedAt);
    }

    /** The batch and its result, for example {@code "batch 12 of epoch 0: DELIVERED"}. */
    @Override
    public String toString() {
      return "batch " + index() + " of epoch " + epoch() + ": " + result();
    }
  }

  /** Something that happened to the loader, and is no step of a batch. */
  public static final class Event {

    /** What happened. */
    public enum Kind {
      /** A target threw and was called again. */
      RETRY,
      /** {@link BatchLoader#reset()} was called. */
      RESET,
      /** The loader was closed, or broke: from now on no batch is made or delivered. */
      STOPPED,
      /**
       * A {@code get} ended its wait without a batch. A {@code get} without bound does so each time
       * that it logs its diagnosis, and waits again.
       */
      TIMEOUT,
      /** A {@code get} was waiting at the moment of the trace. */
      WAITING
    }

    private final TraceRecorder.TraceEvent event;
    private final long startedAt;

    private Event(TraceRecorder.TraceEvent event, long startedAt) {
      this.event = event;
      this.startedAt = startedAt;
    }

    /**
     * What happened.
     *
     * @return the kind
     */
    public Kind kind() {
      return event.kind;
    }

    /**
     * When it began: the call of a {@code get}, else the same as {@link #at()}.
     *
     * @return nanoseconds since the loader started
     */
    public long since() {
      return event.since - startedAt;
    }

    /**
     * When it happened or ended; of a {@code get} that still waits, when the trace was taken.
     *
     * @return nanoseconds since the loader started
     */
    public long at() {
      return event.at - startedAt;
    }

    /**
     * The epoch of the batch that was tried again.
     *
     * @return the epoch; empty unless this is a retry
     */
    public OptionalInt epoch() {
      return event.worker < 0 ? OptionalInt.empty() : OptionalInt.of(event.epoch);
    }

    /**
     * The index of the batch that was tried again.
     *
     * @return the index in its epoch; empty unless this is a retry
     */
    public OptionalLong index() {
      return event.worker < 0 ? OptionalLong.empty() : OptionalLong.of(event.index);
    }

    /**
     * The worker that tried again.
     *
     * @return the worker's number; empty unless this is a retry
     */
    public OptionalInt worker() {
      return event.worker < 0 ? OptionalInt.empty() : OptionalInt.of(event.worker);
    }

    /**
     * What the target had thrown.
     *
     * @return the name of the exception's class; empty unless this is a retry
     */
    public Optional<String> cause() {
      return Optional.ofNullable(event.cause);
    }

    /**
     * The thread that waited in {@code get}.
     *
     * @return the thread's name; empty if this is no wait
     */
    public Optional<String> thread() {
      return Optional.ofNullable(event.thread);
    }

    /** The kind and the time, for example {@code "RESET at 1.25 ms"}. */
    @Override
    public String toString() {
      return kind() + " at " + Units.duration(at());
    }
  }

  /** What does not change while a loader runs. */
  record Setup(
      String loader,
      String device,
      boolean copiesByItself,
      boolean isQueue,
      boolean zeroCopy,
      boolean hasStages,
      int firstWorker,
      int workers,
      int hostSlots,
      int deviceSlots) {}

  /** What the wall clock showed at a moment of the loader's own clock. */
  record Clock(long nanos, Instant wall) {

    /** Reads both, several times: a thread may lose its core in between. */
    static Clock read(Time time) {
      Clock best = null;
      long bestNanos = Long.MAX_VALUE;
      for (int i = 0; i < 3; i++) {
        long before = time.now();
        Instant wall = Instant.now();
        long between = time.now() - before;
        if (between < bestNanos) {
          bestNanos = between;
          best = new Clock(before + between / 2, wall);
        }
      }
      return Objects.requireNonNull(best);
    }

    Instant at(long otherNanos) {
      return wall.plusNanos(otherNanos - nanos);
    }
  }

  private final Setup setup;
  private final Clock clock;
  private final long startedAt;
  private final long takenAt;
  private final LoaderStats stats;
  private final List<Batch> batches;
  private final List<Event> events;

  Trace(Setup setup, Clock clock, TraceRecorder.Picture picture, LoaderStats stats) {
    this.setup = setup;
    this.clock = clock;
    this.stats = stats;
    startedAt = picture.startedAt();
    takenAt = picture.takenAt();
    batches =
        picture.entries().stream()
            .sorted(Comparator.comparingLong(entry -> entry.number))
            .map(entry -> new Batch(entry, startedAt))
            .toList();
    events =
        picture.events().stream()
            .map(event -> new Event(event, startedAt))
            .sorted(Comparator.comparingLong(Event::at))
            .toList();
  }

  /**
   * The name of the loader.
   *
   * @return as {@link BatchLoader#name()}
   */
  public String loader() {
    return setup.loader();
  }

  /**
   * When this trace was taken, by the clock on the wall.
   *
   * @return a moment that is {@link #elapsed()} after the loader's start
   */
  public Instant takenAt() {
    return clock.at(takenAt);
  }

  /**
   * How long the loader had run when this trace was taken.
   *
   * @return the time since the loader's start
   */
  public Duration elapsed() {
    return Duration.ofNanos(takenAt - startedAt);
  }

  /**
   * The statistics at the same moment. They cover the whole run, and not only these batches.
   *
   * @return a snapshot
   */
  public LoaderStats stats() {
    return stats;
  }

  /**
   * The batches, in the order in which workers claimed them: the last ones that are over, as many
   * as the builder's {@code trace(batches)} says, and all that are under way or leased.
   *
   * @return an immutable list
   */
  public List<Batch> batches() {
    return batches;
  }

  /**
   * What else happened, in the order of time. At most as many events as batches are kept, and the
   * waits that have not ended.
   *
   * @return an immutable list
   */
  public List<Event> events() {
    return events;
  }

  /**
   * Writes a page that shows this trace as a timeline, with the statistics below it. The page is
   * one file that any browser opens, without a network.
   *
   * @param file the page, for example {@code timeline.html}; overwritten if it exists
   * @throws IOException if the file cannot be written; it may then be incomplete
   */
  public void writeHtml(Path file) throws IOException {
    writeHtml(file, List.of(this));
  }

  /**
   * Writes the same page to a stream, for example as the answer to a request.
   *
   * @param out takes the page, as UTF-8; it is not closed
   * @throws IOException if the stream throws it
   */
  public void writeHtml(OutputStream out) throws IOException {
    Objects.requireNonNull(out, "out");
    out.write(TimelinePage.of(List.of(this)).getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Writes a page that shows several loaders of this JVM on one clock, as {@link #writeHtml(Path)}
   * does.
   *
   * @param file the page; overwritten if it exists
   * @param traces one or more, shown in this order
   * @throws IllegalArgumentException if there is no trace; nothing is written
   * @throws IOException if the file cannot be written; it may then be incomplete
   */
  public static void writeHtml(Path file, List<Trace> traces) throws IOException {
    Objects.requireNonNull(file, "file");
    Files.writeString(file, TimelinePage.of(requireSome(traces)));
  }

  /**
   * Writes this trace in the Trace Event Format, for ui.perfetto.dev or chrome://tracing. Each
   * worker, each slot and each thread that called {@code get} has a track of its own. Times are
   * microseconds of the clock on the wall, as in a recording of the JDK Flight Recorder.
   *
   * @param file the trace, for example {@code trace.json}; overwritten if it exists
   * @throws IOException if the file cannot be written; it may then be incomplete
   */
  public void writeChromeTrace(Path file) throws IOException {
    writeChromeTrace(file, List.of(this));
  }

  /**
   * Writes the traces of several loaders into one file, as {@link #writeChromeTrace(Path)} does.
   *
   * @param file the trace; overwritten if it exists
   * @param traces one or more
   * @throws IllegalArgumentException if there is no trace; nothing is written
   * @throws IOException if the file cannot be written; it may then be incomplete
   */
  public static void writeChromeTrace(Path file, List<Trace> traces) throws IOException {
    Objects.requireNonNull(file, "file");
    Files.writeString(file, ChromeTrace.of(requireSome(traces)));
  }

  private static List<Trace> requireSome(@Nullable List<Trace> traces) {
    List<Trace> some = List.copyOf(Objects.requireNonNull(traces, "traces"));
    if (some.isEmpty()) {
      throw new IllegalArgumentException(
          "there is no trace to write: give the trace() of at least one loader");
    }
    return some;
  }

  Setup setup() {
    return setup;
  }

  Clock clock() {
    return clock;
  }

  /** On the loader's own clock, which all loaders of a JVM share. */
  long startedAt() {
    return startedAt;
  }

  /** For example {@code "trace of loader-1: 256 batches, 2 events"}. */
  @Override
  public String toString() {
    return "trace of %s: %d batches, %d events".formatted(loader(), batches.size(), events.size());
  }
}
