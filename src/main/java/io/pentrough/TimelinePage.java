package io.pentrough;

import io.pentrough.Trace.Batch;
import io.pentrough.Trace.Event;
import io.pentrough.Trace.Step;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Traces as a page: the template {@code timeline.html} beside this class, whose script draws what
 * this class writes into it as JSON. Times are counted in 100 ns, from the start of the first
 * loader.
 */
final class TimelinePage {

  /** Stands in the template where the data shall be. */
  private static final String DATA = "\"DATA\"";

  private static final int UNIT_NANOS = 100;

  private final StringBuilder out = new StringBuilder();
  private final long zero;

  /** Names that occur in several batches: written once, and referred to by their position. */
  private final List<String> names = new ArrayList<>();

  private TimelinePage(long zero) {
    this.zero = zero;
  }

  static String of(List<Trace> traces) throws IOException {
    long zero = traces.stream().mapToLong(Trace::startedAt).min().orElseThrow();
    TimelinePage page = new TimelinePage(zero);
    page.out.append("{\"loaders\":[");
    for (Trace trace : traces) {
      page.loader(trace);
      page.out.append(",\n");
    }
    page.out.setLength(page.out.length() - 2);
    page.out.append("],\n\"names\":[");
    for (int i = 0; i < page.names.size(); i++) {
      page.out.append(i == 0 ? "" : ",");
      Json.quote(page.out, page.names.get(i));
    }
    return template().replace(DATA, page.out.append("]}"));
  }

  private static String template() throws IOException {
    try (InputStream in = TimelinePage.class.getResourceAsStream("timeline.html")) {
      if (in == null) {
        throw new IOException(
            "timeline.html is missing beside " + TimelinePage.class + ": use the whole jar");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private void loader(Trace trace) {
    Trace.Setup setup = trace.setup();
    out.append("{\"name\":");
    Json.quote(out, setup.loader());
    out.append(",\"device\":");
    Json.quote(out, setup.device());
    out.append(",\"polled\":").append(setup.copiesByItself());
    out.append(",\"queue\":").append(setup.isQueue());
    out.append(",\"zeroCopy\":").append(setup.zeroCopy());
    out.append(",\"stages\":").append(setup.hasStages());
    out.append(",\"firstWorker\":").append(setup.firstWorker());
    out.append(",\"workers\":").append(setup.workers());
    out.append(",\"slots\":").append(setup.deviceSlots());
    out.append(",\"start\":").append(units(trace, 0));
    out.append(",\"taken\":").append(units(trace, trace.elapsed().toNanos()));
    out.append(",\"when\":").append(trace.takenAt().toEpochMilli());
    out.append(",\"rate\":").append(trace.stats().batchesPerSecond());
    report(trace.stats().report());
    out.append(",\n\"batches\":[");
    String separator = "";
    for (Batch batch : trace.batches()) {
      out.append(separator);
      batch(trace, batch);
      separator = ",\n";
    }
    out.append("],\n\"events\":[");
    separator = "";
    for (Event event : trace.events()) {
      out.append(separator);
      event(trace, event);
      separator = ",";
    }
    out.append("]}");
  }

  /** The figures as they are printed, and what follows from them in parts. */
  private void report(LoaderStatsReport report) {
    out.append(",\"stats\":");
    Json.quote(out, report.figures().stripTrailing().replace(System.lineSeparator(), "\n"));
    out.append(",\"bottleneck\":");
    Json.quote(out, report.bottleneck().name());
    out.append(",\"evidence\":");
    Json.quote(out, report.evidence());
    out.append(",\"advice\":[");
    String separator = "";
    for (Advice advice : report.advice()) {
      out.append(separator).append("{\"changes\":[");
      separator = ",";
      String before = "";
      for (Advice.Change change : advice.changes()) {
        out.append(before);
        before = ",";
        Json.quote(out, change.toString());
      }
      out.append("],\"reason\":");
      Json.quote(out, advice.reason());
      out.append(",\"rate\":").append(advice.batchesPerSecond()).append('}');
    }
    out.append(']');
  }

  /** Its numbers, then the time of its first step, then how much later each step was. */
  private void batch(Trace trace, Batch batch) {
    out.append('[').append(batch.epoch()).append(',').append(batch.index());
    out.append(',').append(batch.worker()).append(',').append(batch.hostSlot());
    out.append(',').append(batch.deviceSlot().orElse(-1));
    out.append(',').append(batch.attempts()).append(',').append(name(batch.result().name()));
    out.append(',').append(name(batch.cause())).append(',').append(name(batch.consumer()));
    long first = units(trace, batch.at(Step.REQUESTED).orElseThrow());
    out.append(',').append(first);
    for (Step step : Step.values()) {
      OptionalLong at = batch.at(step);
      out.append(',');
      if (at.isPresent()) {
        out.append(units(trace, at.getAsLong()) - first);
      } else {
        out.append("null");
      }
    }
    out.append(']');
  }

  private void event(Trace trace, Event event) {
    out.append('[').append(name(event.kind().name()));
    out.append(',')
        .append(units(trace, event.since()))
        .append(',')
        .append(units(trace, event.at()));
    out.append(',').append(event.epoch().orElse(-1)).append(',').append(event.index().orElse(-1));
    out.append(',').append(event.worker().orElse(-1));
    out.append(',').append(name(event.cause())).append(',').append(name(event.thread()));
    out.append(']');
  }

  private long units(Trace trace, long nanos) {
    return Math.floorDiv(trace.startedAt() - zero + nanos, (long) UNIT_NANOS);
  }

  /** -1 for none. */
  private int name(Optional<String> name) {
    return name.map(this::name).orElse(-1);
  }

  private int name(String name) {
    int known = names.indexOf(name);
    if (known >= 0) {
      return known;
    }
    names.add(name);
    return names.size() - 1;
  }
}
