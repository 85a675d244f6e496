package io.pentrough.augment;

import static io.pentrough.testkit.Patience.patience;

import io.pentrough.ArraySpec;
import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.BatchStage;
import io.pentrough.DType;
import io.pentrough.DeviceArray;
import io.pentrough.DeviceBatch;
import io.pentrough.device.Device;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What comes out of a stage with one array, for tests.
 *
 * @param in the array the target has made, batch by batch
 * @param parameters what was drawn
 * @param out the array the stage has made
 */
record Staged(List<ByteBuffer> in, List<ByteBuffer> parameters, List<ByteBuffer> out) {

  /** Writes the elements of a batch. */
  interface Content {
    void put(ByteBuffer to, ArraySpec spec, Random random);
  }

  /** Runs a loader for a few batches. */
  static Staged run(
      Device device,
      ArraySpec array,
      BatchStage stage,
      String made,
      Content content,
      long seed,
      int workers,
      int batches)
      throws Exception {
    BatchSpec spec = BatchSpec.builder().array(array.name(), array.dtype(), array.shape()).build();
    ConcurrentHashMap<Long, ByteBuffer> in = new ConcurrentHashMap<>();
    ConcurrentHashMap<Long, ByteBuffer> parameters = new ConcurrentHashMap<>();
    Staged result = new Staged(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
    try (BackgroundLoader loader =
        BackgroundLoader.builder(
                device,
                spec,
                (out, context) -> {
                  ByteBuffer bytes = bytes((int) array.bytes());
                  content.put(bytes, array, new Random(31 * seed + context.index()));
                  in.put(context.index(), bytes.clear());
                  ByteBuffer drawn = out.parameters(stage);
                  parameters.put(context.index(), bytes(drawn.remaining()).put(drawn).flip());
                  set(out.array(array.name()), bytes);
                })
            .stage(stage)
            .seed(seed)
            .workers(workers)
            .batchesPerEpoch(batches)
            .epochs(1)
            .start()) {
      for (long i = 0; i < batches; i++) {
        try (DeviceBatch batch = loader.get(patience())) {
          DeviceArray there = batch.array(made);
          ByteBuffer copy = bytes(there.elements() * there.spec().dtype().bytes());
          there.copyTo(copy);
          result.out.add(copy.flip());
          result.in.add(in.get(i));
          result.parameters.add(parameters.get(i));
        }
      }
    }
    return result;
  }

  private static void set(io.pentrough.HostArray to, ByteBuffer from) {
    int n = to.spec().elements();
    switch (to.spec().dtype()) {
      case INT8, UINT8 -> {
        for (int i = 0; i < n; i++) {
          to.setByte(i, from.get(i));
        }
      }
      case INT16, UINT16 -> {
        for (int i = 0; i < n; i++) {
          to.setShort(i, from.getShort(2 * i));
        }
      }
      case INT32, UINT32 -> {
        for (int i = 0; i < n; i++) {
          to.setInt(i, from.getInt(4 * i));
        }
      }
      case INT64, UINT64 -> {
        for (int i = 0; i < n; i++) {
          to.setLong(i, from.getLong(8 * i));
        }
      }
      default -> {
        for (int i = 0; i < n; i++) {
          to.setFloat(i, from.getFloat(4 * i));
        }
      }
    }
  }

  static ByteBuffer bytes(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.nativeOrder());
  }

  /** An array as in a batch. */
  static ArraySpec array(String name, DType dtype, int... shape) {
    return BatchSpec.builder().array(name, dtype, shape).build().array(name);
  }
}
