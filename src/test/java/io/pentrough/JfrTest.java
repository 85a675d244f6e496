package io.pentrough;

import static io.pentrough.testkit.Patience.patience;
import static io.pentrough.testkit.Patience.until;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.LoaderSnapshot.SlotState;
import io.pentrough.Trace.Batch;
import io.pentrough.Trace.Step;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.cuda.Jvm;
import io.pentrough.device.host.HostDevice;
import io.pentrough.testkit.Numbered;
import io.pentrough.testkit.Threads;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedClass;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import jdk.jfr.consumer.RecordingStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a recording of the JDK Flight Recorder has of a loader is what happened. */
@Timeout(60)
class JfrTest {

  /** The two clocks need not tick alike. */
  private static final long SLACK_NANOS = 1_000_000;

  private static final Duration NONE = Duration.ZERO;

  @TempDir private Path folder;

  /** What a loader does, that a recording sees. */
  private interface Program {
    void run(HostDevice device) throws Exception;
  }

  /** The events of all loaders, by name, in the order of their begins. */
  private Map<String, List<RecordedEvent>> record(Duration threshold, Program program)
      throws Exception {
    Path file = folder.resolve("run.jfr");
    try (Recording recording = new Recording()) {
      recording.enable("pentrough.Batch");
      recording.enable("pentrough.Fill").withThreshold(threshold);
      recording.enable("pentrough.Get").withThreshold(threshold);
      recording.enable("pentrough.Loader").withPeriod(Duration.ofHours(1));
      recording.start();
      try (HostDevice device = HostDevice.open()) {
        program.run(device);
      }
      recording.stop();
      recording.dump(file);
    }
    Map<String, List<RecordedEvent>> events = new HashMap<>();
    for (String name : List.of("Batch", "Fill", "Get", "Loader")) {
      events.put(name, new ArrayList<>());
    }
    List<RecordedEvent> all = RecordingFile.readAllEvents(file);
    all.sort(Comparator.comparing(RecordedEvent::getStartTime)); // threads have their own buffers
    for (RecordedEvent event : all) {
      String name = event.getEventType().getName();
      if (name.startsWith("pentrough.") && event.getString("loader").startsWith("recorded")) {
        Objects.requireNonNull(events.get(name.substring(10))).add(event);
        assertNull(event.getStackTrace());
      }
    }
    return events;
  }

  private static List<RecordedEvent> of(Map<String, List<RecordedEvent>> events, String name) {
    return Objects.requireNonNull(events.get(name));
  }

  /** Batch 2 fails once, batch 4 always. */
  private static void fill(HostBatch out, BatchContext context) throws IOException {
    if (context.index() == 4 || (context.index() == 2 && context.attempt() == 0)) {
      throw new IOException("no such file");
    }
    Numbered.fill(out, context);
  }

  private static String text(Batch batch) {
    return Stream.of(
            batch.epoch(),
            batch.index(),
            batch.result(),
            batch.cause().orElse(null),
            batch.consumer().orElse(null),
            batch.worker(),
            batch.hostSlot(),
            batch.deviceSlot().orElse(-1),
            batch.attempts(),
            batch.at(Step.REQUESTED).orElseThrow(),
            between(batch, Step.REQUESTED, Step.CLAIMED),
            between(batch, Step.FILL_STARTED, Step.FILLED),
            between(batch, Step.FILLED, Step.RESERVED),
            between(batch, Step.RESERVED, Step.COPY_STARTED),
            between(batch, Step.COPY_STARTED, Step.COPIED),
            between(batch, Step.COPIED, Step.READY),
            between(batch, Step.READY, Step.TAKEN),
            between(batch, Step.TAKEN, Step.CLOSED),
            between(batch, Step.CLOSED, Step.FREED),
            between(batch, Step.REQUESTED, Step.FREED),
            between(batch, Step.ASKED, Step.TAKEN))
        .map(String::valueOf)
        .toList()
        .toString();
  }

  private static long between(Batch batch, Step from, Step to) {
    OptionalLong begin = batch.at(from);
    OptionalLong end = batch.at(to);
    boolean known = begin.isPresent() && end.isPresent() && end.getAsLong() >= begin.getAsLong();
    return known ? end.getAsLong() - begin.getAsLong() : Long.MIN_VALUE;
  }

  private static String text(RecordedEvent batch) {
    List<@Nullable Object> values = new ArrayList<>();
    for (String field :
        ("epoch index result cause consumer worker hostSlot deviceSlot attempts begin slotWait fill"
                + " deviceSlotWait copyWait copy stages ready use stillInUse total get")
            .split(" ", -1)) {
      values.add(field.equals("cause") ? name(batch, field) : batch.getValue(field));
    }
    return values.stream().map(String::valueOf).toList().toString();
  }

