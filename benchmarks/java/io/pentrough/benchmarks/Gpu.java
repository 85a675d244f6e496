package io.pentrough.benchmarks;

import io.pentrough.BackgroundLoader;
import io.pentrough.BatchContext;
import io.pentrough.BatchSpec;
import io.pentrough.BatchStage;
import io.pentrough.DType;
import io.pentrough.DeviceBatch;
import io.pentrough.StageArrays;
import io.pentrough.StageSlot;
import io.pentrough.StageWork;
import io.pentrough.augment.Augmentation;
import io.pentrough.augment.Axis;
import io.pentrough.augment.Layout;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceKernel;
import io.pentrough.device.DeviceModule;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.KernelSource;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.device.cuda.CudaDevice;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/** What only a GPU can tell; all times are those of its events. */
final class Gpu {

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** x = x * a + b for each float, so many times. */
  private static final String BUSY =
      """
      .version 6.0
      .target sm_50
      .address_size 64
      .visible .entry busy(.param .u64 data, .param .u32 count, .param .u32 rounds)
      {
        .reg .pred %p<3>;
        .reg .f32 %f<3>;
        .reg .b32 %r<8>;
        .reg .b64 %rd<5>;
        ld.param.u64 %rd1, [data];
        ld.param.u32 %r1, [count];
        ld.param.u32 %r2, [rounds];
        mov.u32 %r3, %ctaid.x;
        mov.u32 %r4, %ntid.x;
        mov.u32 %r5, %tid.x;
        mad.lo.s32 %r6, %r3, %r4, %r5;
        setp.ge.s32 %p1, %r6, %r1;
        @%p1 bra DONE;
        cvta.to.global.u64 %rd2, %rd1;
        mul.wide.s32 %rd3, %r6, 4;
        add.s64 %rd4, %rd2, %rd3;
        ld.global.f32 %f1, [%rd4];
        mov.u32 %r7, 0;
      LOOP:
        fma.rn.f32 %f1, %f1, 0f3F7FFFFF, 0f3F000000;
        add.s32 %r7, %r7, 1;
        setp.lt.s32 %p2, %r7, %r2;
        @%p2 bra LOOP;
        st.global.f32 [%rd4], %f1;
      DONE:
        ret;
      }
      """;

  private final CudaDevice device;
  private final PrintStream out;
  private final int bytes;
  private final int batches;

  /**
   * Nothing yet.
   *
   * @param device opened with timing
   * @param bytes of a batch, a multiple of 64 KiB
   * @param batches how many each part takes
   */
  Gpu(CudaDevice device, PrintStream out, int bytes, int batches) {
    this.device = device;
    this.out = out;
    this.bytes = bytes;
    this.batches = batches;
  }

  void run() throws Exception {
    out.println("device: " + device.description());
    out.println(Devices.warning(device));
    out.println();
    double bandwidth = bandwidth();
    print("device memory, measured by a copy on the device: %.2f GB/s read and written", bandwidth);
    out.println();
    augmentation(bandwidth);
    out.println();
    overlap();
  }

  /** Two marks that frame some work. */
  private final class Span implements AutoCloseable {
    final DeviceEvent begin = device.newEvent();
    final DeviceEvent end = device.newEvent();

    double millis() {
      end.synchronize();
      return device.elapsedMillis(begin, end);
    }

    @Override
    public void close() {
      begin.close();
      end.close();
    }
  }

  /** GB per second, what is read and what is written both counted. */
  private double bandwidth() {
    CUstream raw = new CUstream();
    Transfer.check(JCudaDriver.cuStreamCreate(raw, CUstream_flags.CU_STREAM_NON_BLOCKING));
    double[] rates = new double[5];
    try (DeviceStream stream = device.wrap(raw);
        DeviceBuffer from = device.allocate(bytes);
        DeviceBuffer to = device.allocate(bytes);
        Span span = new Span()) {
      CUdeviceptr source = CudaDevice.pointer(from);
      CUdeviceptr target = CudaDevice.pointer(to);
      for (int round = 0; round < rates.length; round++) {
        stream.record(span.begin);
        for (int i = 0; i < batches; i++) {
          Transfer.check(JCudaDriver.cuMemcpyDtoDAsync(target, source, bytes, raw));
        }
        stream.record(span.end);
        rates[round] = 2e-6 * bytes * batches / span.millis();
      }
    }
    Transfer.check(JCudaDriver.cuStreamDestroy(raw));
    return Arrays.stream(rates).max().orElse(Double.NaN);
  }

  /** A stage between two marks; one batch under way at a time. */
  private final class Timed implements BatchStage, AutoCloseable {
    private final BatchStage stage;
    private final Span span = new Span();

    Timed(BatchStage stage) {
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
        run.stream().record(span.begin);
        work.queue(run);
        run.stream().record(span.end);
      };
    }

