package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.Trace.Batch;
import io.pentrough.Trace.Step;
import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.Caller;
import io.pentrough.testkit.JsonText;
import io.pentrough.testkit.Numbered;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@link Trace#writeChromeTrace} writes is the Trace Event Format, as Perfetto needs it. */
@OnEveryDevice(everySchedule = false)
class ChromeTraceTest {

  private static final int BATCHES = 60;

  private final Device device = TestDevice.open();

  @TempDir private Path folder;

  /** A span of a track, in microseconds. */
  private record Span(String name, long from, long to) {}

  /** The spans of each track by "process/thread"; throws if the file is not valid. */
  private Map<String, List<Span>> spans(List<Trace> traces) throws IOException {
    Path file = folder.resolve("trace.json");
    Trace.writeChromeTrace(file, traces);
    List<?> events = JsonText.list(JsonText.object(Files.readString(file)).get("traceEvents"));
    Map<Long, Object> processes = new HashMap<>();
    Map<List<Long>, Object> threads = new HashMap<>();
    Map<String, List<Span>> spans = new TreeMap<>();
    for (Object element : events) {
      Map<String, @Nullable Object> event = JsonText.map(element);
      Object name = event.get("name");
      long process = JsonText.number(event.get("pid"));
      List<Long> thread = List.of(process, JsonText.number(event.get("tid")));
      switch (String.valueOf(event.get("ph"))) {
        case "M" -> {
          Object given = JsonText.map(event.get("args")).get("name");
          if ("process_name".equals(name)) {
            assertEquals(null, processes.put(process, String.valueOf(given)));
          } else if ("thread_name".equals(name)) {
            assertEquals(null, threads.put(thread, String.valueOf(given)));
            spans.put(processes.get(process) + "/" + given, new ArrayList<>());
          } else {
            assertEquals("thread_sort_index", name);
          }
        }
        case "X" -> {
          long from = JsonText.number(event.get("ts"));
          long length = JsonText.number(event.get("dur"));
          assertTrue(length >= 0, event::toString);
          String track = processes.get(process) + "/" + threads.get(thread);
          spans
              .computeIfAbsent(track, key -> new ArrayList<>())
              .add(new Span(String.valueOf(name), from, from + length));
        }
        case "i" -> {
          assertTrue(JsonText.number(event.get("ts")) > 0);
          assertTrue(Set.of("p", "t").contains(event.get("s")), event::toString);
        }
        default -> throw new AssertionError(event);
      }
    }
    assertEquals(traces.size(), processes.size());
    assertEquals(threads.size(), new HashSet<>(tracks(threads)).size(), "each has its own name");
    spans.forEach(ChromeTraceTest::assertNoOverlap);
    return spans;
  }

  private static List<String> tracks(Map<List<Long>, Object> threads) {
    return threads.entrySet().stream().map(e -> e.getKey().get(0) + "/" + e.getValue()).toList();
  }

  private static void assertNoOverlap(String track, List<Span> spans) {
    spans.sort(Comparator.comparingLong(Span::from).thenComparingLong(Span::to));
    for (int i = 1; i < spans.size(); i++) {
      Span before = spans.get(i - 1);
      Span span = spans.get(i);
      assertTrue(before.to() <= span.from(), () -> track + ": " + before + " and " + span);
    }
  }

