package io.pentrough.recipes;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.BatchTarget;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.data.Batches;
import io.pentrough.data.CachedDataset;
import io.pentrough.data.Dataset;
import io.pentrough.data.NpyArray;
import io.pentrough.data.Padding;
import io.pentrough.data.Sample;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.TestDevice;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.api.parallel.Resources;

/** The samples of the Javadoc do what they say, on the host. */
@ResourceLock(Resources.SYSTEM_OUT)
class JavadocSamplesTest {

  private static final BatchSpec SPEC =
      BatchSpec.builder()
          .array("image", DType.UINT8, 32, 4)
          .array("label", DType.INT32, 32)
          .build();

  /** The first byte is the batch's index. */
  private static final BatchTarget TARGET =
      (out, context) -> {
        out.array("image").fillZero();
        out.array("image").setByte(0, (byte) context.index());
        out.array("label").fillZero();
      };

  @TempDir private Path folder;
  private final Device device = TestDevice.open();
  private final JavadocSamples samples = new JavadocSamples(device);
  private final PrintStream out = System.out;
  private final ByteArrayOutputStream printed = new ByteArrayOutputStream();

  JavadocSamplesTest() {
    System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
  }

  @AfterEach
  void printAgain() {
    System.setOut(out);
  }

  private BackgroundLoader.Builder builder() {
    return BackgroundLoader.builder(device, SPEC, TARGET).batchesPerEpoch(3).epochs(2);
  }

  private String printed() {
    return printed.toString(StandardCharsets.UTF_8);
  }

  @Test
  @DisplayName("loops: by steps, by epochs, to the end")
  void loops() throws Exception {
    samples.backgroundLoader(TARGET, 5);
    assertEquals(List.of(4816928, 4816928, 4816928, 4816928, 4816928), samples.done);
    samples.done.clear();
    samples.pipeline(SPEC, TARGET);
    assertEquals(100, samples.done.size());
    samples.done.clear();
    try (BackgroundLoader loader = builder().start()) {
      samples.epochs(loader, 1);
      samples.poll(loader);
    }
    assertEquals(List.of(0L, 1L, 2L, "validated", 0L, 1L, 2L), samples.done);
  }

