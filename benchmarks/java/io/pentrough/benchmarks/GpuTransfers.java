package io.pentrough.benchmarks;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.PinnedBuffer;

/**
 * Bytes to a GPU and back: from ordinary memory and from pinned memory, each by the host's clock
 * from the call to its end; several copies in a row by the GPU's; and by the loader.
 */
final class GpuTransfers {

  private static final String PART = "transfers";
  private static final int QUEUED = 8;
  private static final int MEASURES = 7;

  private final GpuBench bench;
  private final int[] sizes;
  private final double seconds;

  GpuTransfers(GpuBench bench) {
    this.bench = bench;
    sizes =
        bench.tiny()
            ? new int[] {4 << 10, 64 << 10}
            : new int[] {64 << 10, 1 << 20, 16 << 20, 256 << 20};
    seconds = bench.seconds() / (sizes.length * MEASURES);
  }

  void run() throws Exception {
    bench.warmUp();
    for (int bytes : sizes) {
      copies(bytes);
      loader(bytes);
    }
    bench.out().println(bench.figures().table(PART));
  }

  private void copies(int bytes) throws Exception {
    try (PinnedBuffer pinned = bench.device().allocatePinned(bytes);
        DeviceBuffer there = bench.device().allocate(bytes);
        GpuBench.RawStream stream = bench.new RawStream();
        GpuBench.Span span = bench.new Span()) {
      Transfer.Pageable pageable = Transfer.pageable(there);
      add(bytes, "pageable to device, GB/s", () -> gigabytes(bytes, pageable::toDevice));
      add(
          bytes,
          "pinned to device, GB/s",
          () -> gigabytes(bytes, () -> Transfer.toDevice(stream.wrapped, pinned, there, 1)));
      add(
          bytes,
          "8 queued to device, GB/s",
          () -> {
            stream.wrapped.record(span.begin);
            for (int i = 0; i < QUEUED; i++) {
              stream.wrapped.copyToDevice(pinned, 0, there, 0, bytes);
            }
            stream.wrapped.record(span.end);
            return 1e-6 * bytes * QUEUED / span.millis();
          });
      add(bytes, "pageable to host, GB/s", () -> gigabytes(bytes, pageable::toHost));
      add(
          bytes,
          "pinned to host, GB/s",
          () -> gigabytes(bytes, () -> Transfer.toHost(stream.wrapped, there, pinned, 1)));
      add(
          bytes,
          "8 queued to host, GB/s",
          () -> {
            stream.wrapped.record(span.begin);
            for (int i = 0; i < QUEUED; i++) {
              stream.wrapped.copyToHost(there, 0, pinned, 0, bytes);
            }
            stream.wrapped.record(span.end);
            return 1e-6 * bytes * QUEUED / span.millis();
          });
    }
  }

  private void loader(int bytes) throws Exception {
    BatchSpec spec = BatchSpec.builder().array("data", DType.UINT8, bytes).build();
    try (BackgroundLoader loader =
        BackgroundLoader.builder(bench.device(), spec, (out, context) -> {})
            .hostSlots(2)
            .deviceSlots(2)
            .start()) {
      add(
          bytes,
          "the loader, GB/s",
          () -> gigabytes(bytes, () -> loader.get(GpuBench.PATIENCE).close()));
    }
  }

  private void add(int bytes, String measure, GpuBench.Measurement one) throws Exception {
    bench.repeat(seconds / 4, one);
    bench.figures().add(PART, Transfer.size(bytes), measure, bench.repeat(seconds * 3 / 4, one));
  }

  /** Work that has ended when it returns. */
  private interface Work {
    void run() throws Exception;
  }

  private static double gigabytes(int bytes, Work work) throws Exception {
    long began = System.nanoTime();
    work.run();
    return (double) bytes / (System.nanoTime() - began);
  }
}
