package io.pentrough.recipes;

import io.micrometer.core.instrument.MeterRegistry;
import io.pentrough.ArraySource;
import io.pentrough.BackgroundLoader;
import io.pentrough.BatchContext;
import io.pentrough.BatchLoader;
import io.pentrough.BatchQueue;
import io.pentrough.BatchSpec;
import io.pentrough.BatchStage;
import io.pentrough.BatchTarget;
import io.pentrough.BatchTimeoutException;
import io.pentrough.DType;
import io.pentrough.DeviceArray;
import io.pentrough.DeviceBatch;
import io.pentrough.EpochTarget;
import io.pentrough.FailurePolicy;
import io.pentrough.HostArray;
import io.pentrough.HostBatch;
import io.pentrough.LoaderStats;
import io.pentrough.MemoryPlan;
import io.pentrough.Position;
import io.pentrough.TargetException;
import io.pentrough.augment.Augmentation;
import io.pentrough.augment.Axis;
import io.pentrough.augment.Blur;
import io.pentrough.augment.Border;
import io.pentrough.augment.Layout;
import io.pentrough.augment.OneHot;
import io.pentrough.augment.Warp;
import io.pentrough.data.Batches;
import io.pentrough.data.CachedDataset;
import io.pentrough.data.Dataset;
import io.pentrough.data.NpyArray;
import io.pentrough.data.Padding;
import io.pentrough.data.Permutation;
import io.pentrough.data.Sample;
import io.pentrough.data.Sampler;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceKernel;
import io.pentrough.device.DeviceModule;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.KernelSource;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.device.host.HostDevice;
import io.pentrough.metrics.LoaderMetrics;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/** The samples of the Javadoc, around what they take for given. */
final class JavadocSamples {

  private final Device device;
  private final Duration patience = Duration.ofSeconds(10);

  /** What the samples did. */
  final List<Object> done = new ArrayList<>();

  JavadocSamples(Device device) {
    this.device = device;
  }

  private void train(DeviceArray image, DeviceArray label) {
    done.add(image.elements() + label.elements());
  }

  private void train(DeviceBatch batch) {
    done.add(batch.index());
  }

  private void train(DeviceStream stream, DeviceArray image) {
    done.add(stream.device().name() + image.elements());
  }

  private void log(Object what) {
    done.add(what);
  }

  // ---- io.pentrough

  void backgroundLoader(BatchTarget target, int steps) throws InterruptedException {
    // [background-loader]
    BatchSpec spec =
        BatchSpec.builder()
            .array("image", DType.UINT8, 32, 3, 224, 224)
            .array("label", DType.INT32, 32)
            .build();
    try (Device device = Device.best(); // a GPU, or else the host
        BackgroundLoader loader =
            BackgroundLoader.builder(device, spec, target).workers(4).seed(42).start()) {
      for (int step = 0; step < steps; step++) {
        try (DeviceBatch batch = loader.get()) {
          train(batch.array("image"), batch.array("label")); // queues kernels
        }
      }
    }
    // [/background-loader]
  }

