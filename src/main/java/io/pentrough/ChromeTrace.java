package io.pentrough;

import io.pentrough.Trace.Batch;
import io.pentrough.Trace.Event;
import io.pentrough.Trace.Result;
import io.pentrough.Trace.Step;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Traces in the Trace Event Format, which ui.perfetto.dev reads. A loader is a process, and its
 * workers, slots and consumers are threads of it.
 *
 * <p>Perfetto cannot show events of one thread that overlap. Those of a worker, a slot or the copy
 * stream never do. A consumer may hold several batches at once, so each batch that it holds beside
 * another one goes to a further track.
 */
final class ChromeTrace {

  private final StringBuilder out;
  private final Trace trace;
  private final int process;

  /** The names of the tracks, in the order in which they are shown. */
  private final Map<String, Track> tracks = new LinkedHashMap<>();

  /** A row of the picture: the thread's number, and until when it is occupied, in microseconds. */
  private static final class Track {
    final int number;
    long until = Long.MIN_VALUE;

    Track(int number) {
      this.number = number;
    }
  }

  private ChromeTrace(StringBuilder out, Trace trace, int process) {
    this.out = out;
    this.trace = trace;
    this.process = process;
  }

  static String of(List<Trace> traces) {
    StringBuilder out = new StringBuilder("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[");
    for (int i = 0; i < traces.size(); i++) {
      new ChromeTrace(out, traces.get(i), i + 1).write();
    }
    out.setLength(out.length() - 1); // the last comma
    return out.append("\n]}\n").toString();
  }

  private void write() {
    Trace.Setup setup = trace.setup();
    metadata("process_name", 0, setup.loader() + " on " + setup.device());
    for (int i = 0; i < setup.workers(); i++) {
      track("worker " + (setup.firstWorker() + i));
    }
    for (int i = 0; i < setup.hostSlots(); i++) {
      track("host slot " + i);
    }
    if (!setup.zeroCopy()) {
      track("copy");
    }
    if (setup.hasStages()) {
      track("stages");
    }
    for (int i = 0; i < setup.deviceSlots(); i++) {
      track("device slot " + i);
    }
    for (Batch batch : trace.batches()) {
      write(batch);
    }
    writeStages();
    writeConsumers();
    for (Event event : trace.events()) {
      if (event.kind() == Event.Kind.RETRY) {
        mark(event, "worker " + event.worker().orElseThrow(), "retry");
      } else if (event.kind() == Event.Kind.RESET || event.kind() == Event.Kind.STOPPED) {
        mark(event, null, event.kind() == Event.Kind.RESET ? "reset" : "stopped");
      }
    }
  }

  private void write(Batch batch) {
    String worker = "worker " + batch.worker();
    String wait = trace.setup().isQueue() ? "wait for a slot or a job" : "wait for a slot";
    span(worker, wait, batch, Step.REQUESTED, Step.CLAIMED);
    span(worker, "fill", batch, Step.FILL_STARTED, Step.FILLED);
    String host = "host slot " + batch.hostSlot();
    boolean mapped = trace.setup().zeroCopy();
    span(host, "fill", batch, Step.CLAIMED, Step.FILLED);
    span(host, "wait for a device slot", batch, Step.FILLED, mapped ? Step.READY : Step.RESERVED);
    if (batch.deviceSlot().isEmpty()) {
      return;
    }
    String device = "device slot " + batch.deviceSlot().getAsInt();
    if (!mapped) {
      span(host, "read by the copy", batch, Step.RESERVED, Step.COPIED);
      span("copy", "copy", batch, Step.COPY_STARTED, Step.COPIED);
    }
    boolean queued = at(batch, Step.TAKEN) < at(batch, Step.READY);
    Step arrived = queued ? Step.TAKEN : Step.READY;
    if (!mapped) {
      span(device, "copy", batch, Step.RESERVED, arrived);
    }
    if (!queued) {
      span(device, "ready", batch, Step.READY, Step.TAKEN);
    }
    if (batch.result() == Result.DELIVERED) {
      span(device, "in use", batch, Step.TAKEN, Step.CLOSED);
      span(device, "still in use", batch, Step.CLOSED, Step.FREED);
    }
  }

  /** One batch after the other: the stages of the next begin when those of this one have ended. */
  private void writeStages() {
    if (!trace.setup().hasStages()) {
      return;
    }
    List<Batch> staged = new ArrayList<>(trace.batches());
    staged.removeIf(batch -> batch.at(Step.COPIED).isEmpty());
    staged.sort(Comparator.comparingLong(batch -> at(batch, Step.READY)));
    long until = Long.MIN_VALUE;
    for (Batch batch : staged) {
      long from = Math.max(until, at(batch, Step.COPIED));
      until = Math.max(from, at(batch, Step.READY));
      span(track("stages"), name("stages", batch), from, until, batch);
    }
  }

