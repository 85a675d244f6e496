package io.pentrough;

import io.pentrough.device.Device;
import io.pentrough.testkit.Patience;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/** The samples of docs/from-elektronn2.md, compiled, around what they take for given. */
final class FromElektronn2Samples {

  private final Device device;
  final Data data = new Data();

  /** What was trained on, batch by batch: the first voxel of the image, and the labels. */
  final List<Float> images = new ArrayList<>();

  final List<Short> labels = new ArrayList<>();

  /** What the samples say about themselves. */
  final List<Object> logged = new ArrayList<>();

  FromElektronn2Samples(Device device) {
    this.device = device;
  }

  /** A dataset in the manner of ELEKTRONN2: a batch is an image per label, of the same number. */
  static final class Data {

    volatile int difficulty;

    /** The first label of every call, in no particular order. */
    final List<Short> made = new ArrayList<>();

    /** As {@code D.getbatch} does: new arrays for each call. */
    synchronized Object[] getBatch(int batchSize, boolean flip, RandomGenerator random) {
      float[][][][][] image = new float[batchSize][1][3][9][9];
      short[] label = new short[batchSize];
      for (int i = 0; i < batchSize; i++) {
        label[i] = (short) random.nextInt(1 << 15);
        image[i][0][0][0][0] = flip ? -label[i] : label[i];
      }
      made.add(label[0]);
      return new Object[] {image, label};
    }

    /** The same numbers, written where they are to go. */
    void writeBatch(HostArray image, HostArray label, boolean flip, RandomGenerator random) {
      image.fillZero();
      for (int i = 0; i < label.elements(); i++) {
        short value = (short) random.nextInt(1 << 15);
        label.setShort(i, value);
        image.setFloat(i * 3 * 9 * 9, flip ? -value : value);
      }
    }
  }

  /** A file of raw voxels, each of its own shape. */
  record Cube(Path file, int depth, int height, int width) {

    BatchSpec spec() {
      return BatchSpec.builder().array("raw", DType.UINT8, depth, height, width).build();
    }
  }

  private void train(DeviceArray image, DeviceArray label) {
    ByteBuffer voxels =
        ByteBuffer.allocate((int) image.spec().bytes()).order(ByteOrder.nativeOrder());
    ByteBuffer numbers =
        ByteBuffer.allocate((int) label.spec().bytes()).order(ByteOrder.nativeOrder());
    image.copyTo(voxels);
    label.copyTo(numbers);
    images.add(voxels.getFloat(0));
    labels.add(numbers.getShort(0));
  }

  private void process(DeviceArray raw) {
    ByteBuffer voxels = ByteBuffer.allocate(raw.elements());
    raw.copyTo(voxels);
    logged.add(List.of(raw.elements(), voxels.get(0), voxels.get(raw.elements() - 1)));
  }

  private void log(@Nullable Object what) {
    logged.add(String.valueOf(what));
  }

  void infer() throws InterruptedException {
    // [infer]
    try (BackgroundLoader bg =
        BackgroundLoader.infer(device, context -> data.getBatch(2, true, context.random()))
            .names("image", "label")
            .workers(2)
            .start()) {
      for (int i = 0; i < 100; i++) {
        try (DeviceBatch batch = bg.get()) {
          train(batch.array("image"), batch.array("label"));
        }
      }
    }
    // [/infer]
  }

  void inPlace(int workers) throws InterruptedException {
    // [in-place]
    int batchSize = 2;
    boolean flip = true; // target_args and target_kwargs: what the lambda captures
    BatchSpec spec =
        BatchSpec.builder()
            .array("image", DType.FLOAT32, batchSize, 1, 3, 9, 9)
            .array("label", DType.INT16, batchSize)
            .build();
    BatchTarget target =
        (out, context) ->
            data.writeBatch(out.array("image"), out.array("label"), flip, context.random());

    try (BackgroundLoader bg =
        BackgroundLoader.builder(device, spec, target).workers(workers).seed(42).start()) {
      for (int i = 0; i < 100; i++) {
        try (DeviceBatch batch = bg.get()) {
          train(batch.array("image"), batch.array("label"));
        }
      }
    }
    // [/in-place]
  }

  void get(BackgroundLoader bg, Duration patience) throws InterruptedException {
    // [get]
    try (DeviceBatch batch = bg.get(patience)) {
      train(batch.array("image"), batch.array("label"));
    } catch (BatchTimeoutException e) {
      log(e.getMessage()); // nothing is lost: the next get waits for the same batch
    } catch (TargetException e) {
      log(e.index() + ": " + e.getCause()); // the next get delivers the batch after it
    }
    // [/get]
  }

