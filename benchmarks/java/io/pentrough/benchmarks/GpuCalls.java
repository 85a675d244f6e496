package io.pentrough.benchmarks;

import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceKernel;
import io.pentrough.device.DeviceModule;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.device.cuda.CudaDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.FutureTask;
import java.util.concurrent.locks.LockSupport;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/**
 * Nanoseconds that a call of the driver takes its thread through JCuda, alone and beside another.
 */
final class GpuCalls {

  private static final String PART = "calls";

  /** Few enough that a stream takes them all: it holds its caller up behind some thousand. */
  private static final int BLOCK = 256;

  /** How long the kernel takes behind which an event is pending. */
  private static final double PENDING_MILLIS = 5;

  private static final int[] PARKED_MICROS = {20, 50, 100, 1000};
  private static final int ROWS = 13;

  private final GpuBench bench;
  private final double rowSeconds;
  private final CUcontext context = new CUcontext();

  /** Of {@link GpuBench#BUSY}, until it takes {@link #PENDING_MILLIS}. */
  private int busyRounds = 1 << 12;

  GpuCalls(GpuBench bench) {
    this.bench = bench;
    rowSeconds = bench.seconds() / (2 * ROWS + PARKED_MICROS.length);
  }

  /** What a thread calls the driver with. */
  private final class Lane implements AutoCloseable {
    static final int BYTES = 4096;

    final GpuBench.RawStream stream = bench.new RawStream();
    final CUevent event = new CUevent();
    final DeviceBuffer memory = bench.device().allocate(BYTES);
    final PinnedBuffer pinned = bench.device().allocatePinned(BYTES);
    final CUdeviceptr address = CudaDevice.pointer(memory);
    final Pointer here = Pointer.to(pinned.unsafeBuffer());
    final DeviceModule module = bench.device().load(GpuBench.BUSY);
    final DeviceKernel kernel = module.kernel("busy");
    final int[] status = new int[1];

    Lane() {
      Transfer.check(
          JCudaDriver.cuEventCreate(
              event, CUevent_flags.CU_EVENT_BLOCKING_SYNC | CUevent_flags.CU_EVENT_DISABLE_TIMING));
      kernel.set(0, memory).setInt(1, 0).setInt(2, 0).cover(32, 32);
    }

    void synchronize() {
      Transfer.check(JCudaDriver.cuStreamSynchronize(stream.raw));
    }

    void record() {
      Transfer.check(JCudaDriver.cuEventRecord(event, stream.raw));
    }

    @Override
    public void close() {
      stream.close();
      JCudaDriver.cuEventDestroy(event);
      kernel.close();
      module.close();
      pinned.close();
      memory.close();
    }
  }

  private interface Call {
    void on(Lane lane);
  }

  void run() throws Exception {
    bench.warmUp();
    Transfer.check(JCudaDriver.cuCtxGetCurrent(context));
    try (Lane first = new Lane();
        Lane second = new Lane()) {
      calibrate(first);
      for (List<Lane> lanes : List.of(List.of(first), List.of(first, second))) {
        String measure = "ns, " + (lanes.size() == 1 ? "1 thread" : "2 threads at once");
        row("System.nanoTime", measure, lanes, lane -> System.nanoTime());
        row(
            "cuCtxGetCurrent",
            measure,
            lanes,
            lane -> JCudaDriver.cuCtxGetCurrent(new CUcontext()));
        row("cuCtxPushCurrent and cuCtxPopCurrent", measure, lanes, this::pushAndPop);
        row(
            "cuStreamIsCapturing",
            measure,
            lanes,
            lane -> JCudaDriver.cuStreamIsCapturing(lane.stream.raw, lane.status));
        row("cuEventRecord", measure, lanes, Lane::record);
        row(
            "cuStreamWaitEvent",
            measure,
            lanes,
            lane -> JCudaDriver.cuStreamWaitEvent(lane.stream.raw, lane.event, 0));
        row(
            "cuEventQuery, done",
            measure,
            lanes,
            lane -> Transfer.check(JCudaDriver.cuEventQuery(lane.event)));
        row(
            "cuStreamQuery, idle",
            measure,
            lanes,
            lane -> Transfer.check(JCudaDriver.cuStreamQuery(lane.stream.raw)));
        pending(measure, lanes);
        row(
            "cuMemcpyHtoDAsync, 4 KiB pinned",
            measure,
            lanes,
            lane ->
                Transfer.check(
                    JCudaDriver.cuMemcpyHtoDAsync(
                        lane.address, lane.here, Lane.BYTES, lane.stream.raw)));
        row(
            "DeviceStream.copyToDevice, 4 KiB",
            measure,
            lanes,
            lane -> lane.stream.wrapped.copyToDevice(lane.pinned, 0, lane.memory, 0, Lane.BYTES));
        row("DeviceKernel.launch", measure, lanes, lane -> lane.kernel.launch(lane.stream.wrapped));
        row("a launch, then cuStreamSynchronize", measure, lanes, GpuCalls::launchAndWait);
      }
    }
    for (int micros : PARKED_MICROS) {
      double[] samples = bench.repeat(rowSeconds, () -> parked(micros));
      bench.figures().add("parkNanos", micros + " us asked for", "us taken", samples);
    }
    bench.out().println(bench.figures().table(PART));
    bench.out().println(bench.figures().table("parkNanos"));
  }

