package io.pentrough.recipes;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.DeviceArray;
import io.pentrough.DeviceBatch;
import io.pentrough.data.Batches;
import io.pentrough.data.CachedDataset;
import io.pentrough.data.Dataset;
import io.pentrough.data.LastBatch;
import io.pentrough.data.Sample;
import io.pentrough.device.Device;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The samples of the pages docs/from-*.md about libraries that are still maintained. */
final class ComingFromSamples {

  private final Device device;

  /** Shapes that were trained with, and values that were copied out. */
  final List<Object> done = new ArrayList<>();

  ComingFromSamples(Device device) {
    this.device = device;
  }

  private void train(DeviceArray image, DeviceArray label) {
    done.add(List.of(image.dimension(0), label.dimension(0)));
  }

  // [dataset]
  record Digits(List<Path> files, List<Integer> labels) implements Dataset {

    @Override
    public long size() { // __len__
      return files.size();
    }

    @Override
    public void read(long index, Sample out) throws IOException { // __getitem__
      byte[] pixels = Files.readAllBytes(files.get((int) index));
      out.array("image").set(0, pixels, 0, pixels.length); // straight into the batch
      out.array("label").setInt(0, labels.get((int) index));
    }
  }

  // [/dataset]

  void pytorch(Dataset digits, int epochs) {
    // [pytorch]
    BatchSpec spec =
        BatchSpec.builder()
            .array("image", DType.UINT8, 32, 28, 28)
            .array("label", DType.INT32, 32)
            .build();
    Batches batches = Batches.of(digits, 32).shuffled().lastBatch(LastBatch.DROP);
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec, batches).workers(4).seed(42).start()) {
      for (int epoch = 0; epoch < epochs; epoch++) {
        for (DeviceBatch batch : loader.epoch()) {
          train(batch.array("image"), batch.array("label")); // they are on the device
        }
      }
    }
    // [/pytorch]
  }

  void tfData(BatchSpec spec, Dataset digits, long bytes) {
    // [tf-data]
    try (CachedDataset cached = digits.cached(bytes); // cache()
        BackgroundLoader loader =
            BackgroundLoader.builder(
                    device,
                    spec,
                    Batches.of(cached, 32) // batch(32, drop_remainder=True)
                        .shuffled() // shuffle(len(digits))
                        .lastBatch(LastBatch.DROP)
                        .skipBadSamples(100)) // ignore_errors()
                .workers(4) // map(read, num_parallel_calls=4)
                .epochs(5) // repeat(5)
                .start()) { // prefetch and prefetch_to_device
      for (DeviceBatch batch : loader.batches()) {
        train(batch.array("image"), batch.array("label"));
      }
    }
    // [/tf-data]
  }

  ByteBuffer bytes(DeviceBatch batch) {
    // [bytes]
    DeviceArray image = batch.array("image");
    ByteBuffer bytes = ByteBuffer.allocateDirect(image.elements() * image.spec().dtype().bytes());
    image.copyTo(bytes); // in native order; waits for the copy
    // [/bytes]
    return bytes.flip();
  }

  float[] floats(DeviceBatch batch) {
    // [floats]
    DeviceArray image = batch.array("image");
    float[] values = new float[image.elements()];
    image.copyTo(values); // waits for the copy
    // [/floats]
    return values;
  }
}
