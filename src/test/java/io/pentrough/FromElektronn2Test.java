package io.pentrough;

import static io.pentrough.testkit.Patience.patience;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.pentrough.FromElektronn2Samples.Cube;
import io.pentrough.FromElektronn2Samples.Moody;
import io.pentrough.device.Device;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.TestDevice;
import io.pentrough.testkit.LogCapture;
import io.pentrough.testkit.Patience;
import io.pentrough.testkit.Threads;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.api.parallel.Resources;

/** The samples of docs/from-elektronn2.md do what the page says, and are the ones it shows. */
@OnEveryDevice
class FromElektronn2Test {

  private static final Path GUIDE = Path.of("docs/from-elektronn2.md");
  private final Device device = TestDevice.open();
  private final FromElektronn2Samples samples = new FromElektronn2Samples(device);

  @AfterEach
  void everythingIsGivenBack() {
    TestDevice.assertNothingLive(device);
    device.close();
  }

  @Test
  @Tag("sources")
  @DisplayName("every Java block of the guide is a compiled sample, and every sample is shown")
  void guideHasThem() throws Exception {
    Map<String, String> compiled = Snippets.compiled(FromElektronn2Samples.class);
    List<String> shown = Snippets.shown(GUIDE);
    compiled.forEach((name, code) -> assertTrue(shown.contains(code), "not as compiled: " + name));
    assertEquals(compiled.size(), shown.size(), "a Java block of the guide is no sample");
  }

  @Test
  @DisplayName("the trial that infers the arrays is the first batch delivered")
  void infer() throws Exception {
    samples.infer();
    assertEquals(100, samples.images.size());
    assertEquals(
        1, Collections.frequency(samples.data.made, samples.labels.get(0)), "batch 0 made");
    for (int i = 0; i < 100; i++) {
      assertEquals(-samples.labels.get(i), samples.images.get(i), "batch " + i);
    }
    assertTrue(samples.labels.stream().distinct().count() > 50, samples.labels::toString);
  }

  @Test
  @DisplayName("one worker and four make the same batches")
  void inPlace() throws Exception {
    samples.inPlace(1);
    List<Float> one = List.copyOf(samples.images);
    samples.images.clear();
    samples.inPlace(4);
    assertEquals(100, one.size());
    assertEquals(one, samples.images);
  }

  @Test
  @DisplayName("a timeout loses nothing, a failure loses its own batch only")
  void get() throws Exception {
    Moody target = new Moody();
    try (BackgroundLoader bg =
        BackgroundLoader.builder(device, Moody.SPEC, target).name("guide").start()) {
      Patience.until("the target", () -> Threads.isWaiting(Threads.worker("guide", 0)));
      samples.get(bg, Duration.ZERO);
      String diagnosis = (String) samples.logged.get(0);
      assertTrue(diagnosis.contains("Moody.fill"), diagnosis);
      target.released.countDown();
      for (int i = 0; i < 3; i++) {
        samples.get(bg, patience());
      }
    }
    assertEquals(List.of((short) 0, (short) 2), samples.labels);
    assertEquals(
        List.of("1: java.io.IOException: the disk is gone"),
        samples.logged.subList(1, samples.logged.size()));
  }

  @Test
  @DisplayName("the policy leaves the failed batch out and tells the listener")
  void policy() throws Exception {
    Moody target = new Moody();
    target.released.countDown();
    samples.policy(Moody.SPEC, target);
    assertEquals(List.of((short) 0, (short) 2, (short) 3), samples.labels);
    assertEquals(List.of("1: java.io.IOException: the disk is gone"), samples.logged);
  }

  @Test
  @DisplayName("after a reset no batch comes that was made before it")
  void reset() throws Exception {
    CountDownLatch madeAhead = new CountDownLatch(3);
    BatchTarget target =
        (out, context) -> {
          out.array("image").setFloat(0, samples.data.difficulty);
          out.array("label").setShort(0, (short) context.index());
          madeAhead.countDown();
        };
    try (BackgroundLoader bg = BackgroundLoader.builder(device, Moody.SPEC, target).start()) {
      samples.get(bg, patience());
      Patience.await(madeAhead);
      samples.reset(bg);
      samples.get(bg, patience());
      samples.get(bg, patience());
    }
    assertEquals(List.of((short) 0, (short) 1, (short) 2), samples.labels);
    assertEquals(List.of(0f, 2f, 2f), samples.images);
  }

  @Test
  @ResourceLock(Resources.SYSTEM_OUT)
  @DisplayName(
      "the difference of two snapshots is about the epoch alone; closing twice is harmless")
  void profileAndClose() throws Exception {
    PrintStream out = System.out;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    Moody target = new Moody();
    target.released.countDown();
    BackgroundLoader bg = BackgroundLoader.builder(device, Moody.SPEC, target).start();
    samples.get(bg, patience());
    samples.get(bg, patience());
    System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
    try {
      samples.profile(bg, 10);
    } finally {
      System.setOut(out);
    }
    bg.close();
    bg.close();
    assertTrue(
        printed.toString(StandardCharsets.UTF_8).startsWith("10 batches"), printed::toString);
    assertThrows(LoaderClosedException.class, bg::get);
  }

  @Test
  @DisplayName(
      "files of different shapes come in the order submitted; it warns once, when they run out")
  void queue(@TempDir Path folder) throws Exception {
    List<Cube> cubes = new ArrayList<>();
    List<Object> expected = new ArrayList<>();
    for (int i = 1; i <= 8; i++) {
      byte[] voxels = new byte[i * 4 * 5];
      Arrays.fill(voxels, (byte) i);
      voxels[voxels.length - 1] = (byte) -i;
      cubes.add(new Cube(Files.write(folder.resolve(i + ".raw"), voxels), i, 4, 5));
      expected.add(List.of(voxels.length, (byte) i, (byte) -i));
    }
    LogCapture log = new LogCapture();
    try {
      samples.queue(cubes, cubes.get(7).spec().slotBytes());
      assertEquals(1, log.containing("fewer jobs are queued than there are workers").size());
      assertEquals(expected, samples.logged);
      samples.logged.clear();
      log.clear();
      samples.queueToTheEnd(cubes, cubes.get(7).spec().slotBytes());
      assertEquals(List.of(), log.containing("fewer jobs"), "no more jobs are expected");
    } finally {
      log.close();
    }
    assertEquals(expected, samples.logged);
  }

  @Test
  @DisplayName("what is written through the views of a batch is what arrives on the device")
  void writeAndRead() throws Exception {
    BatchSpec spec =
        BatchSpec.builder()
            .array("image", DType.FLOAT32, 2, 3)
            .array("label", DType.INT16, 2)
            .build();
    try (BackgroundLoader bg = BackgroundLoader.builder(device, spec, samples::fill).start()) {
      bg.get(patience()).close();
      try (DeviceBatch batch = bg.get(patience())) {
        assertArrayEquals(new float[] {1, 1, 1, 1, 1, 1}, samples.read(batch));
        assertEquals(3, TestDevice.bytes(batch.array("label").buffer()).getShort(0));
        assertEquals(5, TestDevice.bytes(batch.array("label").buffer()).getShort(Short.BYTES));
      }
    }
  }
}