  private void pushAndPop(Lane lane) {
    JCudaDriver.cuCtxPushCurrent(context);
    JCudaDriver.cuCtxPopCurrent(new CUcontext());
  }

  private static void launchAndWait(Lane lane) {
    lane.kernel.launch(lane.stream.wrapped);
    lane.synchronize();
  }

  private static double parked(int micros) {
    long began = System.nanoTime();
    LockSupport.parkNanos(1000L * micros);
    return (System.nanoTime() - began) / 1e3;
  }

  private void row(String name, String measure, List<Lane> lanes, Call call) throws Exception {
    add(name, measure, lanes, lane -> blocks(lane, call));
  }

  /** What a lane measures: nanoseconds for a call, of each block of calls. */
  private interface Blocks {
    List<Double> of(Lane lane) throws Exception;
  }

  /** Has each lane measure on a thread of its own, at the same time. */
  private void add(String name, String measure, List<Lane> lanes, Blocks blocks) throws Exception {
    CyclicBarrier start = new CyclicBarrier(lanes.size());
    List<FutureTask<List<Double>>> tasks = new ArrayList<>();
    for (Lane lane : lanes) {
      Callable<List<Double>> measuring =
          () -> {
            bench.device().bindThread();
            start.await();
            return blocks.of(lane);
          };
      FutureTask<List<Double>> task = new FutureTask<>(measuring);
      tasks.add(task);
      new Thread(task, "calls-" + tasks.size()).start();
    }
    List<Double> all = new ArrayList<>();
    for (FutureTask<List<Double>> task : tasks) {
      all.addAll(task.get());
    }
    double[] samples = all.stream().mapToDouble(Double::doubleValue).toArray();
    bench.figures().add(PART, name, measure, samples);
  }

  private List<Double> blocks(Lane lane, Call call) {
    List<Double> samples = new ArrayList<>();
    int least = bench.tiny() ? 3 : 100;
    long began = System.nanoTime();
    long warmNanos = (long) (rowSeconds * 0.25e9);
    long now = began;
    while (samples.size() < least || (!bench.tiny() && now - began < rowSeconds * 1e9)) {
      long start = System.nanoTime();
      for (int i = 0; i < BLOCK; i++) {
        call.on(lane);
      }
      now = System.nanoTime();
      if (bench.tiny() || now - began > warmNanos) {
        samples.add((now - start) / (double) BLOCK);
      }
      lane.synchronize();
    }
    return samples;
  }

  private void calibrate(Lane lane) {
    double wanted = bench.tiny() ? 1 : PENDING_MILLIS;
    lane.kernel.setInt(1, 32);
    double millis = 0;
    while (millis < wanted && busyRounds < 1 << 28) {
      busyRounds *= 2;
      lane.kernel.setInt(2, busyRounds);
      long start = System.nanoTime();
      launchAndWait(lane);
      millis = (System.nanoTime() - start) / 1e6;
    }
    lane.kernel.setInt(1, 0);
  }

  /** Asks behind a kernel that is still busy; the block in which it ends does not count. */
  private void pending(String measure, List<Lane> lanes) throws Exception {
    add("cuEventQuery, pending", measure, lanes, this::pendingBlocks);
  }

  private List<Double> pendingBlocks(Lane lane) {
    int block = 16;
    List<Double> samples = new ArrayList<>();
    long began = System.nanoTime();
    do {
      lane.kernel.setInt(1, 32).setInt(2, busyRounds).launch(lane.stream.wrapped);
      lane.record();
      boolean pending = true;
      while (pending) {
        long start = System.nanoTime();
        for (int i = 0; i < block; i++) {
          pending = JCudaDriver.cuEventQuery(lane.event) == CUresult.CUDA_ERROR_NOT_READY;
        }
        if (pending) {
          samples.add((System.nanoTime() - start) / (double) block);
        }
      }
      lane.synchronize();
    } while (!bench.tiny() && System.nanoTime() - began < rowSeconds * 1e9);
    lane.kernel.setInt(1, 0);
    return samples;
  }
}
