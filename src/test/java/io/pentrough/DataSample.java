package io.pentrough;

import io.pentrough.data.Batches;
import io.pentrough.data.CachedDataset;
import io.pentrough.data.Dataset;
import io.pentrough.data.LastBatch;
import io.pentrough.data.Sample;
import io.pentrough.device.Device;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.util.ArrayList;
import java.util.List;

/** The samples of docs/data.md, about datasets. */
final class DataSample {

  // [patches]
  /** Grey patches of a volume on disk, and a class for each. */
  record Patches(FileChannel volume, List<Long> positions, List<Integer> classes)
      implements Dataset {
    @Override
    public long size() {
      return positions.size();
    }

    @Override
    public void read(long index, Sample out) throws IOException {
      int i = (int) index;
      HostArray image = out.array("image"); // this sample's row: 33 x 33 bytes
      image.readFrom(volume, positions.get(i));
      if (out.random().nextBoolean()) { // the same with 1 worker or 16, and with any batch size
        invert(image);
      }
      out.array("label").setInt(0, classes.get(i));
    }
  }

  // [/patches]

  // [flipped]
  /** Images that are decoded once, and flipped anew in each epoch. */
  record Flipped(CachedDataset images) implements Dataset {
    @Override
    public long size() {
      return images.size();
    }

    @Override
    public void read(long index, Sample out) throws Exception {
      images.read(index, out); // as it was read, whatever this has made of it in other epochs
      if (out.random().nextBoolean()) {
        flip(out.array("image"));
      }
    }
  }

  // [/flipped]

  private static void flip(HostArray image) {
    int last = image.elements() - 1;
    for (int i = 0; i < last - i; i++) {
      byte pixel = image.getByte(i);
      image.setByte(i, image.getByte(last - i));
      image.setByte(last - i, pixel);
    }
  }

  long pixels;
  final List<String> log = new ArrayList<>();
  final List<Integer> labels = new ArrayList<>();
  final List<Integer> labelsAtValidation = new ArrayList<>();

  private static void invert(HostArray image) {
    for (int i = 0; i < image.elements(); i++) {
      image.setByte(i, (byte) ~image.getByte(i));
    }
  }

  private void train(DeviceArray images, DeviceArray classes, int size) {
    pixels += images.elements();
    ByteBuffer bytes = ByteBuffer.allocate(classes.elements() * Integer.BYTES);
    bytes.order(ByteOrder.nativeOrder());
    classes.copyTo(bytes);
    bytes.flip();
    for (int i = 0; i < size; i++) {
      labels.add(bytes.getInt());
    }
  }

  private void validate() {
    labelsAtValidation.add(labels.size());
  }

  private void train(BackgroundLoader loader) {
    for (int epoch = 0; epoch < 3; epoch++) {
      for (DeviceBatch batch : loader.epoch()) {
        train(batch.array("image"), batch.array("label"), batch.size());
      }
    }
  }

  void cache(Device device, BatchSpec spec, Dataset images) {
    // [cache]
    try (CachedDataset cached =
            images.cached(8L << 30); // 8 GiB, outside the Java heap, allocated now
        BackgroundLoader loader =
            BackgroundLoader.builder(device, spec, Batches.of(cached, 32).shuffled())
                .workers(4)
                .start()) {
      train(loader);
      System.out.println(cached); // how much is kept, and how many reads it has answered
    }
    // [/cache]
  }

  void run(Device device, Patches patches) {
    // [batches]
    BatchSpec spec =
        BatchSpec.builder()
            .array(
                "image", DType.UINT8, 32, 33, 33) // each array has a row for each of the 32 samples
            .array("label", DType.INT32, 32)
            .build();
    Batches batches =
        Batches.of(patches, 32)
            .shuffled()
            .lastBatch(LastBatch.PARTIAL)
            .skipBadSamples(100, (epoch, batch, sample) -> log.add("left out " + sample));
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec, batches).workers(4).seed(42).epochs(5).start()) {
      for (int epoch = 0; epoch < 5; epoch++) {
        for (DeviceBatch batch : loader.epoch()) { // ends at the end of the epoch
          train(batch.array("image"), batch.array("label"), batch.size());
        }
        validate();
      }
    }
    // [/batches]
  }
}
