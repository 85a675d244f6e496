package io.pentrough.benchmarks;

import io.pentrough.ArraySpec;
import io.pentrough.BackgroundLoader;
import io.pentrough.DeviceBatch;
import io.pentrough.device.Device;
import io.pentrough.device.host.HostDevice;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * Whether the augmentations give the bits that their host implementations give, on random data. The
 * loaders that this takes are also the first that live on the device.
 */
final class GpuCheck {

  private static final String PART = "check";
  private static final int BATCHES = 2;
  private static final long SEED = 7;

  private final GpuBench bench;

  GpuCheck(GpuBench bench) {
    this.bench = bench;
  }

  void run() throws Exception {
    List<String> wrong = new ArrayList<>();
    for (StageCase one : StageCase.all(bench.tiny() ? 1 : 8)) {
      long began = System.nanoTime();
      List<ByteBuffer> device = batches(bench.device(), one);
      double millis = (System.nanoTime() - began) / 1e6;
      long bytes = 0;
      long differing = 0;
      try (Device host = HostDevice.open()) {
        List<ByteBuffer> expected = batches(host, one);
        for (int i = 0; i < expected.size(); i++) {
          bytes += expected.get(i).remaining();
          differing += differing(expected.get(i), device.get(i));
        }
      }
      bench.figures().add(PART, one.name(), "bytes compared", (double) bytes);
      bench
          .figures()
          .add(PART, one.name(), "bytes that differ from the host's", (double) differing);
      bench.figures().add(PART, one.name(), "a loader from start to closed, ms", millis);
      if (differing > 0) {
        wrong.add(one.name());
      }
    }
    bench.out().println(bench.figures().table(PART));
    if (!wrong.isEmpty()) {
      throw new IllegalStateException("not the bits of the host implementation: " + wrong);
    }
  }

  /** Every array of a few batches. */
  private static List<ByteBuffer> batches(Device device, StageCase one) throws Exception {
    List<ByteBuffer> arrays = new ArrayList<>();
    try (BackgroundLoader loader =
        BackgroundLoader.builder(
                device, one.spec(), (out, context) -> one.fillRandomly(out, SEED + context.index()))
            .stage(one.stage())
            .seed(SEED)
            .start()) {
      for (int i = 0; i < BATCHES; i++) {
        try (DeviceBatch batch = loader.get(GpuBench.PATIENCE)) {
          for (ArraySpec array : batch.spec().arrays()) {
            ByteBuffer bytes = ByteBuffer.allocate((int) array.bytes());
            batch.array(array.name()).copyTo(bytes);
            arrays.add(bytes.flip());
          }
        }
      }
    }
    return arrays;
  }

  private static long differing(ByteBuffer expected, ByteBuffer seen) {
    long differing = 0;
    for (int i = 0; i < expected.remaining(); i++) {
      if (expected.get(i) != seen.get(i)) {
        differing++;
      }
    }
    return differing;
  }
}
