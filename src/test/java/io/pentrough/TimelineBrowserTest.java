package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.Trace.Batch;
import io.pentrough.Trace.Event;
import io.pentrough.Trace.Result;
import io.pentrough.Trace.Step;
import io.pentrough.device.host.HostDevice;
import io.pentrough.testkit.Numbered;
import io.pentrough.testkit.Patience;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The page of {@link Trace#writeHtml} in a browser: what is drawn is what was recorded. */
@Tag("browser")
class TimelineBrowserTest {

  private static final String BROWSER = System.getProperty("pentrough.browser", "chromium");

  /** Put in front of the page's script. */
  private static final String WATCH =
      "<script>addEventListener('error', e => document.documentElement.dataset.error = e.message);"
          + "</script>";

  @TempDir private Path folder;

  /** The page, as the browser has it after its script and the given one have run. */
  private String drawn(String script, List<Trace> traces) throws Exception {
    String dom = browse(script, traces, "--dump-dom");
    assertFalse(dom.contains("data-error"), () -> dom.substring(0, 300));
    assertTrue(dom.contains("data-drawn=\"" + traces.size() + "\""), "the script has ended");
    return dom;
  }

  private String browse(String script, List<Trace> traces, String... options) throws Exception {
    Path page = folder.resolve("timeline.html");
    Trace.writeHtml(page, traces);
    String html = Files.readString(page);
    int body = html.lastIndexOf("</body>");
    Files.writeString(
        page,
        (html.substring(0, body) + "<script>" + script + "</script>" + html.substring(body))
            .replace("<head>", "<head>" + WATCH));
    Path output = folder.resolve("out");
    List<String> command = new ArrayList<>(List.of(BROWSER, "--headless", "--disable-gpu"));
    command.add("--no-sandbox"); // root has none; the page is ours
    command.add("--user-data-dir=" + folder.resolve("profile"));
    command.add("--window-size=1280,900");
    command.addAll(List.of(options));
    command.add(page.toUri().toString());
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(output.toFile())
            .redirectError(folder.resolve("err").toFile())
            .start();
    try {
      assertTrue(process.waitFor(Patience.PROGRAM_SECONDS, TimeUnit.SECONDS), "the browser ends");
      assertEquals(0, process.exitValue(), () -> read(folder.resolve("err")));
      return Files.readString(output);
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** A run with a bit of everything. */
  private static Trace trace(String name) throws Exception {
    try (HostDevice device = HostDevice.open();
        BackgroundLoader loader =
            BackgroundLoader.builder(
                    device,
                    Numbered.SPEC,
                    (out, context) -> {
                      if (context.index() == 5) {
                        throw new IOException("no such file");
                      }
                      Numbered.fill(out, context);
                    })
                .name(name)
                .workers(2)
                .onFailure(FailurePolicy.retry(1))
                .stage(new TestStages.HandOn(Numbered.SPEC, index -> false))
                .start()) {
      for (int i = 0; i < 20; i++) {
        try {
          (i % 4 == 0 ? loader.getQueued() : loader.get()).close();
        } catch (TargetException e) {
          assertEquals(5, e.index());
        }
      }
      loader.reset();
      for (int i = 0; i < 5; i++) {
        loader.get().close();
      }
      try (DeviceBatch open = loader.get()) {
        assertTrue(open.isOpen());
        return loader.trace();
      }
    }
  }

  private static long units(Trace trace, Batch batch, Step step, Step... others) {
    for (Step each : others) {
      if (batch.at(step).isPresent()) {
        break;
      }
      step = each;
    }
    return batch.at(step).orElse(batch.at(Step.FREED).orElse(trace.elapsed().toNanos())) / 100;
  }

  /** Row, kind, batch, from, to. */
  private static Set<String> expected(Trace trace) {
    Set<String> bars = new TreeSet<>();
    for (int n = 0; n < trace.batches().size(); n++) {
      Batch batch = trace.batches().get(n);
      int number = n;
      record Bar(String row, String kind, Step from, Step to) {}
      List<Bar> bar = new ArrayList<>();
      bar.add(new Bar("worker " + batch.worker(), "fill", Step.FILL_STARTED, Step.FILLED));
      bar.add(new Bar("copy", "copy", Step.COPY_STARTED, Step.COPIED));
      batch
          .deviceSlot()
          .ifPresent(
              slot -> {
                String row = "device slot " + slot;
                bar.add(new Bar(row, "copy", Step.COPY_STARTED, Step.COPIED));
                bar.add(new Bar(row, "stage", Step.COPIED, Step.READY));
                if (batch.result() == Result.DELIVERED) {
                  bar.add(new Bar(row, "use", Step.TAKEN, Step.CLOSED));
                  bar.add(new Bar("training loop", "use", Step.TAKEN, Step.CLOSED));
                }
              });
      for (Bar each : bar) {
        if (batch.at(each.from()).isPresent()) {
          bars.add(
              String.join(
                  " | ",
                  each.row(),
                  each.kind(),
                  Integer.toString(number),
                  Long.toString(units(trace, batch, each.from())),
                  Long.toString(units(trace, batch, each.to()))));
        }
      }
      long asked = units(trace, batch, Step.ASKED);
      long taken = units(trace, batch, Step.TAKEN);
      if (batch.at(Step.ASKED).isPresent() && taken > asked) {
        bars.add("training loop | wait | " + n + " | " + asked + " | " + taken);
      }
    }
    return bars;
  }

  private static final Pattern ROW = Pattern.compile("<text x=\"8\"[^>]*><title>([^<]*)</title>");

  private static final Pattern BAR =
      Pattern.compile(
          "<rect class=\"[^\"]*\"[^>]* data-r=\"(\\d+)\" data-k=\"(\\w+)\" data-b=\"(-?\\d+)\""
              + " data-f=\"(-?\\d+)\" data-t=\"(-?\\d+)\"");

  private static Set<String> bars(String dom) {
    List<String> rows = ROW.matcher(dom).results().map(row -> row.group(1)).toList();
    Set<String> bars = new TreeSet<>();
    Matcher bar = BAR.matcher(dom);
    while (bar.find()) {
      bars.add(
          String.join(
              " | ",
              rows.get(Integer.parseInt(bar.group(1))),
              bar.group(2),
              bar.group(3),
              bar.group(4),
              bar.group(5)));
    }
    return bars;
  }

  @Test
  @DisplayName("each fill, copy, stage, use and wait is drawn in its row, from when to when it was")
  void drawnAsRecorded() throws Exception {
    Trace trace = trace("train");
    String dom = drawn("show(all.from, all.to); drawAll()", List.of(trace));
    Set<String> drawn = bars(dom);
    Set<String> kinds = Set.of("fill", "copy", "stage", "use", "wait");
    drawn.removeIf(bar -> !kinds.contains(bar.split(" \\| ", -1)[1]));
    drawn.removeIf(bar -> bar.startsWith("stages | "));
    assertEquals(String.join("\n", expected(trace)), String.join("\n", drawn));

    TreeMap<String, Integer> marks = new TreeMap<>();
    Matcher mark = Pattern.compile("data-m=\"(\\w+)\"").matcher(dom);
    while (mark.find()) {
      marks.merge(mark.group(1), 1, Integer::sum);
    }
    int retries = (int) trace.events().stream().filter(e -> e.kind() == Event.Kind.RETRY).count();
    assertEquals("{failed=2, reset=1, retry=" + retries + "}", marks.toString());
    assertTrue(dom.contains(trace.stats().toString().lines().findFirst().orElseThrow()));
    String bottleneck = trace.stats().bottleneck().toString();
    assertTrue(dom.contains("<strong>" + bottleneck + "</strong>"), "the bottleneck");
  }

  private static String neck(String dom) {
    int begin = dom.indexOf("<div class=\"neck");
    return dom.substring(begin, dom.indexOf("<pre>", begin));
  }

  @Test
  @DisplayName("the bottleneck, and below it each advice: what to change, why, and for which rate")
  void advice() throws Exception {
    Trace program = new SimulatedProgram(1, 1, 3, 20_000, 1_000, 0, 8_000, false).trace(1);
    LoaderStats stats = program.stats();
    String dom = drawn("", List.of(program));
    String neck = neck(dom).replace("&gt;", ">").replaceAll("<[^>]*>", "|");
    assertTrue(neck.contains("|" + stats.bottleneck() + "|: the loop waited "), neck);
    assertTrue(neck.contains("|What to change \u2013 one of these is enough|"), neck);
    int last = 0;
    for (Advice advice : stats.advice()) {
      String change =
          advice.changes().stream()
              .map(each -> each.toString().replace("->", "\u2192"))
              .collect(Collectors.joining(" and "));
      int at = neck.indexOf("|" + change + "|");
      assertTrue(at > last, change + " in its turn: " + neck);
      String rate = "|at most %.1f batches/s; now ".formatted(advice.batchesPerSecond());
      assertTrue(neck.indexOf(rate, at) > at, rate + neck);
      assertTrue(neck.indexOf("|" + advice.reason() + "|", at) > at, advice.reason() + neck);
      last = at;
    }
    assertEquals(2, neck.split("batches/s; now", -1).length - 1, neck);
    String figures = dom.substring(dom.indexOf("<pre>"), dom.indexOf("</pre>"));
    assertFalse(figures.contains(" -> "), "it is not said twice: " + figures);
    assertTrue(figures.endsWith("waiting for a slot 4 %"), figures);
  }

  @Test
  @DisplayName("where nothing is to be gained, no change is named")
  void noAdvice() throws Exception {
    Trace program = new SimulatedProgram(2, 4, 3, 8_000, 1_000, 0, 12_000, false).trace(1);
    assertEquals(List.of(), program.stats().advice());
    String neck = neck(drawn("", List.of(program)));
    assertTrue(neck.contains("<strong>CONSUMER</strong>: "), neck);
    assertFalse(neck.contains("What to change"), neck);
  }

  private static final String CLICK =
      """
      const at = document.querySelector('[data-k=fill][data-b="3"]');
      for (const type of ["pointerdown", "pointerup"])
        at.dispatchEvent(new PointerEvent(type, { bubbles: true, button: 0 }));
      drawAll();
      """;

  @Test
  @DisplayName("a click on a batch shows where its time went")
  void click() throws Exception {
    Trace trace = trace("train");
    String dom = drawn(CLICK, List.of(trace));
    Batch batch = trace.batches().get(3);
    String panel =
        dom.substring(dom.indexOf("<div class=\"batch\""), dom.indexOf("<div class=\"neck"));
    assertTrue(panel.contains("<strong>Batch " + batch.index() + "</strong> of epoch 0"), panel);
    assertTrue(panel.contains("worker " + batch.worker() + ", host slot " + batch.hostSlot()));
    for (String row :
        List.of("fill", "waited for a device slot", "copy", "stages", "all together")) {
      assertTrue(panel.contains("<td>" + row), row + ": " + panel);
    }
    assertTrue(dom.contains("class=\"fill on\""), "it stands out");
  }

  @Test
  @DisplayName("keys and the wheel: zoom, move, pick, and back")
  void hands() throws Exception {
    String script =
        """
        const before = view.from, results = [];
        const press = key => document.querySelector(".chart").dispatchEvent(
          new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
        const span = () => view.to - view.from;
        const full = span();
        press("+"); results.push(span() < full);
        const from = view.from;
        press("ArrowRight"); results.push(view.from > from);
        press("ArrowLeft"); results.push(Math.abs(view.from - from) < 1);
        press("-"); results.push(Math.abs(span() - full) < 1);
        document.querySelector(".chart").dispatchEvent(
          new WheelEvent("wheel", { deltaY: -300, clientX: 640, bubbles: true, cancelable: true }));
        results.push(span() < full * .7);
        press("0"); results.push(Math.abs(view.from - before) < 1 && Math.abs(span() - full) < 1);
        press("Enter"); results.push(loaders[0].chosen !== null);
        const chosen = loaders[0].chosen.n;
        press("ArrowDown"); results.push(loaders[0].chosen.n === chosen + 1);
        press("ArrowUp"); results.push(loaders[0].chosen.n === chosen);
        press("Escape"); results.push(loaders[0].chosen === null);
        results.push(document.documentElement.scrollWidth <= 1280);
        document.body.dataset.results = results.join();
        """;
    String dom = drawn(script, List.of(trace("train")));
    String all = "true,".repeat(11);
    assertTrue(
        dom.contains("data-results=\"" + all.substring(0, all.length() - 1) + "\""),
        () -> dom.substring(dom.indexOf("data-results"), dom.indexOf("data-results") + 90));
  }

  @Test
  @DisplayName("a name is text, whatever it is; several loaders, one that is closed and empty")
  void names() throws Exception {
    String name =
        "</script><script>document.body.dataset.hacked=1</script><img src=x onerror=a>'\"&";
    BackgroundLoader unused;
    try (HostDevice device = HostDevice.open()) {
      unused = BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill).trace(0).start();
      unused.close();
    }
    String dom = drawn("", List.of(trace(name), unused.trace()));
    assertFalse(dom.contains("data-hacked"));
    assertFalse(dom.contains("<img"));
    assertTrue(dom.contains("&lt;/script&gt;&lt;script&gt;document.body"), "it is shown");
    assertEquals(2, dom.split("<section>", -1).length - 1);
  }

  @Test
  @DisplayName("the largest trace there may be is drawn, without what would hide behind other bars")
  void many() throws Exception {
    int batches = 1 << 16;
    Trace trace;
    try (HostDevice device = HostDevice.open();
        BackgroundLoader loader =
            BackgroundLoader.builder(device, Numbered.SPEC, Numbered::fill)
                .trace(batches)
                .start()) {
      for (int i = 0; i < batches; i++) {
        loader.get().close();
      }
      trace = loader.trace();
    }
    int bars = BAR.matcher(drawn("", List.of(trace))).results().toList().size();
    assertTrue(bars > 100 && bars < 40_000, "bars: " + bars);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  @DisplayName("light and dark, by what the reader's system prefers")
  void colours(boolean dark) throws Exception {
    Path picture = folder.resolve("page.png");
    browse(
        "",
        List.of(trace("train")),
        "--screenshot=" + picture,
        "--hide-scrollbars",
        "--blink-settings=preferredColorScheme=" + (dark ? 0 : 1));
    BufferedImage image = ImageIO.read(picture.toFile());
    assertEquals(1280, image.getWidth());
    int background = image.getRGB(2, 2) & 0xff;
    assertTrue(dark ? background < 0x30 : background > 0xf0, "blue: " + background);
  }
}