  private BackgroundLoader.Builder builder() {
    return BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill).workers(3);
  }

  @Test
  @DisplayName("stages: a track for each worker and slot, each fill at its time, no overlap")
  void staged() throws Exception {
    try (BackgroundLoader loader =
        builder()
            .name("one \"<\u20ac\ud83d>\n")
            .hostSlots(4)
            .stage(new TestStages.HandOn(Numbered.SPEC, index -> index == 7))
            .start()) {
      for (int i = 0; i < BATCHES; i++) {
        try {
          loader.get().close();
        } catch (TargetException e) {
          assertEquals(7, e.index());
        }
      }
      Trace trace = loader.trace();
      Map<String, List<Span>> spans = spans(List.of(trace));
      String process = loader.name() + " on " + device.name();
      Set<String> expected = new HashSet<>();
      IntStream.range(0, 3).forEach(i -> expected.add(process + "/worker " + i));
      IntStream.range(0, 4).forEach(i -> expected.add(process + "/host slot " + i));
      IntStream.range(0, 3).forEach(i -> expected.add(process + "/device slot " + i));
      expected.add(process + "/copy");
      expected.add(process + "/stages");
      expected.add(process + "/loop: " + Thread.currentThread().getName());
      assertEquals(expected, spans.keySet());
      for (Batch batch : trace.batches()) {
        if (batch.at(Step.FILLED).isPresent()) {
          Span fill =
              spans.getOrDefault(process + "/worker " + batch.worker(), List.of()).stream()
                  .filter(span -> span.name().equals("fill " + batch.index()))
                  .findFirst()
                  .orElseThrow();
          assertWithinOne(micros(trace, batch, Step.FILL_STARTED), fill.from());
          assertWithinOne(micros(trace, batch, Step.FILLED), fill.to());
        }
      }
    }
  }

  private static void assertWithinOne(long expected, long actual) {
    assertTrue(Math.abs(actual - expected) <= 1, () -> expected + " and " + actual);
  }

  private static long micros(Trace trace, Batch batch, Step step) {
    long ago = trace.elapsed().toNanos() - batch.at(step).orElseThrow();
    var at = trace.takenAt().minusNanos(ago);
    return at.getEpochSecond() * 1_000_000 + at.getNano() / 1_000;
  }

  @Test
  @DisplayName("several leases at once, taken in flight, closed late: tracks of their own")
  void severalLeases() throws Exception {
    try (BackgroundLoader loader = builder().deviceSlots(4).start()) {
      List<Caller<Boolean>> loops = new ArrayList<>();
      for (int thread = 0; thread < 2; thread++) {
        loops.add(
            Caller.run(
                () -> {
                  for (int i = 0; i < BATCHES; i++) {
                    DeviceBatch first = loader.getQueued();
                    first.close();
                    loader.get().close();
                  }
                }));
      }
      for (Caller<Boolean> loop : loops) {
        loop.result();
      }
      try (DeviceBatch first = loader.get();
          DeviceBatch second = loader.getQueued()) {
        assertTrue(first.isOpen() && second.isOpen());
        loader.reset();
        Map<String, List<Span>> spans = spans(List.of(loader.trace()));
        String loop = loader.name() + " on " + device.name() + "/loop: ";
        String here = loop + Thread.currentThread().getName();
        assertTrue(spans.containsKey(here) && spans.containsKey(here + " (2)"), spans::toString);
      }
    }
  }

  @Test
  @DisplayName("zero-copy, a queue, and failures, in one file: a process each")
  void several() throws Exception {
    try (BackgroundLoader mapped = builder().name("mapped").zeroCopy(true).start();
        BatchQueue queue = BatchQueue.builder(device, 1024).name("queue").workers(2).start();
        BackgroundLoader failing =
            BackgroundLoader.builder(
                    device,
                    Numbered.SPEC,
                    (out, context) -> {
                      if (context.index() % 3 == 0) {
                        throw new IOException("</script>");
                      }
                      Numbered.fill(out, context);
                    })
                .name("failing")
                .onFailure(FailurePolicy.retry(1))
                .start()) {
      for (int i = 0; i < BATCHES; i++) {
        queue.submit(Numbered.SPEC, Numbered::fill);
        mapped.get().close();
        queue.get().close();
        try {
          failing.get().close();
        } catch (TargetException e) {
          assertEquals(0, e.index() % 3);
        }
      }
      failing.reset();
      Map<String, List<Span>> spans =
          spans(List.of(mapped.trace(), queue.trace(), failing.trace()));
      assertTrue(spans.keySet().stream().anyMatch(track -> track.matches("queue.*/worker [01]")));
      assertTrue(spans.keySet().stream().noneMatch(track -> track.matches("mapped.*/copy")));
    }
  }

  @Test
  @DisplayName("nothing has happened yet, or nothing is kept: still a valid file")
  void empty() throws Exception {
    BackgroundLoader loader = builder().trace(0).start();
    loader.close();
    spans(List.of(loader.trace())).forEach((track, spans) -> assertEquals(List.of(), spans));
    assertThrows(
        IllegalArgumentException.class,
        () -> Trace.writeChromeTrace(folder.resolve("none.json"), List.of()));
    assertTrue(Files.notExists(folder.resolve("none.json")));
    assertThrows(
        NoSuchFileException.class,
        () -> loader.trace().writeChromeTrace(folder.resolve("missing/trace.json")));
  }
}
