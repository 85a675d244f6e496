package io.pentrough.benchmarks;

import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.KernelSource;
import io.pentrough.device.cuda.CudaDevice;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/**
 * What the parts of {@link GpuPart} share: the device, how long they may measure, and where the
 * figures go.
 *
 * @param device opened with timing
 * @param seconds how long a part measures, about
 * @param tiny whether it is only to be seen that it runs
 */
record GpuBench(CudaDevice device, Figures figures, PrintStream out, double seconds, boolean tiny) {

  static final Duration PATIENCE = Duration.ofSeconds(60);

  /** Until the clocks of an idle GPU are up; less if there is less time to measure. */
  private static final double WARM_UP_SECONDS = 2;

  /**
   * x = x * a + b for each float, so many times; with a count of 0 a kernel that does nothing. The
   * rounds depend on each other, so it computes and leaves the memory alone.
   */
  static final KernelSource BUSY =
      KernelSource.of(
          "busy",
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
          """);

  /** Something to measure. */
  interface Measurement {
    double run() throws Exception;
  }

  /** Measures until the time is over, and at least three times. */
  double[] repeat(double seconds, Measurement one) throws Exception {
    List<Double> samples = new ArrayList<>();
    long began = System.nanoTime();
    while (samples.size() < 3 || (!tiny && System.nanoTime() - began < seconds * 1e9)) {
      samples.add(one.run());
    }
    return samples.stream().mapToDouble(Double::doubleValue).toArray();
  }

  /** Keeps the device's memory and its clocks busy. */
  void warmUp() {
    if (tiny) {
      return;
    }
    int bytes = 64 << 20;
    try (RawStream stream = new RawStream();
        DeviceBuffer from = device.allocate(bytes);
        DeviceBuffer to = device.allocate(bytes)) {
      long began = System.nanoTime();
      while (System.nanoTime() - began < Math.min(WARM_UP_SECONDS, seconds) * 1e9) {
        for (int i = 0; i < 100; i++) {
          stream.copy(to, from, bytes);
        }
        stream.wrapped.synchronize();
      }
    }
  }

  /** A stream for JCuda's own calls, which the device knows too. */
  final class RawStream implements AutoCloseable {
    final CUstream raw = new CUstream();
    final DeviceStream wrapped;

    RawStream() {
      Transfer.check(JCudaDriver.cuStreamCreate(raw, CUstream_flags.CU_STREAM_NON_BLOCKING));
      wrapped = device.wrap(raw);
    }

    /** Queues a copy within the device. */
    void copy(DeviceBuffer to, DeviceBuffer from, long bytes) {
      CUdeviceptr target = CudaDevice.pointer(to);
      Transfer.check(JCudaDriver.cuMemcpyDtoDAsync(target, CudaDevice.pointer(from), bytes, raw));
    }

    @Override
    public void close() {
      wrapped.synchronize();
      wrapped.close();
      Transfer.check(JCudaDriver.cuStreamDestroy(raw));
    }
  }

  /** Two marks that frame some work. */
  final class Span implements AutoCloseable {
    final DeviceEvent begin = device.newEvent();
    final DeviceEvent end = device.newEvent();

    /** Waits for the second mark. */
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
}