  void pipeline(BatchSpec spec, BatchTarget target) {
    // [package]
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec, target).workers(4).batchesPerEpoch(100).start()) {
      for (DeviceBatch batch : loader.epoch()) {
        train(batch.array("image"), batch.array("label"));
      }
    }
    // [/package]
  }

  void epochs(BackgroundLoader loader, int epochs) {
    // [epochs]
    for (int epoch = 0; epoch < epochs; epoch++) {
      for (DeviceBatch batch : loader.epoch()) {
        train(batch);
      }
      validate();
    }
    // [/epochs]
  }

  private void validate() {
    done.add("validated");
  }

  void poll(BatchLoader loader) throws InterruptedException, BatchTimeoutException {
    // [poll]
    DeviceBatch next;
    while ((next = loader.poll(patience)) != null) {
      try (DeviceBatch batch = next) {
        train(batch);
      }
    }
    // [/poll]
  }

  void batchQueue(BatchSpec spec, List<Path> files) throws InterruptedException {
    // [batch-queue]
    try (BatchQueue queue =
        BatchQueue.builder(device, spec.slotBytes()).workers(2).capacity(files.size()).start()) {
      for (Path file : files) {
        queue.submit(spec, (out, context) -> load(file, out.array("raw")));
      }
      queue.endSubmissions();
      for (DeviceBatch batch : queue.batches()) { // in the order of the files
        process(batch.array("raw"));
      }
    }
    // [/batch-queue]
  }

  private static void load(Path file, HostArray raw) throws IOException {
    try (FileChannel channel = FileChannel.open(file)) {
      raw.readFrom(channel, 0);
    }
  }

  private void process(DeviceArray raw) {
    byte[] bytes = new byte[raw.elements()];
    raw.copyTo(bytes);
    done.add(bytes[0]);
  }

  static BatchSpec batchSpec() {
    // [batch-spec]
    BatchSpec spec =
        BatchSpec.builder()
            .array("image", DType.UINT8, 32, 3, 224, 224) // slowest axis first
            .array("label", DType.INT32, 32)
            .variableArray("boxes", DType.FLOAT32, 1000, 4) // at most 1,000 rows
            .build();
    // [/batch-spec]
    return spec;
  }

  static BatchTarget batchTarget(byte[] pixels) {
    // [batch-target]
    BatchTarget target =
        (out, context) -> {
          HostArray image = out.array("image"); // uint8 [samples, length]
          RandomGenerator random = context.random(); // the same numbers on any worker
          int length = image.dimension(1);
          for (int i = 0; i < image.dimension(0); i++) {
            image.row(i).set(0, pixels, random.nextInt(pixels.length - length), length);
          }
        };
    // [/batch-target]
    return target;
  }

  static BatchTarget withAnEnd(List<Path> files) {
    // [batch-context]
    BatchTarget target =
        (out, context) -> {
          if (context.index() >= files.size()) {
            context.endOfEpoch(); // there is no batch of this index
            return;
          }
          load(files.get((int) context.index()), out.array("raw"));
        };
    // [/batch-context]
    return target;
  }

  static void hostArray(HostBatch out, byte[] pixels) {
    // [host-array]
    HostArray image = out.array("image"); // uint8 [32, 28, 28]
    image.row(5).set(0, pixels, 0, 28 * 28); // the sixth sample
    image.setByte(5 * 28 * 28 + 3, (byte) 255); // one element, by its flat index
    // [/host-array]
  }

  static BatchTarget hostBatch(float[] values) {
    // [host-batch]
    BatchTarget target =
        (out, context) -> {
          out.array("image").set(0, values, 0, 2 * 784); // float32 [32, 784]
          out.array("label").setInt(0, 7); // int32 [32]
          out.array("label").setInt(1, 3);
          out.size(2); // the rest of the 32 samples does not count
        };
    // [/host-batch]
    return target;
  }

  void batchLoader(BatchLoader loader, int steps)
      throws InterruptedException, BatchTimeoutException {
    // [batch-loader]
    for (int step = 0; step < steps; step++) {
      try (DeviceBatch batch = loader.get(patience)) {
        train(batch);
      } catch (TargetException e) { // the target failed for this batch; the next get continues
        log(e.index() + ": " + e.getCause());
      }
    }
    // [/batch-loader]
  }

  // [epoch-target]
  /** Batches that lie ready in files, one in each. */
  record BatchFiles(List<Path> files) implements EpochTarget {

    @Override
    public long batchesPerEpoch() {
      return files.size();
    }

    @Override
    public void fill(HostBatch out, BatchContext context) throws IOException {
      try (FileChannel file = FileChannel.open(files.get((int) context.index()))) {
        out.array("image").readFrom(file, 0);
      }
    }

    @Override
    public String description() { // a checkpoint of other files is refused
      return files.size() + " files from " + files.get(0);
    }
  }

  // [/epoch-target]

  static ArraySource arraySource() {
    // [array-source]
    ArraySource source =
        context -> {
          float[][] images = new float[32][784]; // any shape, nested or flat
          int[] labels = new int[32];
          images[0][0] = context.random().nextFloat();
          return new Object[] {images, labels};
        };
    // [/array-source]
    return source;
  }

  void deviceBatch(BackgroundLoader loader, DeviceStream stream)
      throws InterruptedException, BatchTimeoutException {
    // [device-batch]
    try (DeviceBatch batch = loader.getQueued(stream, patience)) {
      train(stream, batch.array("image")); // queues kernels that read the array
    } // do not wait for them: the memory is written again only after they have run
    // [/device-batch]
  }

  void deviceArray(DeviceBatch batch) {
    // [device-array]
    DeviceArray image = batch.array("image");
    launch(image.buffer(), image.dimension(0)); // its memory on the device

    float[] values = new float[image.elements()];
    image.copyTo(values); // to look at it
    // [/device-array]
    done.add(values[0]);
  }

  private void launch(DeviceBuffer buffer, int rows) {
    done.add(buffer.bytes() / rows);
  }

  void stats(BackgroundLoader loader) {
    // [stats]
    LoaderStats before = loader.stats();
    trainEpoch(loader);
    LoaderStats epoch = loader.stats().minus(before);
    System.out.println(epoch); // ends with the bottleneck, and with advice if a change would help
    log(epoch.bottleneck() + ": the loop waited " + 100 * epoch.starvedShare() + " % of the time");
    // [/stats]
  }

  void advice(BackgroundLoader loader) {
    // [advice]
    loader.stats().advice().forEach(System.out::println);
    // [/advice]
  }

  private void trainEpoch(BackgroundLoader loader) {
    loader.epoch().forEach(this::train);
  }

  void snapshot(BackgroundLoader loader) {
    // [snapshot]
    System.out.println(loader.snapshot()); // what each slot holds, and what each worker does
    // [/snapshot]
  }

  void trace(BackgroundLoader loader, Path file) throws IOException {
    // [trace]
    loader.trace().writeHtml(file); // a page for any browser
    // [/trace]
  }

  void position(BackgroundLoader.Builder builder, DeviceBatch batch) {
    // [position]
    String saved = batch.position().toString(); // one line, for the checkpoint

    BackgroundLoader resumed = builder.startAt(Position.parse(saved)).start();
    // [/position]
    resumed.close();
  }

  void failurePolicy(BackgroundLoader.Builder builder) {
    // [failure-policy]
    builder.onFailure(
        FailurePolicy.retry(3).thenSkip(10, (epoch, index, cause) -> log(index + ": " + cause)));
    // [/failure-policy]
  }

  void memoryPlan(BackgroundLoader.Builder builder) {
    // [memory-plan]
    MemoryPlan plan = builder.plan(); // before start(), which allocates it
    log(plan.pinnedBytes() + " bytes on the host, " + plan.deviceBytes() + " on the device");
    // [/memory-plan]
  }

  // ---- io.pentrough.device

  void device() {
    // [device]
    try (Device device = Device.best();
        DeviceStream stream = device.newStream()) {
      System.out.println(device.description()); // which one it is, and why
      // [/device]
      done.add(stream.device() == device);
    }
  }

  void hostDevice(BatchSpec spec, BatchTarget target) throws InterruptedException {
    // [host-device]
    try (Device device = HostDevice.open();
        BackgroundLoader loader = BackgroundLoader.builder(device, spec, target).start();
        DeviceBatch batch = loader.get()) {
      ByteBuffer image = HostDevice.bytes(batch.array("image").buffer()); // no copy
      // [/host-device]
      done.add(image.get(0));
    }
  }

  void kernel(KernelSource source, DeviceStream stream, DeviceBuffer in, DeviceBuffer out) {
    int count = 10;
    try (DeviceModule module = device.load(source)) {
      // [device-kernel]
      DeviceKernel scale = module.kernel("scale");
      scale.set(0, in).set(1, out).setInt(2, count).setFloat(3, 0.5f);
      scale.cover(count, 256).launch(stream);
      // [/device-kernel]
      stream.synchronize();
      scale.close();
    }
  }

  void devicePackage(DeviceStream stream, float[] values) {
    // [device-package]
    ByteBuffer back = ByteBuffer.allocate(1024).order(ByteOrder.nativeOrder());
    try (PinnedBuffer pinned = device.allocatePinned(1024);
        DeviceBuffer memory = device.allocate(1024)) {
      pinned.unsafeBuffer().asFloatBuffer().put(values);
      stream.copyToDevice(pinned, 0, memory, 0, 1024); // is queued
      stream.read(memory, back); // waits for what is queued
    }
    // [/device-package]
    done.add(back.getFloat(0));
  }

  void deviceStream(DeviceBuffer memory, ByteBuffer result) {
    // [device-stream]
    try (DeviceStream stream = device.newStream();
        DeviceEvent zeroed = device.newEvent()) {
      stream.fillZero(memory, 0, memory.bytes()); // is queued, and returns
      stream.record(zeroed); // so that other streams can wait for it
      stream.read(memory, result); // waits for what is queued
    }
    // [/device-stream]
  }

  static KernelSource kernelSource(String ptx) {
    // [kernel-source]
    KernelSource source =
        KernelSource.of("scale.ptx", ptx) // or ofResource(Train.class, "scale.ptx")
            .hostKernel(
                "scale",
                arguments -> {
                  ByteBuffer in = arguments.bytes(0);
                  ByteBuffer out = arguments.bytes(1);
                  for (int i = 0; i < arguments.getInt(2); i++) {
                    out.putFloat(4 * i, (in.get(i) & 0xff) * arguments.getFloat(3));
                  }
                });
    // [/kernel-source]
    return source;
  }

  // ---- io.pentrough.data

  void batches(BatchSpec spec, Dataset images) {
    // [batches]
    Batches batches = Batches.of(images, 32).shuffled().skipBadSamples(100);
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec, batches).workers(4).seed(42).epochs(5).start()) {
      for (DeviceBatch batch : loader.batches()) {
        train(batch.array("image"), batch.array("label")); // the last of an epoch may be smaller
      }
    }
    // [/batches]
  }

  static List<Sampler> samplers(double[] weights, long[] indexes) {
    // [samplers]
    Sampler rareOften = Sampler.weighted(weights, 10_000); // with replacement
    Sampler training = Sampler.subset(indexes, Sampler.shuffled());
    // [/samplers]
    return List.of(rareOften, training);
  }

  static Dataset sample(List<float[]> rows, List<int[]> texts) {
    return new Dataset() {
      @Override
      public long size() {
        return rows.size();
      }

      @Override
      public int length(long index, String array) {
        return texts.get((int) index).length;
      }

      // [sample]
      @Override
      public void read(long index, Sample out) {
        float[] row = rows.get((int) index);
        HostArray image = out.array("image"); // float32 [784]: this sample's row
        image.set(0, row, 0, row.length);
        if (out.random().nextBoolean()) { // the same with 1 worker or 16
          flip(image);
        }
        int[] text = texts.get((int) index);
        out.array("tokens", text.length).set(0, text, 0, text.length); // each has its own length
      }
      // [/sample]
    };
  }

  void cached(BatchSpec spec, Dataset images, long memory) {
    // [cached]
    try (CachedDataset cached = images.cached(memory); // 8L << 30 is 8 GiB
        BackgroundLoader loader =
            BackgroundLoader.builder(device, spec, Batches.of(cached, 32)).epochs(2).start()) {
      loader.batches().forEach(this::train);
      System.out.println(cached); // how much is kept, and the hit rate
    }
    // [/cached]
  }

  record Flipped(CachedDataset cached) implements Dataset {

    @Override
    public long size() {
      return cached.size();
    }

    // [drawn-anew]
    @Override
    public void read(long index, Sample out) throws Exception {
      cached.read(index, out);
      if (out.random().nextBoolean()) {
        flip(out.array("image"));
      }
    }
    // [/drawn-anew]
  }

  private static void flip(HostArray image) {
    image.fillZero();
  }

  static Batches padding(Dataset texts) {
    // [padding]
    Batches batches = Batches.of(texts, 32).pad("tokens", Padding.toLongest().value(-1));
    // [/padding]
    return batches;
  }

  // [npy-array]
  record Images(NpyArray images, NpyArray labels) implements Dataset {

    @Override
    public long size() {
      return images.rows();
    }

    @Override
    public void read(long index, Sample out) {
      images.copyRow(index, out.array("image"));
      labels.copyRow(index, out.array("label"));
    }
  }

  // [/npy-array]

  void permutation(long seed, int epoch, long samples, long position) {
    // [permutation]
    Permutation permutation = Permutation.of(seed, epoch, samples);
    long sample = permutation.at(position); // which sample stands there
    long where = permutation.indexOf(sample); // the position again
    permutation.rekey(seed, epoch + 1); // another order of the same samples
    // [/permutation]
    done.add(where);
  }

  // ---- io.pentrough.augment

  static Augmentation picture(BatchSpec spec) {
    // [augmentation]
    Augmentation augmentation =
        Augmentation.builder(spec.array("image"), Layout.NCYX) // uint8 [32, 3, 256, 256]
            .patch(1, 224, 224) // float32 [32, 3, 224, 224] comes out
            .crop(true)
            .flip(Axis.X)
            .scale(1 / 255f)
            .build();
    // [/augmentation]
    return augmentation;
  }

  static List<BatchStage> stages() {
    // [blur]
    Blur blur =
        Blur.builder("image").sigma(0.5, 1.5).sigma(Axis.Z, 0.2, 0.6).border(Border.MIRROR).build();
    // [/blur]
    // [one-hot]
    OneHot oneHot = OneHot.of("label", "classes", 4, DType.UINT8);
    // [/one-hot]
    return List.of(blur, oneHot);
  }

  static Warp warp() {
    // [warp]
    Warp warp = Warp.builder().rotation(180).shear(0.1).scale(0.9, 1.1).anisotropy(2).build();
    // [/warp]
    return warp;
  }

  // ---- io.pentrough.metrics

  void metrics(BackgroundLoader.Builder builder, MeterRegistry registry)
      throws InterruptedException {
    // [metrics]
    try (BackgroundLoader loader = builder.name("training").start();
        LoaderMetrics metrics = new LoaderMetrics(loader)) {
      metrics.bindTo(registry);
      // [/metrics]
      loader.get().close();
      done.add(registry.get("pentrough.batches").functionCounter().count());
    }
  }

  @Nullable Object last() {
    return done.isEmpty() ? null : done.get(done.size() - 1);
  }
}
