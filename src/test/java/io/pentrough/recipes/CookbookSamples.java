package io.pentrough.recipes;

import io.jhdf.HdfFile;
import io.pentrough.ArraySpec;
import io.pentrough.BackgroundLoader;
import io.pentrough.BatchContext;
import io.pentrough.BatchSpec;
import io.pentrough.BatchTarget;
import io.pentrough.BatchTimeoutException;
import io.pentrough.DType;
import io.pentrough.DeviceArray;
import io.pentrough.DeviceBatch;
import io.pentrough.FailurePolicy;
import io.pentrough.HostArray;
import io.pentrough.HostBatch;
import io.pentrough.MemoryPlan;
import io.pentrough.ParallelBatch;
import io.pentrough.ParallelLoader;
import io.pentrough.Position;
import io.pentrough.augment.Augmentation;
import io.pentrough.augment.Axis;
import io.pentrough.augment.Layout;
import io.pentrough.data.Batches;
import io.pentrough.data.CachedDataset;
import io.pentrough.data.Dataset;
import io.pentrough.data.NpyArray;
import io.pentrough.data.Padding;
import io.pentrough.data.Permutation;
import io.pentrough.data.Sampler;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.host.HostDevice;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/** The samples of docs/cookbook.md that run on any device, around what they take for given. */
public final class CookbookSamples {

  private final Device device;

  /** The labels that were trained with, in the order in which they came. */
  final ConcurrentLinkedQueue<Integer> labels = new ConcurrentLinkedQueue<>();

  /** What the samples print or log. */
  final ConcurrentLinkedQueue<String> log = new ConcurrentLinkedQueue<>();

  CookbookSamples(Device device) {
    this.device = device;
  }

  private void train(DeviceArray image, DeviceArray label, int size) {
    image.elements(); // throws if the batch is closed
    int[] ints = new int[size];
    label.copyTo(ints);
    for (int value : ints) {
      labels.add(value);
    }
  }

  private void train(DeviceBatch batch) {
    train(batch.array("image"), batch.array("label"), batch.size());
  }

  private void log(Object what) {
    log.add(String.valueOf(what));
  }