    @Override
    public void close() {
      span.close();
    }
  }

  /** The bytes it must move, over its time, beside what the memory does. */
  private void augmentation(double bandwidth) throws Exception {
    int edge = (int) Math.cbrt(bytes / 4.0);
    BatchSpec spec = BatchSpec.builder().array("image", DType.UINT8, 1, edge, edge, edge).build();
    Augmentation.Builder flips =
        Augmentation.builder(spec.array("image"), Layout.NZYX).flip(Axis.Z, Axis.Y, Axis.X);
    Table table = new Table("kernel", "must move, MB", "ms", "GB/s", "of the memory's");
    row(table, "augmentation, cast only", spec, bandwidth, plain(spec));
    row(table, "augmentation, flips", spec, bandwidth, flips.build());
    row(
        table,
        "augmentation, flips and grey values",
        spec,
        bandwidth,
        flips.contrast(0.85f, 1.15f).brightness(-0.15f, 0.15f).clip().gamma(0.5f, 2).build());
    out.println(table);
  }

  private static Augmentation plain(BatchSpec spec) {
    return Augmentation.builder(spec.array("image"), Layout.NZYX).build();
  }

  private void row(Table table, String name, BatchSpec spec, double bandwidth, BatchStage stage)
      throws Exception {
    double[] millis = new double[batches];
    try (Timed timed = new Timed(stage);
        BackgroundLoader loader =
            BackgroundLoader.builder(device, spec, (out, context) -> {})
                .deviceSlots(1) // so the marks are not set anew before they are read
                .stage(timed)
                .start()) {
      for (int i = 0; i < batches; i++) {
        try (DeviceBatch batch = loader.get(PATIENCE)) {
          millis[Math.toIntExact(batch.index())] = timed.span.millis();
        }
      }
    }
    double moved = 5e-6 * spec.array("image").elements(); // MB: a byte read, a float written
    double typical = Estimate.median(millis);
    double rate = moved / typical;
    table.row(
        name,
        format("%.1f", moved),
        format("%.4f", typical),
        format("%.2f", rate),
        format("%.0f %%", 100 * rate / bandwidth));
  }

  /**
   * The loader streams while a kernel computes that takes half, one, or two times a copy's time.
   */
  private void overlap() throws Exception {
    KernelSource source = KernelSource.of("busy", BUSY);
    try (DeviceModule module = device.load(source);
        DeviceKernel busy = module.kernel("busy");
        DeviceStream stream = device.newStream();
        DeviceBuffer data = device.allocate(bytes);
        PinnedBuffer pinned = device.allocatePinned(bytes);
        Span span = new Span()) {
      double copy = Double.MAX_VALUE;
      double compute = Double.MAX_VALUE;
      int rounds = 64;
      busy.set(0, data).setInt(1, bytes / 4).setInt(2, rounds).cover(bytes / 4, 256);
      for (int i = 0; i < 3; i++) {
        stream.record(span.begin);
        stream.copyToDevice(pinned, 0, data, 0, bytes);
        stream.record(span.end);
        copy = Math.min(copy, span.millis());
        stream.record(span.begin);
        busy.launch(stream);
        stream.record(span.end);
        compute = Math.min(compute, span.millis());
      }
      print("a copy alone: %.3f ms, %.2f GB/s", copy, bytes / copy / 1e6);
      out.println();
      Table table =
          new Table(
              "kernel asked", "kernel ms", "ms a batch", "one after the other", "GPU computes");
      for (double times : new double[] {0.5, 1, 2}) {
        busy.setInt(2, (int) Math.max(1, rounds * times * copy / compute));
        stream(table, format("%.1f copies", times), busy, stream, copy);
      }
      out.println(table);
    }
  }

  private void stream(
      Table table, String name, DeviceKernel busy, DeviceStream stream, double copyMillis)
      throws Exception {
    BatchSpec spec = BatchSpec.builder().array("data", DType.FLOAT32, bytes / 4).build();
    List<Span> spans = new ArrayList<>();
    try (BackgroundLoader loader =
        BackgroundLoader.builder(device, spec, (out, context) -> {})
            .workers(2)
            .consumerStream(stream)
            .start()) {
      for (int i = 0; i < batches; i++) {
        Span span = new Span();
        spans.add(span);
        try (DeviceBatch batch = loader.get(PATIENCE)) {
          stream.record(span.begin);
          busy.set(0, batch.array("data").buffer()).launch(stream);
          stream.record(span.end);
        }
      }
      stream.synchronize();
      double computing = 0;
      for (Span span : spans) {
        computing += span.millis();
      }
      int last = spans.size() - 1;
      double all = device.elapsedMillis(spans.get(0).begin, spans.get(last).end);
      table.row(
          name,
          format("%.3f", computing / batches),
          format("%.3f", all / batches),
          format("%.3f", computing / batches + copyMillis),
          format("%.1f %%", 100 * computing / all));
      out.println(loader.stats());
      out.println();
    } finally {
      spans.forEach(Span::close);
    }
  }

  private void print(String format, Object... values) {
    out.println(format(format, values));
  }

  private static String format(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }
}
