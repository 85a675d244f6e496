package io.pentrough.augment;

import static io.pentrough.testkit.Patience.patience;

import io.pentrough.ArraySpec;
import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.BatchTarget;
import io.pentrough.DeviceArray;
import io.pentrough.DeviceBatch;
import io.pentrough.device.Device;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;

/** Runs a loader with an augmentation. */
final class AugmentRun {

  /** A batch as the consumer gets it, and what was drawn for it. */
  record Batch(ByteBuffer image, ByteBuffer label, ByteBuffer parameters) {

    int[] labels() {
      int[] labels = new int[label.remaining() / 4];
      label.asIntBuffer().get(0, labels);
      return labels;
    }

    float[] values() {
      float[] values = new float[image.remaining() / 4];
      image.asFloatBuffer().get(0, values);
      return values;
    }
  }

  private AugmentRun() {}

  static List<Batch> run(
      Device device,
      Augmentation augmentation,
      BatchSpec spec,
      BatchTarget target,
      int batches,
      int workers,
      long seed)
      throws Exception {
    Map<Long, ByteBuffer> drawn = new ConcurrentHashMap<>();
    List<Batch> results = new ArrayList<>();
    try (BackgroundLoader loader =
        BackgroundLoader.builder(
                device,
                spec,
                (out, context) -> {
                  ByteBuffer parameters = out.parameters(augmentation);
                  ByteBuffer copy = buffer(parameters.remaining()).put(parameters).flip();
                  drawn.put(context.index(), copy);
                  target.fill(out, context);
                })
            .stage(augmentation)
            .workers(workers)
            .seed(seed)
            .start()) {
      for (int i = 0; i < batches; i++) {
        try (DeviceBatch batch = loader.get(patience())) {
          boolean hasLabel =
              batch.spec().arrays().stream().map(ArraySpec::name).anyMatch("label"::equals);
          results.add(
              new Batch(
                  bytes(batch.array("image")),
                  hasLabel ? bytes(batch.array("label")) : buffer(0),
                  Objects.requireNonNull(drawn.get(batch.index()))));
        }
      }
    }
    return results;
  }

  static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.nativeOrder());
  }

  private static ByteBuffer bytes(DeviceArray array) {
    ByteBuffer bytes = buffer(array.elements() * array.spec().dtype().bytes());
    array.copyTo(bytes);
    return bytes.flip().order(ByteOrder.nativeOrder());
  }
}