  void loop(BatchSpec spec, Batches batches) {
    // [loop]
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec, batches).workers(4).seed(42).start()) {
      for (int epoch = 0; epoch < 5; epoch++) {
        for (DeviceBatch batch : loader.epoch()) {
          train(batch.array("image"), batch.array("label"), batch.size());
        }
      }
    }
    // [/loop]
  }

  /** Training and validation. */
  List<long[]> split(Dataset dataset) {
    // [split]
    int count = (int) dataset.size();
    Permutation order = Permutation.of(42, 0, count); // of this seed
    long[] indexes = LongStream.range(0, count).map(order::at).toArray();
    long[] training = Arrays.copyOf(indexes, count * 8 / 10);
    long[] others = Arrays.copyOfRange(indexes, training.length, count);
    // [/split]
    return List.of(training, others);
  }

  void validation(BatchSpec spec, Dataset dataset, long[] training, long[] others) {
    // [validation]
    Batches toTrain = Batches.of(dataset, 32).sampler(Sampler.subset(training, Sampler.shuffled()));
    Batches toValidate = Batches.of(dataset, 32).sampler(Sampler.subset(others));
    try (BackgroundLoader trained =
            BackgroundLoader.builder(device, spec, toTrain).workers(4).seed(42).start();
        BackgroundLoader validated =
            BackgroundLoader.builder(device, spec, toValidate)
                .hostSlots(2) // of one worker; it works ahead while you train
                .deviceSlots(2)
                .start()) {
      for (int epoch = 0; epoch < 5; epoch++) {
        for (DeviceBatch batch : trained.epoch()) {
          train(batch);
        }
        for (DeviceBatch batch : validated.epoch()) { // each sample once, as PARTIAL is the default
          validate(batch);
        }
      }
    }
    // [/validation]
  }

  private void validate(DeviceBatch batch) {
    log("validated " + batch.size());
  }

  // ---- Data

  void images(Path folder) throws IOException {
    // [images]
    BatchSpec spec = ImageFolder.spec(32, 224, 224);
    Batches batches =
        Batches.of(ImageFolder.of(folder), 32)
            .shuffled()
            .skipBadSamples(100, (epoch, batch, sample) -> log("left out " + sample));
    // [/images]
    loop(spec, batches);
  }

  /** A volume of bytes in memory. */
  static final class Volume {

    private final byte[] voxels;
    private final int depth;
    private final int height;
    private final int width;

    Volume(byte[] voxels, int depth, int height, int width) {
      this.voxels = voxels;
      this.depth = depth;
      this.height = height;
      this.width = width;
    }

    BatchTarget patches(int side) {
      // [volume]
      BatchTarget target =
          (out, context) -> {
            HostArray image = out.array("image"); // uint8 [samples, side, side, side]
            RandomGenerator random = context.random();
            for (int sample = 0; sample < image.dimension(0); sample++) {
              int z = random.nextInt(depth - side + 1);
              int y = random.nextInt(height - side + 1);
              int x = random.nextInt(width - side + 1);
              for (int row = 0; row < side * side; row++) { // each row lies in one piece along x
                int from = ((z + row / side) * height + y + row % side) * width + x;
                image.set((sample * side * side + row) * side, voxels, from, side);
              }
            }
          };
      // [/volume]
      return target;
    }
  }

  void volumeOnDisk(Path path, long memory) {
    // [volume-on-disk]
    try (HdfFile file = new HdfFile(path);
        CachedDataset patches = Hdf5Patches.of(file, 33).cached(memory)) { // 8L << 30 is 8 GiB
      BatchSpec spec = Hdf5Patches.spec(32, DType.UINT8, 33);
      loop(spec, Batches.of(patches, 32).shuffled());
    }
    // [/volume-on-disk]
  }

  List<Batches> sequences(Dataset texts) {
    // [sequences]
    Batches padded = Batches.of(texts, 32).shuffled().pad("tokens", Padding.toLongest());
    Batches ragged = Batches.of(texts, 32).shuffled().ragged("tokens", "offsets");
    // [/sequences]
    return List.of(padded, ragged);
  }

  int tables(Path csv, Path features, Path labels) throws IOException {
    // [tables]
    CsvTable table = CsvTable.of(csv, "kind"); // the column that names the class
    Batches batches = Batches.of(table, 256).shuffled();
    BatchSpec spec = table.spec(256);

    NpyRows arrays = new NpyRows(NpyArray.map(features), NpyArray.map(labels)); // mapped files
    // [/tables]
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec, batches).epochs(1).start()) {
      for (DeviceBatch batch : loader.batches()) {
        train(batch.array("features"), batch.array("label"), batch.size());
      }
    }
    return (int) arrays.size();
  }

  // [stream]
  /** The lines of a file, one after the other. So it needs workers(1). */
  static final class Lines implements BatchTarget {

    private final Path file;
    private Iterator<String> lines = Collections.emptyIterator();

    Lines(Path file) {
      this.file = file;
    }

    @Override
    public void fill(HostBatch out, BatchContext context) throws IOException {
      if (context.index() == 0) { // an epoch begins
        lines = Files.readAllLines(file).iterator();
      }
      HostArray number = out.array("number");
      for (int i = 0; i < number.elements(); i++) {
        if (!lines.hasNext()) { // the lines that do not fill a batch are left out
          context.endOfEpoch();
          return;
        }
        number.setFloat(i, Float.parseFloat(lines.next()));
      }
    }
  }

  // [/stream]

  // ---- Order, failures

  void resume(BatchSpec spec, Dataset dataset, Path checkpoint, int steps)
      throws IOException, InterruptedException {
    // [resume]
    BackgroundLoader.Builder builder =
        BackgroundLoader.builder(device, spec, Batches.of(dataset, 32).shuffled()).seed(42);
    if (Files.exists(checkpoint)) {
      builder.startAt(Position.parse(Files.readString(checkpoint)));
    }
    try (BackgroundLoader loader = builder.start()) {
      for (int step = 1; step <= steps; step++) {
        try (DeviceBatch batch = loader.get()) {
          train(batch);
          if (step % 100 == 0 || step == steps) {
            save(checkpoint, batch.position());
          }
        }
      }
    }
    // [/resume]
  }

  void resumeEpochs(BatchSpec spec, Dataset dataset, Path checkpoint, int epochs)
      throws IOException {
    // [resume-epochs]
    Batches batches = Batches.of(dataset, 32).shuffled();
    BackgroundLoader.Builder builder =
        BackgroundLoader.builder(device, spec, batches).seed(42).epochs(epochs);
    if (Files.exists(checkpoint)) {
      builder.startAt(Position.parse(Files.readString(checkpoint)));
    }
    try (BackgroundLoader loader = builder.start()) {
      Position begin = loader.position();
      boolean isOver = begin.index() == batches.batchesPerEpoch(); // nothing of its epoch is left
      for (int epoch = begin.epoch() + (isOver ? 1 : 0); epoch < epochs; epoch++) {
        for (DeviceBatch batch : loader.epoch()) { // at first, the rest of that epoch
          train(batch);
          if (batch.index() % 100 == 99) {
            save(checkpoint, batch.position());
          }
        }
        validate(epoch);
        save(checkpoint, loader.position());
      }
    }
    // [/resume-epochs]
  }

  private void validate(int epoch) {
    log("validated epoch " + epoch);
  }

  // [save]
  /** After a crash, whenever it comes, the file is the old checkpoint or the new one, and whole. */
  static void save(Path checkpoint, Position position) throws IOException {
    Path aside = checkpoint.resolveSibling(checkpoint.getFileName() + ".tmp");
    try (FileOutputStream out = new FileOutputStream(aside.toFile())) {
      out.write(position.toString().getBytes(StandardCharsets.UTF_8)); // and the weights
      out.getFD().sync(); // it is on the disk before it gets its name
    }
    Files.move(aside, checkpoint, StandardCopyOption.ATOMIC_MOVE);
  }

  // [/save]

  BackgroundLoader.Builder bad(BatchSpec spec, Dataset dataset, BatchTarget target) {
    // [bad]
    Batches batches =
        Batches.of(dataset, 32)
            .skipBadSamples(100, (epoch, batch, sample) -> log("left out " + sample));

    BackgroundLoader.Builder builder =
        BackgroundLoader.builder(device, spec, target) // a target that makes whole batches
            .onFailure(
                FailurePolicy.retry(3)
                    .thenSkip(10, (epoch, index, cause) -> log("skipped " + index + ": " + cause)));
    // [/bad]
    loop(spec, batches);
    return builder;
  }

  // ---- On the device

  BackgroundLoader augment(Batches batches) {
    // [augment]
    BatchSpec spec =
        BatchSpec.builder()
            .array("image", DType.UINT8, 32, 3, 256, 256) // bytes cross the bus
            .array("label", DType.INT32, 32)
            .build();
    Augmentation augmentation =
        Augmentation.builder(spec.array("image"), Layout.NCYX)
            .patch(1, 224, 224)
            .crop(true)
            .flip(Axis.X)
            .scale(1 / 255f)
            .brightness(-0.1f, 0.1f)
            .build();
    BackgroundLoader loader =
        BackgroundLoader.builder(device, spec, batches).stage(augmentation).start();
    // [/augment]
    return loader;
  }

  // ---- Consumers, memory

  void consumers(BackgroundLoader.Builder builder) throws InterruptedException, ExecutionException {
    // [consumers]
    int consumers = 4;
    ExecutorService pool = Executors.newFixedThreadPool(consumers);
    try (BackgroundLoader loader = builder.deviceSlots(consumers + 2).epochs(1).start()) {
      List<Future<?>> running = new ArrayList<>();
      for (int i = 0; i < consumers; i++) {
        running.add(pool.submit(() -> consume(loader)));
      }
      for (Future<?> consumer : running) {
        consumer.get();
      }
    } finally {
      pool.shutdown();
    }
    // [/consumers]
  }

  void gpus(List<? extends Device> devices, BatchSpec spec, BatchTarget target, int steps)
      throws InterruptedException, BatchTimeoutException {
    Duration patience = Duration.ofSeconds(30);
    // [gpus]
    try (ParallelLoader loader =
        ParallelLoader.builder(devices, spec, target).workers(4).batchesPerEpoch(1000).start()) {
      for (int i = 0; i < steps; i++) {
        try (ParallelBatch step = loader.get(patience)) {
          train(step.batches()); // one for each device
        }
      }
    }
    // [/gpus]
  }

  private void train(List<DeviceBatch> batches) {
    batches.forEach(this::train);
  }

  // [consume]
  void consume(BackgroundLoader loader) {
    try (DeviceStream stream = device.newStream()) {
      Duration patience = Duration.ofSeconds(30);
      for (DeviceBatch next; (next = loader.poll(stream, patience)) != null; ) {
        try (DeviceBatch batch = next) {
          train(batch); // queue work on this thread's stream
        }
      }
    } catch (InterruptedException | BatchTimeoutException e) {
      throw new IllegalStateException(e);
    }
  }

  // [/consume]

  void unordered(BackgroundLoader.Builder builder) {
    // [unordered]
    try (BackgroundLoader loader = builder.ordered(false).workers(8).start()) {
      for (DeviceBatch batch : loader.batches()) {
        log(batch.epoch() + ", " + batch.index()); // each once, as they get ready
      }
    }
    // [/unordered]
  }

  BackgroundLoader budget(BackgroundLoader.Builder builder) {
    // [budget]
    MemoryPlan plan = builder.plan(); // allocates nothing
    log(plan.pinnedBytes() + " bytes on the host, " + plan.deviceBytes() + " on the device");
    BackgroundLoader loader = builder.memoryBudget(2L << 30).start(); // refuses to take more
    // [/budget]
    return loader;
  }

  int zeroCopy(BackgroundLoader.Builder builder) {
    int sum = 0;
    // [zero-copy]
    try (BackgroundLoader loader = builder.zeroCopy(true).start()) {
      for (DeviceBatch batch : loader.batches()) {
        ByteBuffer image = HostDevice.bytes(batch.array("image").buffer()); // what the target wrote
        while (image.hasRemaining()) {
          sum += image.get();
        }
      }
    }
    // [/zero-copy]
    return sum;
  }

  int read(BackgroundLoader loader) throws InterruptedException {
    int sum;
    // [read]
    try (DeviceBatch batch = loader.get()) {
      DeviceArray label = batch.array("label");
      int[] values = new int[label.elements()]; // fewer in the last batch of an epoch
      label.copyTo(values); // on any device; waits for the stream
      sum = IntStream.of(values).sum();
    }
    // [/read]
    return sum;
  }

  // ---- Tests

  // [test]
  /**
   * A hash of all bytes of each array of 20 batches, as the target makes them on so many workers.
   */
  static List<String> hashes(BatchSpec spec, BatchTarget target, int workers) throws Exception {
    List<String> hashes = new ArrayList<>();
    try (Device device = HostDevice.open();
        BackgroundLoader loader =
            BackgroundLoader.builder(device, spec, target).workers(workers).seed(1).start()) {
      for (int i = 0; i < 20; i++) {
        try (DeviceBatch batch = loader.get(Duration.ofSeconds(10))) {
          for (ArraySpec array : spec.arrays()) { // of any type
            DeviceArray values = batch.array(array.name());
            byte[] bytes = new byte[values.elements() * array.dtype().bytes()];
            values.copyTo(ByteBuffer.wrap(bytes));
            hashes.add("batch " + i + ", " + array.name() + ": " + Arrays.hashCode(bytes));
          }
        }
      }
    }
    return hashes; // assertEquals(hashes(spec, target, 1), hashes(spec, target, 4))
  }

  // [/test]

  void bottleneck(BackgroundLoader loader, Path page) throws IOException {
    // [bottleneck]
    System.out.println(loader.stats()); // ends with the bottleneck, and what would help
    loader.trace().writeHtml(page); // open it in a browser
    // [/bottleneck]
  }
}
