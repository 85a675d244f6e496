package io.pentrough;

import io.pentrough.device.Device;
import io.pentrough.device.DeviceStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.random.RandomGenerator;

/** The samples of README.md, compiled, around what it takes for given. */
final class ReadmeSample {

  private final Volume volume = new Volume();
  private final int steps;

  /** What was trained on, batch by batch. */
  final List<Integer> labels = new ArrayList<>();

  final List<Byte> voxels = new ArrayList<>();

  ReadmeSample(int steps) {
    this.steps = steps;
  }

  /** Something with voxels to sample from. */
  private static final class Volume {

    private final byte[] voxels = new byte[50_000];
    private final int[] labels = new int[voxels.length];

    Volume() {
      new Random(1).nextBytes(voxels);
      for (int i = 0; i < labels.length; i++) {
        labels[i] = Byte.toUnsignedInt(voxels[i]) < 128 ? 0 : 1;
      }
    }

    // [target]
    void samplePatches(HostBatch out, BatchContext context) {
      HostArray image = out.array("image");
      HostArray label = out.array("label");
      RandomGenerator random =
          context.random(); // a function of (seed, epoch, index): the same with 1 worker or 16
      int count = image.elements() / label.elements();
      for (int i = 0; i < label.elements(); i++) {
        int from = random.nextInt(voxels.length - count);
        image.set(i * count, voxels, from, count);
        label.setInt(i, labels[from]);
      }
    }

    // [/target]
  }

  private void train(DeviceStream stream, DeviceArray image, DeviceArray label) {
    ByteBuffer images = ByteBuffer.allocate((int) image.spec().bytes());
    ByteBuffer numbers =
        ByteBuffer.allocate((int) label.spec().bytes()).order(ByteOrder.nativeOrder());
    stream.read(image.buffer(), images);
    stream.read(label.buffer(), numbers);
    for (int i = 0; i < label.elements(); i++) {
      voxels.add(images.get(i * 33 * 33 * 33));
      labels.add(numbers.getInt(i * Integer.BYTES));
    }
  }

  void run() throws Exception {
    // [sample]
    BatchSpec spec =
        BatchSpec.builder()
            .array("image", DType.UINT8, 16, 1, 33, 33, 33)
            .array("label", DType.INT32, 16)
            .build();
    Duration patience = Duration.ofSeconds(10);

    try (Device device = Device.best(); // CUDA where there is one, else the host
        DeviceStream stream = device.newStream();
        BackgroundLoader loader =
            BackgroundLoader.builder(device, spec, volume::samplePatches)
                .workers(4)
                .hostSlots(6)
                .deviceSlots(3)
                .seed(42)
                .consumerStream(stream)
                .start()) {
      System.out.println(device.description()); // which one it is, and why
      for (int step = 0; step < steps; step++) {
        try (DeviceBatch batch = loader.get(patience)) {
          train(
              stream,
              batch.array("image"),
              batch.array("label")); // queue kernels; no synchronisation needed
        } // close: the slot is reused after those kernels
      }
      System.out.println(loader.stats());
    }
    // [/sample]
  }
}
