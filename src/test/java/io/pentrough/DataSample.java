package io.pentrough;

import io.pentrough.data.Batches;
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
