package io.pentrough.benchmarks;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.PinnedBuffer;
import java.util.Arrays;
import java.util.concurrent.Semaphore;

/**
 * How long a consumer waits: for a batch that is ready, for one after the other as fast as they
 * come, and for one that is begun when it asks. What the last takes longer than a copy alone is the
 * loader's hand-overs, and the time until the end of the copy is noticed.
 */
final class GpuLatency {

  private static final String PART = "latency";
  private static final int MEASURES = 6;

  /** Batches; so that no target waits when the loader is closed. */
  private static final int MANY = 1 << 20;

  private final GpuBench bench;
  private final int[] sizes;
  private final double seconds;

  GpuLatency(GpuBench bench) {
    this.bench = bench;
    sizes =
        bench.tiny()
            ? new int[] {64 << 10}
            : new int[] {64 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20};
    seconds = bench.seconds() / (sizes.length * MEASURES);
  }

  void run() throws Exception {
    bench.warmUp();
    for (int bytes : sizes) {
      alone(bytes);
      ready(bytes);
      onDemand(bytes);
    }
    bench.out().println(bench.figures().table(PART));
  }

  private void alone(int bytes) throws Exception {
    try (PinnedBuffer pinned = bench.device().allocatePinned(bytes);
        DeviceBuffer there = bench.device().allocate(bytes);
        GpuBench.RawStream stream = bench.new RawStream();
        GpuBench.Span span = bench.new Span()) {
      add(
          bytes,
          "a copy alone by events, us",
          () -> {
            stream.wrapped.record(span.begin);
            stream.wrapped.copyToDevice(pinned, 0, there, 0, bytes);
            stream.wrapped.record(span.end);
            return 1e3 * span.millis();
          });
    }
  }

  private void ready(int bytes) throws Exception {
    try (GpuBench.RawStream stream = bench.new RawStream();
        BackgroundLoader loader =
            BackgroundLoader.builder(bench.device(), spec(bytes), (out, context) -> {})
                .consumerStream(stream.wrapped)
                .start()) {
      add(bytes, "get and close at full speed, us", () -> got(loader, stream, false));
      add(bytes, "getQueued and close at full speed, us", () -> got(loader, stream, true));
      long restNanos = 1_000_000L + bytes / 4; // at 4 GB/s a copy has ended by then
      add(
          bytes,
          "get and close of a batch that is ready, us",
          () -> {
            Latencies.sleepUntil(System.nanoTime() + restNanos);
            return got(loader, stream, false);
          });
    }
  }

  private static double got(BackgroundLoader loader, GpuBench.RawStream stream, boolean queued)
      throws Exception {
    long asked = System.nanoTime();
    get(loader, stream, queued).close();
    return (System.nanoTime() - asked) / 1e3;
  }

  private static DeviceBatch get(BackgroundLoader loader, GpuBench.RawStream stream, boolean queued)
      throws Exception {
    return queued
        ? loader.getQueued(stream.wrapped, GpuBench.PATIENCE)
        : loader.get(GpuBench.PATIENCE);
  }

  /** The target waits for the consumer, so nothing is on its way before that asks. */
  private void onDemand(int bytes) throws Exception {
    Semaphore asked = new Semaphore(0);
    try (GpuBench.RawStream stream = bench.new RawStream();
        BackgroundLoader loader =
            BackgroundLoader.builder(bench.device(), spec(bytes), (out, context) -> asked.acquire())
                .consumerStream(stream.wrapped)
                .start()) {
      try {
        add(bytes, "from the fill to get's return, us", () -> fresh(loader, stream, asked, false));
        add(
            bytes,
            "from the fill to the end of the stream behind getQueued, us",
            () -> fresh(loader, stream, asked, true));
      } finally {
        asked.release(MANY);
      }
    }
  }

  private static double fresh(
      BackgroundLoader loader, GpuBench.RawStream stream, Semaphore asked, boolean queued)
      throws Exception {
    long began = System.nanoTime();
    asked.release();
    try (DeviceBatch batch = get(loader, stream, queued)) {
      if (queued) {
        batch.stream().synchronize();
      }
      return (System.nanoTime() - began) / 1e3;
    }
  }

  private void add(int bytes, String measure, GpuBench.Measurement one) throws Exception {
    bench.repeat(seconds / 4, one);
    double[] samples = bench.repeat(seconds * 3 / 4, one);
    String row = Transfer.size(bytes);
    bench.figures().add(PART, row, measure, samples);
    Arrays.sort(samples);
    int last = (int) Math.ceil(samples.length * 0.99) - 1;
    bench.figures().add("latency, 99 of 100 are below", row, measure, samples[last]);
  }

  private static BatchSpec spec(int bytes) {
    return BatchSpec.builder().array("data", DType.UINT8, bytes).build();
  }
}
