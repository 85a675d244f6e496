package io.pentrough.benchmarks;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceKernel;
import io.pentrough.device.DeviceModule;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.PinnedBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * A loader that streams while a kernel computes for half, one, or two times the length of a copy.
 */
final class GpuOverlap {

  private static final String PART = "overlap";
  private static final double[] COPIES = {0.5, 1, 2};

  private final GpuBench bench;
  private final int bytes;
  private final int batches;

  GpuOverlap(GpuBench bench) {
    this.bench = bench;
    bytes = bench.tiny() ? 1 << 16 : 32 << 20;
    batches = bench.tiny() ? 3 : 100;
  }

  void run() throws Exception {
    bench.warmUp();
    try (DeviceModule module = bench.device().load(GpuBench.BUSY);
        DeviceKernel busy = module.kernel("busy");
        DeviceStream stream = bench.device().newStream();
        DeviceBuffer data = bench.device().allocate(bytes);
        PinnedBuffer pinned = bench.device().allocatePinned(bytes);
        GpuBench.Span span = bench.new Span()) {
      int rounds = 64;
      busy.set(0, data).setInt(1, bytes / 4).setInt(2, rounds).cover(bytes / 4, 256);
      double[] copies =
          bench.repeat(
              0.5,
              () -> {
                stream.record(span.begin);
                stream.copyToDevice(pinned, 0, data, 0, bytes);
                stream.record(span.end);
                return span.millis();
              });
      double[] kernels =
          bench.repeat(
              0.5,
              () -> {
                stream.record(span.begin);
                busy.launch(stream);
                stream.record(span.end);
                return span.millis();
              });
      double copy = Estimate.median(copies);
      bench.figures().add("a copy alone", Transfer.size(bytes), "ms", copies);
      for (double times : COPIES) {
        busy.setInt(2, (int) Math.max(1, rounds * times * copy / Estimate.median(kernels)));
        stream("a kernel of " + times + " copies", busy, stream, copy);
      }
    }
    bench.out().println(bench.figures().table("a copy alone"));
    bench.out().println(bench.figures().table(PART));
  }

  private void stream(String name, DeviceKernel busy, DeviceStream stream, double copyMillis)
      throws Exception {
    BatchSpec spec = BatchSpec.builder().array("data", DType.FLOAT32, bytes / 4).build();
    List<GpuBench.Span> spans = new ArrayList<>();
    try (BackgroundLoader loader =
        BackgroundLoader.builder(bench.device(), spec, (out, context) -> {})
            .workers(2)
            .consumerStream(stream)
            .start()) {
      for (int i = 0; i < batches; i++) {
        spans.add(bench.new Span());
      }
      long began = System.nanoTime();
      do {
        round(name, busy, stream, copyMillis, loader, spans);
      } while (!bench.tiny() && System.nanoTime() - began < bench.seconds() * 1e9 / COPIES.length);
      bench.out().println(name + ":");
      bench.out().println();
      bench.out().println(loader.stats().toString().indent(4));
    } finally {
      spans.forEach(GpuBench.Span::close);
    }
  }

  /** The times between the first batch's kernel and the end of the last batch's. */
  private void round(
      String name,
      DeviceKernel busy,
      DeviceStream stream,
      double copyMillis,
      BackgroundLoader loader,
      List<GpuBench.Span> spans)
      throws Exception {
    for (GpuBench.Span span : spans) {
      try (DeviceBatch batch = loader.get(GpuBench.PATIENCE)) {
        stream.record(span.begin);
        busy.set(0, batch.array("data").buffer()).launch(stream);
        stream.record(span.end);
      }
    }
    stream.synchronize();
    double computing = 0;
    for (GpuBench.Span span : spans) {
      computing += span.millis();
    }
    double all = bench.device().elapsedMillis(spans.get(0).begin, spans.get(batches - 1).end);
    Figures figures = bench.figures();
    figures.add(PART, name, "kernel, ms", computing / batches);
    figures.add(PART, name, "a batch, ms", all / batches);
    figures.add(PART, name, "one after the other, ms", computing / batches + copyMillis);
    figures.add(PART, name, "the GPU computes, %", 100 * computing / all);
  }
}
