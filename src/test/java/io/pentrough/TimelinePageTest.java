package io.pentrough;

import static io.pentrough.testkit.Patience.until;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.Trace.Step;
import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.JsonText;
import io.pentrough.testkit.Numbered;
import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What stands in a page of {@link Trace#writeHtml}; {@link TimelineBrowserTest} looks at it. */
@OnEveryDevice(everySchedule = false)
class TimelinePageTest {

  private static final String BEFORE = "<script type=\"application/json\" id=\"data\">";

  private final Device device = TestDevice.open();

  @TempDir private Path folder;

  private String page(Trace... traces) throws Exception {
    Path file = folder.resolve("timeline.html");
    Trace.writeHtml(file, List.of(traces));
    return Files.readString(file);
  }

  /** What the page's script is given for each loader. */
  private static List<?> loaders(String page) {
    int from = page.indexOf(BEFORE) + BEFORE.length();
    String data = page.substring(from, page.indexOf("</script>", from));
    return JsonText.list(JsonText.object(data).get("loaders"));
  }

  private static Map<String, @Nullable Object> only(String page) {
    assertEquals(1, loaders(page).size());
    return JsonText.map(loaders(page).get(0));
  }

  private BackgroundLoader.Builder builder(BatchTarget target) {
    return BackgroundLoader.builder(device, Numbered.SPEC, target);
  }

  @Test
  @DisplayName("256 batches take less than 64 KiB, and the page asks for nothing from elsewhere")
  void size() throws Exception {
    try (BackgroundLoader loader = builder(Numbered::fill).workers(3).start()) {
      for (int i = 0; i < 1_000; i++) {
        loader.get().close();
      }
      String page = page(loader.trace());
      int batches = JsonText.list(only(page).get("batches")).size();
      assertTrue(batches >= 256, "batches: " + batches);
      assertTrue(page.length() < 64 << 10, "bytes: " + page.length());
      for (String reference : List.of("http:", "https:", "src=", "href=", "@import", "fetch(")) {
        assertFalse(page.contains(reference), reference);
      }
      assertEquals(loader.stats().batches() + " batches", firstLine(page).split(",", -1)[0]);
      ByteArrayOutputStream stream = new ByteArrayOutputStream();
      Trace trace = loader.trace();
      trace.writeHtml(stream);
      assertEquals(page(trace), stream.toString(UTF_8));
    }
  }

  private static String firstLine(String page) {
    return String.valueOf(only(page).get("stats")).lines().findFirst().orElseThrow();
  }

  @Test
  @DisplayName("the bottleneck, its evidence and the advice are parts; the figures end before them")
  void advice() throws Exception {
    Trace trace = new SimulatedProgram(1, 1, 3, 20_000, 1_000, 0, 8_000, false).trace(1);
    List<Advice> advice = trace.stats().advice();
    assertEquals(2, advice.size(), advice::toString);
    Map<String, @Nullable Object> written = only(page(trace));
    String printed = trace.stats().toString().replace(System.lineSeparator(), "\n");
    String bottleneck = written.get("bottleneck") + ": " + written.get("evidence");
    assertEquals(
        printed,
        written.get("stats") + "\n" + bottleneck + "\n" + advice.get(0) + "\nor " + advice.get(1));
    for (int i = 0; i < advice.size(); i++) {
      Map<String, @Nullable Object> part =
          JsonText.map(JsonText.list(written.get("advice")).get(i));
      assertEquals(
          advice.get(i).changes().stream().map(Advice.Change::toString).toList(),
          part.get("changes"));
      assertEquals(advice.get(i).batchesPerSecond(), part.get("rate"));
      assertTrue(advice.get(i).toString().contains(": " + part.get("reason") + " (at most "));
    }
  }

  @Test
  @DisplayName("the steps of a batch, in 100 ns")
  void steps() throws Exception {
    try (BackgroundLoader loader = builder(Numbered::fill).start()) {
      loader.get().close();
      Trace trace = loader.trace();
      Trace.Batch batch = trace.batches().get(0);
      List<?> written = JsonText.list(JsonText.list(only(page(trace)).get("batches")).get(0));
      assertEquals(10 + Step.values().length, written.size());
      int place = 10;
      for (Step step : Step.values()) {
        long at = JsonText.number(written.get(9)) + JsonText.number(written.get(place++));
        assertEquals(batch.at(step).orElseThrow() / 100, at, step.toString());
      }
    }
  }

  @Test
  @DisplayName("no name and no exception can end the script, or stand in the page as HTML")
  void escaped() throws Exception {
    String name = "</script><script>alert(1)</script><!-- \" ' & \u2028 \ud800 \u20ac";
    try (BackgroundLoader loader = builder(Numbered::fill).name(name).start()) {
      loader.get().close();
      String page = page(loader.trace());
      assertFalse(page.contains("alert(1)</script>"));
      assertEquals(name, only(page).get("name"));
      try (BackgroundLoader plain = builder(Numbered::fill).name("plain").start()) {
        assertEquals(scripts(page(plain.trace())), scripts(page));
      }
    }
  }

  private static int scripts(String page) {
    return page.split("(?i)</?script", -1).length;
  }

  @Test
  @DisplayName("after a timeout: what waits, since when; then closed")
  void afterTimeout() throws Exception {
    Semaphore fills = new Semaphore(0);
    BackgroundLoader loader =
        builder(
                (out, context) -> {
                  fills.acquire();
                  Numbered.fill(out, context);
                })
            .start();
    try (loader) {
      until("the fill", () -> !loader.trace().batches().isEmpty());
      assertThrows(BatchTimeoutException.class, () -> loader.get(Duration.ofMillis(1)));
      Map<String, @Nullable Object> stuck = only(page(loader.trace()));
      assertEquals(1, JsonText.list(stuck.get("batches")).size());
      assertEquals(1, JsonText.list(stuck.get("events")).size());
      fills.release(1_000);
    }
    assertEquals(2, JsonText.list(only(page(loader.trace())).get("events")).size());
  }

  @Test
  @DisplayName("several loaders on one clock: that of the first that started")
  void several() throws Exception {
    try (BackgroundLoader first = builder(Numbered::fill).name("first").start();
        BatchQueue second = BatchQueue.builder(device, 1024).name("second").start()) {
      List<?> loaders = loaders(page(second.trace(), first.trace()));
      assertEquals("second", JsonText.map(loaders.get(0)).get("name"));
      assertEquals(0, JsonText.number(JsonText.map(loaders.get(1)).get("start")));
      assertTrue(JsonText.number(JsonText.map(loaders.get(0)).get("start")) > 0);
    }
  }

  @Test
  @DisplayName("no trace, or a file that cannot be written")
  void refused() throws Exception {
    assertThrows(IllegalArgumentException.class, () -> page());
    try (BackgroundLoader loader = builder(Numbered::fill).start()) {
      Trace trace = loader.trace();
      assertThrows(
          NoSuchFileException.class, () -> trace.writeHtml(folder.resolve("missing/page.html")));
    }
  }
}