  void policy(BatchSpec spec, BatchTarget target) throws InterruptedException {
    // [policy]
    BackgroundLoader.Builder builder =
        BackgroundLoader.builder(device, spec, target)
            .onFailure(FailurePolicy.skip(10, (epoch, index, cause) -> log(index + ": " + cause)));
    // [/policy]
    try (BackgroundLoader bg = builder.start()) {
      for (int i = 0; i < 3; i++) {
        try (DeviceBatch batch = bg.get()) {
          train(batch.array("image"), batch.array("label"));
        }
      }
    }
  }

  void reset(BackgroundLoader bg) {
    // [reset]
    data.difficulty = 2; // a volatile field that the target reads
    bg.reset(); // the next batch is the one that would have come, made anew
    // [/reset]
  }

  void profile(BackgroundLoader bg, int batchesPerEpoch) throws InterruptedException {
    // [profile]
    LoaderStats before = bg.stats();
    for (int i = 0; i < batchesPerEpoch; i++) {
      try (DeviceBatch batch = bg.get()) {
        train(batch.array("image"), batch.array("label"));
      }
    }
    System.out.println(bg.stats().minus(before)); // or fillTime().p99Nanos(), bottleneck()
    // [/profile]
  }

  void queue(List<Cube> cubes, long largest) throws InterruptedException {
    // [queue]
    int ahead = 4; // how many jobs stay queued; with fewer than workers there is a warning
    try (BatchQueue queue = BatchQueue.builder(device, largest).workers(2).start()) {
      for (int i = 0; i < cubes.size() + ahead; i++) {
        if (i < cubes.size()) {
          Cube cube = cubes.get(i);
          queue.submit(cube.spec(), (out, context) -> load(cube, out.array("raw")));
        }
        if (i >= ahead) {
          try (DeviceBatch batch = queue.get()) {
            process(batch.array("raw"));
          }
        }
      }
    }
    // [/queue]
  }

  void queueToTheEnd(List<Cube> cubes, long largest) throws InterruptedException {
    // [queue-to-the-end]
    try (BatchQueue queue =
        BatchQueue.builder(device, largest).workers(2).capacity(cubes.size()).start()) {
      for (Cube cube : cubes) {
        queue.submit(cube.spec(), (out, context) -> load(cube, out.array("raw")));
      }
      queue.endSubmissions();
      for (DeviceBatch batch : queue.batches()) {
        process(batch.array("raw"));
      }
    }
    // [/queue-to-the-end]
  }

  // [load]
  void load(Cube cube, HostArray raw) throws IOException {
    try (FileChannel file = FileChannel.open(cube.file())) {
      raw.readFrom(file, 0); // straight into pinned memory; EOFException if the file is short
    }
  }

  // [/load]

  // [write]
  void fill(HostBatch out, BatchContext context) {
    HostArray label = out.array("label");
    short[] values = {3, 4};
    label.set(0, values, 0, 2); // like shm2ndarray(handle)[:] = values
    label.setShort(1, (short) 5); // one element, by its flat row-major index

    FloatBuffer image = out.array("image").unsafeBuffer().asFloatBuffer(); // no checks any more
    while (image.hasRemaining()) {
      image.put((float) context.index());
    }
  }

  // [/write]

  float[] read(DeviceBatch batch) {
    // [read]
    DeviceArray image = batch.array("image");
    float[] voxels = new float[image.elements()];
    image.copyTo(voxels); // waits for the copy: for looking, not for training
    // [/read]
    return voxels;
  }

  /** A target that is held up for batch 0, throws for batch 1, and works for the others. */
  static final class Moody implements BatchTarget {

    static final BatchSpec SPEC =
        BatchSpec.builder().array("image", DType.FLOAT32, 1).array("label", DType.INT16, 1).build();

    final CountDownLatch released = new CountDownLatch(1);

    @Override
    public void fill(HostBatch out, BatchContext context) throws Exception {
      if (context.index() == 0) {
        Patience.await(released);
      } else if (context.index() == 1) {
        throw new IOException("the disk is gone");
      }
      out.array("image").setFloat(0, (float) context.index());
      out.array("label").setShort(0, (short) context.index());
    }
  }
}