  private static List<String> sorted(Stream<String> lines) {
    return lines.sorted().toList();
  }

  @ParameterizedTest
  @ValueSource(strings = {"copied", "staged", "mapped", "queued", "unordered"})
  @DisplayName("one event for each batch, however it ended, with the times of the trace")
  void batches(String how) throws Exception {
    List<Trace> traces = new ArrayList<>();
    Map<String, List<RecordedEvent>> events =
        record(
            NONE,
            device -> {
              BackgroundLoader.Builder builder =
                  BackgroundLoader.builder(device, Numbered.SPEC, JfrTest::fill)
                      .name("recorded")
                      .workers(2)
                      .trace(1_000)
                      .zeroCopy(how.equals("mapped"))
                      .ordered(!how.equals("unordered"))
                      .onFailure(FailurePolicy.retry(1));
              if (how.equals("staged")) {
                builder.stage(new TestStages.HandOn(Numbered.SPEC, index -> index == 7));
              }
              BackgroundLoader loader = builder.start();
              try (loader) {
                for (int i = 0; i < 30; i++) {
                  try {
                    (how.equals("queued") ? loader.getQueued() : loader.get()).close();
                  } catch (TargetException e) {
                    assertTrue(e.index() == 4 || e.index() == 7);
                  }
                  if (i == 20) {
                    until(
                        "a batch to drop",
                        () ->
                            loader.snapshot().deviceSlots().stream()
                                .anyMatch(slot -> slot.state() == SlotState.READY));
                    loader.reset();
                  }
                }
              }
              traces.add(loader.trace());
            });
    List<String> expected = sorted(traces.get(0).batches().stream().map(JfrTest::text));
    List<String> recorded = sorted(of(events, "Batch").stream().map(JfrTest::text));
    assertEquals(String.join("\n", expected), String.join("\n", recorded));
    assertTrue(recorded.stream().anyMatch(line -> line.contains("DROPPED")), "by the reset");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 256})
  @DisplayName("what a policy leaves out is SKIPPED, an end EMPTY, also without a trace")
  void skips(int trace) throws Exception {
    Map<String, List<RecordedEvent>> events =
        record(
            NONE,
            device -> {
              try (BackgroundLoader loader =
                  BackgroundLoader.builder(
                          device,
                          Numbered.SPEC,
                          (out, context) -> {
                            if (context.index() == 6) {
                              context.endOfEpoch();
                            }
                            fill(out, context);
                          })
                      .name("recorded")
                      .trace(trace)
                      .epochs(1)
                      .onFailure(FailurePolicy.skip(2, (epoch, index, cause) -> {}))
                      .start()) {
                for (int i = 0; i < 4; i++) {
                  loader.get(patience()).close();
                }
                assertThrows(NoSuchElementException.class, () -> loader.get(patience()));
              }
            });
    Map<Long, String> results = new HashMap<>();
    for (RecordedEvent event : of(events, "Batch")) {
      String result = event.getString("result");
      if (!result.equals("DROPPED")) { // behind the end
        assertNull(results.put(event.getLong("index"), result), "twice");
      }
    }
    assertEquals("SKIPPED", results.remove(2L));
    assertEquals("SKIPPED", results.remove(4L));
    assertEquals("EMPTY", results.remove(6L));
    results.values().removeIf("EMPTY"::equals);
    assertEquals(
        Map.of(0L, "DELIVERED", 1L, "DELIVERED", 3L, "DELIVERED", 5L, "DELIVERED"), results);
  }

  @Test
  @DisplayName(
      "a batch on which work ends after its loader was closed is told of by the copy thread")
  void afterClose() throws Exception {
    Map<String, List<RecordedEvent>> events =
        record(
            NONE,
            device -> {
              CountDownLatch work = new CountDownLatch(1);
              try (DeviceStream stream = device.newStream()) {
                BackgroundLoader loader =
                    BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill)
                        .name("recorded")
                        .zeroCopy(true)
                        .consumerStream(stream)
                        .closeTimeout(Duration.ofMillis(1))
                        .start();
                DeviceBatch batch = loader.get();
                HostDevice.launch(stream, () -> await(work));
                batch.close();
                loader.close(); // in vain
                work.countDown();
                until("the copy thread to end", () -> Threads.of("recorded-copy").isEmpty());
              }
            });
    assertEquals(
        List.of("DELIVERED"),
        of(events, "Batch").stream()
            .filter(event -> event.getLong("index") == 0)
            .map(event -> event.getString("result"))
            .toList());
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  @DisplayName("a fill for each attempt, on its worker's thread, within the times of its batch")
  void fills() throws Exception {
    Map<String, List<RecordedEvent>> events = record(NONE, JfrTest::thirty);
    Map<Long, RecordedEvent> batches = new HashMap<>();
    for (RecordedEvent batch : of(events, "Batch")) {
      batches.put(batch.getLong("index"), batch);
    }
    Map<Long, Long> spent = new HashMap<>();
    Map<Long, Integer> attempts = new HashMap<>();
    for (RecordedEvent fill : of(events, "Fill")) {
      long index = fill.getLong("index");
      RecordedEvent batch = Objects.requireNonNull(batches.get(index));
      assertEquals(batch.getInt("worker"), fill.getInt("worker"));
      assertEquals(
          "pentrough-recorded-worker-" + fill.getInt("worker"), fill.getThread().getJavaName());
      assertEquals(attempts.merge(index, 1, Integer::sum), fill.getInt("attempt"));
      boolean throwing = index == 4 || (index == 2 && fill.getInt("attempt") == 1);
      assertEquals(throwing ? "java.io.IOException" : null, thrown(fill));
      spent.merge(index, fill.getDuration().toNanos(), Long::sum);
    }
    assertEquals(batches.keySet(), attempts.keySet());
    batches.forEach(
        (index, batch) -> {
          assertEquals(batch.getInt("attempts"), attempts.get(index));
          long fill = batch.getLong("fill");
          assertTrue(Objects.requireNonNull(spent.get(index)) <= fill + SLACK_NANOS);
          long parts = 0;
          for (String part : List.of("slotWait", "fill", "copy", "ready", "use")) {
            parts += Math.max(0, batch.getLong(part));
          }
          assertTrue(parts <= batch.getLong("total"), () -> text(batch));
        });
  }

  private static @Nullable String thrown(RecordedEvent event) {
    return name(event, "thrown");
  }

  private static @Nullable String name(RecordedEvent event, String field) {
    RecordedClass type = event.getClass(field);
    return type == null ? null : type.getName();
  }

  /** 30 batches in their order, of which batch 4 fails. */
  private static void thirty(HostDevice device) throws Exception {
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, Numbered.SPEC, JfrTest::fill)
            .name("recorded")
            .workers(2)
            .onFailure(FailurePolicy.retry(1))
            .epochs(1)
            .batchesPerEpoch(30)
            .start()) {
      for (int i = 0; i < 30; i++) {
        if (i == 4) {
          assertThrows(TargetException.class, loader::get);
        } else {
          loader.get().close();
        }
      }
      assertNull(loader.poll(patience()));
    }
  }

  @Test
  @DisplayName("a get for each call, with what it was given or threw, and as long as it waited")
  void gets() throws Exception {
    Map<String, List<RecordedEvent>> events = record(NONE, JfrTest::thirty);
    List<RecordedEvent> gets = of(events, "Get");
    assertEquals(31, gets.size());
    for (int i = 0; i < 30; i++) {
      RecordedEvent get = gets.get(i);
      assertEquals(0, get.getInt("epoch"));
      assertEquals(i, get.getLong("index"));
      assertFalse(get.getBoolean("queued"));
      assertEquals(i == 4 ? TargetException.class.getName() : null, thrown(get));
      assertEquals(Thread.currentThread().getName(), get.getThread().getJavaName());
    }
    RecordedEvent end = gets.get(30);
    assertEquals(-1, end.getLong("index"));
    assertEquals(NoSuchElementException.class.getName(), thrown(end));
    for (RecordedEvent batch : of(events, "Batch")) {
      RecordedEvent get = gets.get((int) batch.getLong("index"));
      long waited = batch.getLong("get");
      long lasted = get.getDuration().toNanos();
      assertTrue(waited <= lasted + SLACK_NANOS, () -> waited + " in a get of " + lasted);
    }
  }

  @Test
  @DisplayName("no fill and no get below the threshold of the recording, but each batch")
  void threshold() throws Exception {
    Map<String, List<RecordedEvent>> events = record(Duration.ofHours(1), JfrTest::thirty);
    assertEquals(List.of(), of(events, "Fill"));
    assertEquals(List.of(), of(events, "Get"));
    assertEquals(30, of(events, "Batch").size());
  }

  @Test
  @DisplayName("the end of a loader tells of all that it did, once")
  void loader() throws Exception {
    List<LoaderStats> stats = new ArrayList<>();
    Map<String, List<RecordedEvent>> events =
        record(
            NONE,
            device -> {
              BatchQueue queue = BatchQueue.builder(device, 1024).name("recorded").start();
              try (queue) {
                for (int i = 0; i < 10; i++) {
                  queue.submit(Numbered.SPEC, Numbered::fill);
                  queue.get().close();
                }
              }
              stats.add(queue.stats());
            });
    assertEquals(1, of(events, "Loader").size());
    RecordedEvent end = of(events, "Loader").get(0);
    assertEquals(10, end.getLong("batches"));
    assertEquals(stats.get(0).bytes(), end.getLong("bytes"));
    assertEquals(1, end.getInt("workers"));
    assertEquals("host", end.getString("device"));
    assertTrue(end.getDuration("interval").compareTo(stats.get(0).elapsed()) <= 0);
    double perSecond = 10 / (end.getDuration("interval").toNanos() / 1e9);
    assertEquals(perSecond, end.getFloat("batchesPerSecond"), perSecond / 1_000);
    assertTrue(
        Stream.of(LoaderStats.Bottleneck.values())
            .anyMatch(each -> each.name().equals(end.getString("bottleneck"))));
    assertEquals(10, of(events, "Batch").size());
    assertEquals(9, of(events, "Batch").get(9).getLong("index"), "the number of the job");
  }

  @Test
  @DisplayName("a loader is told of at intervals, each of which follows the one before")
  void intervals() throws Exception {
    BlockingQueue<RecordedEvent> seen = new LinkedBlockingQueue<>();
    try (RecordingStream stream = new RecordingStream();
        HostDevice device = HostDevice.open()) {
      stream.enable("pentrough.Loader").withPeriod(Duration.ofMillis(10));
      stream.onEvent("pentrough.Loader", seen::add);
      stream.setReuse(false);
      stream.startAsync();
      BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill).name("gone").start().close();
      try (BackgroundLoader loader =
          BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill).name("watched").start()) {
        loader.get(patience()).close();
        RecordedEvent event = next(seen);
        assertEquals("gone", event.getString("loader"));
        while (event.getString("loader").equals("gone")) { // it took longer than an interval
          event = next(seen);
        }
        long elapsed = 0;
        for (int i = 0; i < 3; i++) {
          assertEquals("watched", event.getString("loader"));
          elapsed += event.getDuration("interval").toNanos();
          assertTrue(elapsed <= loader.stats().elapsed().toNanos());
          event = next(seen);
        }
        assertTrue(elapsed > Duration.ofMillis(20).toNanos() / 2, "three events, 10 ms apart");
      }
    }
  }

  private static RecordedEvent next(BlockingQueue<RecordedEvent> seen) throws Exception {
    return Objects.requireNonNull(seen.poll(patience().toNanos(), TimeUnit.NANOSECONDS), "event");
  }

  @Test
  @DisplayName("a JVM without the module jdk.jfr runs a loader as ever")
  void withoutTheModule() throws Exception {
    List<String> said =
        new Jvm(folder)
            .withoutDriver()
            .flags("--limit-modules", "java.base")
            .start(Plain.class)
            .said();
    assertEquals(List.of("jdk.jfr: false", "loaded: false", "batches: 20"), said);
  }

  @Test
  @DisplayName("a loader that runs when the first recording of its JVM begins is told of from then")
  void laterRecording() throws Exception {
    List<String> said =
        new Jvm(folder)
            .withoutDriver()
            .start(Late.class, folder.resolve("late.jfr").toString())
            .said();
    assertEquals(List.of("in use: false", "all: true, at the end: 6"), said);
  }

  /** A program that begins to record when its loader has run for a while. */
  static final class Late {

    private Late() {}

    public static void main(String[] args) throws Exception {
      try (HostDevice device = HostDevice.open();
          Recording recording = new Recording()) {
        System.out.println("in use: " + Jfr.wantsBatches());
        try (BackgroundLoader loader =
            BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill).start()) {
          loader.get().close();
          recording.enable("pentrough.Batch");
          recording.enable("pentrough.Loader").withPeriod(Duration.ofHours(1));
          recording.start();
          for (int i = 0; i < 5; i++) {
            loader.get().close();
          }
        }
        recording.stop();
        recording.dump(Path.of(args[0]));
      }
      boolean last = false;
      long delivered = 0;
      for (RecordedEvent event : RecordingFile.readAllEvents(Path.of(args[0]))) {
        if (event.getEventType().getName().equals("pentrough.Batch")) {
          last |= event.getLong("index") == 5;
        } else if (event.getEventType().getName().equals("pentrough.Loader")) {
          delivered = Math.max(delivered, event.getLong("batches"));
        }
      }
      System.out.println("all: " + last + ", at the end: " + delivered);
    }
  }

  /** A program that knows nothing of the Flight Recorder. */
  static final class Plain {

    private Plain() {}

    public static void main(String[] args) throws InterruptedException {
      System.out.println("jdk.jfr: " + ModuleLayer.boot().findModule("jdk.jfr").isPresent());
      BackgroundLoader closed;
      try (HostDevice device = HostDevice.open();
          BackgroundLoader loader =
              BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill).start()) {
        closed = loader;
        for (int i = 0; i < 20; i++) {
          loader.get().close();
        }
        System.out.println("loaded: " + Jfr.wantsBatches());
      }
      System.out.println("batches: " + closed.stats().batches());
    }
  }
}
