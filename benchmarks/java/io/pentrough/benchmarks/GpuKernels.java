package io.pentrough.benchmarks;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchContext;
import io.pentrough.BatchStage;
import io.pentrough.DeviceBatch;
import io.pentrough.StageArrays;
import io.pentrough.StageSlot;
import io.pentrough.StageWork;
import io.pentrough.device.DeviceBuffer;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Semaphore;

/**
 * How much of the device memory's bandwidth the augmentations use, by the bytes that they must
 * move. The measure of it is a copy within the device.
 *
 * <p>Twenty of them stand between two events, so that the host's pauses between launches do not
 * count. They work on several batches in turn, which together are larger than the second-level
 * cache. The data are random, so that no kernel finds a short cut.
 */
final class GpuKernels {

  private static final String PART = "kernels";
  private static final String COPY = "a copy within the device";
  private static final String RATE = "GB/s";

  /** More than any cache of a GPU: each of two buffers, and of two pairs. */
  private static final int COPY_BYTES = 512 << 20;

  private static final int SLOTS = 3;

  /** Batches; so that no target waits when the loader is closed. */
  private static final int MANY = 1 << 20;

  /** Of which each has 221,184 voxels: 0.3 GiB of bytes and floats in each of the slots. */
  private static final int SAMPLES = 256;

  private final GpuBench bench;
  private final List<StageCase> cases;
  private final int launches;
  private final double caseSeconds;

  GpuKernels(GpuBench bench) {
    this.bench = bench;
    cases = StageCase.all(bench.tiny() ? 1 : SAMPLES);
    launches = bench.tiny() ? 3 : 20;
    caseSeconds = bench.seconds() / (cases.size() + 1);
  }

  void run() throws Exception {
    bench.warmUp();
    copy();
    double bandwidth = bench.figures().median(PART, COPY, RATE);
    for (StageCase one : cases) {
      measure(one, bandwidth);
    }
    bench.out().println(bench.figures().table(PART));
  }

  /** GB per second, what is read and what is written both counted. */
  private void copy() throws Exception {
    int bytes = bench.tiny() ? 1 << 16 : COPY_BYTES;
    try (GpuBench.RawStream stream = bench.new RawStream();
        GpuBench.Span span = bench.new Span();
        DeviceBuffer from = bench.device().allocate(bytes);
        DeviceBuffer to = bench.device().allocate(bytes);
        DeviceBuffer otherFrom = bench.device().allocate(bytes);
        DeviceBuffer otherTo = bench.device().allocate(bytes)) {
      add(
          COPY,
          2.0 * bytes,
          bench.repeat(
              caseSeconds,
              () -> {
                stream.wrapped.record(span.begin);
                for (int i = 0; i < launches; i++) {
                  boolean other = i % 2 == 1;
                  stream.copy(other ? otherTo : to, other ? otherFrom : from, bytes);
                }
                stream.wrapped.record(span.end);
                return span.millis() / launches;
              }));
    }
  }

  /** Queues the work of all slots in turn in the place of one slot's, between two events. */
  private final class Repeated implements BatchStage, AutoCloseable {
    private final BatchStage stage;
    private final GpuBench.Span span = bench.new Span();

    /** Of the slots that have had a batch: the parameters of kernels lie there. */
    private final List<StageWork> ready = new ArrayList<>();

    Repeated(BatchStage stage) {
      this.stage = stage;
    }

    @Override
    public void declare(StageArrays arrays) {
      stage.declare(arrays);
    }

    @Override
    public void draw(BatchContext context, ByteBuffer parameters) throws Exception {
      stage.draw(context, parameters);
    }

    @Override
    public StageWork prepare(StageSlot slot) {
      StageWork work = stage.prepare(slot);
      return run -> {
        if (!ready.contains(work)) {
          ready.add(work);
        }
        run.stream().record(span.begin);
        for (int i = 0; i < launches; i++) {
          ready.get(i % ready.size()).queue(run);
        }
        run.stream().record(span.end);
      };
    }

    @Override
    public void close() {
      span.close();
    }
  }

  private void measure(StageCase one, double bandwidth) throws Exception {
    Semaphore asked = new Semaphore(0); // so that no other batch is copied meanwhile
    try (Repeated repeated = new Repeated(one.stage());
        BackgroundLoader loader =
            BackgroundLoader.builder(
                    bench.device(),
                    one.spec(),
                    (out, context) -> {
                      asked.acquire();
                      if (context.index() == 0) { // the one host slot keeps it
                        one.fillRandomly(out, context.index());
                      }
                    })
                .hostSlots(1)
                .deviceSlots(SLOTS)
                .stage(repeated)
                .start()) {
      try {
        measure(one, bandwidth, loader, asked, repeated.span);
      } finally {
        asked.release(MANY);
      }
    }
  }

  private void measure(
      StageCase one, double bandwidth, BackgroundLoader loader, Semaphore asked, GpuBench.Span span)
      throws Exception {
    GpuBench.Measurement launch =
        () -> {
          asked.release();
          loader.get(GpuBench.PATIENCE).close();
          return span.millis() / launches;
        };
    long voxels = 0;
    for (int i = 0; i < SLOTS; i++) { // then every slot has data
      asked.release();
      try (DeviceBatch batch = loader.get(GpuBench.PATIENCE)) {
        voxels = batch.spec().array(one.array()).elements();
      }
    }
    bench.repeat(caseSeconds / 4, launch);
    double[] millis = bench.repeat(caseSeconds * 3 / 4, launch);
    double[] rates = add(one.name(), (double) one.mustMove() * voxels, millis);
    bench
        .figures()
        .add(
            PART,
            one.name(),
            "of the copy's, %",
            Arrays.stream(rates).map(rate -> 100 * rate / bandwidth).toArray());
  }

  private double[] add(String name, double bytes, double[] millis) {
    bench.figures().add(PART, name, "must move, MB", bytes / 1e6);
    bench.figures().add(PART, name, "ms", millis);
    double[] rates = Arrays.stream(millis).map(ms -> 1e-6 * bytes / ms).toArray();
    bench.figures().add(PART, name, RATE, rates);
    return rates;
  }
}