  private void writeConsumers() {
    record Span(String what, String thread, long from, long to, @Nullable Batch batch) {}
    List<Span> spans = new ArrayList<>();
    for (Batch batch : trace.batches()) {
      batch
          .consumer()
          .ifPresent(
              thread -> {
                long taken = at(batch, Step.TAKEN);
                spans.add(
                    new Span(name("get", batch), thread, at(batch, Step.ASKED), taken, batch));
                if (batch.result() == Result.DELIVERED) {
                  long closed = at(batch, Step.CLOSED);
                  spans.add(new Span(name("in use", batch), thread, taken, closed, batch));
                }
              });
    }
    for (Event event : trace.events()) {
      event
          .thread()
          .ifPresent(
              thread ->
                  spans.add(
                      new Span(
                          event.kind() == Event.Kind.TIMEOUT ? "get: no batch" : "get: waiting",
                          thread,
                          event.since(),
                          event.at(),
                          null)));
    }
    spans.sort(Comparator.comparingLong(Span::from).thenComparingLong(Span::to));
    for (Span span : spans) {
      span(
          lane("loop: " + span.thread(), micros(span.from())),
          span.what(),
          span.from(),
          span.to(),
          span.batch());
    }
  }

  /** The first track of the name that is not occupied at that time. */
  private Track lane(String name, long from) {
    for (int i = 1; ; i++) {
      Track track = track(i == 1 ? name : name + " (" + i + ")");
      if (track.until <= from) {
        return track;
      }
    }
  }

  private Track track(String name) {
    Track track = tracks.get(name);
    if (track == null) {
      track = new Track(tracks.size() + 1);
      tracks.put(name, track);
      metadata("thread_name", track.number, name);
      out.append("\n{\"ph\":\"M\",\"name\":\"thread_sort_index\",\"pid\":").append(process);
      out.append(",\"tid\":").append(track.number);
      out.append(",\"args\":{\"sort_index\":").append(track.number).append("}},");
    }
    return track;
  }

  private void metadata(String what, int thread, String name) {
    out.append("\n{\"ph\":\"M\",\"name\":\"").append(what).append("\",\"pid\":").append(process);
    out.append(",\"tid\":").append(thread).append(",\"args\":{\"name\":");
    Json.quote(out, name);
    out.append("}},");
  }

  /** From one step to another; up to now if the second has not been reached. */
  private void span(String track, String what, Batch batch, Step from, Step to) {
    if (batch.at(from).isPresent()) {
      long start = at(batch, from);
      span(track(track), name(what, batch), start, Math.max(start, at(batch, to)), batch);
    }
  }

  private void span(Track track, String name, long from, long to, @Nullable Batch batch) {
    long start = micros(from);
    long end = micros(to);
    track.until = Math.max(track.until, end);
    out.append("\n{\"ph\":\"X\",\"name\":");
    Json.quote(out, name);
    out.append(",\"ts\":").append(start).append(",\"dur\":").append(end - start);
    out.append(",\"pid\":").append(process).append(",\"tid\":").append(track.number);
    if (batch != null) {
      out.append(",\"args\":{\"epoch\":").append(batch.epoch());
      out.append(",\"index\":").append(batch.index());
      out.append(",\"attempts\":").append(batch.attempts());
      out.append(",\"result\":\"").append(batch.result()).append('"');
      batch
          .cause()
          .ifPresent(
              cause -> {
                out.append(",\"cause\":");
                Json.quote(out, cause);
              });
      out.append('}');
    }
    out.append("},");
  }

  /** A moment: of one track, or of the whole loader. */
  private void mark(Event event, @Nullable String track, String name) {
    out.append("\n{\"ph\":\"i\",\"name\":");
    Json.quote(out, name + event.cause().map(cause -> ": " + cause).orElse(""));
    out.append(",\"ts\":").append(micros(event.at())).append(",\"pid\":").append(process);
    out.append(",\"tid\":").append(track == null ? 0 : track(track).number);
    out.append(",\"s\":\"").append(track == null ? 'p' : 't').append("\"},");
  }

  private static String name(String what, Batch batch) {
    return what + " " + batch.index();
  }

  /** When the step was reached; if it was not, when the batch ended, or now. */
  private long at(Batch batch, Step step) {
    return batch.at(step).orElse(batch.at(Step.FREED).orElse(trace.elapsed().toNanos()));
  }

  /** Of the wall clock, since 1970. Rounded down, so that what did not overlap still does not. */
  private long micros(long nanos) {
    Instant at = trace.clock().at(trace.startedAt() + nanos);
    return at.getEpochSecond() * 1_000_000 + at.getNano() / 1_000;
  }
}