  @Test
  @DisplayName("a queue, and a target with an end, deliver in the order of the files")
  void queue() throws Exception {
    BatchSpec spec = BatchSpec.builder().array("raw", DType.UINT8, 10).build();
    List<Path> files =
        List.of(
            Files.write(folder.resolve("a"), new byte[] {7, 0, 0, 0, 0, 0, 0, 0, 0, 0}),
            Files.write(folder.resolve("b"), new byte[] {8, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
    samples.batchQueue(spec, files);
    assertEquals(List.of((byte) 7, (byte) 8), samples.done);
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec, JavadocSamples.withAnEnd(files)).start()) {
      int batches = 0;
      for (DeviceBatch batch : loader.batches()) {
        assertEquals(batches++, batch.index());
      }
      assertEquals(2, batches);
    }
  }

  @Test
  @DisplayName("targets, arrays and sources write what they say")
  void targets() throws Exception {
    assertEquals(3, JavadocSamples.batchSpec().arrays().size());
    byte[] pixels = new byte[1000];
    BatchSpec images = BatchSpec.builder().array("image", DType.UINT8, 32, 28, 28).build();
    BatchTarget target = (out, context) -> JavadocSamples.hostArray(out, pixels);
    try (BackgroundLoader loader = BackgroundLoader.builder(device, images, target).start();
        DeviceBatch batch = loader.get()) {
      byte[] image = new byte[32 * 28 * 28];
      batch.array("image").copyTo(image);
      assertEquals((byte) 255, image[5 * 28 * 28 + 3]);
    }
    BatchSpec rows = BatchSpec.builder().array("image", DType.UINT8, 4, 100).build();
    try (BackgroundLoader loader =
            BackgroundLoader.builder(device, rows, JavadocSamples.batchTarget(pixels)).start();
        DeviceBatch batch = loader.get()) {
      assertEquals(400, batch.array("image").elements());
    }
    try (BackgroundLoader loader =
            BackgroundLoader.infer(device, JavadocSamples.arraySource()).start();
        DeviceBatch batch = loader.get()) {
      assertEquals("{0: float32 [32, 784], 1: int32 [32]}", batch.spec().toString());
    }
  }

  @Test
  @DisplayName("targets: a smaller batch, batches that lie in files, and one that fails")
  void moreTargets() throws Exception {
    BatchSpec rows =
        BatchSpec.builder()
            .array("image", DType.FLOAT32, 32, 784)
            .array("label", DType.INT32, 32)
            .build();
    try (BackgroundLoader loader =
            BackgroundLoader.builder(device, rows, JavadocSamples.hostBatch(new float[1568]))
                .start();
        DeviceBatch batch = loader.get()) {
      assertEquals(2, batch.size());
      int[] labels = new int[2];
      batch.array("label").copyTo(labels);
      assertArrayEquals(new int[] {7, 3}, labels);
    }

    BatchSpec bytes = BatchSpec.builder().array("image", DType.UINT8, 1, 3).build();
    Path file = Files.write(folder.resolve("batch"), new byte[] {5, 6, 7});
    JavadocSamples.BatchFiles files =
        new JavadocSamples.BatchFiles(List.of(file, folder.resolve("gone"), file));
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, bytes, files).epochs(1).start()) {
      samples.batchLoader(loader, 3);
      String position = loader.position().toString();
      assertTrue(position.contains("data=3+files+from+"), position);
    }
    assertEquals(0L, samples.done.get(0));
    assertTrue(String.valueOf(samples.done.get(1)).startsWith("1: java.nio.file.NoSuchFile"));
    assertEquals(2L, samples.done.get(2));
  }

  @Test
  @DisplayName("a batch, its arrays and its position")
  void batch() throws Exception {
    BatchSpec spec = BatchSpec.builder().array("image", DType.FLOAT32, 2, 3).build();
    BatchTarget target =
        (out, context) -> {
          out.array("image").fillZero();
          out.array("image").setFloat(0, 2.5f);
        };
    try (DeviceStream stream = device.newStream();
        BackgroundLoader loader = BackgroundLoader.builder(device, spec, target).start()) {
      samples.deviceBatch(loader, stream);
      assertEquals(List.of("host6"), samples.done);
      samples.done.clear();
      try (DeviceBatch batch = loader.get()) {
        samples.deviceArray(batch);
        assertEquals(List.of(12L, 2.5f), samples.done);
        samples.position(BackgroundLoader.builder(device, spec, target), batch);
      }
    }
  }

  @Test
  @DisplayName("statistics, advice, snapshot and trace")
  void stats() throws Exception {
    try (BackgroundLoader loader = builder().start()) {
      samples.stats(loader);
      samples.advice(loader);
      samples.snapshot(loader);
      samples.trace(loader, folder.resolve("page.html"));
    }
    assertTrue(printed().startsWith("3 batches"), this::printed);
    assertTrue(String.valueOf(samples.last()).contains(": the loop waited "));
    assertTrue(Files.size(folder.resolve("page.html")) > 1000);
  }

  @Test
  @DisplayName("a policy, a plan, metrics")
  void options() throws Exception {
    BackgroundLoader.Builder builder = builder();
    samples.failurePolicy(builder);
    samples.memoryPlan(builder);
    assertEquals(List.of("1536 bytes on the host, 1536 on the device"), samples.done);
    samples.metrics(builder, new SimpleMeterRegistry());
    assertEquals(1.0, samples.last());
  }

  @Test
  @DisplayName("devices, kernels and a stage")
  void devices() throws Exception {
    samples.device();
    assertEquals(List.of(true), samples.done);
    samples.hostDevice(SPEC, TARGET);
    assertEquals((byte) 0, samples.last());
    float[] values = new float[256];
    values[0] = 1.5f;
    try (DeviceStream stream = device.newStream()) {
      samples.devicePackage(stream, values);
      assertEquals(1.5f, samples.last());
      ByteBuffer floats = ByteBuffer.allocate(40).order(ByteOrder.nativeOrder());
      try (DeviceBuffer in = device.allocate(10);
          DeviceBuffer out = device.allocate(40)) {
        stream.fillZero(in, 0, 10);
        samples.kernel(JavadocSamples.kernelSource(KernelSamples.SCALE.ptx()), stream, in, out);
        stream.read(out, floats);
      }
      assertEquals(0, floats.getFloat(36));
    }
    ByteBuffer bytes = ByteBuffer.allocate(8).putLong(0, -1);
    try (DeviceBuffer memory = device.allocate(8)) {
      samples.deviceStream(memory, bytes);
      assertEquals(0, bytes.getLong(0));
    }
  }

  // ---- Data

  private record Zeros(long size) implements Dataset {

    @Override
    public void read(long index, Sample out) {
      out.array("image").fillZero();
      out.array("label").setInt(0, 0);
    }

    @Override
    public int length(long index, String array) {
      return 1;
    }
  }

  @Test
  @DisplayName("datasets and batches of them")
  void data() throws Exception {
    samples.batches(SPEC, new Zeros(40));
    assertEquals(10, samples.done.size());
    assertEquals(List.of(160, 40), samples.done.subList(0, 2).stream().toList());
    samples.done.clear();
    samples.cached(SPEC, new Zeros(40), 1 << 16);
    assertEquals(List.of(0L, 1L, 0L, 1L), samples.done);
    assertTrue(printed().contains("40 of 40 samples"), this::printed);
    try (CachedDataset cached = new Zeros(40).cached(1 << 16);
        BackgroundLoader loader =
            BackgroundLoader.builder(
                    device, SPEC, Batches.of(new JavadocSamples.Flipped(cached), 32))
                .start()) {
      loader.get().close();
    }
    assertEquals(2, JavadocSamples.samplers(new double[] {1, 2}, new long[] {1}).size());
    assertTrue(JavadocSamples.padding(new Zeros(40)).description().contains("tokens"));
    samples.permutation(3, 0, 5000, 17);
    assertEquals(17L, samples.last());
  }

  @Test
  @DisplayName("a sample: a row of one shape, and one with a length of its own")
  void sample() throws Exception {
    float[] row = new float[784];
    row[783] = 2;
    Dataset dataset =
        JavadocSamples.sample(List.of(row, row), List.of(new int[] {4}, new int[] {5, 6}));
    BatchSpec spec =
        BatchSpec.builder()
            .array("image", DType.FLOAT32, 2, 784)
            .variableArray("tokens", DType.INT32, 2, 9)
            .build();
    try (BackgroundLoader loader =
            BackgroundLoader.builder(
                    device, spec, Batches.of(dataset, 2).pad("tokens", Padding.toLongest()))
                .start();
        DeviceBatch batch = loader.get()) {
      int[] tokens = new int[4];
      batch.array("tokens").copyTo(tokens);
      assertArrayEquals(new int[] {4, 0, 5, 6}, tokens);
    }
  }

  @Test
  @DisplayName("arrays of NumPy")
  void numpy() throws Exception {
    NpyArray images = NpyArray.map(Npy.zeros(folder.resolve("images.npy"), "|u1", 1, 5, 4));
    NpyArray labels = NpyArray.map(Npy.zeros(folder.resolve("labels.npy"), "<i4", 4, 5));
    try (BackgroundLoader loader =
            BackgroundLoader.builder(
                    device, SPEC, Batches.of(new JavadocSamples.Images(images, labels), 32))
                .start();
        DeviceBatch batch = loader.get()) {
      assertEquals(5, batch.size());
    }
  }

  // ---- Stages

  @Test
  @DisplayName("augmentation makes floats of the patch's size")
  void augmentation() throws Exception {
    BatchTarget zeros =
        (out, context) -> out.spec().arrays().forEach(a -> out.array(a.name()).fillZero());
    BatchSpec pictures = BatchSpec.builder().array("image", DType.UINT8, 32, 3, 256, 256).build();
    try (BackgroundLoader loader =
            BackgroundLoader.builder(device, pictures, zeros)
                .stage(JavadocSamples.picture(pictures))
                .start();
        DeviceBatch batch = loader.get(Duration.ofSeconds(10))) {
      assertEquals("{image: float32 [32, 3, 224, 224]}", batch.spec().toString());
    }
    assertEquals(2, JavadocSamples.stages().size());
    assertTrue(String.valueOf(JavadocSamples.warp()).contains("180"));
  }
}
